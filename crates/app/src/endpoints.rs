//! Tenants' own addresses: made, changed, asked to answer a test, and what was delivered to them.
//!
//! An address is read by the rules of egress when it is written down, and again when it is called. Its secret is shown once and
//! sealed in its row. Deliberately absent: calling, which is the worker's.

mod deliver;

use chrono::{DateTime, Utc};
use postroad_core::{
    egress::Refused,
    endpoint::{self, DeliveryState, EndpointEvent},
    ids::{DeliveryId, EndpointId, TenantId},
    limits::{ENDPOINTS_MAX, FORMER_SECRET_SIGNS},
    signature::standard::EndpointSecret,
};
use postroad_store::{
    Error, TenantTx,
    deliveries::{self, again as send_again},
    endpoints as stored,
};
pub use postroad_store::{
    deliveries::{Again, Attempt, Delivery, Taken},
    endpoints::Endpoint,
};
use secrecy::SecretString;
use serde_json::json;

pub use deliver::{Round, Taking, Tried, settle, take, wake};
pub(crate) use deliver::{TEST, tell};

use crate::{
    App,
    secrets::{Place, SecretError},
    text,
};

/// Why something is not done to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("there is no such endpoint")]
    NotFound,
    #[error("the endpoint has no such delivery that has ended")]
    UnknownDelivery,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another endpoint has this name")]
    NameTaken,
    #[error(transparent)]
    Url(#[from] Refused),
    #[error("events names nothing that the endpoint would be told of")]
    Events,
    #[error("there are {ENDPOINTS_MAX} endpoints, and that is the most")]
    TooMany,
    #[error("the endpoint is switched off")]
    Off,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for EndpointError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "webhook_endpoints_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

type Result<T, E = EndpointError> = std::result::Result<T, E>;

#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// 1 to 100 characters, unique whatever its case.
    pub name: String,
    pub url: String,
    /// Not empty.
    pub events: Vec<EndpointEvent>,
    pub enabled: bool,
}

/// Makes it. Its secret is in the answer and nowhere else in the clear.
pub async fn create(app: &App, tenant: TenantId, new: NewEndpoint) -> Result<(Endpoint, EndpointSecret)> {
    let now = app.clock.now();
    let id = EndpointId::new(now);
    let made = Endpoint {
        id,
        name: fitting(&new.name)?,
        url: app.egress.check(&new.url)?.into(),
        events: words(&new.events)?,
        enabled: new.enabled,
        off_reason: None,
        former_until: None,
        failures: 0,
        created_at: now,
        updated_at: now,
    };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let (secret, sealed) = new_secret(app, &mut tx, id, 1, now).await?;
    if !stored::insert(&mut tx, &made, &sealed, ENDPOINTS_MAX).await? {
        return Err(EndpointError::TooMany);
    }
    tx.commit().await?;
    Ok((made, secret))
}

/// A page, newest first.
pub async fn list(app: &App, tenant: TenantId, after: Option<EndpointId>, limit: i64) -> Result<Vec<Endpoint>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, (None, after), limit).await?)
}

pub async fn get(app: &App, tenant: TenantId, id: EndpointId) -> Result<Endpoint> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)
}

/// What changes of one.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    pub name: Option<String>,
    pub url: Option<String>,
    pub events: Option<Vec<EndpointEvent>>,
    pub enabled: Option<bool>,
}

