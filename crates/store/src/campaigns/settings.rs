//! What people set of a campaign: when it leaves, how fast, who lets it.

use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_core::{campaign::LocalLate, ids::CampaignId};

use crate::{Result, TenantTx};

/// What may change of a campaign while it runs. None leaves it; `Some(None)` takes it away.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub name: Option<String>,
    pub weight: Option<i16>,
    pub throttle_per_minute: Option<Option<i32>>,
    pub pause_at_failures: Option<Option<i16>>,
}

/// False: there is none, or it has ended.
pub async fn change(tx: &mut TenantTx, id: CampaignId, settings: &Settings) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update campaigns
        set    name = coalesce($3, name), weight = coalesce($4, weight),
               throttle_per_minute = case when $5 then $6 else throttle_per_minute end,
               pause_at_failures = case when $7 then $8 else pause_at_failures end
        where  tenant_id = $1 and id = $2 and state not in ('completed', 'partially_failed', 'cancelled', 'expired')
        "#,
        tenant.uuid(),
        id.uuid(),
        settings.name,
        settings.weight,
        settings.throttle_per_minute.is_some(),
        settings.throttle_per_minute.flatten(),
        settings.pause_at_failures.is_some(),
        settings.pause_at_failures.flatten(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A page of sends that have not left gets the weight of its campaign. Returns how many there were.
pub async fn reweigh(tx: &mut TenantTx, id: CampaignId, weight: i16, limit: i64) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update sends s
        set    weight = $3
        from   (select w.id from sends w
                where  w.tenant_id = $1 and w.campaign_id = $2 and w.state in ('queued', 'waiting', 'scheduled') and w.weight <> $3
                limit  $4
                for    update skip locked) x
        where  s.tenant_id = $1 and s.id = x.id
        "#,
        tenant.uuid(),
        id.uuid(),
        weight,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// When a scheduled campaign leaves, besides the instant.
#[derive(Debug, Clone)]
pub enum When<'a> {
    /// At the instant it is scheduled for.
    Once,
    /// When each recipient's clock shows this.
    Local { at: NaiveDateTime, late: LocalLate },
    /// Again and again.
    Series { cron: &'a str, zone: &'a str, until: Option<DateTime<Utc>> },
}

/// Writes it down for a campaign that has not begun. What somebody approved was something else.
pub async fn time(tx: &mut TenantTx, id: CampaignId, when: &When<'_>) -> Result<()> {
    let tenant = tx.tenant();
    let (local, series) = match when {
        When::Once => (None, None),
        When::Local { at, late } => (Some((*at, *late)), None),
        When::Series { cron, zone, until } => (None, Some((*cron, *zone, *until))),
    };
    sqlx::query!(
        r#"
        update campaigns
        set    local_at = $3, local_late = $4, repeat_cron = $5, repeat_zone = $6, repeat_until = $7, approved_by = null,
               approved_at = null, scheduled_at = case when state = 'draft' then null else scheduled_at end
        where  tenant_id = $1 and id = $2 and state in ('draft', 'scheduled')
        "#,
        tenant.uuid(),
        id.uuid(),
        local.map(|(at, _)| at),
        local.map_or(LocalLate::Send, |(_, late)| late).as_str(),
        series.map(|(cron, ..)| cron),
        series.map(|(_, zone, _)| zone),
        series.and_then(|(.., until)| until),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A series, locked at one fire.
#[derive(Debug, Clone)]
pub struct Series {
    pub fire_at: DateTime<Utc>,
    pub cron: String,
    pub zone: String,
    pub until: Option<DateTime<Utc>>,
}

/// Locks a series that is due. None: it is not (any more), because somebody fired it or stopped it.
pub async fn due_series(tx: &mut TenantTx, id: CampaignId, now: DateTime<Utc>) -> Result<Option<Series>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Series,
        r#"
        select scheduled_at as "fire_at!", repeat_cron as "cron!", repeat_zone as "zone!", repeat_until as until
        from   campaigns
        where  tenant_id = $1 and id = $2 and state = 'scheduled' and scheduled_at <= $3 and repeat_cron is not null
        for    no key update
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Moves a series to its next fire, if it still stands at the last one.
pub async fn next_fire(tx: &mut TenantTx, id: CampaignId, fired: DateTime<Utc>, next: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update campaigns set scheduled_at = $4 where tenant_id = $1 and id = $2 and state = 'scheduled' and scheduled_at = $3",
        tenant.uuid(),
        id.uuid(),
        fired,
        next,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A second person's word for a campaign that has not begun. False: it has begun, or the first person says so.
pub async fn approve(tx: &mut TenantTx, id: CampaignId, by: &str, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update campaigns
        set    approved_by = $3, approved_at = $4
        where  tenant_id = $1 and id = $2 and state in ('draft', 'scheduled') and created_by <> $3
        "#,
        tenant.uuid(),
        id.uuid(),
        by,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What somebody approved is not what it says any more.
pub async fn unapprove(tx: &mut TenantTx, id: CampaignId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaigns set approved_by = null, approved_at = null where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts a start off, and says why. False: that is known, or it is not scheduled any more.
pub async fn put_off_start(tx: &mut TenantTx, id: CampaignId, reason: &str, until: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let known = sqlx::query_scalar!(
        r#"
        with before as (
            select start_refused from campaigns where tenant_id = $1 and id = $2 and state = 'scheduled' for no key update
        )
        update campaigns c set start_refused = $3, start_again_at = $4
        from   before b
        where  c.tenant_id = $1 and c.id = $2
        returning b.start_refused is not distinct from $3 as "known!"
        "#,
        tenant.uuid(),
        id.uuid(),
        reason,
        until,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(known == Some(false))
}

/// Puts a campaign out of sight, or back. False: it is in a state in which it must be seen.
pub async fn archive(tx: &mut TenantTx, id: CampaignId, at: Option<DateTime<Utc>>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update campaigns
        set    archived_at = $3
        where  tenant_id = $1 and id = $2 and state in ('draft', 'completed', 'partially_failed', 'cancelled', 'expired')
        "#,
        tenant.uuid(),
        id.uuid(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What had ended when a person last let the campaign go on.
pub async fn seen(tx: &mut TenantTx, id: CampaignId, ended: i64, failed: i64) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaigns set seen_ended = $3, seen_failed = $4 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
        ended,
        failed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Messages that had ended then, and those of them without success.
pub async fn seen_before(tx: &mut TenantTx, id: CampaignId) -> Result<(i64, i64)> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select seen_ended, seen_failed from campaigns where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map_or((0, 0), |row| (row.seen_ended, row.seen_failed)))
}
