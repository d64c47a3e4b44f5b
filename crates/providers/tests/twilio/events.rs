//! What Twilio posts to us, and what we make of it.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use postroad_core::provider::{Event, EventKind, Hook, Provider, Told};
use postroad_providers::twilio::{self, Twilio};
use serde_json::Value;

use super::{NUMBER, Recorded, SERVICE, fixtures, webhook, webhooks};
use crate::{samples, shown::shown};

pub(super) fn received_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_312_000, 0).expect("it is a time")
}

fn accounts_in(provider: &Twilio, webhook: &Recorded) -> Vec<String> {
    let headers = HeaderMap::new();
    provider
        .accounts_in(&Hook { headers: &headers, url: &webhook.url, body: &webhook.body, received_at: samples::now() })
        .expect("it can be read")
}

fn read_as(provider: &Twilio, webhook: &Recorded, account: &str) -> Vec<Event> {
    let told = Told { account, url: &webhook.url, body: &webhook.body, received_at: received_at() };
    provider.events(&told).expect("it can be read")
}

/// The adapter that it is for.
fn reader(webhook: &Recorded) -> Twilio {
    let readers = [twilio::SMS, twilio::WHATSAPP].into_iter();
    let mut readers = readers.filter(|provider| !accounts_in(provider, webhook).is_empty());
    let reader = readers.next().expect("somebody reads it");
    assert!(readers.next().is_none(), "{} is for one of them", webhook.name);
    reader
}

fn read(webhook: &Recorded) -> Vec<Event> {
    read_as(&reader(webhook), webhook, NUMBER)
}

#[test]
fn webhooks_mean_what_was_recorded() {
    for webhook in webhooks() {
        let events: Vec<Value> = read(&webhook).iter().map(shown).collect();
        insta::with_settings!({ snapshot_path => fixtures("events"), prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_json_snapshot!(webhook.name, events);
        });
    }
}

#[test]
fn the_other_channel_reads_nothing_in_it() {
    for webhook in webhooks() {
        let name = reader(&webhook).name();
        let other = if name == twilio::SMS.name() { twilio::WHATSAPP } else { twilio::SMS };
        assert_eq!(read_as(&other, &webhook, NUMBER), [], "{}", webhook.name);
    }
}

#[test]
fn every_account_that_events_concern_was_announced() {
    for webhook in webhooks() {
        let announced = accounts_in(&reader(&webhook), &webhook);
        assert!(read(&webhook).iter().all(|event| announced.contains(&event.account_ref)), "{}", webhook.name);
    }
}

#[test]
fn a_message_to_a_number_of_a_service_is_for_whichever_of_the_two_is_connected() {
    let webhook = webhook("sms_to_a_service");
    assert_eq!(accounts_in(&twilio::SMS, &webhook), [SERVICE, NUMBER]);
    for account in [SERVICE, NUMBER] {
        assert_eq!(read_as(&twilio::SMS, &webhook, account)[0].account_ref, account);
    }
}

#[test]
fn a_receipt_is_for_the_account_of_its_address_whichever_number_of_a_service_was_used() {
    let webhook = webhook("sms_delivered_by_a_service");
    assert_eq!(accounts_in(&twilio::SMS, &webhook)[0], SERVICE);
    let events = read_as(&twilio::SMS, &webhook, SERVICE);
    let EventKind::Receipt(receipt) = &events[0].kind else { panic!("{events:?}") };
    assert_eq!(receipt.correlation, Some(samples::correlation()));
}

#[test]
fn a_short_code_and_a_number_are_both_tried() {
    let url = "https://messages.example/webhooks/twilio/status?account=12345&message=x".to_owned();
    let body = b"AccountSid=AC1&MessageSid=SM1&MessageStatus=sent&From=12345&To=%2B12025550123".to_vec();
    let webhook = Recorded { name: "short code".to_owned(), url, body };
    assert_eq!(accounts_in(&twilio::SMS, &webhook), ["+12345", "12345"]);
    assert_eq!(read_as(&twilio::SMS, &webhook, "12345")[0].account_ref, "12345");
}

