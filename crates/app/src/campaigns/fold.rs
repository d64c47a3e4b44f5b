//! What time and rows do to campaigns: due ones start, ended ones end, and nothing is forgotten.

use chrono::TimeDelta;
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState},
};
use postroad_store::{
    SystemTx, TenantTx,
    campaigns::{self, Open},
    queue,
};
use serde_json::json;

use super::{
    CampaignError,
    events::{self, Happened},
    experiments, find,
    moves::{cancel_sends, make, start, step},
    paying::give_back_unused,
    series::fire,
    watch,
};
use crate::{App, text};

/// Planning that has not moved for so long has lost its job; each page takes a fraction of a second.
const PLANNING_STALLS_AFTER: TimeDelta = TimeDelta::seconds(30);

/// One look at all campaigns takes no longer: the next one begins with others.
const LOOKS_FOR: TimeDelta = TimeDelta::seconds(15);
/// What could not begin for a reason that somebody must mend is tried again so long after.
pub(super) const TRY_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Moves on every campaign that time or its rows move: due ones start, ended ones end, cancelled
/// ones lose what is left, and planning that lost its job gets it back.
pub async fn fold_all(app: &App) -> postroad_store::Result<()> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let open = campaigns::open(&mut tx, now).await?;
    let stalled = campaigns::stalled(&mut tx, now - PLANNING_STALLS_AFTER).await?;
    if !stalled.is_empty() {
        queue::revive_all(&mut tx, &stalled, now).await?;
    }
    tx.commit().await?;
    experiments::decide_due(app).await?;
    for one in open {
        if app.clock.now() - now > LOOKS_FOR {
            break;
        }
        if let Err(error) = fold(app, &one).await {
            tracing::warn!(campaign.id = %one.id, %error, "a campaign could not be moved on; the next look tries again");
        }
    }
    Ok(())
}

async fn fold(app: &App, open: &Open) -> Result<(), CampaignError> {
    match next(open) {
        Next::Fire => fire(app, open.tenant, open.id).await,
        Next::Start => start_scheduled(app, open).await,
        Next::Expire => expire(app, open).await,
        Next::Clear => Ok(cancel_sends(app, open.tenant, open.id).await?),
        Next::End(state) => end(app, open, state).await,
        Next::GiveBack => Ok(give_back_unused(app, open.tenant, open.id).await?),
        Next::Watch => watch::look(app, open).await,
        Next::Nothing => Ok(()),
    }
}

/// What time and rows do to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A series makes the campaign of one fire.
    Fire,
    Start,
    Expire,
    /// Sends that a cancelled campaign still has are cancelled.
    Clear,
    End(CampaignState),
    /// It has ended, and still holds credit that nobody used.
    GiveBack,
    /// It goes on; whether it should is asked.
    Watch,
    Nothing,
}

/// Pure.
const fn next(open: &Open) -> Next {
    match open.state {
        CampaignState::Scheduled if open.due && open.is_series => Next::Fire,
        CampaignState::Scheduled if open.due && open.too_late => Next::Expire,
        CampaignState::Scheduled if open.due => Next::Start,
        CampaignState::Running if open.planned && !open.unsent => Next::End(CampaignState::Completing),
        // A retry can come back after the last call.
        CampaignState::Completing if !open.unsent && !open.undecided => {
            Next::End(if open.troubled { CampaignState::PartiallyFailed } else { CampaignState::Completed })
        }
        CampaignState::Cancelled if open.unsent => Next::Clear,
        state if state.is_final() && open.holds_credit && !open.unsent && !open.undecided => Next::GiveBack,
        CampaignState::Preparing | CampaignState::Running => Next::Watch,
        _ => Next::Nothing,
    }
}

async fn start_scheduled(app: &App, open: &Open) -> Result<(), CampaignError> {
    match start(app, Actor::System, open.tenant, open.id).await {
        Err(CampaignError::Store(error)) => Err(error.into()),
        // Somebody must act before it is too late.
        Err(error) => put_off(app, open, &error.to_string()).await,
        Ok(()) => Ok(()),
    }
}

async fn put_off(app: &App, open: &Open, reason: &str) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    let reason = text::cut(reason, 500);
    if campaigns::put_off_start(&mut tx, open.id, &reason, now + TRY_AGAIN_AFTER).await? {
        tracing::error!(campaign.id = %open.id, reason, "a scheduled campaign could not start");
        let happened = Happened { event: CampaignEvent::Refused, detail: json!({ "reason": reason }) };
        events::note(&mut tx, open.id, happened, Actor::System, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A campaign that is later than it may be would surprise its audience.
async fn expire(app: &App, open: &Open) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    let campaign = find(&mut tx, open.id).await?;
    let step = step(CampaignState::Scheduled, CampaignState::Expired);
    make(&mut tx, &campaign, &step, Actor::System, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn end(app: &App, open: &Open, state: CampaignState) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    let campaign = find(&mut tx, open.id).await?;
    make(&mut tx, &campaign, &step(open.state, state), Actor::System, app.clock.now()).await?;
    tx.commit().await?;
    if state.is_final() {
        give_back_unused(app, open.tenant, open.id).await?;
    }
    Ok(())
}
