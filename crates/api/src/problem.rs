//! Answers that are no success: RFC 9457, with a stable `code`. The only place that knows both our errors and HTTP.
//!
//! `code` is a contract, `detail` is prose. An internal cause is logged here, once, and told to nobody.

use std::{borrow::Cow, fmt::Display, time::Duration};

use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_core::{automation::Fault, ids::ContactId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::telling;

pub const CONTENT_TYPE: &str = "application/problem+json";

/// An answer that is no success.
#[derive(Debug, Clone)]
pub struct Problem(Box<Body>);

/// Why a request did not succeed (RFC 9457, served as `application/problem+json`).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A stable word for programs: codes are added, never changed.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$", example = "unauthorized")]
    code: &'static str,
    /// What this kind of problem is called.
    #[schema(value_type = String)]
    title: &'static str,
    /// What is wrong with this request, for people.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// Names this call in our log. Also in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^req_[0-9a-f]{32}$")]
    request_id: Option<String>,
    /// With `stale_timestamp`: our clock, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<i64>,
    /// With `insufficient_credit` and `allowance_exceeded`: what the wallet has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    /// With `allowance_exceeded`: what the member may still spend of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowance: Option<i64>,
    /// With `already_final`: where the message stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    state: Option<&'static str>,
    /// With `contact_merged`: the contact that it is part of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    merged_into: Option<String>,
    /// With `batch_refused`: why, of each message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<BatchError>,
    /// With `invalid_definition`: what is wrong with it, and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    faults: Vec<DefinitionFault>,
    /// Seconds, for `Retry-After`.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after_s: Option<u64>,
    /// For the request log and the metrics, where the caller is told less.
    #[serde(skip)]
    #[schema(ignore)]
    precisely: Option<&'static str>,
}

/// Why one message of a batch cannot be sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BatchError {
    /// Its place, from 0.
    #[schema(minimum = 0, maximum = 999)]
    pub index: usize,
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$")]
    pub code: &'static str,
    pub detail: String,
}

/// What is wrong with one part of an automation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DefinitionFault {
    /// A JSON pointer into the definition: `/actions/2/reply/text`.
    path: String,
    /// A stable word: see the guide on automations.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$")]
    code: &'static str,
    /// What to do about it.
    detail: String,
}

impl DefinitionFault {
    pub(crate) fn of(fault: &Fault) -> Self {
        Self { path: fault.path.clone(), code: fault.code.as_str(), detail: fault.fix.clone() }
    }
}

/// What the outer layers read of a problem in an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The precise code.
    pub(crate) code: &'static str,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Display) -> Self {
        Self(Box::new(Body {
            status: status.as_u16(),
            code,
            title,
            detail: Cow::Owned(detail.to_string()),
            request_id: None,
            server_time: None,
            balance: None,
            allowance: None,
            state: None,
            merged_into: None,
            errors: Vec::new(),
            faults: Vec::new(),
            retry_after_s: None,
            precisely: None,
        }))
    }

    /// 422: the request is understood, and what it asks for is not possible.
    pub fn invalid(code: &'static str, detail: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, "The request cannot be carried out", detail)
    }

    /// 404, the same for what does not exist and for what is somebody else's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", "there is nothing here that you may see")
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, code, "The request conflicts with how things stand", detail)
    }

    /// 503: it may work in a moment.
    pub fn unavailable() -> Self {
        let title = "Temporarily unavailable";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title, "try again in a moment").retry_after(1)
    }

    /// 500: the cause is ours. It is logged here and told to nobody.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(cause), "a request failed");
        Self::fault()
    }

    pub(crate) fn fault() -> Self {
        let title = "The server made a mistake";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, "the mistake is ours, and it is in our log")
    }

    /// Tries of strangers, of which too many came from one place.
    pub fn too_many_tries(detail: &str, wait: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", "Too many tries", detail);
        problem.retry_after(wait.as_secs() + 1)
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    pub fn with_errors(mut self, errors: Vec<BatchError>) -> Self {
        self.0.errors = errors;
        self
    }

    #[must_use]
    pub(crate) fn with_faults(mut self, faults: Vec<DefinitionFault>) -> Self {
        self.0.faults = faults;
        self
    }

    /// Credits that are left.
    #[must_use]
    pub fn with_balance(mut self, balance: i64) -> Self {
        self.0.balance = Some(balance);
        self
    }

    #[must_use]
    pub fn with_allowance(mut self, allowance: i64) -> Self {
        self.0.allowance = Some(allowance);
        self
    }

    #[must_use]
    pub fn with_state(mut self, state: &'static str) -> Self {
        self.0.state = Some(state);
        self
    }

    /// 409: the contact is part of another, which is named.
    pub fn merged(into: ContactId) -> Self {
        let mut problem = Self::conflict("contact_merged", format_args!("the contact is part of {into} now"));
        problem.0.merged_into = Some(into.to_string());
        problem
    }

    /// Unix seconds.
    #[must_use]
    pub(crate) fn with_server_time(mut self, server_time: i64) -> Self {
        self.0.server_time = Some(server_time);
        self
    }

    /// The code for our log, where the caller gets a vaguer one.
    #[must_use]
    pub(crate) fn precisely(mut self, code: &'static str) -> Self {
        self.0.precisely = Some(code);
        self
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.0.code
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.0.status == StatusCode::UNAUTHORIZED
    }

    fn headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.is_unauthorized() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("POSTROAD-HMAC-SHA256-V1"));
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.0.request_id = telling::call_id().map(|id| id.to_string());
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.0)).into_response();
        self.headers(&mut response);
        response.extensions_mut().insert(Told { code: self.0.precisely.unwrap_or(self.0.code) });
        response
    }
}

