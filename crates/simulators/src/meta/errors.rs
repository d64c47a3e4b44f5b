//! The errors Meta documents, and the body it wraps them in.
//!
//! Source: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes. The newest page no
//! longer prints HTTP statuses; those here are what it printed last. To add an error: add its line to [`DOCUMENTED`].

use std::borrow::Cow;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;

use crate::server::Reply;

use super::reply;

/// (code, HTTP status, title, details)
type Documented = (u32, u16, &'static str, &'static str);

const DOCUMENTED: &[Documented] = &[
    (0, 401, "AuthException", "We were unable to authenticate the app user."),
    (1, 400, "API Unknown", "Invalid request or possible server error."),
    (2, 503, "API Service", "Temporary due to downtime or due to being overloaded."),
    (3, 500, "API Method", "Capability or permissions issue."),
    (4, 400, "API Too Many Calls", "The app has reached its API call rate limit."),
    (10, 403, "Permission Denied", "Permission is either not granted or has been removed."),
    (33, 400, "Parameter value is not valid", "The business phone number has been deleted."),
    (100, 400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    (104, 401, "An access token is required to request this resource", ""),
    (190, 401, "Access token has expired", "Your access token has expired."),
    (
        368,
        403,
        "Temporarily blocked for policies violations",
        "The WhatsApp Business Account has been restricted or disabled for violating a platform policy.",
    ),
    (803, 404, "Object not found", "The requested object does not exist or is not accessible."),
    (2500, 400, "Unknown path components", ""),
    (80007, 400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    (130_403, 403, "Recipient is blocked", "The business has blocked this recipient."),
    (130_429, 429, "Rate limit hit", "Cloud API message throughput has been reached."),
    (130_472, 400, "User's number is part of an experiment", "Message was not sent as part of an experiment."),
    (
        130_497,
        403,
        "Business account is restricted from messaging users in this country.",
        "The WhatsApp Business Account is restricted from messaging to users in certain countries.",
    ),
    (131_000, 500, "Something went wrong", "Message failed to send due to an unknown error."),
    (131_005, 403, "Access denied", "Permission is either not granted or has been removed."),
    (131_008, 400, "Required parameter is missing", "The request is missing a required parameter."),
    (131_009, 400, "Parameter value is not valid", "One or more parameter values are invalid."),
    (131_016, 500, "Service unavailable", "A service is temporarily unavailable."),
    (131_021, 400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    (131_026, 400, "Message undeliverable", "Unable to deliver message."),
    (
        131_030,
        400,
        "Recipient phone number not in allowed list",
        "Add recipient phone number to recipient list and try again.",
    ),
    (
        131_031,
        403,
        "Business Account has been locked",
        "The WhatsApp Business Account has been restricted or disabled for violating a platform policy.",
    ),
    (
        131_037,
        400,
        "WhatsApp provided number needs display name approval before message can be sent.",
        "The number does not have an approved display name.",
    ),
    (131_042, 400, "Business eligibility payment issue", "There was an error related to your payment method."),
    (131_045, 500, "Incorrect certificate", "Message failed to send due to a phone number registration error."),
    (
        131_047,
        400,
        "Re-engagement message",
        "More than 24 hours have passed since the recipient last replied to the sender number.",
    ),
    (
        131_048,
        400,
        "Spam rate limit hit",
        "Message failed to send because there are restrictions on how many messages can be sent from this phone number.",
    ),
    (
        131_049,
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    (
        131_050,
        400,
        "User's marketing messages preference",
        "Unable to deliver the message. The recipient has chosen to stop receiving marketing messages on WhatsApp from your business.",
    ),
    (131_051, 400, "Unsupported message type", "Unsupported message type."),
    (131_052, 400, "Media download error", "Unable to download the media sent by the user."),
    (131_053, 400, "Media upload error", "Unable to upload the media used in the message."),
    (131_055, 400, "Method not allowed", "The method is not allowed for this number."),
    (
        131_056,
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages sent from the sender phone number to the same recipient phone number in a short period of time.",
    ),
    (131_057, 500, "Account in maintenance mode", "Business Account is in maintenance mode."),
    (
        131_062,
        400,
        "Business-scoped User ID (BSUID) recipients are not supported for this message.",
        "Use the recipient's phone number.",
    ),
    (131_063, 400, "Marketing templates are disabled for Cloud API.", "Use the Marketing Messages API for WhatsApp."),
    (
        131_064,
        400,
        "Message failed to send because of template classification violations.",
        "This account has reached its messaging limit.",
    ),
    (
        132_000,
        400,
        "Number of parameters does not match the expected number of params",
        "The number of variable parameter values included in the request did not match the number of variable parameters defined in the template.",
    ),
    (
        132_001,
        404,
        "Template name does not exist in the translation",
        "The template does not exist in the specified language or the template has not been approved.",
    ),
    (132_005, 400, "Translated text too long", "Translated text is too long."),
    (132_007, 400, "Template content policy violated", "Template content violates a WhatsApp policy."),
    (132_008, 400, "Template parameter value is invalid", "Variable parameter values formatted incorrectly."),
    (
        132_012,
        400,
        "Parameter format does not match format in the created template",
        "Variable parameter values formatted incorrectly.",
    ),
    (
        132_015,
        400,
        "Template is paused",
        "Template is paused due to low quality so it cannot be sent in a template message.",
    ),
    (
        132_016,
        400,
        "Template is disabled",
        "Template has been paused too many times due to low quality and is now permanently disabled.",
    ),
    (
        132_018,
        400,
        "There is an issue with the parameters in your template",
        "Param text cannot have new-line/tab characters or more than 4 consecutive spaces.",
    ),
    (132_068, 400, "Flow is in blocked state", "Flow is in blocked state."),
    (
        132_069,
        400,
        "Flow is in throttled state",
        "Flow is in throttled state and 10 messages using this flow were already sent in the last hour.",
    ),
    (133_004, 503, "Server Temporarily Unavailable", "Server is temporarily unavailable."),
    (133_010, 400, "Phone number not registered", "Phone number not registered on the WhatsApp Business Platform."),
    (
        133_016,
        400,
        "Account register or deregister rate limit hit",
        "Too many attempts for this phone number in a short period of time.",
    ),
    (134_100, 400, "Only marketing messages supported", "The template is not a marketing template."),
    (134_101, 400, "Template is syncing", "The template is still syncing; try again in 10 minutes."),
    (134_102, 400, "Template unavailable for use", "The template cannot be used."),
    (
        135_000,
        400,
        "Generic user error",
        "Message failed to send because of an unknown error with your request parameters.",
    ),
    (
        2_494_100,
        400,
        "Phone number in maintenance mode",
        "The business phone number is in maintenance mode. Try again in a few minutes.",
    ),
];

/// Title and details of a code; codes that are not documented get words of their own.
pub(crate) fn documented(code: u32) -> (u16, &'static str, &'static str) {
    let known = DOCUMENTED.iter().find(|known| known.0 == code);
    match (known, code) {
        (Some(&(_, status, title, details)), _) => (status, title, details),
        (None, 200..=299) => (403, "API Permission", "Permission is either not granted or has been removed."),
        (None, _) => (400, "Simulated error", "This code is not in the simulator's list."),
    }
}

/// A definite no.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: u32,
    pub(crate) subcode: Option<u32>,
    /// Overrides the documented HTTP status.
    pub(crate) status: Option<u16>,
    pub(crate) retry_after_s: Option<u64>,
    /// Overrides the documented details.
    pub(crate) details: Option<Cow<'static, str>>,
}

impl Refusal {
    pub(crate) fn new(code: u32) -> Self {
        Self { code, subcode: None, status: None, retry_after_s: None, details: None }
    }

    pub(crate) fn because(code: u32, details: impl Into<Cow<'static, str>>) -> Self {
        Self { details: Some(details.into()), ..Self::new(code) }
    }

    pub(crate) fn subcode(self, subcode: u32) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    pub(crate) fn reply(&self, trace: u64) -> Reply {
        let (status, title, details) = documented(self.code);
        let status = StatusCode::from_u16(self.status.unwrap_or(status)).unwrap_or(StatusCode::BAD_REQUEST);
        let details = self.details.as_deref().unwrap_or(details);
        let body = Body {
            error: Error {
                message: message(self.code, title, details),
                kind: if self.code == 803 { "GraphMethodException" } else { "OAuthException" },
                code: self.code,
                subcode: self.subcode,
                is_transient: matches!(self.code, 1 | 2 | 4).then_some(true),
                data: is_whatsapp(self.code).then_some(ErrorData { messaging_product: "whatsapp", details }),
                fbtrace_id: format!("A{trace:021x}"),
            },
        };
        let mut answer = reply::json(status, &body);
        self.advise(&mut answer);
        answer
    }

    /// Rate limits of an app or a WABA tell how much is used in headers; the rest of the advice is `Retry-After`.
    fn advise(&self, answer: &mut Reply) {
        let headers = answer.headers_mut();
        let minutes = self.retry_after_s.unwrap_or(60).div_ceil(60);
        match self.code {
            4 => {
                headers
                    .insert("x-app-usage", reply::header(r#"{"call_count":100,"total_time":25,"total_cputime":25}"#));
            }
            80_007 => {
                let usage = format!(
                    r#"{{"0":[{{"type":"whatsapp_business_account","call_count":100,"estimated_time_to_regain_access":{minutes}}}]}}"#
                );
                headers.insert("x-business-use-case-usage", reply::header(&usage));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
    }
}

/// Graph's own errors have no `error_data`.
fn is_whatsapp(code: u32) -> bool {
    !matches!(code, 0..=4 | 10 | 104 | 190 | 200..=299 | 803 | 2500)
}

fn message(code: u32, title: &str, details: &str) -> String {
    match code {
        104 | 190 | 2500 if details.is_empty() => title.to_owned(),
        190 | 2500 => details.to_owned(),
        100 | 803 if !details.is_empty() => format!("(#{code}) {details}"),
        _ => format!("(#{code}) {title}"),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    code: u32,
    #[serde(rename = "error_subcode", skip_serializing_if = "Option::is_none")]
    subcode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_transient: Option<bool>,
    #[serde(rename = "error_data", skip_serializing_if = "Option::is_none")]
    data: Option<ErrorData<'a>>,
    fbtrace_id: String,
}

#[derive(Serialize)]
struct ErrorData<'a> {
    messaging_product: &'static str,
    details: &'a str,
}
