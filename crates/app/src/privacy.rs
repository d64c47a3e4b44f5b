//! How what people say rests in the database: for a tenant, or account by account. It holds for what is written from then on.

use postroad_core::{
    ids::{AccountId, TenantId},
    limits::PAGE_MAX,
    privacy::Bodies,
};
pub use postroad_store::privacy::OfAccount;
use postroad_store::{Error, TenantTx, privacy};

use crate::{App, secrets::SecretError};

/// What a tenant wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    pub bodies: Bodies,
    /// Those with a word of their own, and those that seal or did.
    pub accounts: Vec<OfAccount>,
}

#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    #[error("there is no such tenant or account")]
    NotFound,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] Error),
}

pub async fn get(app: &App, tenant: TenantId) -> Result<Privacy, PrivacyError> {
    read(&mut TenantTx::begin(&app.store, tenant).await?).await
}

async fn read(tx: &mut TenantTx) -> Result<Privacy, PrivacyError> {
    let bodies = privacy::of_tenant(tx).await?.ok_or(PrivacyError::NotFound)?;
    Ok(Privacy { bodies, accounts: privacy::of_accounts(tx, PAGE_MAX).await? })
}

/// For all accounts that have no word of their own.
pub async fn set(app: &App, tenant: TenantId, bodies: Bodies) -> Result<Privacy, PrivacyError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    app.keyring.have_data_key(&mut tx, now).await?;
    if !privacy::set_tenant(&mut tx, bodies, now).await? {
        return Err(PrivacyError::NotFound);
    }
    let privacy = read(&mut tx).await?;
    tx.commit().await?;
    Ok(privacy)
}

/// None: as the tenant says.
pub async fn set_account(
    app: &App,
    tenant: TenantId,
    account: AccountId,
    bodies: Option<Bodies>,
) -> Result<Privacy, PrivacyError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    app.keyring.have_data_key(&mut tx, now).await?;
    if !privacy::set_account(&mut tx, account, bodies, now).await? {
        return Err(PrivacyError::NotFound);
    }
    let privacy = read(&mut tx).await?;
    tx.commit().await?;
    Ok(privacy)
}
