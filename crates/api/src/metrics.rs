//! Counts of the API. Labels come from our routes and words, never from what a caller sends.

use std::{sync::LazyLock, time::Duration};

use axum::http::{Method, StatusCode};
use prometheus::{HistogramVec, IntCounterVec, TextEncoder, register_histogram_vec, register_int_counter_vec};

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("postroad_api_requests_total", "Requests answered", &["route", "method", "code"])
        .expect("the metric is registered once")
});
static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "postroad_api_request_duration_seconds",
        "Time from the request's head to the answer's head",
        &["route", "method", "code"],
        vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]
    )
    .expect("the metric is registered once")
});
static AUTH_FAILURES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let failures = register_int_counter_vec!(
        "postroad_api_auth_failures_total",
        "Requests that were refused before a handler saw them",
        &["reason"]
    )
    .expect("the metric is registered once");
    for reason in AuthFailure::ALL {
        failures.with_label_values(&[reason.as_str()]).reset();
    }
    failures
});

/// Why a caller was turned away, precisely: for the metrics and the request log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    Malformed,
    StaleTimestamp,
    UnknownKey,
    BadSignature,
    KeyRevoked,
    KeyNotValidYet,
    KeyExpired,
    ClientDisabled,
    IpDenied,
    MissingScope,
    /// The route is about everybody.
    SeesAPart,
    RateLimited,
    IpRateLimited,
    WrongCredentials,
    NotSignedIn,
    ForeignPage,
    SecondFactorRequired,
}

impl AuthFailure {
    const ALL: [Self; 17] = [
        Self::Malformed,
        Self::StaleTimestamp,
        Self::UnknownKey,
        Self::BadSignature,
        Self::KeyRevoked,
        Self::KeyNotValidYet,
        Self::KeyExpired,
        Self::ClientDisabled,
        Self::IpDenied,
        Self::MissingScope,
        Self::SeesAPart,
        Self::RateLimited,
        Self::IpRateLimited,
        Self::WrongCredentials,
        Self::NotSignedIn,
        Self::ForeignPage,
        Self::SecondFactorRequired,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::StaleTimestamp => "stale_timestamp",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::KeyRevoked => "key_revoked",
            Self::KeyNotValidYet => "key_not_valid_yet",
            Self::KeyExpired => "key_expired",
            Self::ClientDisabled => "client_disabled",
            Self::IpDenied => "ip_denied",
            Self::MissingScope => "missing_scope",
            Self::SeesAPart => "sees_a_part",
            Self::RateLimited => "rate_limited",
            Self::IpRateLimited => "ip_rate_limited",
            Self::WrongCredentials => "wrong_credentials",
            Self::NotSignedIn => "not_signed_in",
            Self::ForeignPage => "foreign_page",
            Self::SecondFactorRequired => "second_factor_required",
        }
    }

    pub(crate) fn count(self) {
        AUTH_FAILURES.with_label_values(&[self.as_str()]).inc();
    }
}

pub(crate) fn count(route: &str, method: &str, status: StatusCode, took: Duration) {
    let labels = [route, method, status.as_str()];
    REQUESTS.with_label_values(&labels).inc();
    DURATION.with_label_values(&labels).observe(took.as_secs_f64());
}

/// A method as a label: strangers invent methods.
pub(crate) fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The default registry as Prometheus reads it.
pub(crate) fn text() -> Result<String, prometheus::Error> {
    LazyLock::force(&AUTH_FAILURES);
    postroad_app::live::metrics::register();
    TextEncoder::new().encode_to_string(&prometheus::gather())
}
