//! Programs that may call the API: what they may do, and the keys they sign with.
//!
//! A client has at most two keys at once: rotating is to make the second, switch, and revoke the first. The secret is
//! shown once and sealed at rest.

mod keys;

use std::str::FromStr;

use chrono_tz::Tz;
use data_encoding::BASE32_NOPAD;
use postroad_core::{
    cidr::{AllowList, CidrError},
    ids::{ClientId, TenantId},
    scope::Scope,
    signature::Secret,
};
use postroad_store::{
    TenantTx,
    clients::{self, ClientRow, KeyRow},
};
use secrecy::SecretString;

pub use keys::{Keys, Known};

use crate::{
    App,
    secrets::{Place, SecretError},
};

/// Keys of one client that open the door at once.
pub const KEYS_MAX: i64 = 2;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=200;
const RATE_PER_S: std::ops::RangeInclusive<f64> = 0.01..=100_000.0;
const BURST: std::ops::RangeInclusive<u32> = 1..=100_000;
const QUOTA: std::ops::RangeInclusive<i64> = 1..=1_000_000_000;

/// What a client is allowed. `Default` may send and read messages, ten calls a second, from anywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Networks it may call from. Empty: anywhere.
    pub cidrs: Vec<String>,
    /// Calls per second, 0.01 to 100,000.
    pub rate_per_s: f64,
    /// 1 to 100,000.
    pub rate_burst: u32,
    /// Messages per day in its zone.
    pub daily_quota: Option<i64>,
    pub time_zone: String,
    pub is_active: bool,
}

impl Default for Grant {
    fn default() -> Self {
        Self {
            name: "API client".to_owned(),
            scopes: vec![Scope::MessagesSend, Scope::MessagesRead],
            cidrs: Vec::new(),
            rate_per_s: 10.0,
            rate_burst: 20,
            daily_quota: None,
            time_zone: "UTC".to_owned(),
            is_active: true,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("there is no such client")]
    NotFound,
    #[error("the name has {chars} characters, and 1 to 200 are possible")]
    Name { chars: usize },
    #[error("{0}")]
    Network(#[from] CidrError),
    #[error("{what} is out of range")]
    OutOfRange { what: &'static str },
    #[error("{zone:?} is not a time zone")]
    TimeZone { zone: String },
    #[error("the client has {KEYS_MAX} keys already; revoke one first")]
    TooManyKeys,
    #[error("the client has no such key")]
    NoSuchKey,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// A key and its secret, which nobody can show again.
pub struct NewKey {
    pub key: KeyRow,
    pub secret: Secret,
}

/// Makes a client without keys. `live` cannot change later: test keys stay test keys.
pub async fn create(app: &App, tenant: TenantId, live: bool, grant: &Grant) -> Result<ClientRow, ClientError> {
    let now = app.clock.now();
    let client = row(ClientId::new(now), live, grant, now)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    clients::insert(&mut tx, &client).await?;
    tx.commit().await?;
    Ok(client)
}

/// Changes what a client is allowed, at once.
pub async fn update(app: &App, tenant: TenantId, id: ClientId, grant: &Grant) -> Result<ClientRow, ClientError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let old = clients::get_for_update(&mut tx, id).await?.ok_or(ClientError::NotFound)?;
    let client = row(id, old.live, grant, old.created_at)?;
    clients::update(&mut tx, &client).await?;
    tx.commit().await?;
    Ok(client)
}

fn row(
    id: ClientId,
    live: bool,
    grant: &Grant,
    created_at: chrono::DateTime<chrono::Utc>,
) -> Result<ClientRow, ClientError> {
    let mut scopes = grant.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let networks = AllowList::parse(grant.cidrs.iter().map(String::as_str))?;
    check(grant)?;
    Ok(ClientRow {
        id,
        name: grant.name.clone(),
        live,
        scopes: scopes.iter().map(ToString::to_string).collect(),
        cidrs: networks.networks().iter().map(ToString::to_string).collect(),
        rate_per_s: grant.rate_per_s,
        rate_burst: i32::try_from(grant.rate_burst).unwrap_or(i32::MAX),
        daily_quota: grant.daily_quota,
        time_zone: grant.time_zone.clone(),
        status: if grant.is_active { "active" } else { "disabled" }.to_owned(),
        created_at,
    })
}

fn check(grant: &Grant) -> Result<(), ClientError> {
    let chars = grant.name.chars().count();
    if !NAME_CHARS.contains(&chars) {
        return Err(ClientError::Name { chars });
    }
    let in_range = [
        ("rate_per_s", RATE_PER_S.contains(&grant.rate_per_s)),
        ("rate_burst", BURST.contains(&grant.rate_burst)),
        ("daily_quota", grant.daily_quota.is_none_or(|quota| QUOTA.contains(&quota))),
    ];
    if let Some((what, _)) = in_range.into_iter().find(|(_, fits)| !fits) {
        return Err(ClientError::OutOfRange { what });
    }
    match Tz::from_str(&grant.time_zone) {
        Ok(_) => Ok(()),
        Err(_) => Err(ClientError::TimeZone { zone: grant.time_zone.chars().take(60).collect() }),
    }
}

/// Up to `limit` clients, newest first, older than `after`.
pub async fn list(
    app: &App,
    tenant: TenantId,
    after: Option<ClientId>,
    limit: i64,
) -> Result<Vec<ClientRow>, ClientError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(clients::list(&mut tx, after, limit).await?)
}

/// A client with its keys, newest first.
pub async fn get(app: &App, tenant: TenantId, id: ClientId) -> Result<(ClientRow, Vec<KeyRow>), ClientError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let client = clients::get(&mut tx, id).await?.ok_or(ClientError::NotFound)?;
    Ok((client, clients::keys(&mut tx, id).await?))
}

/// When the keys that a new one replaces end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// They stay until somebody revokes them.
    Stay,
    /// They run out: 0 ends them at once.
    EndAfter { seconds: u32 },
}

