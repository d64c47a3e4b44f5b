//! Calls of the API: each is carried out once under its request id, and each leaves a line in the log.

mod log;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{
    actor::Actor,
    ids::{ClientId, MemberId, TenantId},
};
use postroad_store::{
    TenantTx,
    idempotency::{self, Once, Reserved, Stored},
    messages::Reach,
};
use serde::Serialize;
use serde_json::Value;

pub use log::{RequestLog, list};

use crate::{App, quota::Quota};

/// Who calls, and what the call is known by.
#[derive(Debug, Clone)]
pub struct Call {
    pub tenant: TenantId,
    /// The program; of a person, their member id: it keeps their request ids apart.
    pub client: ClientId,
    /// The person who is signed in, if it is one.
    pub member: Option<MemberId>,
    /// False: a test key, which reaches the sandbox and nobody else.
    pub live: bool,
    pub daily_quota: Option<i64>,
    /// In which the quota's day begins.
    pub zone: Tz,
    /// The client's name for what it wants, equal in every repetition.
    pub request_id: String,
    /// Lower-case hex.
    pub body_sha256: String,
    /// Method and path: the same id on another route is another wish.
    pub route: String,
}

impl Call {
    /// Of whoever has the machine: sees everything of a tenant, and asks once by other means.
    pub const fn operator(tenant: TenantId) -> Self {
        Self {
            tenant,
            client: ClientId::from_uuid(uuid::Uuid::nil()),
            member: None,
            live: true,
            daily_quota: None,
            zone: Tz::UTC,
            request_id: String::new(),
            body_sha256: String::new(),
            route: String::new(),
        }
    }

    /// As histories name it.
    pub fn actor(&self) -> Actor {
        self.member.map_or(Actor::Client(self.client), Actor::Member)
    }

    pub const fn reach(&self) -> Reach {
        if self.live { Reach::All } else { Reach::SandboxOnly }
    }

    pub fn quota(&self) -> Option<Quota> {
        self.daily_quota.map(|daily| Quota { client: self.client, daily, zone: self.zone })
    }

    fn once(&self) -> Once<'_> {
        Once { client: self.client, request_id: &self.request_id, body_sha256: &self.body_sha256, route: &self.route }
    }
}

/// Why a call is not carried out under its request id.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    #[error("the request id was used for another request")]
    Reused,
    #[error("the same request is being carried out")]
    InProgress,
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// What a call is answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    pub body: Value,
    /// It was carried out before; this is what was answered then.
    pub replayed: bool,
}

/// A call that nobody carried out yet, with the transaction in which it will be. Dropped, it never happened.
pub struct Open<'a> {
    pub tx: TenantTx,
    pub now: DateTime<Utc>,
    call: &'a Call,
}

pub enum Opened<'a> {
    New(Open<'a>),
    Answered(Answer),
}

/// Begins a call, or finds its answer. Waits a moment for a repetition that is under way.
pub async fn open<'a>(app: &App, call: &'a Call) -> Result<Opened<'a>, OnceError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin_hot(&app.store, call.tenant).await?;
    match idempotency::reserve(&mut tx, &call.once(), now).await? {
        Reserved::Fresh => Ok(Opened::New(Open { tx, now, call })),
        Reserved::Answered(stored) if is_same(call, &stored) => Ok(Opened::Answered(Answer {
            status: u16::try_from(stored.status).unwrap_or(500),
            body: stored.answer,
            replayed: true,
        })),
        Reserved::Answered(_) => Err(OnceError::Reused),
        Reserved::Busy => Err(OnceError::InProgress),
    }
}

fn is_same(call: &Call, stored: &Stored) -> bool {
    stored.body_sha256 == call.body_sha256 && stored.route == call.route
}

impl Open<'_> {
    /// Commits what the call did together with its answer.
    pub async fn close(mut self, status: u16, body: &impl Serialize) -> postroad_store::Result<Answer> {
        let body = serde_json::to_value(body)?;
        let stored = i16::try_from(status).unwrap_or(500);
        idempotency::answer(&mut self.tx, &self.call.once(), stored, &body).await?;
        self.tx.commit().await?;
        Ok(Answer { status, body, replayed: false })
    }
}
