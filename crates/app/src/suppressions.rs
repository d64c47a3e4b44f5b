//! Addresses that nobody may write to, whatever for: complaints, dead numbers, an operator's decision, erasure.

mod file;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::SuppressionReason,
    ids::{SuppressionId, TenantId},
    limits::BATCH_MAX,
};
pub use postroad_store::suppressions::Suppression;
use postroad_store::{Error, TenantTx, suppressions};

use crate::{
    App,
    addresses::{self, AddressError},
    text,
};

pub use file::{SuppressionExport, SuppressionFileError, SuppressionsRead, WrongSuppression, import_csv};

const NOTE_CHARS_MAX: usize = 500;

/// An address to be put on the list. Never printed.
pub struct NewSuppression {
    /// None: on every channel.
    pub channel: Option<Channel>,
    /// In any spelling.
    pub address: String,
    pub reason: SuppressionReason,
    /// Up to 500 characters.
    pub note: Option<String>,
}

/// Why the list cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    #[error("address number {position} cannot be used: {source}")]
    Address { position: usize, source: AddressError },
    #[error("a note has at most {NOTE_CHARS_MAX} characters")]
    Note,
    #[error("there are more than {BATCH_MAX} addresses")]
    TooMany,
    #[error("there is no such entry")]
    NotFound,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Adds up to 1,000 addresses, all or none; holds from its commit on. Returns how many were not on the list before.
pub async fn add(app: &App, tenant: TenantId, new: Vec<NewSuppression>) -> Result<usize, SuppressionError> {
    if new.len() > BATCH_MAX {
        return Err(SuppressionError::TooMany);
    }
    let now = app.clock.now();
    let entries = new.into_iter().zip(1..).map(|(new, position)| entry(new, position, now));
    let entries: Vec<Suppression> = entries.collect::<Result<_, _>>()?;
    insert(app, tenant, &entries).await
}

fn entry(new: NewSuppression, position: usize, now: DateTime<Utc>) -> Result<Suppression, SuppressionError> {
    if !new.note.as_ref().is_none_or(|note| text::fits(note, 0..=NOTE_CHARS_MAX)) {
        return Err(SuppressionError::Note);
    }
    let address = match new.channel {
        Some(channel) => addresses::normalise(channel, &new.address, None),
        None => addresses::normalise_any(&new.address),
    };
    let address = address.map_err(|source| SuppressionError::Address { position, source })?;
    let (channel, reason, note) = (new.channel, new.reason, new.note);
    Ok(Suppression { id: SuppressionId::new(now), channel, address, reason, note, created_at: now })
}

async fn insert(app: &App, tenant: TenantId, entries: &[Suppression]) -> Result<usize, SuppressionError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let added = suppressions::insert(&mut tx, entries).await?;
    tx.commit().await?;
    Ok(added.len())
}

/// Takes an address off the list.
pub async fn lift(app: &App, tenant: TenantId, id: SuppressionId) -> Result<(), SuppressionError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !suppressions::delete(&mut tx, id).await? {
        return Err(SuppressionError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// A page, oldest first; of one address only, if one is named in any spelling.
pub async fn list(
    app: &App,
    tenant: TenantId,
    address: Option<&str>,
    after: Option<SuppressionId>,
    limit: i64,
) -> Result<Vec<Suppression>, SuppressionError> {
    let address = address.map(addresses::normalise_any).transpose();
    let address = address.map_err(|source| SuppressionError::Address { position: 1, source })?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(suppressions::list(&mut tx, address.as_deref(), after, limit).await?)
}
