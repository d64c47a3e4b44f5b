//! Makes sends due that wait for something which has happened now.
//!
//! A page per transaction. When the process dies in between, the rest is due at its next check, a quarter of an hour
//! later at most.

use postroad_core::{
    gates::{GateName, Reason},
    ids::{AccountId, CampaignId, TenantId},
};
use postroad_store::{Result, SystemTx, TenantTx, accounts, lanes, queue, waiting};

use crate::App;

/// Pages one release goes through: two million rows.
const PAGES_MAX: usize = 400;

/// Whose sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waits {
    Lane(AccountId, GateName),
    Campaign(AccountId, CampaignId),
    Tenant(Reason),
}

/// Makes them due and wakes their lanes.
pub(crate) async fn release(app: &App, tenant: TenantId, waits: Waits) -> Result<()> {
    for _ in 0..PAGES_MAX {
        if release_page(app, tenant, waits).await? < waiting::PAGE {
            break;
        }
    }
    Ok(())
}

async fn release_page(app: &App, tenant: TenantId, waits: Waits) -> Result<u64> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let released = match waits {
        Waits::Lane(lane, gate) => waiting::release_lane(&mut tx, lane, gate, now).await?,
        Waits::Campaign(lane, campaign) => waiting::release_campaign(&mut tx, lane, campaign, now).await?,
        Waits::Tenant(reason) => waiting::release_tenant(&mut tx, reason, now).await?,
    };
    match waits {
        Waits::Lane(lane, _) | Waits::Campaign(lane, _) => lanes::wake(&mut tx, lane, now).await?,
        Waits::Tenant(_) => wake_all(&mut tx, now).await?,
    }
    tx.commit().await?;
    if let Waits::Lane(lane, _) | Waits::Campaign(lane, _) = waits {
        app.nudges.nudge(tenant, lane);
    }
    Ok(released)
}

async fn wake_all(tx: &mut TenantTx, now: chrono::DateTime<chrono::Utc>) -> Result<()> {
    let jobs = accounts::wake_ups(tx).await?;
    queue::push_all(tx, &jobs, now).await
}

/// Makes everybody's sends due that wait for this reason; the sweeper wakes the lanes.
pub(crate) async fn release_all(app: &App, reason: Reason) -> Result<()> {
    for _ in 0..PAGES_MAX {
        let mut tx = SystemTx::begin(&app.store).await?;
        let released = waiting::release_all(&mut tx, reason, app.clock.now()).await?;
        tx.commit().await?;
        if released < waiting::PAGE {
            break;
        }
    }
    Ok(())
}
