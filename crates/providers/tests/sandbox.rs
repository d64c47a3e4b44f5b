//! The sandbox's script: every ending on purpose, and again.

use chrono::DateTime;
use postroad_core::{
    provider::{Event, EventKind, FaultClass, Outbound, Outcome, Provider},
    send::{Correlation, SendState},
};
use postroad_providers::sandbox::{Sandbox, answer, receipts};

use crate::samples;

const SEED: u64 = 7;

fn outcome_word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { .. } => "accepted".to_owned(),
        Outcome::Retry { fault, after } => format!("retry {} {after:?}", fault.class),
        Outcome::Rejected { fault } => format!("rejected {}", fault.class),
        Outcome::Unknown { fault } => format!("unknown {}", fault.class),
    }
}

fn states(events: &[Event]) -> Vec<SendState> {
    events
        .iter()
        .map(|event| if let EventKind::Receipt(receipt) = &event.kind { receipt.state } else { panic!("{event:?}") })
        .collect()
}

#[test]
fn the_last_digits_decide_what_happens() {
    use SendState::{Delivered, Failed, Read, Sent};
    let cases: &[(&str, i32, &str, &[SendState])] = &[
        ("+447700900001", 1, "rejected permanent_recipient", &[]),
        ("+447700900002", 1, "unknown no_answer", &[]),
        ("+447700900002", 2, "unknown no_answer", &[]),
        ("+447700900003", 1, "retry rate_throughput Some(2s)", &[]),
        ("+447700900003", 2, "accepted", &[Sent, Delivered, Read]),
        ("+447700900004", 1, "accepted", &[Sent, Failed]),
        ("+447700900005", 1, "unknown no_answer", &[Sent, Delivered, Read]),
        ("+447700900006", 1, "accepted", &[Sent, Delivered]),
        ("+447700900007", 1, "accepted", &[Sent, Failed]),
        ("+447700900008", 1, "accepted", &[Sent, Delivered, Read]),
        ("someone@example.org", 1, "accepted", &[Sent, Delivered, Read]),
        ("1", 1, "accepted", &[Sent, Delivered, Read]),
        ("ünï0001", 1, "rejected permanent_recipient", &[]),
        ("💌", 1, "accepted", &[Sent, Delivered, Read]),
    ];
    let content = samples::text("hello");
    for (to, attempt, expected, reported) in cases {
        let correlation = Correlation { attempt: *attempt, ..samples::correlation() };
        let outbound = Outbound { to, correlation, ..samples::outbound(&content) };
        assert_eq!(outcome_word(&answer(&outbound, SEED)), *expected, "{to} {attempt}");
        assert_eq!(states(&receipts("sandbox", &outbound, SEED, DateTime::UNIX_EPOCH)), *reported, "{to} {attempt}");
    }
}

#[test]
fn receipts_speak_of_the_message_that_was_accepted() {
    let content = samples::text("hello");
    let outbound = samples::outbound(&content);
    let Outcome::Accepted { provider_ref } = answer(&outbound, SEED) else { panic!("it is accepted") };
    let events = receipts("sandbox", &outbound, SEED, DateTime::UNIX_EPOCH);
    for event in &events {
        let EventKind::Receipt(receipt) = &event.kind else { panic!("{event:?}") };
        assert_eq!(
            (receipt.provider_ref.as_str(), receipt.correlation),
            (provider_ref.as_str(), Some(outbound.correlation))
        );
        assert_eq!(event.account_ref, "sandbox");
    }
    assert!(events.is_sorted_by(|a, b| a.at < b.at && a.key != b.key));
    assert_eq!(events, receipts("sandbox", &outbound, SEED, DateTime::UNIX_EPOCH), "the same call ends the same way");
}

#[test]
fn another_seed_or_attempt_gives_another_reference() {
    let content = samples::text("hello");
    let outbound = samples::outbound(&content);
    let again =
        Outbound { correlation: Correlation { attempt: 2, ..outbound.correlation }, ..samples::outbound(&content) };
    assert_ne!(answer(&outbound, 1), answer(&outbound, 2));
    assert_ne!(answer(&outbound, 1), answer(&again, 1));
}

#[test]
fn an_opt_out_is_reported_as_one() {
    let content = samples::text("hello");
    let outbound = Outbound { to: "+447700900007", ..samples::outbound(&content) };
    let events = receipts("sandbox", &outbound, SEED, DateTime::UNIX_EPOCH);
    let Some(EventKind::Receipt(last)) = events.last().map(|event| &event.kind) else { panic!("there is one") };
    assert_eq!(last.fault.as_ref().map(|fault| fault.class), Some(FaultClass::OptedOut));
}

#[test]
fn a_request_of_the_sandbox_could_reach_nobody() {
    for (name, content) in samples::sendable() {
        let request = Sandbox.request(&samples::connection(), &samples::outbound(&content)).expect(name);
        assert_eq!(request.uri().host(), Some("sandbox.invalid"), "{name}");
    }
}

#[test]
fn a_stand_in_server_may_play_the_sandbox() {
    let recorded = include_str!("fixtures/sandbox/accepted.http");
    let body = recorded.split_once("\n\n").map(|(_, body)| body.as_bytes().to_vec()).expect("it has a body");
    let outcome = Sandbox.outcome(&http::Response::new(body));
    assert_eq!(outcome, Outcome::Accepted { provider_ref: "sbx.0123456789abcdef".to_owned() });
}
