//! Whatever arrives: no panic, bounded output, the same answer twice.

use http::HeaderMap;
use postroad_core::provider::{Hook, Provider, Told};
use postroad_providers::generic::Generic;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{URL, of_viber};
use crate::{samples, shown::shown};

/// Names and words that the reader looks for, so that arbitrary JSON gets past the first door.
const NAMES: &[&str] = &[
    "type",
    "id",
    "at",
    "from",
    "name",
    "text",
    "other",
    "kind",
    "summary",
    "reply_to",
    "message_id",
    "state",
    "code",
];
const WORDS: &[&str] =
    &["message", "receipt", "failed", "read", "2026-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "stop", "\0", ""];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let name = prop_oneof![8 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => prop::collection::vec((name, inner), 0..10).prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A body that is sound but for what is put over it.
fn nearly_sound() -> impl Strategy<Value = Value> {
    let change = (prop::sample::select(NAMES), json());
    prop::collection::vec(change, 0..3).prop_map(|changes| {
        let mut body = serde_json::json!({"type": "message", "id": "1", "at": "2026-01-01T00:00:00Z", "from": {"id": "u"}, "text": "x"});
        for (name, value) in changes {
            body[name] = value;
        }
        body
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

fn assert_sound(url: &str, body: &[u8]) {
    let hook = Hook { headers: &HeaderMap::new(), url, body, received_at: samples::now() };
    assert!(Generic.verify(&hook, &of_viber()).is_err(), "nobody signed it");
    let told = Told { account: "bot", url, body, received_at: samples::now() };
    let events = Generic.events(&told);
    assert_eq!(events, Generic.events(&told), "the same body means the same twice");
    for event in events.unwrap_or_default() {
        assert!(event.account_ref == "bot" && !event.key.is_empty() && event.key.chars().count() <= 300);
        assert!(!holds_null(&shown(&event)), "U+0000 cannot be stored");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_and_addresses_are_survived(body in prop::collection::vec(any::<u8>(), 0..512), url in any::<String>()) {
        assert_sound(URL, &body);
        assert_sound(&url, &body);
    }

    #[test]
    fn arbitrary_json_is_survived(body in json(), nearly in nearly_sound()) {
        assert_sound(URL, body.to_string().as_bytes());
        assert_sound(URL, nearly.to_string().as_bytes());
    }

    #[test]
    fn arbitrary_headers_are_survived(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 3)) {
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers = names.iter().zip(&values).filter_map(|(name, value)| {
            Some((name.parse().ok()?, http::HeaderValue::from_bytes(value).ok()?))
        }).collect::<HeaderMap>();
        let hook = Hook { headers: &headers, url: URL, body: b"{}", received_at: samples::now() };
        prop_assert!(Generic.verify(&hook, &of_viber()).is_err());
        prop_assert!(Generic.delivery(&hook).is_none_or(|id| (1..=256).contains(&id.len())));
    }

    #[test]
    fn deep_json_is_survived(depth in 1_usize..20_000) {
        assert_sound(URL, "[".repeat(depth).as_bytes());
        assert_sound(URL, format!("{}1{}", r#"{"from":"#.repeat(depth), "}".repeat(depth)).as_bytes());
    }
}
