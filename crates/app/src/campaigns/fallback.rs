//! Another way to reach those whom a campaign did not reach: a campaign of its own, whose recipients are the first one's
//! failures, with its own account, text, consent and report. An outcome that nobody knows is no failure.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, LocalLate},
    limits::FALLBACK_WITHIN_MAX_S,
};
use postroad_store::{
    Json, TenantTx,
    campaigns::{self, Audience, Campaign, Fallback},
};
use serde_json::json;

use super::{
    CampaignError, NewCampaign, check_ground, check_variables,
    events::{self, Happened},
    moves::begin,
    successor,
};
use crate::text;

/// Seconds.
const WITHIN_MIN_S: i32 = 60;

/// Whether it can be sent as things stand.
pub(super) async fn check(tx: &mut TenantTx, new: &NewCampaign) -> Result<(), CampaignError> {
    let Some(fallback) = &new.fallback else { return Ok(()) };
    if !(WITHIN_MIN_S..=FALLBACK_WITHIN_MAX_S).contains(&fallback.within_s) {
        return Err(CampaignError::BadWithin);
    }
    if fallback.account == new.account {
        return Err(CampaignError::SameAccount);
    }
    check_variables(&fallback.variables)?;
    let ground = campaigns::ground(tx, fallback.account, fallback.template).await?.ok_or(CampaignError::NoGround)?;
    check_ground(&ground, new.purpose, fallback.variables.len())
}

/// Begins the fallback of a campaign that has begun. It waits for failures until nothing of the campaign can fail any more.
pub(super) async fn follow(
    tx: &mut TenantTx,
    campaign: &Campaign,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<(), CampaignError> {
    let Some(Json(fallback)) = campaign.fallback.clone() else { return Ok(()) };
    let follower = written(campaign, fallback, now);
    campaigns::insert(tx, &follower).await?;
    let created = Happened { event: CampaignEvent::Created, detail: json!({ "fallback_of": campaign.id }) };
    events::note(tx, follower.id, created, by, now).await?;
    let told = Happened { event: CampaignEvent::Changed, detail: json!({ "fallback": follower.id }) };
    events::note(tx, campaign.id, told, by, now).await?;
    Box::pin(begin(tx, &follower, None, by, now)).await
}

fn written(campaign: &Campaign, fallback: Fallback, now: DateTime<Utc>) -> Campaign {
    let name = format!("{} (fallback)", text::cut(&campaign.name, 180));
    Campaign {
        account: fallback.account,
        template: fallback.template,
        variables: Json(fallback.variables),
        audience: Json(Audience::Fallback { fallback_of: campaign.id }),
        exclude: Json(Vec::new()),
        local_at: None,
        local_late: LocalLate::Send,
        throttle_per_minute: None,
        fallback: None,
        fallback_of: Some(campaign.id),
        ..successor(campaign, name, now)
    }
}
