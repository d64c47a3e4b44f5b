//! Whatever arrives: no panic, bounded output, the same answer twice.

use chrono::DateTime;
use http::Response;
use postroad_core::{
    limits::WEBHOOK_EVENTS_MAX,
    provider::{Outcome, Provider},
};
use postroad_providers::whatsapp_cloud::WhatsappCloud;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    events::{accounts_in, events_at, received_at},
    recorded,
};

/// The words that the reader looks for, so that arbitrary JSON gets past the first door.
const KEYS: &[&str] = &[
    "object",
    "entry",
    "changes",
    "field",
    "value",
    "metadata",
    "phone_number_id",
    "messages",
    "statuses",
    "errors",
    "contacts",
    "id",
    "from",
    "from_user_id",
    "user_id",
    "wa_id",
    "timestamp",
    "time",
    "type",
    "text",
    "body",
    "image",
    "audio",
    "button",
    "payload",
    "interactive",
    "button_reply",
    "reaction",
    "message_id",
    "emoji",
    "edit",
    "original_message_id",
    "message",
    "system",
    "order",
    "product_items",
    "location",
    "latitude",
    "longitude",
    "status",
    "biz_opaque_callback_data",
    "pricing",
    "category",
    "code",
    "user_preferences",
    "event",
    "error",
    "message_template_name",
    "message_template_language",
    "group_id",
    "context",
    "profile",
    "name",
    "error_subcode",
];
const WORDS: &[&str] = &[
    "messages",
    "user_preferences",
    "message_template_status_update",
    "template_category_update",
    "account_update",
    "text",
    "image",
    "edit",
    "interactive",
    "button_reply",
    "nfm_reply",
    "system",
    "order",
    "contacts",
    "location",
    "sent",
    "failed",
    "read",
    "stop",
    "APPROVED",
    "marketing_messages",
    "12025550123",
    "US.1",
    "1767225600",
    "-1",
    "9999999999999999999",
    "",
    "\0",
    "whatsapp_business_account",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ]
}

fn json_of_anything() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 64, 6, |inner| {
        let key = prop_oneof![4 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A change inside a sound envelope.
fn enveloped(field: &str, value: &Value) -> Vec<u8> {
    let entry = json!({ "id": "1", "time": 1_767_225_600, "changes": [{ "field": field, "value": value }] });
    json!({ "object": "whatsapp_business_account", "entry": [entry] }).to_string().into_bytes()
}

/// Puts `foreign` in place of the nth node of a recorded body.
fn replace_node(value: &mut Value, left: &mut usize, foreign: &Value) {
    if *left == 0 {
        *value = foreign.clone();
    }
    *left = left.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_node(item, left, foreign)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_node(field, left, foreign)),
        _ => {}
    }
}

fn assert_sound(body: &[u8]) {
    let events = events_at(body, received_at());
    assert_eq!(events, events_at(body, received_at()), "the same body means the same twice");
    let (Ok(events), Ok(accounts)) = (events, accounts_in(body)) else { return };
    assert!(events.len() <= WEBHOOK_EVENTS_MAX && accounts.len() <= WEBHOOK_EVENTS_MAX);
    for event in &events {
        assert!(accounts.contains(&event.account_ref) && !event.key.is_empty() && event.key.len() <= 1_100);
        assert!(event.at <= received_at() + chrono::TimeDelta::days(1) && event.at > DateTime::UNIX_EPOCH);
        assert!(!format!("{event:?}").contains("\\0"), "U+0000 cannot be stored");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..512)) {
        assert_sound(&body);
    }

    #[test]
    fn arbitrary_json_is_survived(value in json_of_anything()) {
        assert_sound(value.to_string().as_bytes());
    }

    #[test]
    fn arbitrary_changes_are_survived(field in prop::sample::select(WORDS), value in json_of_anything()) {
        assert_sound(&enveloped(field, &value));
    }

    #[test]
    fn a_recorded_body_with_one_foreign_part_is_survived(pick in any::<prop::sample::Index>(), node in 0_usize..60, foreign in json_of_anything()) {
        let recorded = recorded("webhooks");
        let mut body: Value = serde_json::from_slice(&recorded[pick.index(recorded.len())].1).expect("it is JSON");
        replace_node(&mut body, &mut node.clone(), &foreign);
        assert_sound(body.to_string().as_bytes());
    }

    #[test]
    fn only_a_success_with_an_id_is_an_acceptance(status in 200_u16..600, answer in json_of_anything()) {
        let response = Response::builder().status(status).body(answer.to_string().into_bytes()).expect("it is an answer");
        if let Outcome::Accepted { provider_ref } = WhatsappCloud.outcome(&response) {
            prop_assert!((200..300).contains(&status));
            prop_assert_eq!(answer.pointer("/messages/0/id"), Some(&Value::from(provider_ref)));
        }
    }

    #[test]
    fn an_address_has_one_normal_form(address in "[+A-Z0-9. ()-]{0,40}|US\\.[A-Za-z0-9]{1,30}") {
        if let Some(normal) = WhatsappCloud.normalise(&address) {
            prop_assert_eq!(WhatsappCloud.normalise(&normal), Some(normal));
        }
    }
}
