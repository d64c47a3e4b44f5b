//! Start, schedule, pause, resume, cancel: each is one compare-and-set, and what follows from it.

use chrono::{DateTime, Utc};
use postroad_core::{
    campaign::CampaignState,
    ids::{CampaignId, TenantId},
    jobs::PlanCampaign,
    segment::Filter,
    template::TemplateStatus,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Move, Tally},
    queue,
};

use super::{CampaignError, find};
use crate::{
    App, audiences, credit, text,
    waiting::{self, Waits},
};

/// Freezes the audience, reserves credit, and begins to plan; what is planned may leave at once.
pub async fn start(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let ground =
        campaigns::ground(&mut tx, campaign.account, campaign.template).await?.ok_or(CampaignError::NoGround)?;
    if ground.template_status != TemplateStatus::Approved {
        return Err(CampaignError::TemplateNotApproved { status: ground.template_status });
    }
    let filter = audiences::resolve(&mut tx, &campaign.audience.0, &campaign.exclude.0).await?;
    campaigns::freeze(&mut tx, id, filter.as_ref()).await?;
    let reserved = if ground.credit_enforced { reserve(&mut tx, &campaign, filter.as_ref(), now).await? } else { 0 };
    let step = Move { replan: true, credit_reserved: Some(reserved), ..step(campaign.state, CampaignState::Preparing) };
    make(&mut tx, &campaign, &step, now).await?;
    queue::push(&mut tx, &plan_job(tenant, &campaign), now).await?;
    tx.commit().await?;
    Ok(())
}

/// One credit for everybody who is to get it.
async fn reserve(
    tx: &mut TenantTx,
    campaign: &Campaign,
    filter: Option<&Filter>,
    now: DateTime<Utc>,
) -> Result<i64, CampaignError> {
    let credits = audiences::size(tx, campaign, filter, now).await?;
    credit::draw(tx, credits).await?;
    Ok(credits)
}

const fn plan_job(tenant: TenantId, campaign: &Campaign) -> PlanCampaign {
    PlanCampaign { tenant, campaign: campaign.id, page: campaign.plan_page, generation: campaign.plan_run + 1 }
}

pub(super) const fn step(from: CampaignState, to: CampaignState) -> Move<'static> {
    Move { from, to, paused_reason: None, scheduled_at: None, replan: false, credit_reserved: None }
}

pub(super) async fn make(
    tx: &mut TenantTx,
    campaign: &Campaign,
    step: &Move<'_>,
    now: DateTime<Utc>,
) -> Result<(), CampaignError> {
    let wrong = CampaignError::WrongState { state: campaign.state, wanted: step.to };
    if !campaign.state.may_become(step.to) || !campaigns::move_to(tx, campaign.id, step, now).await? {
        return Err(wrong);
    }
    Ok(())
}

/// Starts by itself at `at`.
pub async fn schedule(app: &App, tenant: TenantId, id: CampaignId, at: DateTime<Utc>) -> Result<(), CampaignError> {
    let now = app.clock.now();
    if at <= now {
        return Err(CampaignError::InThePast);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let step = Move { scheduled_at: Some(at), ..step(campaign.state, CampaignState::Scheduled) };
    make(&mut tx, &campaign, &step, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes a scheduled campaign a draft again.
pub async fn unschedule(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    make(&mut tx, &campaign, &step(CampaignState::Scheduled, CampaignState::Draft), app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// No attempt starts after the next intent slice. What is on its way ends.
pub async fn pause(app: &App, tenant: TenantId, id: CampaignId, reason: &str) -> Result<(), CampaignError> {
    if !text::fits(reason, 1..=200) {
        return Err(CampaignError::BadReason);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let step = Move { paused_reason: Some(reason), ..step(campaign.state, CampaignState::Paused) };
    make(&mut tx, &campaign, &step, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Goes on exactly where it stopped: planning, if that was not done, else sending.
pub async fn resume(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let to = if campaign.planned_at.is_some() { CampaignState::Running } else { CampaignState::Preparing };
    make(&mut tx, &campaign, &Move { replan: to == CampaignState::Preparing, ..step(CampaignState::Paused, to) }, now)
        .await?;
    if to == CampaignState::Preparing {
        queue::push(&mut tx, &plan_job(tenant, &campaign), now).await?;
    }
    tx.commit().await?;
    waiting::release(app, tenant, Waits::Campaign(campaign.account, id)).await?;
    Ok(())
}

/// Ends it for good: nothing that is not on its way leaves any more.
pub async fn cancel(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    make(&mut tx, &campaign, &step(campaign.state, CampaignState::Cancelled), app.clock.now()).await?;
    tx.commit().await?;
    cancel_sends(app, tenant, id).await?;
    give_back_unused(app, tenant, id).await?;
    Ok(())
}

/// Sends one transaction cancels.
const CANCEL_PAGE: i64 = 5_000;
/// Two million sends.
const CANCEL_PAGES_MAX: usize = 400;

pub(super) async fn cancel_sends(app: &App, tenant: TenantId, id: CampaignId) -> postroad_store::Result<()> {
    for _ in 0..CANCEL_PAGES_MAX {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let cancelled = campaigns::cancel_sends(&mut tx, id, CANCEL_PAGE, app.clock.now()).await?;
        tx.commit().await?;
        if i64::try_from(cancelled).unwrap_or_default() < CANCEL_PAGE {
            break;
        }
    }
    Ok(())
}

/// Credit that was reserved for people who got nothing goes back, once.
pub(super) async fn give_back_unused(app: &App, tenant: TenantId, id: CampaignId) -> postroad_store::Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let reserved = campaigns::take_reserved(&mut tx, id).await?;
    if reserved == 0 {
        return Ok(());
    }
    let tallies = campaigns::tallies(&mut tx, tenant, id).await?;
    let used: i64 = tallies.iter().filter(|tally| is_charged(tally)).map(|tally| tally.count).sum();
    credit::give_back(&mut tx, (reserved - used).max(0)).await?;
    tx.commit().await
}

fn is_charged(tally: &Tally) -> bool {
    matches!(tally.state.as_str(), "accepted" | "sent" | "delivered" | "read" | "failed" | "unknown" | "attempting")
}
