//! When a business is open, as its tenant says it.

use postroad_core::{automation::BusinessHours, ids::TenantId};
use postroad_store::{TenantTx, automations::facts};
use serde_json::Value;

use super::{AutomationError, Result};
use crate::{App, zone};

/// The hours; those that are usual in the tenant's zone if nobody has said any.
pub async fn hours(app: &App, tenant: TenantId) -> Result<BusinessHours> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    read(&mut tx).await
}

pub(super) async fn read(tx: &mut TenantTx) -> Result<BusinessHours> {
    let (hours, zone) = facts::hours(tx).await?.ok_or(AutomationError::NotFound)?;
    Ok(hours_of(hours, &zone)?)
}

/// As they are kept. None: those that are usual in the zone.
pub(crate) fn hours_of(kept: Option<Value>, zone: &str) -> postroad_store::Result<BusinessHours> {
    match kept {
        Some(hours) => Ok(serde_json::from_value(hours)?),
        None => Ok(BusinessHours::usual(zone::parse(zone).unwrap_or_default())),
    }
}

/// Says when it is open. None: as is usual.
pub async fn set_hours(app: &App, tenant: TenantId, hours: Option<&BusinessHours>) -> Result<BusinessHours> {
    if hours.is_some_and(|hours| !hours.is_sound()) {
        return Err(AutomationError::Hours);
    }
    let json = hours.map(serde_json::to_value).transpose().map_err(postroad_store::Error::from)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    facts::set_hours(&mut tx, json.as_ref()).await?;
    let now = read(&mut tx).await?;
    tx.commit().await?;
    Ok(now)
}
