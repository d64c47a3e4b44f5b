//! The adapter's table against the list that all adapters were written from: every code, its class, and what to do.

use std::{path::Path, time::Duration};

use http::Response;
use postroad_core::provider::{Effect, FaultClass, Outcome, Provider};
use postroad_providers::whatsapp_cloud::WhatsappCloud;

/// provider, code, subcode, http, class, action
fn rows() -> Vec<[String; 6]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/error-classes.csv");
    let mut reader = csv::Reader::from_path(path).expect("the list is there");
    let rows = reader.records().map(|row| {
        let fields: Vec<String> = row.expect("it is a row").iter().map(str::to_owned).collect();
        <[String; 6]>::try_from(fields).expect("a row has six fields")
    });
    rows.filter(|row| row[0] == "meta_wa").collect()
}

fn codes(written: &str) -> std::ops::RangeInclusive<i64> {
    let (first, last) = written.split_once('-').unwrap_or((written, written));
    first.parse().expect("it is a code")..=last.parse().expect("it is a code")
}

/// The list's words for a class are finer than ours, or speak of other channels too.
fn class(word: &str, action: &str) -> FaultClass {
    match word {
        "transient" if action.starts_with("maintenance") => FaultClass::Maintenance,
        "rate_waba" | "rate_registration" => FaultClass::RateApp,
        "channel_unregistered" => FaultClass::ChannelGone,
        "opted_out_marketing" => FaultClass::OptedOut,
        "permanent" | "permanent_country" => FaultClass::PermanentRecipient,
        "media_inbound_failed" => FaultClass::PermanentMedia,
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
fn meaning(action: &str) -> (Ending, Effect) {
    use Ending::{Reject, Retry, RetryAfter};
    let minute = Duration::from_mins(1);
    match action {
        "stop channel; reconnect token" | "stop channel; alert" | "re-register number" | "number deleted" => {
            (Retry, Effect::Stop)
        }
        "retry exp backoff few times then fail" | "retry exp backoff" | "retry limited" => (Retry, Effect::None),
        "maintenance (throughput upgrade ~1 min): pause number 60 s and retry"
        | "pause app; honour X-App-Usage / X-Business-Use-Case-Usage"
        | "pause WABA; BUC header" => (RetryAfter(60), Effect::Rest(minute)),
        "pause phone number 1-5 s; lower limiter" => (RetryAfter(2), Effect::SlowDown),
        "delay same recipient 4^X s; other recipients unaffected" => (RetryAfter(6), Effect::None),
        "pause marketing on number; alert (quality)" | "template misclassification enforcement; pause" => {
            (RetryAfter(3_600), Effect::PauseMarketing)
        }
        "wait" => (RetryAfter(3_600), Effect::None),
        "do not retry < 24 h" => (RetryAfter(86_400), Effect::None),
        "fail; record marketing opt-out" => (Reject, Effect::OptOut),
        "pause campaigns using it (3 h then 6 h)" | "stop campaigns using it" => (Reject, Effect::PauseTemplate),
        "re-queue as template if the flow has one else fail" | "experiment holdout; do not retry" | "n/a for send" => {
            (Reject, Effect::None)
        }
        other => {
            let says_no =
                ["fail", "bug: fail", "we blocked", "test number", "unsupported type", "BSUID", "marketing disabled"];
            let about_the_template = ["param count", "not approved", "too long", "policy", "format", "generic"];
            let known = says_no.iter().chain(&about_the_template).any(|words| other.starts_with(words));
            assert!(known, "an action that nobody mapped: {other}");
            (Reject, Effect::None)
        }
    }
}

fn answer(code: i64, subcode: &str, status: &str) -> Response<Vec<u8>> {
    let subcode = subcode.parse::<i64>().map(|subcode| format!(r#","error_subcode":{subcode}"#)).unwrap_or_default();
    let body = format!(r#"{{"error":{{"message":"(#{code})","code":{code}{subcode}}}}}"#);
    let status = if status.is_empty() { "400" } else { status };
    Response::builder().status(status).body(body.into_bytes()).expect("it is an answer")
}

#[test]
fn every_code_of_the_list_has_the_class_and_the_action_that_it_names() {
    let rows = rows();
    assert!(rows.len() >= 49, "{} rows: is this the list?", rows.len());
    for [_, written, subcode, status, word, action] in rows {
        for code in codes(&written) {
            let (fault, ending) = match WhatsappCloud.outcome(&answer(code, &subcode, &status)) {
                Outcome::Retry { fault, after: None } => (fault, Ending::Retry),
                Outcome::Retry { fault, after: Some(wait) } => (fault, Ending::RetryAfter(wait.as_secs())),
                Outcome::Rejected { fault } => (fault, Ending::Reject),
                other => panic!("{code}: {other:?}"),
            };
            assert_eq!(fault.class, class(&word, &action), "{code}");
            let effect = WhatsappCloud.effect(&fault);
            assert_eq!((ending, effect), meaning(&action), "{code}: {action}");
        }
    }
}

#[test]
fn the_http_status_does_not_change_what_a_code_means() {
    for [_, written, ..] in rows() {
        let code = *codes(&written).start();
        let outcomes =
            ["400", "403", "404", "429", "500", "503"].map(|status| WhatsappCloud.outcome(&answer(code, "", status)));
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{code}: {outcomes:?}");
    }
}
