//! What Meta posts to us, and what we make of it.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use postroad_core::provider::{Event, EventKind, Provider, Unreadable};
use postroad_providers::whatsapp_cloud::WhatsappCloud;
use serde_json::{Value, json};

use super::{fixtures, recorded, webhook};
use crate::{samples, shown::shown};

/// 2026-01-02, a day after the fixtures' own times.
pub(super) fn received_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_312_000, 0).expect("it is a time")
}

pub(super) fn read(body: &[u8]) -> Vec<Event> {
    events_at(body, received_at()).expect("it can be read")
}

pub(super) fn events_at(body: &[u8], received_at: DateTime<Utc>) -> Result<Vec<Event>, Unreadable> {
    WhatsappCloud.events(&samples::told(body, received_at))
}

pub(super) fn accounts_in(body: &[u8]) -> Result<Vec<String>, Unreadable> {
    WhatsappCloud.accounts_in(&samples::hook(body, &HeaderMap::new()))
}

#[test]
fn webhooks_mean_what_was_recorded() {
    for (name, body) in recorded("webhooks") {
        let events: Vec<Value> = read(&body).iter().map(shown).collect();
        insta::with_settings!({ snapshot_path => fixtures("events"), prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_json_snapshot!(name, events);
        });
    }
}

#[test]
fn a_repeated_webhook_repeats_its_keys_and_nothing_else_does() {
    let mut seen = std::collections::HashMap::new();
    for (name, body) in recorded("webhooks") {
        let (first, again) = (read(&body), read(&body));
        assert_eq!(first, again, "{name}");
        for event in first.iter().filter(|event| !matches!(event.kind, EventKind::Receipt(_))) {
            let earlier = seen.insert((event.account_ref.clone(), event.key.clone()), name.clone());
            assert_eq!(earlier, None, "{name} has the key of another event");
        }
    }
}

#[test]
fn a_status_is_the_same_event_whenever_it_is_repeated() {
    let keys: Vec<String> = read(&webhook("batch_of_two_businesses")).into_iter().map(|event| event.key).collect();
    let repeated = keys.iter().filter(|key| *key == "status|wamid.O1|read").count();
    assert_eq!(repeated, 2, "the same status at another time is a repetition: {keys:?}");
}

#[test]
fn later_arrival_changes_no_key() {
    for (name, body) in recorded("webhooks") {
        let late = events_at(&body, received_at() + chrono::TimeDelta::days(6)).expect("it can be read");
        let keys = |events: &[Event]| events.iter().map(|event| event.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&read(&body)), keys(&late), "{name}");
    }
}

#[test]
fn every_account_that_events_concern_was_announced() {
    for (name, body) in recorded("webhooks") {
        let announced = accounts_in(&body).expect("it can be read");
        assert!(read(&body).iter().all(|event| announced.contains(&event.account_ref)), "{name}");
    }
    let announced = accounts_in(&webhook("batch_of_two_businesses")).expect("it can be read");
    assert_eq!(announced, ["106540352242922", "106540352242923"]);
    let business = accounts_in(&webhook("template_approved")).expect("it can be read");
    assert_eq!(business, ["102290129340398"], "templates belong to the business account");
}

#[test]
fn the_same_news_at_another_time_is_news() {
    let pause = String::from_utf8(webhook("template_paused")).expect("it is text");
    let again = pause.replace("1767225600", "1767229200");
    assert_ne!(
        read(pause.as_bytes())[0].key,
        read(again.as_bytes())[0].key,
        "a template is paused twice before it is disabled"
    );
    let respelt = pause.replace(['\n', ' '], "").replace("Pausedfor3hours.", "Paused for 3 hours.");
    assert_eq!(read(pause.as_bytes())[0].key, read(respelt.as_bytes())[0].key, "blanks between fields say nothing");
}

fn many(messages: usize) -> Vec<u8> {
    let said: Vec<Value> = (0..messages)
        .map(|n| json!({ "id": format!("wamid.{n}"), "from": "12025550123", "type": "text", "text": { "body": "x" } }))
        .collect();
    let value = json!({ "metadata": { "phone_number_id": "1" }, "messages": said });
    let entry = json!({ "id": "1", "changes": [{ "field": "messages", "value": value }] });
    json!({ "object": "whatsapp_business_account", "entry": [entry] }).to_string().into_bytes()
}

#[test]
fn a_thousand_events_are_read_and_one_more_is_too_many() {
    assert_eq!(read(&many(1_000)).len(), 1_000);
    assert!(events_at(&many(1_001), received_at()).is_err());
    let entries: Vec<Value> = (0..1_001).map(|n| json!({ "id": n, "changes": [] })).collect();
    let crowd = json!({ "object": "whatsapp_business_account", "entry": entries }).to_string();
    assert!(accounts_in(crowd.as_bytes()).is_err());
}

#[test]
fn a_body_that_is_no_envelope_of_whatsapp_is_unreadable() {
    let bodies = [
        r#"{"object":"page","entry":[]}"#,
        r#"{"object":"whatsapp_business_account"}"#,
        r#"{"object":"whatsapp_business_account","entry":{}}"#,
        r#"{"object":"whatsapp_business_account","entry":[{"changes":[]}]}"#,
        r#"{"object":"whatsapp_business_account","entry":[1]}"#,
        r#"[{"object":"whatsapp_business_account","entry":[]}]"#,
    ];
    for body in bodies {
        assert!(events_at(body.as_bytes(), received_at()).is_err(), "{body}");
        assert!(accounts_in(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_printed_event_shows_nothing_that_was_said() {
    let printed = format!("{:?}", read(&webhook("text")));
    assert!(!printed.contains("Does it come"), "{printed}");
}
