//! What Meta says when it does not do what was asked of it about templates.
//!
//! The codes are those of every call; what is wrong with a template is told by the subcode, and to people by
//! `error_user_title` and `error_user_msg`. Source:
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>.

use std::time::Duration;

use http::{Response, StatusCode};
use postroad_core::provider::desk::DeskFault;
use serde_json::Value;

use super::super::{
    faults::{self, Verdict},
    field::{cut_line, integer, line},
    outcome,
};

/// "Content in This Language Already Exists".
const TAKEN: i64 = 2_388_024;
/// "Message template name was not found", and the object that is not there or not to be seen.
const MISSING: [i64; 2] = [2_593_002, 33];
/// "There have been too many calls to this WhatsApp Business account": told for templates only.
const TOO_MANY_CALLS: i64 = 80_008;

/// The JSON of a success.
pub(super) fn answer(response: &Response<Vec<u8>>) -> Result<Value, DeskFault> {
    let answer = serde_json::from_slice(response.body());
    match (response.status().is_success(), answer) {
        (true, Ok(answer)) => Ok(answer),
        (true, Err(_)) => Err(unreadable(response.status())),
        (false, answer) => Err(fault(response, &answer.unwrap_or_default())),
    }
}

pub(super) fn unreadable(status: StatusCode) -> DeskFault {
    DeskFault::Unreadable { code: format!("http_{}", status.as_u16()) }
}

fn fault(response: &Response<Vec<u8>>, answer: &Value) -> DeskFault {
    let status = response.status();
    let after = outcome::asked_for(response.headers());
    let Some(number) = integer(answer, "/error/code") else {
        let code = format!("http_{}", status.as_u16());
        let words = "something in front of Meta answered".to_owned();
        return if status == StatusCode::TOO_MANY_REQUESTS {
            DeskFault::Later { code, words, after }
        } else {
            unreadable(status)
        };
    };
    let subcode = integer(answer, "/error/error_subcode");
    let (code, words) = (subcode.unwrap_or(number).to_string(), words(answer));
    match (subcode, faults::known(number).map(|known| known.verdict)) {
        (Some(TAKEN), _) => DeskFault::Taken { code, words },
        (Some(subcode), _) if MISSING.contains(&subcode) => DeskFault::Missing { code, words },
        (_, Some(Verdict::Retry(least))) => DeskFault::Later { code, words, after: longest(after, least) },
        _ if number == TOO_MANY_CALLS || status == StatusCode::TOO_MANY_REQUESTS => {
            DeskFault::Later { code, words, after }
        }
        (_, Some(Verdict::Reject)) => DeskFault::Refused { code, words },
        _ if status.is_client_error() => DeskFault::Refused { code, words },
        _ => unreadable(status),
    }
}

fn longest(asked_for: Option<Duration>, least: Duration) -> Option<Duration> {
    asked_for.max(Some(least)).filter(|wait| !wait.is_zero())
}

/// What is meant for people, or else what there is.
fn words(answer: &Value) -> String {
    let told: Vec<String> =
        ["/error/error_user_title", "/error/error_user_msg"].into_iter().filter_map(|at| line(answer, at)).collect();
    let plain = || ["/error/error_data/details", "/error/message"].into_iter().find_map(|at| line(answer, at));
    let told = (!told.is_empty()).then(|| told.join(": ")).or_else(plain);
    told.as_deref().and_then(cut_line).unwrap_or_else(|| "Meta gave no reason".to_owned())
}
