//! What superadmins say of the installation while it runs: what it calls itself, where people find help with it, and what a new
//! tenant begins with.
//!
//! Deliberately absent: what a process needs before it can look into the database, or must not learn from there (addresses of
//! servers, keys, folders). That is read from the environment, once.

use postroad_core::{ids::AuditId, limits::MEDIA_DAYS_MAX};
pub use postroad_store::system::{Beginning, Change, System};
use postroad_store::{Error, SystemTx, system};

use crate::{
    App, business, text,
    zone::{self, UnknownZone},
};

/// Why they are not kept.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    #[error("the name does not have 1 to 200 characters")]
    Name,
    #[error("the email is no mail address")]
    Email,
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    #[error("files are kept for 1 to {MEDIA_DAYS_MAX} days")]
    Days,
    #[error(transparent)]
    Store(#[from] Error),
}

pub async fn get(app: &App) -> Result<System, Error> {
    system::get(&mut SystemTx::begin(&app.store).await?).await
}

/// What superadmins say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// 1 to 200 characters.
    pub name: Option<String>,
    pub support_email: Option<String>,
    /// Of tenants that are made from then on; those that are there stay as they are.
    pub new_tenants: Beginning,
}

/// Replaces the settings, and returns them as they are kept.
pub async fn set(app: &App, settings: Settings) -> Result<System, SystemError> {
    check(&settings)?;
    let Settings { name, support_email, new_tenants } = settings;
    let now = app.clock.now();
    let email = |text: String| business::email(&text).map_err(|_| SystemError::Email);
    let support_email = support_email.map(email).transpose()?;
    let wanted = System { name, support_email, new_tenants, updated_at: Some(now) };
    let mut tx = SystemTx::begin(&app.store).await?;
    system::set(&mut tx, &wanted, now).await?;
    tx.commit().await?;
    Ok(wanted)
}

fn check(settings: &Settings) -> Result<(), SystemError> {
    if settings.name.as_deref().is_some_and(|name| !text::fits(name, 1..=200)) {
        return Err(SystemError::Name);
    }
    zone::parse(&settings.new_tenants.time_zone)?;
    let days = settings.new_tenants.media_days;
    if (1..=MEDIA_DAYS_MAX).contains(&days) { Ok(()) } else { Err(SystemError::Days) }
}

/// A page of who changed what about them, the newest first.
pub async fn changes(app: &App, before: Option<AuditId>, limit: i64) -> Result<Vec<Change>, Error> {
    system::changes(&mut SystemTx::begin(&app.store).await?, before, limit).await
}
