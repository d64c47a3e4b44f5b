//! Messages whose answer was lost, in Twilio's list.

use http::Response;
use postroad_core::{
    message::{Content, MediaKind},
    provider::{Connection, FaultClass, Lost, Provider, Trace},
    send::SendState,
};
use postroad_providers::twilio::{self, Twilio};
use serde_json::{Value, json};

use super::{NUMBER, SERVICE, connection};
use crate::samples;

const SID: &str = "SM00000000000000000000000000000001";

/// The lost message, as Twilio lists it.
fn listed() -> Value {
    json!({
        "sid": SID, "to": samples::PHONE, "from": NUMBER, "messaging_service_sid": null, "body": "hello", "num_media": "0",
        "date_created": "Thu, 01 Jan 2026 00:00:01 +0000", "date_sent": null, "status": "queued", "error_code": null,
    })
}

fn with(changes: &Value) -> Value {
    let mut message = listed();
    let changes = changes.as_object().expect("they are fields");
    message.as_object_mut().expect("it is an object").extend(changes.clone());
    message
}

fn traces(provider: &Twilio, connection: &Connection, lost: &Lost<'_>, messages: &[Value]) -> Vec<Trace> {
    let body = json!({ "messages": messages, "page": 0 }).to_string().into_bytes();
    let response = Response::builder().status(200).body(body).expect("it is an answer");
    provider.traces(&response, connection, lost).expect("it is a list")
}

fn found(message: &Value) -> Option<Trace> {
    let text = samples::text("hello");
    traces(&twilio::SMS, &connection(NUMBER), &samples::lost(&text), std::slice::from_ref(message)).pop()
}

#[test]
fn the_list_is_asked_for_one_person_and_one_sender() {
    let text = samples::text("hello");
    let asked = |provider: Twilio, external_id: &str| {
        let built = provider.look_up(&connection(external_id), &samples::lost(&text)).expect("there is such a call");
        built.expect("it can be built").uri().to_string()
    };
    let base = "https://api.twilio.example/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";
    assert_eq!(asked(twilio::SMS, NUMBER), format!("{base}?To=%2B12025550123&PageSize=100&From=%2B12025550100"));
    assert_eq!(asked(twilio::WHATSAPP, SERVICE), format!("{base}?To=whatsapp%3A%2B12025550123&PageSize=100"));
}

#[test]
fn a_message_is_ours_by_person_sender_words_and_time() {
    assert_eq!(found(&listed()), Some(Trace { provider_ref: SID.to_owned(), state: None, fault: None }));
    let others = [
        json!({ "to": "+12025550124" }),
        json!({ "from": "+12025550101" }),
        json!({ "body": "Hello" }),
        json!({ "num_media": "1" }),
        json!({ "date_created": "Wed, 31 Dec 2025 23:59:49 +0000" }),
        json!({ "date_created": "Thu, 01 Jan 2026 00:01:01 +0000" }),
        json!({ "date_created": "yesterday" }),
        json!({ "sid": "CA00000000000000000000000000000001" }),
    ];
    for other in others {
        assert_eq!(found(&with(&other)), None, "{other}");
    }
    for at in ["Wed, 31 Dec 2025 23:59:50 +0000", "Thu, 01 Jan 2026 00:01:00 +0000"] {
        assert!(found(&with(&json!({ "date_created": at }))).is_some(), "{at}");
    }
}

#[test]
fn how_far_it_got_is_told() {
    for (status, state) in [
        ("accepted", None),
        ("sending", None),
        ("sent", Some(SendState::Sent)),
        ("delivered", Some(SendState::Delivered)),
        ("read", Some(SendState::Read)),
    ] {
        let trace = found(&with(&json!({ "status": status }))).expect("it is ours");
        assert_eq!((trace.state, trace.fault), (state, None), "{status}");
    }
    let failed = found(&with(&json!({ "status": "undelivered", "error_code": 30_005 }))).expect("it is ours");
    assert_eq!(failed.state, Some(SendState::Failed));
    assert_eq!(
        failed.fault.map(|fault| (fault.code, fault.class)),
        Some(("30005".to_owned(), FaultClass::PermanentRecipient))
    );
}

#[test]
fn a_service_a_file_and_a_template_are_recognised_by_what_the_list_tells_of_them() {
    let text = samples::text("hello");
    let of_service = with(&json!({ "from": "+12025550177", "messaging_service_sid": SERVICE }));
    assert_eq!(traces(&twilio::SMS, &connection(SERVICE), &samples::lost(&text), &[of_service]).len(), 1);

    let file = Content::Media(samples::media(MediaKind::Image, Some("hello"), None));
    let with_file = with(&json!({ "num_media": "1" }));
    let listed = [listed(), with_file];
    assert_eq!(traces(&twilio::SMS, &connection(NUMBER), &samples::lost(&file), &listed).len(), 1);

    let template = Content::Template(samples::template());
    let whatsapp = |address: &str| format!("whatsapp:{address}");
    let rendered =
        with(&json!({ "to": whatsapp(samples::PHONE), "from": whatsapp(NUMBER), "body": "whatever it says" }));
    assert_eq!(traces(&twilio::WHATSAPP, &connection(NUMBER), &samples::lost(&template), &[rendered]).len(), 1);
}
