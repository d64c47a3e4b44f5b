//! Which of several messages does better: variants are campaigns of their own, each for a part of the audience. When the
//! time has come the rest of it gets the one that did best; a holdout gets nothing at all.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    actor::Actor,
    campaign::{
        CampaignEvent, CampaignState,
        experiment::{Metric, Range, Score, Shares, VARIANTS_MAX, winner},
    },
    ids::{CampaignId, TenantId},
};
use postroad_store::{
    Json, SystemTx, TenantTx,
    campaigns::{self, Campaign, Experiment, NewVariant, Slice},
};
use serde_json::json;

use super::{
    CampaignError, check_ground, check_variables,
    events::{self, Happened},
    find,
    fold::TRY_AGAIN_AFTER,
    moves::begin,
    settings::THROTTLE_MAX,
    successor,
};
use crate::{App, audiences, text};

/// What is to be compared.
#[derive(Debug, Clone)]
pub struct NewExperiment {
    pub shares: Shares,
    pub metric: Metric,
    /// From the start, 60 to 2,592,000.
    pub decide_after_s: i32,
    /// Besides the campaign's own message, 0 to 4. None and a holdout: to see what the campaign itself does.
    pub variants: Vec<NewVariant>,
}

/// Says what a draft compares. Said again, it replaces what was said before.
pub async fn compare(
    app: &App,
    by: Actor,
    tenant: TenantId,
    id: CampaignId,
    new: NewExperiment,
) -> Result<(), CampaignError> {
    check(&new)?;
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    campaigns::lock(&mut tx, id).await?;
    let campaign = find(&mut tx, id).await?;
    if campaign.repeat_cron.is_some() {
        return Err(CampaignError::IsSeries);
    }
    if campaign.state != CampaignState::Draft || campaign.slice_of.is_some() {
        return Err(CampaignError::WrongState { state: campaign.state, wanted: CampaignState::Draft });
    }
    for variant in &new.variants {
        check_variables(&variant.variables)?;
        let ground =
            campaigns::ground(&mut tx, campaign.account, variant.template).await?.ok_or(CampaignError::NoGround)?;
        check_ground(&ground, campaign.purpose, variant.variables.len())?;
    }
    campaigns::save_experiment(&mut tx, &experiment(id, new)).await?;
    campaigns::unapprove(&mut tx, id).await?;
    let detail = json!({ "experiment": true });
    events::note(&mut tx, id, Happened { event: CampaignEvent::Changed, detail }, by, now).await?;
    tx.commit().await?;
    Ok(())
}

/// The throttle that a person set: since it began, each part of an experiment has its share.
pub(super) fn whole_throttle(campaign: &Campaign, experiment: Option<&Experiment>) -> Option<i32> {
    let parts = experiment.map_or(1, |experiment| experiment.campaigns.len().max(1));
    let parts = i32::try_from(parts).unwrap_or(1);
    campaign.throttle_per_minute.map(|share| share.saturating_mul(parts).min(THROTTLE_MAX))
}

fn check(new: &NewExperiment) -> Result<(), CampaignError> {
    let is_sound = new.shares.is_sound()
        && new.variants.len() < VARIANTS_MAX
        && (60..=2_592_000).contains(&new.decide_after_s)
        && (!new.variants.is_empty() || new.shares.holdout > 0);
    if is_sound { Ok(()) } else { Err(CampaignError::BadExperiment) }
}

fn experiment(campaign: CampaignId, new: NewExperiment) -> Experiment {
    let NewExperiment { shares, metric, decide_after_s, variants } = new;
    Experiment {
        campaign,
        shares,
        metric,
        decide_after_s,
        variants,
        campaigns: Vec::new(),
        decide_at: None,
        decided_at: None,
        winner: None,
        rest: None,
        refused: None,
    }
}

/// What a campaign compares, and how each variant did so far.
pub async fn compared(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
) -> Result<Option<(Experiment, Vec<Score>)>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await?;
    let Some(experiment) = campaigns::experiment(&mut tx, id).await? else { return Ok(None) };
    let scores = scores(&mut tx, &experiment).await?;
    Ok(Some((experiment, scores)))
}

async fn scores(tx: &mut TenantTx, experiment: &Experiment) -> Result<Vec<Score>, CampaignError> {
    let mut scores = Vec::new();
    for variant in &experiment.campaigns {
        scores.push(campaigns::score(tx, CampaignId::from_uuid(*variant), experiment.metric).await?);
    }
    Ok(scores)
}

