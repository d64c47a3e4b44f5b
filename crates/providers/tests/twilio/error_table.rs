//! The adapter's table against the list that all adapters were written from: every code, its class, and what to do.

use std::{path::Path, time::Duration};

use http::Response;
use postroad_core::provider::{Effect, FaultClass, Outcome, Provider};
use postroad_providers::twilio;

/// provider, code, subcode, http, class, action
fn rows() -> Vec<[String; 6]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/error-classes.csv");
    let mut reader = csv::Reader::from_path(path).expect("the list is there");
    let rows = reader.records().map(|row| {
        let fields: Vec<String> = row.expect("it is a row").iter().map(str::to_owned).collect();
        <[String; 6]>::try_from(fields).expect("a row has six fields")
    });
    rows.filter(|row| row[0] == "twilio").collect()
}

/// The list's words for a class are finer than ours, or speak of other channels too.
fn class(word: &str) -> FaultClass {
    match word {
        "rate_api" | "rate_account" | "rate_daily" => FaultClass::RateApp,
        "rate_queue" | "rate_carrier" | "rate_channel" => FaultClass::RateThroughput,
        "permanent" | "permanent_country" => FaultClass::PermanentRecipient,
        "permanent_config" => FaultClass::AccountRestricted,
        "transient_recipient" => FaultClass::Transient,
        "filtered" => FaultClass::PermanentRequest,
        same => same.parse().unwrap_or_else(|_| panic!("no class for {same}")),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Retry,
    RetryAfter(u64),
    Reject,
}

/// What an action of the list is in our words: for the message, and for the lane.
fn meaning(code: &str, action: &str) -> (Ending, Effect) {
    use Ending::{Reject, Retry, RetryAfter};
    let minute = Effect::Rest(Duration::from_mins(1));
    match (code, action) {
        ("20003", "stop channel") | ("30002", "account suspended") => (Retry, Effect::Stop),
        ("20429", "exp backoff + jitter; lower concurrency") | ("63017", "> 2000 mps") => (Retry, Effect::SlowDown),
        ("21611", "From queue > 10 h; pause sender") => (RetryAfter(600), minute),
        ("30001", "retry later") => (RetryAfter(60), Effect::SlowDown),
        ("30003", "unreachable handset: 1-2 retries hours apart") => (RetryAfter(7_200), Effect::None),
        ("30008", "unknown; one retry") => (RetryAfter(60), Effect::None),
        ("30022", "US A2P campaign limit; back off minutes") => (RetryAfter(300), minute),
        ("63018", "channel rate / WA messaging limit; wait up to 24 h") => (RetryAfter(3_600), Effect::SlowDown),
        ("63038", "account daily limit") => (RetryAfter(3_600), minute),
        ("63049", "Meta did not deliver marketing") => (RetryAfter(86_400), Effect::None),
        ("21610", "suppress contact for that sender/service") => (Reject, Effect::OptOut),
        (
            "21211" | "21614" | "21217" | "21408" | "63024" | "63032" | "63016" | "30034" | "30004" | "30005" | "30006"
            | "30007",
            _,
        ) => (Reject, Effect::None),
        other => panic!("a row that nobody mapped: {other:?}"),
    }
}

fn answer(code: &str, status: u16) -> Response<Vec<u8>> {
    let body = format!(
        r#"{{"code":{code},"message":"…","more_info":"https://www.twilio.com/docs/errors/{code}","status":{status}}}"#
    );
    Response::builder().status(status).body(body.into_bytes()).expect("it is an answer")
}

fn told(outcome: Outcome) -> (FaultClass, Ending, Effect) {
    let (fault, ending) = match outcome {
        Outcome::Retry { fault, after: None } => (fault, Ending::Retry),
        Outcome::Retry { fault, after: Some(wait) } => (fault, Ending::RetryAfter(wait.as_secs())),
        Outcome::Rejected { fault } => (fault, Ending::Reject),
        other => panic!("{other:?}"),
    };
    (fault.class, ending, twilio::SMS.effect(&fault))
}

#[test]
fn every_code_of_the_list_has_the_class_and_the_action_that_it_names() {
    let rows = rows();
    assert!(rows.len() >= 22, "{} rows: is this the list?", rows.len());
    for [_, codes, _, _, word, action] in &rows {
        for code in codes.split('|') {
            let (found, ending, effect) = told(twilio::SMS.outcome(&answer(code, 400)));
            assert_eq!(found, class(word), "{code}");
            assert_eq!((ending, effect), meaning(code, action), "{code}: {action}");
        }
    }
}

#[test]
fn the_http_status_does_not_change_what_a_code_means() {
    for [_, codes, ..] in rows() {
        for code in codes.split('|') {
            let outcomes = [400, 401, 403, 404, 429, 500, 503].map(|status| twilio::SMS.outcome(&answer(code, status)));
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{code}: {outcomes:?}");
        }
    }
}
