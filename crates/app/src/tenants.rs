//! Who owns data: made by the operator, then its own master. Also the two widest kill switches.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{Cap, CapKind, Reason},
    ids::TenantId,
    privacy::Bodies,
    quiet_hours::QuietHours,
};
pub use postroad_store::tenants::{Settings, Tenant};
use postroad_store::{
    Error, SystemTx, TenantTx,
    facts::CAP_WINDOW_MAX,
    installation,
    system::{self, Beginning},
    tenants,
};

use crate::{
    App,
    business::{self, BusinessError},
    text,
    waiting::{self, Waits},
    zone::{self, UnknownZone},
};

/// Frequency caps of one tenant.
const CAPS_MAX: usize = 5;
const DAY_S: u32 = 86_400;

/// A tenant to be made. What is not said is as [the installation](crate::system) has it for new ones.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// 1 to 63 of `a-z`, `0-9` and `-`; unique in the installation.
    pub slug: String,
    /// 1 to 200 characters.
    pub name: String,
    /// An IANA name.
    pub time_zone: Option<String>,
    pub quiet_hours: Option<QuietHours>,
}

impl NewTenant {
    /// One that says nothing else.
    pub fn named(slug: impl Into<String>, name: impl Into<String>) -> Self {
        Self { slug: slug.into(), name: name.into(), time_zone: None, quiet_hours: None }
    }

    fn begins(&self, usually: Beginning) -> Beginning {
        Beginning {
            time_zone: self.time_zone.clone().unwrap_or(usually.time_zone),
            quiet_hours: self.quiet_hours.or(usually.quiet_hours),
            ..usually
        }
    }
}

/// Why a tenant cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    #[error("the slug {0:?} is not 1 to 63 lower-case letters, digits and hyphens that begin with a letter or digit")]
    Slug(String),
    #[error("the slug {0} is taken")]
    SlugTaken(String),
    #[error("the name does not have 1 to 200 characters")]
    Name,
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    #[error("there are {0} frequency caps, and {CAPS_MAX} is the most")]
    TooManyCaps(usize),
    #[error("cap number {0} is not 1 to 100 messages in at most 31 days, whole days if it counts by the calendar")]
    Cap(usize),
    #[error("a number of people is 0 or more")]
    Approval,
    #[error("there is no such tenant")]
    NotFound,
    #[error("a reason has 1 to 200 characters")]
    Reason,
    #[error(transparent)]
    Business(#[from] BusinessError),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Makes a tenant, as the system role: nobody inside it exists yet.
pub async fn create(app: &App, new: &NewTenant) -> Result<TenantId, TenantError> {
    check_new(new)?;
    let now = app.clock.now();
    let id = TenantId::new(now);
    let mut tx = SystemTx::begin(&app.store).await?;
    insert(app, &mut tx, id, new, now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Whether such a tenant can be made, if nobody has its slug.
pub(crate) fn check_new(new: &NewTenant) -> Result<(), TenantError> {
    check_slug(&new.slug)?;
    check_name(&new.name)?;
    new.time_zone.as_deref().map(zone::parse).transpose()?;
    Ok(())
}

/// Writes one that was checked. What it does not say is as the installation has it at this moment.
pub(crate) async fn insert(
    app: &App,
    tx: &mut SystemTx,
    id: TenantId,
    new: &NewTenant,
    now: DateTime<Utc>,
) -> Result<(), TenantError> {
    let begins = new.begins(system::get(tx).await?.new_tenants);
    let row = tenants::New { slug: &new.slug, name: &new.name, begins: &begins };
    match tenants::insert(tx, id, row, now).await {
        Err(Error::Taken { .. }) => return Err(TenantError::SlugTaken(new.slug.clone())),
        other => other?,
    }
    if begins.bodies == Bodies::Sealed {
        app.keyring.first_data_key(tx, id, now).await?;
    }
    Ok(())
}

/// Campaigns for more people than this need a second person's word. None: never. At least 0.
pub async fn approve_above(app: &App, tenant: TenantId, people: Option<i64>) -> Result<(), TenantError> {
    if people.is_some_and(|people| people < 0) {
        return Err(TenantError::Approval);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    tenants::set_approval_above(&mut tx, people).await?;
    tx.commit().await?;
    Ok(())
}

/// From how many people on.
pub async fn approval_above(app: &App, tenant: TenantId) -> Result<Option<i64>, TenantError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(tenants::approval_above(&mut tx).await?)
}

/// A page of all tenants, for the operator.
pub async fn list(app: &App, after: Option<TenantId>, limit: i64) -> Result<Vec<Tenant>, TenantError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(tenants::list(&mut tx, after, limit).await?)
}

pub async fn find_by_slug(app: &App, slug: &str) -> Result<Option<TenantId>, TenantError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(tenants::find_by_slug(&mut tx, slug).await?)
}

pub async fn get(app: &App, tenant: TenantId) -> Result<Tenant, TenantError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    tenants::find(&mut tx, tenant).await?.ok_or(TenantError::NotFound)
}

/// What a superadmin changes about a tenant from outside.
#[derive(Debug, Clone, Default)]
pub struct TenantChange {
    /// 1 to 200 characters.
    pub name: Option<String>,
    pub credit_enforced: Option<bool>,
}

