//! A campaign after a campaign: the same again, or the same for people whom the first one did not reach.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, LocalLate},
    ids::{CampaignId, GroupId, TenantId},
    limits::FOLLOW_UP_MAX,
};
pub use postroad_store::recipients::Outcome as FollowUp;
use postroad_store::{
    Json, TenantTx,
    campaigns::{self, Audience, Campaign, Experiment},
    groups::{self, Group},
    recipients,
};
use serde_json::json;

use super::{
    CampaignError,
    events::{self, Happened},
    experiments, find, successor,
};
use crate::{App, text};

/// A new draft that says the same.
pub async fn clone(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<CampaignId, CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    if campaign.fallback_of.is_some() {
        return Err(CampaignError::IsFallback);
    }
    let experiment = campaigns::experiment(&mut tx, id).await?;
    let throttle_per_minute = experiments::whole_throttle(&campaign, experiment.as_ref());
    let campaign = Campaign { throttle_per_minute, ..campaign };
    let audience = campaign.audience.0.clone();
    let copy = write_copy(&mut tx, &campaign, "copy", audience, by, now).await?;
    if let Some(experiment) = experiment {
        campaigns::save_experiment(&mut tx, &Experiment { campaign: copy, ..experiment }).await?;
    }
    tx.commit().await?;
    Ok(copy)
}

/// A new draft for the recipients that ended like that, put into a group of their own, so that everybody can see who is
/// meant. Nobody is in it whose message may still arrive, unless `unknown` is asked for.
pub async fn follow_up(
    app: &App,
    by: Actor,
    tenant: TenantId,
    id: CampaignId,
    outcome: FollowUp,
) -> Result<(CampaignId, i64), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let wrong = CampaignError::WrongState { state: campaign.state, wanted: CampaignState::Completed };
    if !campaign.state.is_final() && campaign.state != CampaignState::Completing {
        return Err(wrong);
    }
    let group = group_of(&campaign, outcome, now);
    groups::insert(&mut tx, &group).await?;
    let people = recipients::gather(&mut tx, id, outcome, group.id, FOLLOW_UP_MAX, now).await?;
    if people == 0 {
        return Err(CampaignError::NobodyLeft);
    }
    let audience = Audience::Group { group: group.id };
    let draft = write_copy(&mut tx, &campaign, outcome.as_str(), audience, by, now).await?;
    tx.commit().await?;
    Ok((draft, people))
}

fn group_of(campaign: &Campaign, outcome: FollowUp, now: DateTime<Utc>) -> Group {
    let name = format!("{}: {}, {}", text::cut(&campaign.name, 60), outcome, now.format("%F %T"));
    Group { id: GroupId::new(now), name, members: 0, created_at: now, updated_at: now }
}

#[expect(clippy::too_many_arguments, reason = "each names a part of the new campaign")]
async fn write_copy(
    tx: &mut TenantTx,
    campaign: &Campaign,
    suffix: &str,
    audience: Audience,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<CampaignId, CampaignError> {
    let name = format!("{} ({})", text::cut(&campaign.name, 180), suffix.replace('_', " "));
    let copy = Campaign {
        audience: Json(audience),
        local_at: None,
        local_late: LocalLate::Send,
        not_after: campaign.not_after.filter(|at| *at > now),
        approved_by: None,
        created_by: by.to_string(),
        ..successor(campaign, name, now)
    };
    campaigns::insert(tx, &copy).await?;
    let detail = json!({ "from": campaign.id });
    events::note(tx, copy.id, Happened { event: CampaignEvent::Created, detail }, by, now).await?;
    Ok(copy.id)
}
