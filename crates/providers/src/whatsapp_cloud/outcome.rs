//! How a call ended, read from Meta's answer.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use postroad_core::provider::{Fault, FaultClass, Outcome};
use serde_json::Value;

use super::{
    faults::{self, Known, Verdict},
    field::{integer, text},
};

/// Says, per business account, how many minutes remain until a limit lifts.
const USAGE_HEADER: &str = "x-business-use-case-usage";
/// No wait that Meta asks for is taken to be longer.
const AFTER_MAX: Duration = Duration::from_hours(24);

pub(super) fn read(response: &Response<Vec<u8>>) -> Outcome {
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().is_success() { accepted(response.status(), &answer) } else { refused(response, &answer) }
}

/// A 2xx without an id may still have been sent: nobody may repeat it.
fn accepted(status: StatusCode, answer: &Value) -> Outcome {
    match text(answer, "/messages/0/id") {
        Some(id) => Outcome::Accepted { provider_ref: id.to_owned() },
        None => Outcome::Unknown { fault: unreadable(status) },
    }
}

fn refused(response: &Response<Vec<u8>>, answer: &Value) -> Outcome {
    let status = response.status();
    let code = integer(answer, "/error/code");
    let Some(code) = code.map(|code| faults::telling_code(code, integer(answer, "/error/error_subcode"))) else {
        return without_code(status, response.headers());
    };
    let fault = faults::fault(code);
    match faults::known(code) {
        Some(known) => verdict(known, fault, response.headers()),
        None if status == StatusCode::TOO_MANY_REQUESTS => throttled(fault.code, response.headers()),
        None if status.is_client_error() => Outcome::Rejected { fault },
        None => Outcome::Unknown { fault },
    }
}

fn verdict(known: &Known, fault: Fault, headers: &HeaderMap) -> Outcome {
    match known.verdict {
        Verdict::Reject => Outcome::Rejected { fault },
        Verdict::Retry(least) => Outcome::Retry { fault, after: longest([Some(least), asked_for(headers)]) },
    }
}

/// Something in front of Meta answered, or Meta fell over. Only a 429 says by itself that nothing was sent.
fn without_code(status: StatusCode, headers: &HeaderMap) -> Outcome {
    if status == StatusCode::TOO_MANY_REQUESTS {
        throttled(format!("http_{}", status.as_u16()), headers)
    } else {
        Outcome::Unknown { fault: unreadable(status) }
    }
}

fn throttled(code: String, headers: &HeaderMap) -> Outcome {
    Outcome::Retry {
        fault: Fault { code, class: FaultClass::RateThroughput },
        after: longest([asked_for(headers), None]),
    }
}

fn unreadable(status: StatusCode) -> Fault {
    Fault { code: format!("http_{}", status.as_u16()), class: FaultClass::NoAnswer }
}

/// The wait that the headers name. A date in `Retry-After` is not read: there is no clock here.
pub(super) fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    longest([retry_after.map(Duration::from_secs), until_access_returns(headers)])
}

/// `{"<business>": [{"type": "whatsapp", "estimated_time_to_regain_access": 5}]}`, in minutes; zero when nothing is used up.
fn until_access_returns(headers: &HeaderMap) -> Option<Duration> {
    let usage: Value = serde_json::from_slice(headers.get(USAGE_HEADER)?.as_bytes()).ok()?;
    let uses = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = uses.filter_map(|used| used.get("estimated_time_to_regain_access")?.as_u64()).max()?;
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn longest(waits: [Option<Duration>; 2]) -> Option<Duration> {
    waits.into_iter().flatten().max().map(|wait| wait.min(AFTER_MAX)).filter(|wait| !wait.is_zero())
}
