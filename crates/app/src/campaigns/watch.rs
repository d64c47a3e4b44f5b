//! Looks at campaigns while they run, and pauses those that somebody should look at: too much fails, or what they stand on
//! has changed. Only a person resumes them.

use postroad_core::{
    actor::Actor,
    campaign::{
        preflight::{difference, drift},
        watch::{Ended, fails_too_often},
    },
    ids::{CampaignId, TenantId},
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Open},
};

use super::{CampaignError, find, moves::pause, preflight::need};
use crate::{App, text};

/// Counting the messages of a million people costs a moment: it is done this often, in seconds.
const COUNT_EVERY_S: i64 = 10;
/// Between two looks at all campaigns, in seconds.
const LOOK_EVERY_S: i64 = 2;

pub(super) async fn look(app: &App, open: &Open) -> Result<(), CampaignError> {
    let mut tx = TenantTx::begin(&app.store, open.tenant).await?;
    let campaign = find(&mut tx, open.id).await?;
    let mut reason = drifted(&mut tx, &campaign).await?;
    if reason.is_none() && app.clock.now().timestamp() % COUNT_EVERY_S < LOOK_EVERY_S {
        reason = failing(&mut tx, open, &campaign).await?;
    }
    drop(tx);
    match reason {
        Some(reason) => Ok(stop(app, open.tenant, open.id, &reason).await?),
        None => Ok(()),
    }
}

/// Pauses a campaign for a reason that a person must look at.
pub(crate) async fn stop(app: &App, tenant: TenantId, id: CampaignId, reason: &str) -> postroad_store::Result<()> {
    tracing::warn!(campaign.id = %id, reason, "a campaign was paused");
    match pause(app, Actor::System, tenant, id, reason).await {
        Ok(()) => Ok(()),
        Err(CampaignError::Store(error)) => Err(error),
        // It ended, or somebody was faster.
        Err(error) => {
            tracing::debug!(campaign.id = %id, %error, "it needs no pause any more");
            Ok(())
        }
    }
}

/// What is not as it was when the campaign started.
async fn drifted(tx: &mut TenantTx, campaign: &Campaign) -> Result<Option<String>, CampaignError> {
    let Some(before) = campaigns::kept_ground(tx, campaign.id).await? else { return Ok(None) };
    let Some(ground) = campaigns::ground(tx, campaign.account, campaign.template).await? else { return Ok(None) };
    let found = drift(&before, &ground.now, need(campaign));
    let told: Vec<String> = found.into_iter().map(|finding| difference(finding, &before, &ground.now)).collect();
    Ok((!told.is_empty()).then(|| text::cut(&told.join("; "), 200)))
}

async fn failing(tx: &mut TenantTx, open: &Open, campaign: &Campaign) -> Result<Option<String>, CampaignError> {
    let Some(percent) = open.pause_at_failures.map(i64::from) else { return Ok(None) };
    let (all, failed) = campaigns::ended(tx, campaign.id).await?;
    let (seen, seen_failed) = campaigns::seen_before(tx, campaign.id).await?;
    let ended = Ended { all, failed }.since(Ended { all: seen, failed: seen_failed });
    Ok(fails_too_often(ended, percent).then(|| {
        let Ended { all, failed } = ended;
        format!("{failed} of {all} messages failed ({} %), and it pauses at {percent} %", ended.failed_percent())
    }))
}
