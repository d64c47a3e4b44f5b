//! What people set of a campaign that is written already.

use postroad_core::{
    actor::Actor,
    campaign::CampaignEvent,
    ids::{CampaignId, TenantId},
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Settings},
    throttles,
};
use serde_json::json;

use super::{
    CampaignError, Guards,
    events::{self, Happened},
    find,
};
use crate::{App, text};

/// Messages a minute.
pub(super) const THROTTLE_MAX: i32 = 600_000;

pub(super) fn check(guards: &Guards) -> Result<(), CampaignError> {
    if guards.throttle_per_minute.is_some_and(|throttle| !(1..=THROTTLE_MAX).contains(&throttle)) {
        return Err(CampaignError::BadThrottle);
    }
    if guards.pause_at_failures.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(CampaignError::BadShare);
    }
    if !(60..=604_800).contains(&guards.start_delay_max_s) {
        return Err(CampaignError::BadDelay);
    }
    Ok(())
}

/// Changes what may change while it runs; a throttle counts from the next second on.
pub async fn change(
    app: &App,
    by: Actor,
    tenant: TenantId,
    id: CampaignId,
    settings: &Settings,
) -> Result<(), CampaignError> {
    check_settings(settings)?;
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    if !campaigns::change(&mut tx, id, settings).await? {
        return Err(CampaignError::WrongState { state: campaign.state, wanted: campaign.state });
    }
    if settings.throttle_per_minute.is_some_and(|throttle| throttle != campaign.throttle_per_minute) {
        throttles::forget(&mut tx, id, now).await?;
    }
    let happened = Happened { event: CampaignEvent::Changed, detail: changed(&campaign, settings) };
    events::note(&mut tx, id, happened, by, now).await?;
    tx.commit().await?;
    if let Some(weight) = settings.weight.filter(|weight| *weight != campaign.weight) {
        reweigh(app, tenant, id, weight).await?;
    }
    Ok(())
}

fn check_settings(settings: &Settings) -> Result<(), CampaignError> {
    if settings.name.as_ref().is_some_and(|name| !text::fits(name.trim(), 1..=200)) {
        return Err(CampaignError::BadName);
    }
    if settings.weight.is_some_and(|weight| !(1..=100).contains(&weight)) {
        return Err(CampaignError::BadWeight);
    }
    check(&Guards {
        throttle_per_minute: settings.throttle_per_minute.flatten(),
        pause_at_failures: settings.pause_at_failures.flatten(),
        ..Guards::default()
    })
}

/// Before and after, of what was named.
fn changed(before: &Campaign, settings: &Settings) -> serde_json::Value {
    let mut detail = serde_json::Map::new();
    let mut put = |name: &str, from: serde_json::Value, to: serde_json::Value| {
        if from != to {
            detail.insert(name.to_owned(), json!({ "from": from, "to": to }));
        }
    };
    if let Some(name) = &settings.name {
        put("name", json!(before.name), json!(name));
    }
    if let Some(weight) = settings.weight {
        put("weight", json!(before.weight), json!(weight));
    }
    if let Some(throttle) = settings.throttle_per_minute {
        put("throttle_per_minute", json!(before.throttle_per_minute), json!(throttle));
    }
    if let Some(percent) = settings.pause_at_failures {
        put("pause_at_failures", json!(before.pause_at_failures), json!(percent));
    }
    detail.into()
}

/// Sends one transaction gives another weight.
const WEIGH_PAGE: i64 = 5_000;
/// Two million sends.
const WEIGH_PAGES_MAX: usize = 400;

async fn reweigh(app: &App, tenant: TenantId, id: CampaignId, weight: i16) -> postroad_store::Result<()> {
    for _ in 0..WEIGH_PAGES_MAX {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let changed = campaigns::reweigh(&mut tx, id, weight, WEIGH_PAGE).await?;
        tx.commit().await?;
        if changed == 0 {
            break;
        }
    }
    Ok(())
}

/// A second person's word for a campaign that is large. Whoever wrote it cannot give it.
pub async fn approve(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    if campaign.created_by == by.to_string() {
        return Err(CampaignError::OwnApproval);
    }
    if !campaigns::approve(&mut tx, id, &by.to_string(), now).await? {
        return Err(CampaignError::WrongState { state: campaign.state, wanted: campaign.state });
    }
    events::note(&mut tx, id, Happened::plain(CampaignEvent::Approved), by, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts an ended campaign, or a draft, out of sight.
pub async fn archive(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    put_away(app, by, tenant, id, CampaignEvent::Archived).await
}

/// Shows it again.
pub async fn restore(app: &App, by: Actor, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    put_away(app, by, tenant, id, CampaignEvent::Restored).await
}

async fn put_away(
    app: &App,
    by: Actor,
    tenant: TenantId,
    id: CampaignId,
    event: CampaignEvent,
) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let at = (event == CampaignEvent::Archived).then_some(now);
    if !campaigns::archive(&mut tx, id, at).await? {
        return Err(CampaignError::WrongState { state: campaign.state, wanted: campaign.state });
    }
    events::note(&mut tx, id, Happened::plain(event), by, now).await?;
    tx.commit().await?;
    Ok(())
}
