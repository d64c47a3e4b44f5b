//! Start, pause, resume, cancel: each is one compare-and-set, and what follows from it.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, experiment::BUCKETS, preflight::Severity},
    ids::{CampaignId, TenantId},
    jobs::PlanCampaign,
    segment::Filter,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Ground, Move},
    queue,
};
use serde_json::json;

use super::{
    CampaignError,
    events::{self, Happened},
    experiments, fallback, find, paying, preflight,
};
use crate::{
    App, audiences, text,
    waiting::{self, Waits},
};

/// Freezes the audience, reserves credit, and begins to plan; what is planned may leave at once.
pub async fn start(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    campaigns::lock(&mut tx, id).await?;
    let campaign = find(&mut tx, id).await?;
    if campaign.repeat_cron.is_some() {
        return Err(CampaignError::IsSeries);
    }
    let filter = audiences::resolve(&mut tx, &campaign.audience.0, &campaign.exclude.0).await?;
    for part in experiments::divide(&mut tx, campaign, by, now).await? {
        begin(&mut tx, &part, filter.as_ref(), by, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Begins one campaign: what it stands on is kept, its audience frozen, its credit reserved, and its first job written.
pub(super) async fn begin(
    tx: &mut TenantTx,
    campaign: &Campaign,
    filter: Option<&Filter>,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<(), CampaignError> {
    let ground = stand(tx, campaign).await?;
    campaigns::freeze(tx, campaign.id, filter).await?;
    let size = audience(tx, campaign, &ground, filter, now).await?;
    let held = paying::reserve(tx, campaign, &ground, (size, by), now).await?;
    let step = Move { replan: true, credit: Some(held), ..step(campaign.state, CampaignState::Preparing) };
    make(tx, campaign, &step, by, now).await?;
    queue::push(tx, &plan_job(tx.tenant(), campaign), now).await?;
    fallback::follow(tx, campaign, by, now).await
}

/// What a campaign stands on must be sound; as it is now, it is kept.
async fn stand(tx: &mut TenantTx, campaign: &Campaign) -> Result<Ground, CampaignError> {
    let ground = campaigns::ground(tx, campaign.account, campaign.template).await?.ok_or(CampaignError::NoGround)?;
    let blocking = preflight::noticed(&ground.now, campaign).into_iter().find(|f| f.severity() == Severity::Blocks);
    if let Some(finding) = blocking {
        return Err(preflight::refused(finding, &ground.now, campaign));
    }
    campaigns::save_ground(tx, campaign.id, &ground.now).await?;
    Ok(ground)
}

/// How many people it is for, where somebody must know: because each costs a credit, or because many need a second word.
async fn audience(
    tx: &mut TenantTx,
    campaign: &Campaign,
    ground: &Ground,
    filter: Option<&Filter>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, CampaignError> {
    let above = ground.approval_above.filter(|_| campaign.approved_by.is_none());
    if !ground.credit_enforced && above.is_none() {
        return Ok(None);
    }
    let size = audiences::size(tx, campaign, filter, now).await?;
    match above {
        Some(above) if size > above => Err(CampaignError::NeedsApproval { size, above }),
        _ => Ok(Some(part_of(size, campaign))),
    }
}

/// A part of an audience is as large as chance makes it: so many, and four standard deviations.
fn part_of(size: i64, campaign: &Campaign) -> i64 {
    let Some((from, to)) = campaign.slice_from.zip(campaign.slice_to) else { return size };
    let mean = size * i64::from(to - from) / i64::from(BUCKETS);
    (mean + 4 * mean.isqrt() + 1).min(size)
}

const fn plan_job(tenant: TenantId, campaign: &Campaign) -> PlanCampaign {
    PlanCampaign { tenant, campaign: campaign.id, page: campaign.plan_page, generation: campaign.plan_run + 1 }
}

pub(super) const fn step(from: CampaignState, to: CampaignState) -> Move<'static> {
    Move { from, to, paused_reason: None, scheduled_at: None, replan: false, credit: None }
}

/// Moves a campaign and writes its history.
pub(super) async fn make(
    tx: &mut TenantTx,
    campaign: &Campaign,
    step: &Move<'_>,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<(), CampaignError> {
    let wrong = CampaignError::WrongState { state: campaign.state, wanted: step.to };
    if !campaign.state.may_become(step.to) || !campaigns::move_to(tx, campaign.id, step, now).await? {
        return Err(wrong);
    }
    if let Some(happened) = happened(step) {
        events::note(tx, campaign.id, happened, by, now).await?;
    }
    Ok(())
}

fn happened(step: &Move<'_>) -> Option<Happened> {
    use CampaignState as S;
    let event = match (step.from, step.to) {
        (S::Paused, S::Preparing | S::Running) => CampaignEvent::Resumed,
        (_, S::Preparing) => CampaignEvent::Started,
        (S::Scheduled, S::Draft) => CampaignEvent::Unscheduled,
        (_, S::Scheduled) => CampaignEvent::Scheduled,
        (_, S::Paused) => CampaignEvent::Paused,
        (_, S::Cancelled) => CampaignEvent::Cancelled,
        (_, S::Expired) => CampaignEvent::Expired,
        (_, S::Completed | S::PartiallyFailed) => CampaignEvent::Ended,
        (_, S::Draft | S::Running | S::Completing) => return None,
    };
    let detail = match (step.paused_reason, step.scheduled_at) {
        (Some(reason), _) => json!({ "reason": reason }),
        (None, Some(at)) => json!({ "at": at }),
        (None, None) if event == CampaignEvent::Ended => json!({ "state": step.to }),
        (None, None) => json!({}),
    };
    Some(Happened { event, detail })
}

/// Makes a scheduled campaign a draft again.
pub async fn unschedule(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    make(&mut tx, &campaign, &step(CampaignState::Scheduled, CampaignState::Draft), by, app.clock.now()).await?;
    campaigns::time(&mut tx, id, &campaigns::When::Once).await?;
    tx.commit().await?;
    Ok(())
}

/// No attempt starts after the next intent slice. What is on its way ends. Campaigns for other parts of its audience, and
/// its fallback, pause with it.
pub async fn pause(app: &App, by: Actor, tenant: TenantId, id: CampaignId, reason: &str) -> Result<(), CampaignError> {
    if !text::fits(reason, 1..=200) {
        return Err(CampaignError::BadReason);
    }
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let to_pause = |from| Move { paused_reason: Some(reason), ..step(from, CampaignState::Paused) };
    let campaign = find(&mut tx, id).await?;
    make(&mut tx, &campaign, &to_pause(campaign.state), by, now).await?;
    for part in parts(&mut tx, id).await? {
        along(make(&mut tx, &part, &to_pause(part.state), by, now).await)?;
    }
    tx.commit().await?;
    Ok(())
}

/// Open campaigns for the other parts of an audience, and for its failures.
async fn parts(tx: &mut TenantTx, id: CampaignId) -> Result<Vec<Campaign>, CampaignError> {
    let mut parts = Vec::new();
    for part in campaigns::open_parts(tx, id).await? {
        parts.push(find(tx, part).await?);
    }
    Ok(parts)
}

/// A part that cannot come along, because it is paused by itself, has just ended or stands on something that is broken, does
/// not keep the others back.
fn along(done: Result<(), CampaignError>) -> Result<(), CampaignError> {
    match done {
        Err(CampaignError::Store(error)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Goes on exactly where it stopped: planning, if that was not done, else sending. What failed so far has been seen: it does
/// not pause the campaign again. What was paused with it goes on with it.
pub async fn resume(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let mut parts = parts(&mut tx, id).await?;
    parts.retain(|part| part.state == CampaignState::Paused && part.paused_reason == campaign.paused_reason);
    go_on(&mut tx, &campaign, by, now).await?;
    for part in &parts {
        along(go_on(&mut tx, part, by, now).await)?;
    }
    tx.commit().await?;
    for campaign in std::iter::once(campaign).chain(parts) {
        waiting::release(app, tenant, Waits::Campaign(campaign.account, campaign.id)).await?;
    }
    Ok(())
}

async fn go_on(tx: &mut TenantTx, campaign: &Campaign, by: Actor, now: DateTime<Utc>) -> Result<(), CampaignError> {
    let to = if campaign.planned_at.is_some() { CampaignState::Running } else { CampaignState::Preparing };
    let replan = to == CampaignState::Preparing;
    if campaign.state != CampaignState::Paused {
        return Err(CampaignError::WrongState { state: campaign.state, wanted: to });
    }
    stand(tx, campaign).await?;
    make(tx, campaign, &Move { replan, ..step(CampaignState::Paused, to) }, by, now).await?;
    let (all, failed) = campaigns::ended(tx, campaign.id).await?;
    campaigns::seen(tx, campaign.id, all, failed).await?;
    if replan {
        queue::push(tx, &plan_job(tx.tenant(), campaign), now).await?;
    }
    Ok(())
}

/// Ends it for good, with the campaigns for other parts of its audience: nothing that is not on its way leaves any more.
pub async fn cancel(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let now = app.clock.now();
    let campaign = find(&mut tx, id).await?;
    make(&mut tx, &campaign, &step(campaign.state, CampaignState::Cancelled), by, now).await?;
    let parts = parts(&mut tx, id).await?;
    for part in &parts {
        along(make(&mut tx, part, &step(part.state, CampaignState::Cancelled), by, now).await)?;
    }
    tx.commit().await?;
    // Whoever asked may be gone meanwhile: what is not done here is done by whoever looks at all campaigns.
    for campaign in std::iter::once(&campaign).chain(&parts) {
        cancel_sends(app, tenant, campaign.id).await?;
        paying::give_back_unused(app, tenant, campaign.id).await?;
    }
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