#[test]
fn an_account_that_no_text_can_name_is_none() {
    for account in ["%00", "12345%00", "", &"1".repeat(1_001)] {
        let url = format!("https://messages.example/webhooks/twilio/status?account={account}&message=x");
        let body = b"AccountSid=AC1&MessageSid=SM1&MessageStatus=sent&From=%2B12025550100&To=%2B12025550123".to_vec();
        let webhook = Recorded { name: "unnamed".to_owned(), url, body };
        assert_eq!(accounts_in(&twilio::SMS, &webhook), [NUMBER], "{account}");
    }
}

#[test]
fn a_key_is_of_one_event_and_does_not_change_with_time() {
    for webhook in webhooks() {
        let late = Told {
            account: NUMBER,
            url: &webhook.url,
            body: &webhook.body,
            received_at: received_at() + chrono::TimeDelta::days(6),
        };
        let keys = |events: &[Event]| events.iter().map(|event| event.key.clone()).collect::<Vec<_>>();
        let late = reader(&webhook).events(&late).expect("it can be read");
        assert_eq!(keys(&read(&webhook)), keys(&late), "{}", webhook.name);
        let mut different = keys(&late);
        different.dedup();
        assert_eq!(different.len(), late.len(), "{}", webhook.name);
    }
}

#[test]
fn a_form_that_says_too_little_or_too_much_is_unreadable() {
    let headers = HeaderMap::new();
    let many = (0..501).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
    let sound = "AccountSid=AC1&MessageSid=SM1&From=%2B12025550123&To=%2B12025550100";
    let bodies = [
        sound.replace("AccountSid", "Account"),
        sound.replace("MessageSid", "Message"),
        sound.replace("From", "By"),
        format!("{sound}&{many}"),
    ];
    for body in bodies {
        let hook =
            Hook { headers: &headers, url: samples::WEBHOOK_URL, body: body.as_bytes(), received_at: samples::now() };
        assert!(twilio::SMS.accounts_in(&hook).is_err(), "{body}");
        assert!(twilio::SMS.events(&samples::told(body.as_bytes(), received_at())).is_err(), "{body}");
    }
}

#[test]
fn a_printed_event_shows_nothing_that_was_said() {
    let printed = format!("{:?}", read(&webhook("sms_text")));
    assert!(!printed.contains("Does it come"), "{printed}");
}

fn said(provider: &Twilio, fields: &str) -> bool {
    let (ours, theirs) = match provider.name() {
        "twilio_sms" => ("%2B12025550100", "%2B12025550123"),
        _ => ("whatsapp%3A%2B12025550100", "whatsapp%3A%2B12025550123"),
    };
    let body = format!("AccountSid=AC1&MessageSid=SM1&From={theirs}&To={ours}&{fields}");
    let events = provider.events(&samples::told(body.as_bytes(), received_at())).expect("it can be read");
    let EventKind::Inbound(inbound) = &events[0].kind else { panic!("{events:?}") };
    inbound.opts_out
}

#[test]
fn who_writes_a_word_on_which_twilio_stops_has_opted_out() {
    for word in ["STOP", "stopall", " Unsubscribe ", "Cancel", "END", "quit", "Revoke", "OptOut"] {
        let field = format!("Body={}", word.replace(' ', "+"));
        assert!(said(&twilio::SMS, &field), "{word}");
    }
    for words in ["please don't stop", "the end", "START", "HELP", ""] {
        assert!(!said(&twilio::SMS, &format!("Body={}", words.replace(' ', "+"))), "{words}");
    }
    assert!(said(&twilio::SMS, "Body=arr%C3%AAte&OptOutType=STOP"), "a word of the account's own");
    assert!(!said(&twilio::SMS, "Body=hello&OptOutType=HELP"));
    assert!(said(&twilio::WHATSAPP, "Body=stop") && !said(&twilio::WHATSAPP, "Body=end"));
}