impl From<postroad_store::Error> for Problem {
    fn from(error: postroad_store::Error) -> Self {
        match error {
            postroad_store::Error::OutOfSight => {
                Self::new(StatusCode::FORBIDDEN, "out_of_sight", "You do not see this", error)
            }
            postroad_store::Error::NulCharacter => Self::invalid("nul_character", error),
            error if error.is_unavailable() => {
                tracing::warn!(error = %chain(&error), "the database is not available");
                Self::unavailable()
            }
            error => Self::internal(&error),
        }
    }
}

impl From<postroad_app::secrets::SecretError> for Problem {
    fn from(error: postroad_app::secrets::SecretError) -> Self {
        match error {
            postroad_app::secrets::SecretError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

pub(crate) async fn no_such_route() -> Problem {
    Problem::not_found()
}

pub(crate) async fn method_not_allowed(request: Request) -> Problem {
    let title = "The method is not allowed";
    let detail = format!("{} is not possible here", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", title, detail)
}

/// `X-Request-Id`: names the call in our log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident => { $($status:literal $what:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                [$(($status, $what)),+].into_iter().map(|(status, what)| (status.to_owned(), described(what))).collect()
            }
        }
    )+};
}

problems! {
    /// What any signed route may answer beside its success.
    Refusals => {
        "401" "The signature, its key or its time is not accepted",
        "403" "The client lacks the scope that this route needs, or sees a part only of what it is about",
        "404" "There is nothing here that the client may see",
        "408" "The body took too long to arrive",
        "413" "The body is larger than one mebibyte",
        "415" "The body is not plain application/json",
        "422" "The request is understood, and what it asks for is not possible",
        "429" "Too many requests; Retry-After tells when to come again",
        "500" "A mistake of ours",
        "503" "The database is away; Retry-After tells when to come again",
    }
    /// What any route about one contact may answer beside that.
    Merged => {
        "409" "The contact is part of another: `merged_into` names it",
    }
    /// What a write may answer beside that.
    Conflicts => {
        "402" "The tenant's credit, or the member's allowance, does not cover it",
        "409" "The request id was used for something else, or things stand differently",
    }
    /// What routes of people may answer beside their success.
    SignInRefusals => {
        "401" "Nobody is signed in, or the password is wrong",
        "403" "The request comes from a stranger's page, or sign-up is closed",
        "404" "There is nothing here that you may see",
        "409" "Things stand differently",
        "413" "The body is larger than 16 KiB",
        "415" "The body is not plain application/json",
        "422" "The request is understood, and what it asks for is not possible",
        "429" "Too many wrong passwords; Retry-After tells when to come again",
        "500" "A mistake of ours",
        "503" "Too many sign in at this moment, or the database is away; Retry-After tells when to come again",
    }
    /// What an open route may answer when the database is away.
    Unavailable => {
        "500" "A mistake of ours",
        "503" "The database is away; Retry-After tells when to come again",
    }
}

fn described(what: &str) -> utoipa::openapi::RefOr<utoipa::openapi::Response> {
    use utoipa::openapi;
    let schema = openapi::Ref::from_schema_name("Problem");
    openapi::ResponseBuilder::new()
        .description(what)
        .content(CONTENT_TYPE, openapi::ContentBuilder::new().schema(Some(schema)).build())
        .build()
        .into()
}
