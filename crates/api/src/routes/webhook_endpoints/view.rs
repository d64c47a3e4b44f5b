//! How endpoints and deliveries are shown.

use chrono::{DateTime, Utc};
use postroad_app::endpoints::{Attempt as TriedOnce, Endpoint as Stored, Shown};
use postroad_core::signature::standard::EndpointSecret;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::schema::{DeliveryStateWord, EndpointEventWord};

/// A tenant's own address that is told of what happens.
#[derive(Serialize, ToSchema)]
pub(super) struct Endpoint {
    #[schema(pattern = "^end_[0-9a-f]{32}$")]
    id: String,
    name: String,
    url: String,
    #[schema(value_type = Vec<EndpointEventWord>)]
    events: Vec<String>,
    enabled: bool,
    /// Why it was switched off by itself: `gone`, it answered 410.
    #[serde(skip_serializing_if = "Option::is_none")]
    off_reason: Option<String>,
    /// Rounds in a row in which nothing was delivered. 0: all is well.
    #[schema(minimum = 0)]
    failures: i32,
    /// Until when the secret before this one signs, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_secret_signs_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Endpoint {
    pub(super) fn of(stored: Stored) -> Self {
        let Stored { id, name, url, events, enabled, off_reason, former_until, failures, created_at, updated_at } =
            stored;
        Self {
            id: id.to_string(),
            name,
            url,
            events,
            enabled,
            off_reason,
            failures,
            former_secret_signs_until: former_until,
            created_at,
            updated_at,
        }
    }
}

/// An endpoint with its secret, which is never shown again.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointWithSecret {
    #[serde(flatten)]
    endpoint: Endpoint,
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    secret: String,
}

impl EndpointWithSecret {
    pub(super) fn of((stored, secret): (Stored, EndpointSecret)) -> Self {
        Self { endpoint: Endpoint::of(stored), secret: secret.reveal() }
    }
}

/// One event on its way to an endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct Delivery {
    /// The `webhook-id` of every attempt.
    #[schema(pattern = "^dlv_[0-9a-f]{32}$")]
    id: String,
    /// `automation`, or `test`.
    event: String,
    #[schema(value_type = DeliveryStateWord)]
    state: &'static str,
    /// What is sent, byte by byte.
    #[schema(value_type = Object)]
    body: Option<Box<RawValue>>,
    /// How often it was tried.
    #[schema(minimum = 0)]
    attempt_count: i32,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
    /// The last 20 attempts, newest first.
    attempts: Vec<Attempt>,
}

impl Delivery {
    pub(super) fn of((row, attempts): Shown) -> Self {
        Self {
            id: row.id.to_string(),
            event: row.event,
            state: row.state.as_str(),
            body: RawValue::from_string(row.body).ok(),
            attempt_count: row.attempts,
            due_at: row.due_at,
            created_at: row.created_at,
            ended_at: row.ended_at,
            attempts: attempts.into_iter().map(Attempt::of).collect(),
        }
    }
}

/// One call of an endpoint.
#[derive(Serialize, ToSchema)]
struct Attempt {
    /// Counted from 1.
    #[schema(minimum = 1)]
    n: i32,
    at: DateTime<Utc>,
    #[schema(minimum = 0)]
    duration_ms: i32,
    /// What the endpoint answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 999)]
    status: Option<i32>,
    /// Why there is no answer: see the guide on webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z_]+$")]
    failure: Option<String>,
    /// The beginning of what was answered, up to 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

impl Attempt {
    fn of(tried: TriedOnce) -> Self {
        let TriedOnce { n, at, duration_ms, status, failure, answer } = tried;
        Self { n, at, duration_ms, status, failure, answer }
    }
}
