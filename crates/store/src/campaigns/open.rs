//! Campaigns that time or their rows move on, for whoever looks at all of them.

use chrono::{DateTime, Utc};
use postroad_core::{
    campaign::CampaignState,
    ids::{CampaignId, TenantId},
    jobs::PlanCampaign,
};

use crate::{Result, SystemTx};

/// A campaign that time or its rows may move on.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub tenant: TenantId,
    pub id: CampaignId,
    pub state: CampaignState,
    /// Scheduled, and the time has come.
    pub due: bool,
    pub planned: bool,
    pub holds_credit: bool,
    /// Sends that are not on their way yet.
    pub unsent: bool,
    /// Calls without an outcome.
    pub undecided: bool,
    /// Something did not arrive, or nobody knows.
    pub troubled: bool,
    /// Its fires make campaigns; it sends nothing itself.
    pub is_series: bool,
    /// It is late by more than it may be.
    pub too_late: bool,
    /// It pauses by itself at this percentage of failures.
    pub pause_at_failures: Option<i16>,
}

/// Campaigns to look at: open ones, cancelled ones that still hold sends, and ended ones that still hold credit. At most
/// 1,000: those that are to begin, and of the others each time some.
pub async fn open(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<Open>> {
    let rows = sqlx::query_as!(
        Open,
        r#"
        select c.tenant_id as "tenant: TenantId", c.id as "id: CampaignId", c.state as "state: CampaignState",
               coalesce(c.state = 'scheduled' and c.scheduled_at <= $1, false) as "due!", c.credit_reserved > 0 as "holds_credit!",
               c.planned_at is not null as "planned!",
               exists (select 1 from sends s where s.tenant_id = c.tenant_id and s.campaign_id = c.id
                       and s.state in ('scheduled', 'queued', 'waiting', 'claimed')) as "unsent!",
               exists (select 1 from sends s where s.tenant_id = c.tenant_id and s.campaign_id = c.id
                       and (s.state = 'attempting' or (s.state = 'unknown' and s.settled_at is null))) as "undecided!",
               exists (select 1 from sends s where s.tenant_id = c.tenant_id and s.campaign_id = c.id
                       and s.state in ('rejected', 'failed', 'dead', 'unknown', 'expired')) as "troubled!",
               c.repeat_cron is not null as "is_series!",
               coalesce(c.scheduled_at + make_interval(secs => c.start_delay_max_s) < $1, false) as "too_late!", c.pause_at_failures
        from   campaigns c
        where  (c.state = 'scheduled' and c.scheduled_at <= $1 and (c.start_again_at is null or c.start_again_at <= $1
                or c.scheduled_at + make_interval(secs => c.start_delay_max_s) < $1))
        or     c.state in ('preparing', 'running', 'completing')
        or     (c.state = 'cancelled' and c.finished_at > $1 - interval '1 hour')
        or     (c.state in ('completed', 'partially_failed', 'cancelled', 'expired') and c.credit_reserved > 0)
        order  by c.state <> 'scheduled', md5(c.id::text || $1::text)
        limit  1000
        "#,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The jobs of campaigns whose planning has not moved since `before`: the job was lost, or its worker was.
pub async fn stalled(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<Vec<PlanCampaign>> {
    let jobs = sqlx::query_as!(
        PlanCampaign,
        r#"
        select tenant_id as "tenant: TenantId", id as "campaign: CampaignId", plan_page as page, plan_run as generation
        from   campaigns
        where  state = 'preparing' and updated_at < $1
        order  by tenant_id, id
        limit  1000
        "#,
        before,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(jobs)
}