/// Changes it from now on; deliveries that wait go to the new address. An endpoint that rested is tried at once.
pub async fn update(app: &App, tenant: TenantId, id: EndpointId, change: EndpointChange) -> Result<Endpoint> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let _held = stored::lock(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    let mut changed = stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    if let Some(name) = change.name {
        changed.name = fitting(&name)?;
    }
    if let Some(url) = change.url {
        changed.url = app.egress.check(&url)?.into();
    }
    if let Some(events) = change.events {
        changed.events = words(&events)?;
    }
    changed.enabled = change.enabled.unwrap_or(changed.enabled);
    changed.updated_at = now;
    stored::update(&mut tx, &changed).await?;
    deliver::go_on(&mut tx, id, now).await?;
    let changed = stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Takes it away with all its deliveries. Automations that name it go on, and tell that it is not there.
pub async fn delete(app: &App, tenant: TenantId, id: EndpointId) -> Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !stored::delete(&mut tx, id).await? {
        return Err(EndpointError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// A new secret. The one before signs beside it for a day, so that a receiver can change over.
pub async fn rotate_secret(app: &App, tenant: TenantId, id: EndpointId) -> Result<(Endpoint, EndpointSecret)> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let held = stored::lock(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    let version = held.secret_version + 1;
    let (secret, sealed) = new_secret(app, &mut tx, id, version, now).await?;
    stored::rotate(&mut tx, id, (&sealed, version), now + FORMER_SECRET_SIGNS, now).await?;
    let endpoint = stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    tx.commit().await?;
    Ok((endpoint, secret))
}

/// Tells it something that means nothing, to see whether it answers.
pub async fn test(app: &App, tenant: TenantId, id: EndpointId) -> Result<DeliveryId> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    let told = tell(&mut tx, id, (TEST, json!({"endpoint_id": id})), now).await?;
    let told = told.ok_or(EndpointError::Off)?;
    tx.commit().await?;
    Ok(told)
}

/// Attempts of one delivery that are shown.
const ATTEMPTS_SHOWN: i64 = 20;

/// A delivery and its last attempts, newest first.
pub type Shown = (Delivery, Vec<Attempt>);

/// A page, newest first.
pub async fn list_deliveries(
    app: &App,
    (tenant, id): (TenantId, EndpointId),
    (state, after): (Option<DeliveryState>, Option<DeliveryId>),
    limit: i64,
) -> Result<Vec<Shown>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    let rows = deliveries::list(&mut tx, id, (state, after), limit).await?;
    let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
    let mut attempts = deliveries::attempts(&mut tx, &ids, ATTEMPTS_SHOWN).await?;
    let of = |row: Delivery| {
        let (own, others) = std::mem::take(&mut attempts).into_iter().partition(|(id, _)| *id == row.id);
        attempts = others;
        (row, Vec::into_iter(own).map(|(_, attempt)| attempt).collect())
    };
    Ok(rows.into_iter().map(of).collect())
}

/// Deliveries that one call sends again.
pub const AGAIN_MAX: i64 = 1_000;

/// Sends ended deliveries again, under the ids that they had; how many, at most [`AGAIN_MAX`].
pub async fn replay(app: &App, tenant: TenantId, id: EndpointId, which: Again) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let held = stored::lock(&mut tx, id).await?.ok_or(EndpointError::NotFound)?;
    if !held.enabled {
        return Err(EndpointError::Off);
    }
    let chosen = send_again(&mut tx, id, which, AGAIN_MAX, (now, endpoint::ends_at(now))).await?;
    if chosen.is_empty() && matches!(which, Again::This(_)) {
        return Err(EndpointError::UnknownDelivery);
    }
    deliver::go_on(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(chosen.len())
}

fn fitting(name: &str) -> Result<String> {
    let name = name.trim();
    text::fits(name, 1..=100).then(|| name.to_owned()).ok_or(EndpointError::Name)
}

fn words(events: &[EndpointEvent]) -> Result<Vec<String>> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup();
    if events.is_empty() { Err(EndpointError::Events) } else { Ok(events.iter().map(ToString::to_string).collect()) }
}

async fn new_secret(
    app: &App,
    tx: &mut TenantTx,
    id: EndpointId,
    version: i32,
    now: DateTime<Utc>,
) -> Result<(EndpointSecret, String)> {
    let secret = EndpointSecret::generate(&mut rand::rng());
    let sealed = app.keyring.seal(tx, &place(id, version), &SecretString::from(secret.reveal()), now).await?;
    Ok((secret, sealed))
}

/// Of one version: the former secret stays what it was when it moves to its column.
fn place(id: EndpointId, version: i32) -> Place {
    Place::new("webhook_endpoints", "secret", format_args!("{}/{version}", id.uuid()))
}
