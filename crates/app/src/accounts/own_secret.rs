//! Secrets of accounts that we make, and whose platform signs with them. Two hold while one is changed for the other.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::{AccountId, TenantId},
    provider::{Credentials, OwnSecret},
    signature::standard::EndpointSecret,
};
use postroad_store::{TenantTx, accounts};
use secrecy::{ExposeSecret, SecretString};

use super::{AccountError, ConnectionError, connection, lock_connected, seal};
use crate::App;

/// Longest time that a former secret holds, in seconds: a week.
pub const FORMER_S_MAX: u32 = 604_800;

/// A secret that nobody can show again.
pub struct Renewed {
    pub secret: SecretString,
    /// Until when the former one holds. None: it does not.
    pub former_until: Option<DateTime<Utc>>,
}

/// As Standard Webhooks writes it.
pub fn generate() -> SecretString {
    SecretString::from(EndpointSecret::generate(&mut rand::rng()).reveal())
}

/// Makes a new secret; the former one holds for `former_s` seconds more, 0 to [`FORMER_S_MAX`]. While one holds that was
/// former already, it can only be replaced by ending both: whoever lost an answer must not shut out a platform that still
/// signs with the oldest.
pub async fn renew(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    own: &OwnSecret,
    former_s: u32,
) -> Result<Renewed, AccountError> {
    if former_s > FORMER_S_MAX {
        return Err(AccountError::FormerTooLong);
    }
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    lock_connected(&mut tx, id).await?;
    let known = connection(app, &mut tx, tenant, id).await.map_err(not_opened)?;
    if let Some(until) = former_until(&known, own).filter(|until| former_s > 0 && *until > now) {
        return Err(AccountError::FormerHolds { until });
    }
    let secret = generate();
    let mut named = vec![(own.name.to_owned(), secret.clone())];
    let former = known.get(own.name).filter(|_| former_s > 0);
    let former_until = former.map(|_| now + TimeDelta::seconds(former_s.into()));
    if let Some((former, until)) = former.zip(former_until) {
        named.push((own.former.to_owned(), former.clone()));
        named.push((own.former_until.to_owned(), SecretString::from(until.to_rfc3339())));
    }
    let sealed = seal(app, &mut tx, id, &named, now).await?;
    accounts::set_credentials(&mut tx, id, &sealed, now).await?;
    tx.commit().await?;
    Ok(Renewed { secret, former_until })
}

fn former_until(known: &Credentials, own: &OwnSecret) -> Option<DateTime<Utc>> {
    let text = known.get(own.former_until)?.expose_secret();
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

fn not_opened(error: ConnectionError) -> AccountError {
    match error {
        ConnectionError::NotFound | ConnectionError::Unreadable => AccountError::NotFound,
        ConnectionError::Secret(error) => error.into(),
        ConnectionError::Store(error) => error.into(),
    }
}
