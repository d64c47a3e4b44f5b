//! The history of campaigns.

use std::sync::atomic::{AtomicU32, Ordering};

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
    let id = in_order(now);
    let Happened { event, detail } = happened;
    campaigns::note(tx, campaign, &Event { id, at: now, actor: by.to_string(), event, detail }).await
}

/// Of two events of one millisecond, what this process wrote later comes later: of random ids nobody knows.
fn in_order(now: DateTime<Utc>) -> Uuid {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let mut bytes = [0; 10];
    // Behind the bits that say what kind of id it is.
    bytes[3..7].copy_from_slice(&WRITTEN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes[7..].copy_from_slice(&rand::random::<[u8; 3]>());
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
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
