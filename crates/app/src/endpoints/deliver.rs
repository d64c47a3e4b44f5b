//! From something to tell to what became of it. A delivery is a row that is written with what it tells of; jobs are wake-ups.
//!
//! Who takes deliveries has them until a lease ends, so a worker that dies after the call makes the next one call again: never
//! lost, at times told twice, under the same id. An endpoint that answers nothing rests, and is then tried with one delivery.

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Request, header};
use postroad_core::{
    endpoint::{Answered, DeliveryState, again_at, ends_at, rest},
    ids::{DeliveryId, EndpointId, TenantId},
    jobs::Deliver,
    limits::{DELIVERIES_AT_ONCE, DELIVERY_LEASE},
    signature::standard::{self, EndpointSecret},
};
use postroad_store::{
    Error, SystemTx, TenantTx,
    deliveries::{self, Attempt, New, Taken},
    endpoints::{self as stored, Held, Pulse},
    queue,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::place;
use crate::{App, secrets::SecretError};

/// The event that means nothing.
pub(crate) const TEST: &str = "test";

/// Writes a delivery and its wake-up, in the transaction of what it tells of. None: the endpoint is not there, is off, or wants
/// no such events.
pub(crate) async fn tell(
    tx: &mut TenantTx,
    endpoint: EndpointId,
    (event, data): (&str, Value),
    now: DateTime<Utc>,
) -> Result<Option<DeliveryId>, Error> {
    let id = DeliveryId::new(now);
    let body = json!({"type": event, "id": id, "timestamp": now, "data": data}).to_string();
    let new = New { id, endpoint, event, body: &body, ends_at: ends_at(now) };
    if !deliveries::insert(tx, &new, now).await? {
        return Ok(None);
    }
    let tenant = tx.tenant();
    queue::push(tx, &Deliver { tenant, endpoint, first: id, at: now.timestamp_millis() }, now).await?;
    Ok(Some(id))
}

/// What there is to do for an endpoint.
pub enum Taking {
    /// Nothing is due, or it is off or gone.
    Nothing,
    /// Somebody is calling it, or it answered nothing lately.
    Resting {
        until: DateTime<Utc>,
    },
    Round(Round),
}

/// Deliveries that are called at once, and settled together.
pub struct Round {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    pub url: String,
    pub deliveries: Vec<Taken>,
    failures: i32,
    secrets: Vec<EndpointSecret>,
}

impl Round {
    /// What is sent at `now`.
    pub fn request(&self, delivery: &Taken, now: DateTime<Utc>) -> Result<Request<Vec<u8>>, http::Error> {
        let (id, timestamp) = (delivery.id.to_string(), now.timestamp());
        let signature = standard::sign(&id, timestamp, &delivery.body, &self.secrets);
        let mut signature = HeaderValue::try_from(signature)?;
        signature.set_sensitive(true);
        Request::post(self.url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(standard::ID, id)
            .header(standard::TIMESTAMP, timestamp)
            .header(standard::SIGNATURE, signature)
            .body(delivery.body.clone().into_bytes())
    }
}

/// Takes what is due. Whoever takes it settles it before the lease ends.
pub async fn take(app: &App, tenant: TenantId, endpoint: EndpointId) -> Result<Taking, SecretError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(held) = stored::lock(&mut tx, endpoint).await?.filter(|held| held.enabled) else {
        return Ok(Taking::Nothing);
    };
    if let Some(until) = held.rests_until.filter(|until| *until > now) {
        return Ok(Taking::Resting { until });
    }
    let lease_ends = now + DELIVERY_LEASE;
    let at_once = if held.failures > 0 { 1 } else { DELIVERIES_AT_ONCE };
    let taken = deliveries::take(&mut tx, endpoint, at_once, (now, lease_ends)).await?;
    if taken.is_empty() {
        return Ok(Taking::Nothing);
    }
    let pulse = Pulse { failures: held.failures, rests_until: Some(lease_ends), is_gone: false };
    stored::note(&mut tx, endpoint, pulse, now).await?;
    let secrets = secrets(app, &mut tx, endpoint, &held, now).await?;
    tx.commit().await?;
    let round = Round { tenant, endpoint, url: held.url, deliveries: taken, failures: held.failures, secrets };
    Ok(Taking::Round(round))
}

/// The secret, and the one before for as long as it signs too.
async fn secrets(
    app: &App,
    tx: &mut TenantTx,
    endpoint: EndpointId,
    held: &Held,
    now: DateTime<Utc>,
) -> Result<Vec<EndpointSecret>, SecretError> {
    let former = held.former_secret.as_ref().filter(|_| held.former_until.is_some_and(|until| now < until));
    let sealed = [(held.secret_version, Some(&held.secret)), (held.secret_version - 1, former)];
    let mut secrets = Vec::with_capacity(sealed.len());
    for (version, sealed) in sealed {
        let Some(sealed) = sealed else { continue };
        let tenant = tx.tenant();
        let opened = app.keyring.open(tx, tenant, &place(endpoint, version), sealed).await?;
        secrets.push(EndpointSecret::parse(opened.expose_secret()).map_err(|_| SecretError::Malformed)?);
    }
    Ok(secrets)
}

/// What came of one call.
#[derive(Debug, Clone)]
pub struct Tried {
    pub at: DateTime<Utc>,
    pub duration_ms: i32,
    pub status: Option<u16>,
    /// Why there is no answer.
    pub failure: Option<&'static str>,
    /// The beginning of what was answered, without U+0000, up to 1 KiB.
    pub answer: Option<String>,
}

/// Writes down what came of a round, by the place of its deliveries, and says when the endpoint is looked at next.
pub async fn settle(app: &App, round: &Round, tried: Vec<Tried>) -> Result<Vec<DeliveryState>, Error> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, round.tenant).await?;
    // It may have been taken away meanwhile, with its deliveries.
    if stored::lock(&mut tx, round.endpoint).await?.is_none() {
        return Ok(Vec::new());
    }
    let answered: Vec<Answered> = tried.iter().map(|one| Answered::of(one.status)).collect();
    let mut states = Vec::with_capacity(tried.len());
    for ((delivery, one), answered) in round.deliveries.iter().zip(tried).zip(&answered) {
        deliveries::insert_attempt(&mut tx, delivery.id, &attempt(delivery, one)).await?;
        let (state, due_at) = fate(delivery, *answered, now);
        deliveries::settle(&mut tx, (delivery.id, delivery.attempt), state, due_at, now).await?;
        states.push(state);
    }
    stored::note(&mut tx, round.endpoint, pulse(round, &answered, now), now).await?;
    go_on(&mut tx, round.endpoint, now).await?;
    tx.commit().await?;
    Ok(states)
}

