//! How a call ended, read from Twilio's answer: by its code, and never by the HTTP status alone.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use postroad_core::provider::{Fault, FaultClass, Outcome};
use serde_json::Value;

use super::{
    address::is_sid,
    faults::{self, Verdict},
};

/// No wait that Twilio asks for is taken to be longer.
const AFTER_MAX: Duration = Duration::from_hours(24);

pub(super) fn read(response: &Response<Vec<u8>>) -> Outcome {
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let status = response.status();
    if status.is_success() {
        return accepted(status, &answer);
    }
    match answer["code"].as_i64() {
        Some(code) => refused(status, code, response.headers()),
        None if status == StatusCode::TOO_MANY_REQUESTS => throttled(unreadable(status).code, response.headers()),
        // Something in front of Twilio answered, or Twilio fell over.
        None => Outcome::Unknown { fault: unreadable(status) },
    }
}

/// A 2xx without an id may still have been sent: nobody may repeat it.
fn accepted(status: StatusCode, answer: &Value) -> Outcome {
    match answer["sid"].as_str().filter(|sid| is_message(sid)) {
        Some(sid) => Outcome::Accepted { provider_ref: sid.to_owned() },
        None => Outcome::Unknown { fault: unreadable(status) },
    }
}

/// `SM…`, or `MM…` with files.
pub(super) fn is_message(sid: &str) -> bool {
    is_sid(sid, "SM") || is_sid(sid, "MM")
}

fn refused(status: StatusCode, code: i64, headers: &HeaderMap) -> Outcome {
    let fault = faults::fault(code);
    match faults::known(code).map(|known| known.verdict) {
        Some(Verdict::Reject) => Outcome::Rejected { fault },
        Some(Verdict::Retry(least)) => Outcome::Retry { fault, after: longest([Some(least), asked_for(headers)]) },
        None if status == StatusCode::TOO_MANY_REQUESTS => throttled(fault.code, headers),
        None if status.is_client_error() => Outcome::Rejected { fault },
        None => Outcome::Unknown { fault },
    }
}

fn throttled(code: String, headers: &HeaderMap) -> Outcome {
    let fault = Fault { code, class: FaultClass::RateThroughput };
    Outcome::Retry { fault, after: longest([asked_for(headers), None]) }
}

fn unreadable(status: StatusCode) -> Fault {
    Fault { code: format!("http_{}", status.as_u16()), class: FaultClass::NoAnswer }
}

/// Seconds. A date in `Retry-After` is not read: there is no clock here.
fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn longest(waits: [Option<Duration>; 2]) -> Option<Duration> {
    waits.into_iter().flatten().max().map(|wait| wait.min(AFTER_MAX)).filter(|wait| !wait.is_zero())
}
