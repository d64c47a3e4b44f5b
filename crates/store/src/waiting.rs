//! Sends that wait for something that has happened now: they are due at once instead of at their next check.
//!
//! A page at a time, each in a transaction of its own: a million rows must not hold up a person who presses "resume".

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::{AccountId, CampaignId},
};

use crate::{Result, SystemTx, TenantTx};

/// Rows one call releases.
pub const PAGE: u64 = 5_000;
const PAGE_ROWS: i64 = 5_000;

/// Up to [`PAGE_ROWS`] sends of one lane that wait at this gate.
pub async fn release_lane(tx: &mut TenantTx, lane: AccountId, gate: GateName, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update sends s
        set    run_at = $4
        from   (select w.id from sends w
                where  w.tenant_id = $1 and w.lane_id = $2 and w.state = 'waiting' and w.gate = $3 and w.run_at > $4
                limit  $5
                for    update skip locked) x
        where  s.tenant_id = $1 and s.id = x.id
        "#,
        tenant.uuid(),
        lane.uuid(),
        gate.as_str(),
        now,
        PAGE_ROWS,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to [`PAGE_ROWS`] sends of a campaign that was paused.
pub async fn release_campaign(
    tx: &mut TenantTx,
    lane: AccountId,
    campaign: CampaignId,
    now: DateTime<Utc>,
) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update sends s
        set    run_at = $5
        from   (select w.id from sends w
                where  w.tenant_id = $1 and w.lane_id = $2 and w.flow = $3 and w.state = 'waiting' and w.reason = $4 and w.run_at > $5
                limit  $6
                for    update skip locked) x
        where  s.tenant_id = $1 and s.id = x.id
        "#,
        tenant.uuid(),
        lane.uuid(),
        campaign.uuid(),
        Reason::CampaignPaused.as_str(),
        now,
        PAGE_ROWS,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to [`PAGE_ROWS`] sends of the transaction's tenant that wait for this reason.
pub async fn release_tenant(tx: &mut TenantTx, reason: Reason, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update sends s
        set    run_at = $3
        from   (select w.id from sends w
                where  w.tenant_id = $1 and w.state = 'waiting' and w.reason = $2 and w.run_at > $3
                limit  $4
                for    update skip locked) x
        where  s.tenant_id = $1 and s.id = x.id
        "#,
        tenant.uuid(),
        reason.as_str(),
        now,
        PAGE_ROWS,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to [`PAGE_ROWS`] sends of anybody that wait for this reason.
pub async fn release_all(tx: &mut SystemTx, reason: Reason, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update sends s
        set    run_at = $2
        from   (select w.tenant_id, w.id from sends w
                where  w.state = 'waiting' and w.reason = $1 and w.run_at > $2
                limit  $3
                for    update skip locked) x
        where  s.tenant_id = x.tenant_id and s.id = x.id
        "#,
        reason.as_str(),
        now,
        PAGE_ROWS,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