fn attempt(delivery: &Taken, tried: Tried) -> Attempt {
    Attempt {
        n: delivery.attempt,
        at: tried.at,
        duration_ms: tried.duration_ms,
        status: tried.status.map(i32::from),
        failure: tried.failure.map(str::to_owned),
        answer: tried.answer,
    }
}

fn fate(delivery: &Taken, answered: Answered, now: DateTime<Utc>) -> (DeliveryState, Option<DateTime<Utc>>) {
    let attempt = u32::try_from(delivery.attempt - delivery.tried_before).unwrap_or_default();
    let (_, seed) = delivery.id.uuid().as_u64_pair();
    match answered {
        Answered::Yes => (DeliveryState::Delivered, None),
        Answered::Gone => (DeliveryState::Gone, None),
        Answered::No => match again_at(attempt, now, delivery.ends_at, seed) {
            Some(at) => (DeliveryState::Waiting, Some(at)),
            None => (DeliveryState::Failed, None),
        },
    }
}

fn pulse(round: &Round, answered: &[Answered], now: DateTime<Utc>) -> Pulse {
    let is_gone = answered.contains(&Answered::Gone);
    if is_gone || answered.contains(&Answered::Yes) {
        return Pulse { failures: 0, rests_until: None, is_gone };
    }
    let failures = round.failures.saturating_add(1);
    let rest = rest(u32::try_from(failures).unwrap_or_default());
    Pulse { failures, rests_until: Some(now + rest), is_gone }
}

/// A wake-up for when something is due next and the endpoint does not rest. To be called after what changes either.
pub(super) async fn go_on(tx: &mut TenantTx, endpoint: EndpointId, now: DateTime<Utc>) -> Result<(), Error> {
    let Some(held) = stored::lock(tx, endpoint).await?.filter(|held| held.enabled) else { return Ok(()) };
    let Some((first, due_at)) = deliveries::next_due(tx, endpoint).await? else { return Ok(()) };
    let at = held.rests_until.map_or(due_at, |until| until.max(due_at)).max(now);
    let tenant = tx.tenant();
    queue::push(tx, &Deliver { tenant, endpoint, first, at: at.timestamp_millis() }, at).await
}

/// Deliveries that were due so long ago have lost their wake-up.
const LATE: TimeDelta = TimeDelta::seconds(3);
/// A job that a sweep wrote stands for so many seconds: a long queue must not grow longer.
const WOKEN_EVERY_MS: i64 = 15_000;
/// Whoever takes one at the last moment may still settle it.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::minutes(10);
/// Deliveries one sweep looks at.
const SWEPT_MAX: i64 = 1_000;

/// Queues whoever tells endpoints that nobody tells, and ends what waited for an endpoint that stayed off; returns how many
/// were queued.
pub async fn wake(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let at = now.timestamp_millis() / WOKEN_EVERY_MS * WOKEN_EVERY_MS;
    let mut tx = SystemTx::begin(&app.store).await?;
    deliveries::give_up(&mut tx, now - GIVEN_UP_AFTER, SWEPT_MAX, now).await?;
    let late = deliveries::late(&mut tx, now - LATE, SWEPT_MAX, now).await?;
    let job = |one: &deliveries::Late| Deliver { tenant: one.tenant, endpoint: one.endpoint, first: one.first, at };
    let jobs: Vec<Deliver> = late.iter().map(job).collect();
    if !jobs.is_empty() {
        queue::push_all(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    Ok(jobs.len())
}
