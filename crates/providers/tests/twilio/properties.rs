//! Whatever arrives: no panic, bounded output, the same answer twice.

use chrono::DateTime;
use http::{HeaderMap, Response};
use postroad_core::{
    limits::WEBHOOK_EVENTS_MAX,
    provider::{Hook, Outcome, Provider, Told},
};
use postroad_providers::twilio::{self, Twilio};
use proptest::prelude::*;
use serde_json::Value;

use super::{NUMBER, events::received_at, webhooks};
use crate::{samples, shown::shown};

/// The fields that the reader looks for, so that arbitrary forms get past the first door.
const FIELDS: &[&str] = &[
    "AccountSid",
    "MessageSid",
    "SmsSid",
    "MessageStatus",
    "From",
    "To",
    "Body",
    "NumMedia",
    "MediaUrl0",
    "MediaUrl1",
    "MediaContentType0",
    "MessagingServiceSid",
    "ErrorCode",
    "ButtonText",
    "ButtonPayload",
    "ListId",
    "ListTitle",
    "Latitude",
    "Longitude",
    "Label",
    "MessageType",
    "OptOutType",
    "ProfileName",
    "OriginalRepliedMessageSid",
];
/// Values that mean something to it.
const VALUES: &[&str] = &[
    "AC00000000000000000000000000000001",
    "SM00000000000000000000000000000001",
    "+12025550100",
    "+12025550123",
    "whatsapp:+12025550100",
    "whatsapp:+12025550123",
    "12345",
    "delivered",
    "failed",
    "read",
    "received",
    "30003",
    "-1",
    "2",
    "99999999999999999999",
    "STOP",
    "stop",
    "image/jpeg",
    "text/vcard",
    "\0",
    "whatsapp:",
    "",
];

fn field() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![8 => prop::sample::select(FIELDS).prop_map(str::to_owned), 1 => any::<String>()];
    let value = prop_oneof![4 => prop::sample::select(VALUES).prop_map(str::to_owned), 1 => any::<String>()];
    (name, value)
}

/// A form that says whose it is, mostly.
fn form() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(field(), 0..24), any::<bool>()).prop_map(|(fields, is_sound)| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        if is_sound {
            form.append_pair("AccountSid", "AC1").append_pair("MessageSid", "SM1").append_pair("To", NUMBER);
        }
        form.extend_pairs(fields).finish().into_bytes()
    })
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

fn assert_sound(provider: &Twilio, url: &str, body: &[u8]) {
    let headers = HeaderMap::new();
    let hook = Hook { headers: &headers, url, body, received_at: samples::now() };
    let told = Told { account: NUMBER, url, body, received_at: received_at() };
    assert!(provider.verify(&hook, &samples::credentials()).is_err(), "nobody signed it");
    let events = provider.events(&told);
    assert_eq!(events, provider.events(&told), "the same body means the same twice");
    let accounts = provider.accounts_in(&hook);
    assert_eq!(events.is_ok(), accounts.is_ok());
    let (Ok(events), Ok(accounts)) = (events, accounts) else { return };
    assert!(events.len() <= WEBHOOK_EVENTS_MAX && accounts.len() <= 4);
    for event in &events {
        assert!(accounts.contains(&event.account_ref) && !event.key.is_empty() && event.key.len() <= 1_100);
        assert!(event.at > DateTime::UNIX_EPOCH);
        assert!(!holds_null(&shown(event)), "U+0000 cannot be stored");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..512), url in any::<String>()) {
        for provider in [twilio::SMS, twilio::WHATSAPP] {
            assert_sound(&provider, &url, &body);
        }
    }

    #[test]
    fn arbitrary_forms_are_survived(body in form(), query in "[?&=a-z0-9.%+]{0,40}") {
        for provider in [twilio::SMS, twilio::WHATSAPP] {
            assert_sound(&provider, &format!("https://messages.example/webhooks/twilio/status?account={query}&message={query}"), &body);
        }
    }

    #[test]
    fn a_recorded_form_with_foreign_bytes_is_survived(
        pick in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        foreign in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let recorded = webhooks();
        let webhook = &recorded[pick.index(recorded.len())];
        let mut body = webhook.body.clone();
        let at = place.index(body.len());
        body.splice(at..=at, foreign);
        for provider in [twilio::SMS, twilio::WHATSAPP] {
            assert_sound(&provider, &webhook.url, &body);
        }
    }

    #[test]
    fn only_a_success_with_an_id_is_an_acceptance(status in 200_u16..600, sid in "(SM|MM|CA|)[0-9a-f]{30,33}", code in any::<i32>()) {
        let body = serde_json::json!({ "sid": sid, "code": code }).to_string().into_bytes();
        let response = Response::builder().status(status).body(body).expect("it is an answer");
        if let Outcome::Accepted { provider_ref } = twilio::SMS.outcome(&response) {
            prop_assert!((200..300).contains(&status));
            prop_assert!(provider_ref == sid && sid.len() == 34 && !sid.starts_with("CA"));
        }
    }

    #[test]
    fn an_address_has_one_normal_form(address in "[+A-Z0-9. ()-]{0,40}|whatsapp:\\+[0-9]{1,30}") {
        if let Some(normal) = twilio::SMS.normalise(&address) {
            prop_assert_eq!(twilio::SMS.normalise(&normal), Some(normal));
        }
    }
}