pub async fn change(app: &App, tenant: TenantId, change: TenantChange) -> Result<Tenant, TenantError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if let Some(name) = change.name {
        check_name(&name)?;
        tenants::set_name(&mut tx, tenant, &name, now).await?;
    }
    if let Some(enforced) = change.credit_enforced {
        tenants::set_credit_enforced(&mut tx, tenant, enforced, now).await?;
    }
    let changed = tenants::find(&mut tx, tenant).await?.ok_or(TenantError::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Replaces the settings. What waits already is judged by the new ones at its next check.
pub async fn update(app: &App, tenant: TenantId, settings: &Settings) -> Result<(), TenantError> {
    check(settings)?;
    let settings = Settings { business: business::spelled(&settings.business)?, ..settings.clone() };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !tenants::update_settings(&mut tx, &settings, app.clock.now()).await? {
        return Err(TenantError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// Stops all sending of a tenant at the next intent of each lane.
pub async fn pause(app: &App, tenant: TenantId, reason: &str) -> Result<(), TenantError> {
    if !text::fits(reason, 1..=200) {
        return Err(TenantError::Reason);
    }
    set_paused(app, tenant, Some(reason)).await
}

/// Lets a tenant send again: what waited for it is due now.
pub async fn resume(app: &App, tenant: TenantId) -> Result<(), TenantError> {
    set_paused(app, tenant, None).await?;
    Ok(waiting::release(app, tenant, Waits::Tenant(Reason::SendingPaused)).await?)
}

async fn set_paused(app: &App, tenant: TenantId, reason: Option<&str>) -> Result<(), TenantError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !tenants::set_paused(&mut tx, reason, app.clock.now()).await? {
        return Err(TenantError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// Makes a tenant pay from its wallet, or no longer.
pub async fn set_credit_enforced(app: &App, tenant: TenantId, enforced: bool) -> Result<(), TenantError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    if !tenants::set_credit_enforced(&mut tx, tenant, enforced, app.clock.now()).await? {
        return Err(TenantError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// Stops all sending of the installation at the next intent of each lane.
pub async fn pause_everybody(app: &App) -> Result<(), Error> {
    let mut tx = SystemTx::begin(&app.store).await?;
    installation::set_sending_paused(&mut tx, true).await?;
    tx.commit().await
}

/// Lets the installation send again: what waited for it is due now, and the sweeper wakes the lanes.
pub async fn resume_everybody(app: &App) -> Result<(), Error> {
    let mut tx = SystemTx::begin(&app.store).await?;
    installation::set_sending_paused(&mut tx, false).await?;
    tx.commit().await?;
    waiting::release_all(app, Reason::SendingPaused).await
}

/// Switches a provider off for everybody: its sends wait.
pub async fn switch_provider_off(app: &App, provider: &str, reason: &str) -> Result<(), Error> {
    let mut tx = SystemTx::begin(&app.store).await?;
    installation::switch_provider_off(&mut tx, provider, reason, app.clock.now()).await?;
    tx.commit().await
}

pub async fn switch_provider_on(app: &App, provider: &str) -> Result<(), Error> {
    let mut tx = SystemTx::begin(&app.store).await?;
    installation::switch_provider_on(&mut tx, provider).await?;
    tx.commit().await?;
    waiting::release_all(app, Reason::ProviderOff).await
}

fn check_slug(slug: &str) -> Result<(), TenantError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = (1..=63).contains(&slug.len()) && slug.bytes().all(allowed) && !slug.starts_with('-');
    if good { Ok(()) } else { Err(TenantError::Slug(slug.chars().take(80).collect())) }
}

fn check_name(name: &str) -> Result<(), TenantError> {
    if text::fits(name, 1..=200) { Ok(()) } else { Err(TenantError::Name) }
}

fn check(settings: &Settings) -> Result<(), TenantError> {
    check_name(&settings.name)?;
    zone::parse(&settings.time_zone)?;
    if settings.caps.len() > CAPS_MAX {
        return Err(TenantError::TooManyCaps(settings.caps.len()));
    }
    match settings.caps.iter().position(|cap| !is_sound(cap)) {
        Some(position) => Err(TenantError::Cap(position + 1)),
        None => Ok(()),
    }
}

fn is_sound(cap: &Cap) -> bool {
    let longest = u32::try_from(CAP_WINDOW_MAX.num_seconds()).unwrap_or(u32::MAX);
    let whole_days = cap.window_s.is_multiple_of(DAY_S);
    (1..=100).contains(&cap.max)
        && (1..=longest).contains(&cap.window_s)
        && (cap.kind == CapKind::Rolling || whole_days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_short_lower_case_and_starts_with_a_letter_or_digit() {
        for slug in ["a", "7", "acme-eu", &"a".repeat(63)] {
            assert!(check_slug(slug).is_ok(), "{slug}");
        }
        for slug in ["", "-a", "Acme", "a b", "ä", "a_b", &"a".repeat(64)] {
            assert!(check_slug(slug).is_err(), "{slug}");
        }
    }

    #[test]
    fn a_calendar_cap_counts_whole_days_and_no_cap_more_than_a_month() {
        let cap = |kind, window_s, max| Cap { kind, window_s, max };
        let cases = [
            (cap(CapKind::Rolling, 1, 1), true),
            (cap(CapKind::Rolling, 31 * DAY_S, 100), true),
            (cap(CapKind::Rolling, 31 * DAY_S + 1, 1), false),
            (cap(CapKind::Rolling, 0, 1), false),
            (cap(CapKind::Rolling, 60, 0), false),
            (cap(CapKind::Rolling, 60, 101), false),
            (cap(CapKind::Calendar, DAY_S, 1), true),
            (cap(CapKind::Calendar, DAY_S + 1, 1), false),
        ];
        for (cap, sound) in cases {
            assert_eq!(is_sound(&cap), sound, "{cap:?}");
        }
    }
}
