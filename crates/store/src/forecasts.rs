//! What a forecast starts from: what is left in a lane, in groups of people who look alike to the gates.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use postroad_core::{
    account::{Channel, Pace},
    gates::{QuietPolicy, Reason},
    ids::{AccountId, CampaignId, MessageId},
    limits::FORECAST_GROUPS_MAX,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Result, TenantTx};

/// How fast a lane goes, and when its people sleep.
#[derive(Debug, Clone)]
pub struct Ground {
    pub rate_per_s: f64,
    pub rate_burst: i32,
    pub pace_factor: f64,
    pub rests_until: Option<DateTime<Utc>>,
    /// None, both: the installation's default.
    pub quiet_starts: Option<NaiveTime>,
    pub quiet_ends: Option<NaiveTime>,
    pub portfolio: String,
    /// None: nobody is counted.
    pub people_max: Option<i32>,
    /// Free text goes inside a window only, and takes no place of the portfolio.
    pub channel: Channel,
}

impl Ground {
    pub fn pace(&self) -> Pace {
        Pace { per_s: self.rate_per_s, burst: u32::try_from(self.rate_burst).unwrap_or(1) }
    }
}

/// None: there is no such account.
pub async fn ground(tx: &mut TenantTx, account: AccountId) -> Result<Option<Ground>> {
    let tenant = tx.tenant();
    let ground = sqlx::query_as!(
        Ground,
        r#"
        select a.rate_per_s, a.rate_burst, l.pace_factor, l.rests_until, coalesce(a.quiet_starts, t.quiet_starts) as quiet_starts,
               coalesce(a.quiet_ends, t.quiet_ends) as quiet_ends,
               coalesce(a.portfolio, a.id::text) as "portfolio!", p.people_max as "people_max?", a.channel as "channel: Channel"
        from   accounts a
        join   lanes l on l.tenant_id = a.tenant_id and l.id = a.id
        join   tenants t on t.id = a.tenant_id
        left   join portfolios p on p.tenant_id = a.tenant_id and p.id = coalesce(a.portfolio, a.id::text)
        where  a.tenant_id = $1 and a.id = $2
        "#,
        tenant.uuid(),
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(ground)
}

/// Sends of one flow that have not left and look alike.
#[derive(Debug, Clone)]
pub struct Left {
    pub flow: Uuid,
    pub weight: i16,
    pub zone: String,
    pub quiet_policy: QuietPolicy,
    /// What holds them.
    pub reason: Option<Reason>,
    /// To the minute; not before now.
    pub ready_at: DateTime<Utc>,
    pub sends: i64,
    /// Of its campaign.
    pub throttle_per_minute: Option<i32>,
    pub is_template: bool,
}

/// What has not left a lane yet, the largest groups first. Counts a million sends in a second or two.
pub async fn left(tx: &mut TenantTx, account: AccountId, now: DateTime<Utc>) -> Result<Vec<Left>> {
    let tenant = tx.tenant();
    let left = sqlx::query_as!(
        Left,
        r#"
        select s.flow, min(s.weight) as "weight!", coalesce(n.time_zone, a.time_zone, t.time_zone) as "zone!",
               m.quiet_policy as "quiet_policy: QuietPolicy", s.reason as "reason: Reason",
               greatest(date_trunc('minute', s.run_at), $3) as "ready_at!", count(*) as "sends!",
               min(c.throttle_per_minute) as throttle_per_minute,
               m.kind = 'template' as "is_template!"
        from   sends s
        join   messages m on m.tenant_id = s.tenant_id and m.id = s.id
        join   contacts n on n.tenant_id = s.tenant_id and n.id = s.contact_id
        join   accounts a on a.tenant_id = s.tenant_id and a.id = s.lane_id
        join   tenants t on t.id = s.tenant_id
        left   join campaigns c on c.tenant_id = s.tenant_id and c.id = s.campaign_id
        where  s.tenant_id = $1 and s.lane_id = $2 and s.state in ('queued', 'waiting', 'scheduled')
        group  by s.flow, 3, m.quiet_policy, s.reason, 6, 9
        order  by count(*) desc
        limit  $4
        "#,
        tenant.uuid(),
        account.uuid(),
        now,
        i64::try_from(FORECAST_GROUPS_MAX).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(left)
}

/// Calls that ended, and those of them that had to be made again.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub calls: i64,
    pub retried: i64,
}

/// How far back calls say something about the ones to come.
const LATELY: TimeDelta = TimeDelta::hours(24);

/// Calls of the newest 20,000 attempts of the tenant's last day that were this account's.
pub async fn calls(tx: &mut TenantTx, account: AccountId, now: DateTime<Utc>) -> Result<Calls> {
    let tenant = tx.tenant();
    let calls = sqlx::query_as!(
        Calls,
        r#"
        select count(*) filter (where x.account_id = $2) as "calls!",
               count(*) filter (where x.account_id = $2 and x.result in ('retry', 'not_sent')) as "retried!"
        from   (select account_id, result from attempts
                where  tenant_id = $1 and message_id >= $3
                order  by message_id desc
                limit  20000) x
        "#,
        tenant.uuid(),
        account.uuid(),
        MessageId::first_at(now - LATELY).uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(calls)
}

/// Keeps what a dry run told with its campaign, and how far it has come if there is more to look at. One that was asked for
/// later is not overwritten.
pub async fn save_dry_run(
    tx: &mut TenantTx,
    campaign: CampaignId,
    told: &Value,
    rest: Option<&Value>,
    asked: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update campaigns set dry_run = $3, dry_run_at = $4, dry_run_rest = $5
        where  tenant_id = $1 and id = $2 and (dry_run_at is null or dry_run_at <= $4)
        "#,
        tenant.uuid(),
        campaign.uuid(),
        told,
        asked,
        rest,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How far the dry run that was asked for then has come. None: it is done, or another one was asked for.
pub async fn dry_run_rest(tx: &mut TenantTx, campaign: CampaignId, asked: DateTime<Utc>) -> Result<Option<Value>> {
    let tenant = tx.tenant();
    let rest = sqlx::query_scalar!(
        "select dry_run_rest from campaigns where tenant_id = $1 and id = $2 and dry_run_at = $3 for no key update",
        tenant.uuid(),
        campaign.uuid(),
        asked,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(rest.flatten())
}

/// What the last dry run told, and when.
pub async fn dry_run(tx: &mut TenantTx, campaign: CampaignId) -> Result<Option<(Value, DateTime<Utc>)>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select dry_run, dry_run_at from campaigns where tenant_id = $1 and id = $2",
        tenant.uuid(),
        campaign.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.and_then(|row| row.dry_run.zip(row.dry_run_at)))
}
