//! The history of a campaign: who did what to it, and when. Rows are added and never changed.

use chrono::{DateTime, Utc};
use postroad_core::{campaign::CampaignEvent, ids::CampaignId};
use serde_json::Value;
use uuid::Uuid;

use crate::{Result, TenantTx};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// `system`, `operator`, or the id of an API client.
    pub actor: String,
    pub event: CampaignEvent,
    /// A JSON object.
    pub detail: Value,
}

/// Writes it down with what it is about, in the same transaction.
pub async fn note(tx: &mut TenantTx, campaign: CampaignId, event: &Event) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into campaign_events (tenant_id, campaign_id, id, at, actor, event, detail) values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.uuid(),
        campaign.uuid(),
        event.id,
        event.at,
        event.actor,
        event.event.as_str(),
        event.detail,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Newest first, before `before`.
pub async fn events(tx: &mut TenantTx, campaign: CampaignId, before: Option<Uuid>, limit: i64) -> Result<Vec<Event>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Event,
        r#"
        select id, at, actor, event as "event: CampaignEvent", detail
        from   campaign_events
        where  tenant_id = $1 and campaign_id = $2 and ($3::uuid is null or id < $3)
        order  by id desc
        limit  $4
        "#,
        tenant.uuid(),
        campaign.uuid(),
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
