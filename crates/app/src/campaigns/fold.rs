//! What time and rows do to campaigns: due ones start, ended ones end, and nothing is forgotten.

use chrono::TimeDelta;
use postroad_core::campaign::CampaignState;
use postroad_store::{
    SystemTx, TenantTx,
    campaigns::{self, Open},
    queue,
};

use super::{
    CampaignError, find,
    moves::{cancel_sends, give_back_unused, make, start, step},
};
use crate::App;

/// Planning that has not moved for so long has lost its job; each page takes a fraction of a second.
const PLANNING_STALLS_AFTER: TimeDelta = TimeDelta::seconds(30);

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
    for one in open {
        if let Err(error) = fold(app, &one).await {
            tracing::warn!(campaign.id = %one.id, %error, "a campaign could not be moved on; the next look tries again");
        }
    }
    Ok(())
}

async fn fold(app: &App, open: &Open) -> Result<(), CampaignError> {
    match next(open) {
        Some(CampaignState::Preparing) => start_scheduled(app, open).await,
        Some(CampaignState::Cancelled) => Ok(cancel_sends(app, open.tenant, open.id).await?),
        Some(state) => end(app, open, state).await,
        None => Ok(()),
    }
}

/// What a campaign becomes by its rows. Pure.
const fn next(open: &Open) -> Option<CampaignState> {
    match open.state {
        CampaignState::Scheduled if open.due => Some(CampaignState::Preparing),
        CampaignState::Running if open.planned && !open.unsent => Some(CampaignState::Completing),
        // A retry can come back after the last call.
        CampaignState::Completing if !open.unsent && !open.undecided => {
            Some(if open.troubled { CampaignState::PartiallyFailed } else { CampaignState::Completed })
        }
        CampaignState::Cancelled if open.unsent => Some(CampaignState::Cancelled),
        _ => None,
    }
}

async fn start_scheduled(app: &App, open: &Open) -> Result<(), CampaignError> {
    match start(app, open.tenant, open.id).await {
        Ok(()) => Ok(()),
        Err(CampaignError::Store(error)) => Err(error.into()),
        // Somebody must act; a campaign that is an hour late would surprise its audience.
        Err(error) => {
            tracing::error!(campaign.id = %open.id, %error, "a scheduled campaign could not start");
            expire_when_late(app, open).await
        }
    }
}

/// A start that is later than this does not happen by itself any more.
const START_DELAY_MAX: TimeDelta = TimeDelta::hours(1);

async fn expire_when_late(app: &App, open: &Open) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    let campaign = find(&mut tx, open.id).await?;
    if campaign.scheduled_at.is_some_and(|at| now - at > START_DELAY_MAX) {
        make(&mut tx, &campaign, &step(CampaignState::Scheduled, CampaignState::Expired), now).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn end(app: &App, open: &Open, state: CampaignState) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    campaigns::move_to(&mut tx, open.id, &step(open.state, state), app.clock.now()).await?;
    tx.commit().await?;
    if state.is_final() {
        give_back_unused(app, open.tenant, open.id).await?;
    }
    Ok(())
}
