//! The history of campaigns.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    campaign::CampaignEvent,
    ids::{CampaignId, TenantId},
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Event},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CampaignError, find};
use crate::App;

/// What there is to say of one thing that happened.
pub(super) struct Happened {
    pub(super) event: CampaignEvent,
    /// A JSON object.
    pub(super) detail: Value,
}

impl Happened {
    pub(super) fn plain(event: CampaignEvent) -> Self {
        Self { event, detail: json!({}) }
    }
}

/// Writes it down with what it is about.
pub(super) async fn note(
    tx: &mut TenantTx,
    campaign: CampaignId,
    happened: Happened,
    by: Actor,
    now: DateTime<Utc>,
) -> postroad_store::Result<()> {
    let id = Uuid::now_v7();
    let Happened { event, detail } = happened;
    campaigns::note(tx, campaign, &Event { id, at: now, actor: by.to_string(), event, detail }).await
}

/// What was done to a campaign, newest first.
pub async fn history(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Event>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await?;
    Ok(campaigns::events(&mut tx, id, before, limit).await?)
}