/// The campaigns that a start begins: itself, or its variants with their parts of the audience.
pub(super) async fn divide(
    tx: &mut TenantTx,
    campaign: Campaign,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<Vec<Campaign>, CampaignError> {
    let Some(experiment) = campaigns::lock_experiment(tx, campaign.id).await? else { return Ok(vec![campaign]) };
    // Without another message there is nothing to find out: everybody but the holdout gets it.
    let alone = experiment.variants.is_empty();
    let shares =
        if alone { Shares { sample: 100 - experiment.shares.holdout, ..experiment.shares } } else { experiment.shares };
    let count = i32::try_from(experiment.variants.len()).unwrap_or(0) + 1;
    let mut ranges = shares.parts(count).into_iter();
    let throttle = campaign.throttle_per_minute.map(|together| (together / count).max(1));
    let campaign = Campaign { throttle_per_minute: throttle, ..campaign };
    let own = sliced(campaign.clone(), campaign.id, ranges.next().unwrap_or_default());
    campaigns::slice(tx, own.id, slice_of(&own), None).await?;
    let mut all = vec![own];
    for (nth, (variant, range)) in experiment.variants.iter().zip(ranges).enumerate() {
        all.push(write_part(tx, &campaign, &letter(nth + 1), variant, range, None, by, now).await?);
    }
    let ids: Vec<uuid::Uuid> = all.iter().map(|variant| variant.id.uuid()).collect();
    let decide_at = now + TimeDelta::seconds(experiment.decide_after_s.into());
    campaigns::begun(tx, campaign.id, &ids, decide_at).await?;
    Ok(all)
}

/// The second variant is B.
fn letter(nth: usize) -> String {
    let nth = u8::try_from(nth).unwrap_or_default().min(25);
    char::from(b'A' + nth).to_string()
}

fn sliced(campaign: Campaign, of: CampaignId, (from, to): Range) -> Campaign {
    Campaign { slice_of: Some(of), slice_from: Some(from), slice_to: Some(to), ..campaign }
}

fn slice_of(campaign: &Campaign) -> Slice {
    let of = campaign.slice_of.unwrap_or(campaign.id);
    let range = (campaign.slice_from.unwrap_or_default(), campaign.slice_to.unwrap_or_default());
    Slice { of, range, throttle_per_minute: campaign.throttle_per_minute }
}

#[expect(clippy::too_many_arguments, reason = "each names a part of the new campaign")]
async fn write_part(
    tx: &mut TenantTx,
    campaign: &Campaign,
    suffix: &str,
    variant: &NewVariant,
    range: Range,
    started_at: Option<DateTime<Utc>>,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<Campaign, CampaignError> {
    let name = format!("{} ({suffix})", text::cut(&campaign.name, 180));
    let part = Campaign {
        template: variant.template,
        variables: Json(variant.variables.clone()),
        ..sliced(successor(campaign, name, now), campaign.id, range)
    };
    campaigns::insert(tx, &part).await?;
    campaigns::slice(tx, part.id, slice_of(&part), started_at).await?;
    let detail = json!({ "experiment": campaign.id });
    events::note(tx, part.id, Happened { event: CampaignEvent::Created, detail }, by, now).await?;
    Ok(part)
}

/// Decides what is due: the rest of each audience gets what did best.
pub(super) async fn decide_due(app: &App) -> postroad_store::Result<()> {
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let due = campaigns::due_experiments(&mut tx, app.clock.now()).await?;
    tx.commit().await?;
    for (tenant, campaign) in due {
        match decide(app, tenant, campaign).await {
            Ok(()) => {}
            Err(CampaignError::Store(error)) => {
                tracing::warn!(campaign.id = %campaign, %error, "an experiment was not decided; the next look tries again");
            }
            Err(error) => put_off(app, tenant, campaign, &error.to_string()).await?,
        }
    }
    Ok(())
}

/// The rest cannot begin, and somebody must act. It is tried again in a minute, and told once.
async fn put_off(app: &App, tenant: TenantId, id: CampaignId, reason: &str) -> postroad_store::Result<()> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let reason = text::cut(reason, 500);
    if campaigns::put_off_decision(&mut tx, id, &reason, now + TRY_AGAIN_AFTER).await? {
        tracing::error!(campaign.id = %id, reason, "the rest of an experiment could not begin");
        let happened = Happened { event: CampaignEvent::Refused, detail: json!({ "reason": reason }) };
        events::note(&mut tx, id, happened, Actor::System, now).await?;
    }
    tx.commit().await
}

async fn decide(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(experiment) = campaigns::lock_experiment(&mut tx, id).await? else { return Ok(()) };
    let campaign = find(&mut tx, id).await?;
    // Somebody looks at it: what the rest gets is decided when it goes on.
    if experiment.decided_at.is_some() || campaign.state == CampaignState::Paused {
        return Ok(());
    }
    let best = winner(&scores(&mut tx, &experiment).await?);
    let rest = match experiment.shares.rest() {
        Some(range) if campaign.state != CampaignState::Cancelled && !experiment.variants.is_empty() => {
            Some(send_to_rest(&mut tx, &campaign, &experiment, best, range, now).await?)
        }
        _ => None,
    };
    campaigns::decided(&mut tx, id, i16::try_from(best).unwrap_or_default(), rest, now).await?;
    let detail = json!({ "winner": letter(best), "rest": rest });
    events::note(&mut tx, id, Happened { event: CampaignEvent::Decided, detail }, Actor::System, now).await?;
    tx.commit().await?;
    Ok(())
}

/// The audience is the one of the start: who came later gets nothing, who left it since then nothing either.
#[expect(clippy::too_many_arguments, reason = "one step of a decision, with what is known by then")]
async fn send_to_rest(
    tx: &mut TenantTx,
    campaign: &Campaign,
    experiment: &Experiment,
    best: usize,
    range: Range,
    now: DateTime<Utc>,
) -> Result<CampaignId, CampaignError> {
    let own = NewVariant { template: campaign.template, variables: campaign.variables.0.clone() };
    let variant = best.checked_sub(1).and_then(|nth| experiment.variants.get(nth)).unwrap_or(&own);
    let suffix = format!("the rest, {}", letter(best));
    let throttle_per_minute = whole_throttle(campaign, Some(experiment));
    let whole = Campaign { throttle_per_minute, ..campaign.clone() };
    let part = write_part(tx, &whole, &suffix, variant, range, campaign.started_at, Actor::System, now).await?;
    let filter = campaigns::frozen(tx, campaign.id).await?;
    if let Some(filter) = &filter {
        audiences::check_references(tx, filter).await?;
    }
    begin(tx, &part, filter.as_ref(), Actor::System, now).await?;
    Ok(part.id)
}
