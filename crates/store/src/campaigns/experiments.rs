//! Campaigns that are compared with each other.

use chrono::{DateTime, Utc};
use postroad_core::{
    campaign::experiment::{Metric, Range, Score, Shares},
    ids::{CampaignId, TemplateId, TenantId},
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::Variable;
use crate::{Result, SystemTx, TenantTx};

/// A message that is compared with the campaign's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVariant {
    pub template: TemplateId,
    pub variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    pub campaign: CampaignId,
    pub shares: Shares,
    pub metric: Metric,
    /// From the start, 60 to 2,592,000 seconds.
    pub decide_after_s: i32,
    /// The second variant and those behind it.
    pub variants: Vec<NewVariant>,
    /// The campaigns of all variants, in their order; empty before the start.
    pub campaigns: Vec<Uuid>,
    pub decide_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    /// From 0.
    pub winner: Option<i16>,
    /// The campaign of the rest.
    pub rest: Option<CampaignId>,
    /// Why the rest did not begin though it was due.
    pub refused: Option<String>,
}

/// Writes what is to be compared, for a campaign that has not begun.
pub async fn save_experiment(tx: &mut TenantTx, new: &Experiment) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into experiments (tenant_id, campaign_id, holdout, sample, metric, decide_after_s, variants)
        values ($1, $2, $3::integer, $4::integer, $5, $6, $7)
        on conflict (tenant_id, campaign_id) do update
        set    holdout = excluded.holdout, sample = excluded.sample, metric = excluded.metric,
               decide_after_s = excluded.decide_after_s, variants = excluded.variants
        "#,
        tenant.uuid(),
        new.campaign.uuid(),
        new.shares.holdout,
        new.shares.sample,
        new.metric.as_str(),
        new.decide_after_s,
        serde_json::to_value(&new.variants)?,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// None: the campaign compares nothing.
pub async fn experiment(tx: &mut TenantTx, campaign: CampaignId) -> Result<Option<Experiment>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select holdout, sample, metric as "metric: Metric", decide_after_s, variants as "variants: Json<Vec<NewVariant>>", campaigns,
               decide_at, decided_at, winner, rest_id as "rest: CampaignId", refused
        from   experiments
        where  tenant_id = $1 and campaign_id = $2
        "#,
        tenant.uuid(),
        campaign.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Experiment {
        campaign,
        shares: Shares { holdout: row.holdout.into(), sample: row.sample.into() },
        metric: row.metric,
        decide_after_s: row.decide_after_s,
        variants: row.variants.0,
        campaigns: row.campaigns,
        decide_at: row.decide_at,
        decided_at: row.decided_at,
        winner: row.winner,
        rest: row.rest,
        refused: row.refused,
    }))
}

/// What a campaign compares, locked until the transaction ends.
pub async fn lock_experiment(tx: &mut TenantTx, campaign: CampaignId) -> Result<Option<Experiment>> {
    let tenant = tx.tenant();
    sqlx::query!(
        "select campaign_id from experiments where tenant_id = $1 and campaign_id = $2 for no key update",
        tenant.uuid(),
        campaign.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    experiment(tx, campaign).await
}

/// A part of an audience.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    pub of: CampaignId,
    pub range: Range,
    /// Its share of the throttle.
    pub throttle_per_minute: Option<i32>,
}

/// Makes a campaign that has not begun one for a part of its audience; of `started_at`, if that lies behind.
pub async fn slice(tx: &mut TenantTx, id: CampaignId, slice: Slice, started_at: Option<DateTime<Utc>>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update campaigns set slice_of = $3, slice_from = $4, slice_to = $5, started_at = coalesce($6, started_at),
               throttle_per_minute = $7
        where  tenant_id = $1 and id = $2 and state in ('draft', 'scheduled')
        "#,
        tenant.uuid(),
        id.uuid(),
        slice.of.uuid(),
        slice.range.0,
        slice.range.1,
        started_at,
        slice.throttle_per_minute,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The campaigns of the variants have begun.
pub async fn begun(tx: &mut TenantTx, campaign: CampaignId, variants: &[Uuid], decide_at: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update experiments set campaigns = $3, decide_at = $4 where tenant_id = $1 and campaign_id = $2",
        tenant.uuid(),
        campaign.uuid(),
        variants,
        decide_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Experiments that are to be decided; not while somebody looks at them. At most 100.
pub async fn due_experiments(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<(TenantId, CampaignId)>> {
    let rows = sqlx::query!(
        r#"
        select e.tenant_id as "tenant: TenantId", e.campaign_id as "campaign: CampaignId"
        from   experiments e
        join   campaigns c on c.tenant_id = e.tenant_id and c.id = e.campaign_id
        where  e.decided_at is null and e.decide_at <= $1 and c.state <> 'paused'
        order  by e.decide_at
        limit  100
        "#,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.campaign)).collect())
}

/// How a variant did so far.
pub async fn score(tx: &mut TenantTx, variant: CampaignId, metric: Metric) -> Result<Score> {
    let tenant = tx.tenant();
    let score = sqlx::query_as!(
        Score,
        r#"
        select count(*) as "taken!",
               count(*) filter (where case $3
                   when 'read' then s.state = 'read'
                   when 'delivered' then s.state in ('delivered', 'read')
                   when 'clicked' then exists (select 1 from clicks k where k.tenant_id = s.tenant_id and k.message_id = s.id)
                   else exists (select 1 from messages m where m.tenant_id = s.tenant_id and m.contact_id = s.contact_id
                                and m.direction = 'inbound' and m.account_id = s.lane_id and m.created_at > c.started_at) end) as "good!"
        from   sends s
        join   campaigns c on c.tenant_id = s.tenant_id and c.id = s.campaign_id
        where  s.tenant_id = $1 and s.campaign_id = $2 and s.state in ('accepted', 'sent', 'delivered', 'read', 'failed')
        "#,
        tenant.uuid(),
        variant.uuid(),
        metric.as_str(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(score)
}

/// Writes the verdict once. False: somebody has decided before.
pub async fn decided(
    tx: &mut TenantTx,
    campaign: CampaignId,
    winner: i16,
    rest: Option<CampaignId>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update experiments set decided_at = $3, winner = $4, rest_id = $5, refused = null
        where  tenant_id = $1 and campaign_id = $2 and decided_at is null
        "#,
        tenant.uuid(),
        campaign.uuid(),
        now,
        winner,
        rest.map(CampaignId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Decides later, and says why. False: that is known.
pub async fn put_off_decision(
    tx: &mut TenantTx,
    campaign: CampaignId,
    reason: &str,
    until: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let known = sqlx::query_scalar!(
        r#"
        with before as (
            select refused from experiments where tenant_id = $1 and campaign_id = $2 and decided_at is null for no key update
        )
        update experiments e set refused = $3, decide_at = $4
        from   before b
        where  e.tenant_id = $1 and e.campaign_id = $2
        returning b.refused is not distinct from $3 as "known!"
        "#,
        tenant.uuid(),
        campaign.uuid(),
        reason,
        until,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(known == Some(false))
}