/// Makes a key; its secret is in the answer and nowhere else in the clear.
pub async fn create_key(app: &App, tenant: TenantId, id: ClientId, former: Former) -> Result<NewKey, ClientError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let client = clients::get_for_update(&mut tx, id).await?.ok_or(ClientError::NotFound)?;
    if let Former::EndAfter { seconds } = former {
        clients::retire_keys(&mut tx, id, now + chrono::TimeDelta::seconds(seconds.into())).await?;
    }
    if clients::count_usable_keys(&mut tx, id, now).await? >= KEYS_MAX {
        return Err(ClientError::TooManyKeys);
    }
    let secret = Secret::generate(&mut rand::rng());
    let key = KeyRow {
        key_id: new_key_id(client.live),
        client: id,
        status: "active".to_owned(),
        not_before: now,
        expires_at: None,
        last_used_at: None,
        created_at: now,
    };
    let sealed = app.keyring.seal(&mut tx, &place(&key.key_id), &SecretString::from(secret.reveal()), now).await?;
    clients::insert_key(&mut tx, &key, &sealed).await?;
    tx.commit().await?;
    Ok(NewKey { key, secret })
}

/// Ends a key at once: the next request with it is refused.
pub async fn revoke_key(app: &App, tenant: TenantId, id: ClientId, key_id: &str) -> Result<(), ClientError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !clients::revoke_key(&mut tx, id, key_id).await? {
        return Err(ClientError::NoSuchKey);
    }
    Ok(tx.commit().await?)
}

fn place(key_id: &str) -> Place {
    Place::new("api_keys", "secret", key_id)
}

/// `prk_live_` and 26 characters: nobody guesses one, and a leak is recognised by its prefix.
fn new_key_id(live: bool) -> String {
    let random = BASE32_NOPAD.encode(&rand::random::<[u8; 16]>()).to_lowercase();
    format!("prk_{}_{random}", if live { "live" } else { "test" })
}
