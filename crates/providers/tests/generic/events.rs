//! What a post says, by the page that describes it, and what is refused.

use postroad_core::{
    provider::{EventKind, Provider},
    send::SendState,
};
use postroad_providers::generic::Generic;
use serde_json::{Value, json};

use super::read;
use crate::shown::shown;

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/generic/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).expect("the fixture is there")).expect("it is JSON")
}

fn only(body: &Value) -> Value {
    let events = read(body.to_string().as_bytes()).expect("it can be read");
    assert_eq!(events.len(), 1);
    shown(&events[0])
}

#[test]
fn a_message_is_said_by_somebody_of_the_platform() {
    let event = only(&fixture("message"));
    assert_eq!((&event["account_ref"], &event["key"]), (&json!("bot"), &json!("message|m-1001")));
    assert_eq!(event["at"], "2026-01-01T00:00:00Z");
    let said = &event["kind"]["inbound"];
    assert_eq!(said["scoped_id"], "viber:01234567890A=");
    assert_eq!((&said["profile_name"], &said["reply_to"]), (&json!("Ada Lovelace"), &json!("m-1000")));
    assert_eq!(said["content"], json!({"type": "text", "body": "Does it come in blue?", "preview_url": false}));
    assert_eq!((&said["opts_out"], &said["opens_session"]), (&json!(false), &json!(false)));
    let stop =
        read(br#"{"type": "message", "id": "1", "at": "2026-01-01T00:00:00Z", "from": {"id": "u"}, "text": "STOP"}"#);
    let EventKind::Inbound(stop) = &stop.expect("it can be read")[0].kind else { panic!("it is said") };
    assert!(stop.opts_out);
}

#[test]
fn what_is_no_text_keeps_its_kind_and_a_receipt_its_state() {
    let other = only(&fixture("other"));
    assert_eq!(other["kind"]["inbound"]["content"]["kind"], "location");
    let receipt = only(&fixture("receipt"));
    assert_eq!(receipt["key"], "receipt|m-2002|failed");
    assert_eq!(receipt["kind"]["receipt"]["fault"], json!({"code": "blocked", "class": "unrecognised"}));
    for state in [SendState::Sent, SendState::Delivered, SendState::Read] {
        let body = json!({"type": "receipt", "message_id": "1", "state": state, "at": "2026-01-01T00:00:00Z"});
        assert_eq!(only(&body)["kind"]["receipt"]["state"], state.as_str());
    }
}

/// The examples of the page are bodies that are taken.
#[test]
fn the_examples_of_the_page_can_be_read() {
    let page = std::fs::read_to_string(format!("{}/../../docs/providers/generic.md", env!("CARGO_MANIFEST_DIR")))
        .expect("the page is there");
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(text, _)| text).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert!(read(example.as_bytes()).is_ok(), "{example}");
    }
}

#[test]
fn what_is_not_described_is_refused() {
    let long = "x".repeat(201);
    let wrong = [
        json!({"type": "message", "id": ""}),
        json!({"id": "a b"}),
        json!({"id": long}),
        json!({"id": 7}),
        json!({"id": null}),
        json!({"at": "yesterday"}),
        json!({"at": "1999-12-31T23:59:59Z"}),
        json!({"at": 1_767_225_600}),
        json!({"from": {}}),
        json!({"from": {"id": "a\u{0}b"}}),
        json!({"from": {"id": "u", "name": ""}}),
        json!({"from": {"id": "u", "name": "two\nlines"}}),
        json!({"from": {"id": "u", "phone": "+12025550123"}}),
        json!({"from": "u"}),
        json!({"text": ""}),
        json!({"text": "a\u{0}b"}),
        json!({"text": "x".repeat(16_385)}),
        json!({"text": null}),
        json!({"other": {"kind": "image"}}),
        json!({"text": null, "other": {"kind": "revoke"}}),
        json!({"text": null, "other": {"kind": "edit", "summary": "x"}}),
        json!({"text": null, "other": {"kind": ""}}),
        json!({"text": null, "other": {"kind": "image", "url": "https://x.example"}}),
        json!({"reply_to": ""}),
        json!({"attachments": []}),
        json!({"type": "Message"}),
        json!({"type": null}),
    ];
    for change in wrong {
        let mut body = fixture("message");
        body.as_object_mut().expect("it is an object").extend(change.as_object().expect("one too").clone());
        assert!(read(body.to_string().as_bytes()).is_err(), "{change}");
    }
    for change in [json!({"state": "queued"}), json!({"message_id": ""}), json!({"code": ""}), json!({"text": "x"})] {
        let mut body = fixture("receipt");
        body.as_object_mut().expect("it is an object").extend(change.as_object().expect("one too").clone());
        assert!(read(body.to_string().as_bytes()).is_err(), "{change}");
    }
    let two = [fixture("message").to_string(), fixture("message").to_string()].concat();
    assert!(read(two.as_bytes()).is_err());
}

#[test]
fn a_person_goes_by_platform_and_id_as_it_is_written() {
    for (address, normal) in [
        ("viber:01234567890A=", Some("viber:01234567890A=")),
        (" line:Uabc:def ", Some("line:Uabc:def")),
        ("Viber:1", None),
        ("viber:", None),
        (":1", None),
        ("viber:a b", None),
        ("viber", None),
    ] {
        assert_eq!(Generic.normalise(address).as_deref(), normal, "{address}");
    }
}
