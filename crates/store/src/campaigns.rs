//! Campaigns. Each move is compare-and-set: a state that was not expected moves nothing.

mod audience;
mod events;
mod experiments;
mod ground;
mod open;
mod settings;

use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_core::{
    campaign::{CampaignState, LocalLate},
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, CampaignId, TemplateId, TenantId},
    segment::Filter,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{AnyTx, Result, TenantTx};

pub use audience::{Audience, Exclusion};
pub use events::{Event, events, note};
pub use experiments::{
    Experiment, NewVariant, Slice, begun, decided, due_experiments, experiment, lock_experiment, put_off_decision,
    save_experiment, score, slice,
};
pub use ground::{Ground, ground, kept_ground, save_ground};
pub use open::{Open, open, stalled};
pub use postroad_core::campaign::variable::Variable;
pub use settings::{
    Series, Settings, When, approve, archive, change, due_series, next_fire, put_off_start, reweigh, seen, seen_before,
    time, unapprove,
};

/// Another way to reach those whom a campaign did not reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// Of any channel.
    pub account: AccountId,
    /// Of that account.
    pub template: TemplateId,
    pub variables: Vec<Variable>,
    /// Failures that are reported so long after the campaign's end still count, 60 to 86,400 seconds.
    pub within_s: i32,
}

#[derive(Debug, Clone)]
pub struct Campaign {
    pub id: CampaignId,
    pub name: String,
    pub account: AccountId,
    pub template: TemplateId,
    pub purpose: Purpose,
    pub variables: Json<Vec<Variable>>,
    pub audience: Json<Audience>,
    pub exclude: Json<Vec<Exclusion>>,
    pub quiet_policy: QuietPolicy,
    pub state: CampaignState,
    pub paused_reason: Option<String>,
    /// Share of the account among campaigns, 1 to 100.
    pub weight: i16,
    pub scheduled_at: Option<DateTime<Utc>>,
    pub not_after: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Recipients written so far.
    pub planned: i64,
    /// When all were written.
    pub planned_at: Option<DateTime<Utc>>,
    pub plan_page: i32,
    pub plan_run: i32,
    pub credit_reserved: i64,
    pub created_at: DateTime<Utc>,
    /// The wall clock at which each recipient gets it, in its own zone.
    pub local_at: Option<NaiveDateTime>,
    pub local_late: LocalLate,
    /// A scheduled start that is later than this does not happen. 60 to 604,800 seconds.
    pub start_delay_max_s: i32,
    /// Of a series: when it fires, where, and until when.
    pub repeat_cron: Option<String>,
    pub repeat_zone: Option<String>,
    pub repeat_until: Option<DateTime<Utc>>,
    /// The series that made it.
    pub series: Option<CampaignId>,
    /// The fire of the series that made it.
    pub fire_at: Option<DateTime<Utc>>,
    /// Messages per minute at most, 1 to 600,000.
    pub throttle_per_minute: Option<i32>,
    /// Percent of failures at which it pauses, 1 to 100.
    pub pause_at_failures: Option<i16>,
    pub created_by: String,
    pub approved_by: Option<String>,
    pub archived_at: Option<DateTime<Utc>>,
    /// The part of the audience it is for: people whose bucket in this experiment lies in the range.
    pub slice_of: Option<CampaignId>,
    /// Of 10,000, included.
    pub slice_from: Option<i32>,
    /// Excluded.
    pub slice_to: Option<i32>,
    /// Each recipient gets the variant of the template that speaks their language, if there is one.
    pub in_own_language: bool,
    /// Why it did not begin though it was due.
    pub start_refused: Option<String>,
    pub fallback: Option<Json<Fallback>>,
    /// The campaign whose failures it is for.
    pub fallback_of: Option<CampaignId>,
}

/// False: the series has made the campaign of this fire already.
pub async fn insert(tx: &mut TenantTx, new: &Campaign) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into campaigns (tenant_id, id, name, account_id, template_id, purpose, variables, audience, quiet_policy, state, weight,
                               not_after, created_at, updated_at, exclude, start_delay_max_s, throttle_per_minute, pause_at_failures,
                               created_by, scheduled_at, series_id, fire_at, slice_of, slice_from, slice_to, approved_by, approved_at,
                               in_own_language, local_at, local_late, fallback, fallback_of)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
                case when $25::text is null then null else $13::timestamptz end, $26, $27, $28, $29, $30)
        on conflict (tenant_id, series_id, fire_at) where series_id is not null do nothing
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.account.uuid(),
        new.template.uuid(),
        new.purpose.as_str(),
        serde_json::to_value(&new.variables.0)?,
        serde_json::to_value(&new.audience.0)?,
        new.quiet_policy.as_str(),
        new.state.as_str(),
        new.weight,
        new.not_after,
        new.created_at,
        serde_json::to_value(&new.exclude.0)?,
        new.start_delay_max_s,
        new.throttle_per_minute,
        new.pause_at_failures,
        new.created_by,
        new.scheduled_at,
        new.series.map(CampaignId::uuid),
        new.fire_at,
        new.slice_of.map(CampaignId::uuid),
        new.slice_from,
        new.slice_to,
        new.approved_by,
        new.in_own_language,
        new.local_at,
        new.local_late.as_str(),
        new.fallback.as_ref().map(|fallback| serde_json::to_value(&fallback.0)).transpose()?,
        new.fallback_of.map(CampaignId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(tx: &mut TenantTx, id: CampaignId) -> Result<Option<Campaign>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Campaign,
        r#"
        select id as "id: CampaignId", name, account_id as "account: AccountId", template_id as "template: TemplateId",
               purpose as "purpose: Purpose", variables as "variables: Json<Vec<Variable>>", audience as "audience: Json<Audience>",
               exclude as "exclude: Json<Vec<Exclusion>>", quiet_policy as "quiet_policy: QuietPolicy", state as "state: CampaignState", paused_reason, weight, scheduled_at, not_after,
               started_at, finished_at, planned, planned_at, plan_page, plan_run, credit_reserved, created_at, local_at,
               local_late as "local_late: LocalLate", start_delay_max_s, repeat_cron, repeat_zone, repeat_until,
               series_id as "series: CampaignId", fire_at, throttle_per_minute, pause_at_failures, created_by, approved_by, archived_at,
               slice_of as "slice_of: CampaignId", slice_from, slice_to, in_own_language, start_refused,
               fallback as "fallback: Json<Fallback>", fallback_of as "fallback_of: CampaignId"
        from   campaigns
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Which campaigns to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listed {
    pub before: Option<CampaignId>,
    pub archived: bool,
    pub series: Option<CampaignId>,
    pub fallback_of: Option<CampaignId>,
    /// At least 1.
    pub limit: i64,
}

/// Newest first.
pub async fn list(tx: &mut TenantTx, listed: &Listed) -> Result<Vec<Campaign>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Campaign,
        r#"
        select id as "id: CampaignId", name, account_id as "account: AccountId", template_id as "template: TemplateId",
               purpose as "purpose: Purpose", variables as "variables: Json<Vec<Variable>>", audience as "audience: Json<Audience>",
               exclude as "exclude: Json<Vec<Exclusion>>", quiet_policy as "quiet_policy: QuietPolicy", state as "state: CampaignState", paused_reason, weight, scheduled_at, not_after,
               started_at, finished_at, planned, planned_at, plan_page, plan_run, credit_reserved, created_at, local_at,
               local_late as "local_late: LocalLate", start_delay_max_s, repeat_cron, repeat_zone, repeat_until,
               series_id as "series: CampaignId", fire_at, throttle_per_minute, pause_at_failures, created_by, approved_by, archived_at,
               slice_of as "slice_of: CampaignId", slice_from, slice_to, in_own_language, start_refused,
               fallback as "fallback: Json<Fallback>", fallback_of as "fallback_of: CampaignId"
        from   campaigns
        where  tenant_id = $1 and ($2::uuid is null or id < $2) and (archived_at is not null) = $3
        and    ($4::uuid is null or series_id = $4) and ($6::uuid is null or fallback_of = $6)
        order  by id desc
        limit  $5
        "#,
        tenant.uuid(),
        listed.before.map(CampaignId::uuid),
        listed.archived,
        listed.series.map(CampaignId::uuid),
        listed.limit,
        listed.fallback_of.map(CampaignId::uuid),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A move, and what is written with it.
#[derive(Debug, Clone)]
pub struct Move<'a> {
    pub from: CampaignState,
    pub to: CampaignState,
    pub paused_reason: Option<&'a str>,
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Continues planning under a new run, so that jobs of an earlier one find nothing to do.
    pub replan: bool,
    /// At its start.
    pub credit: Option<Held>,
}

/// False: the campaign was in another state.
pub async fn move_to(tx: &mut TenantTx, id: CampaignId, step: &Move<'_>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update campaigns
        set    state = $4, paused_reason = $5, scheduled_at = coalesce($6, scheduled_at),
               plan_run = plan_run + case when $7 then 1 else 0 end,
               started_at = case when $4 in ('preparing', 'running') then coalesce(started_at, $8) else started_at end,
               finished_at = case when $4 in ('completed', 'partially_failed', 'cancelled', 'expired') then $8 else finished_at end,
               credit_reserved = coalesce($9, credit_reserved), credit_price = coalesce($10, credit_price), start_refused = null, start_again_at = null
        where  tenant_id = $1 and id = $2 and state = $3
        "#,
        tenant.uuid(),
        id.uuid(),
        step.from.as_str(),
        step.to.as_str(),
        step.paused_reason,
        step.scheduled_at,
        step.replan,
        now,
        step.credit.map(|held| held.credits),
        step.credit.map(|held| held.price),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down who is meant, or that no filter says so, before a campaign begins.
pub async fn freeze(tx: &mut TenantTx, id: CampaignId, filter: Option<&Filter>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaigns set frozen = $3 where tenant_id = $1 and id = $2 and state in ('draft', 'scheduled')",
        tenant.uuid(),
        id.uuid(),
        filter.map(serde_json::to_value).transpose()?,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Holds a campaign until the transaction ends, so that whoever looks at its state next acts on it.
pub async fn lock(tx: &mut TenantTx, id: CampaignId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "select id from campaigns where tenant_id = $1 and id = $2 for no key update",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(())
}

/// Campaigns for the other parts of its audience, and its fallback, that have begun and not ended. At most 20.
pub async fn open_parts(tx: &mut TenantTx, id: CampaignId) -> Result<Vec<CampaignId>> {
    let tenant = tx.tenant();
    let parts = sqlx::query_scalar!(
        r#"
        select id as "id: CampaignId" from campaigns
        where  tenant_id = $1 and id <> $2 and state in ('preparing', 'running', 'paused', 'completing')
        and    (slice_of = $2 or fallback_of = $2
                or fallback_of in (select p.id from campaigns p where p.tenant_id = $1 and p.slice_of = $2))
        order  by id
        limit  20
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(parts)
}

/// The filter that was written down at the start.
pub async fn frozen(tx: &mut TenantTx, id: CampaignId) -> Result<Option<Filter>> {
    let tenant = tx.tenant();
    let frozen = sqlx::query_scalar!(
        r#"select frozen as "frozen: Json<Filter>" from campaigns where tenant_id = $1 and id = $2"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(frozen.flatten().map(|json| json.0))
}

/// How many people an audience without a filter has now: contacts with an address on the account's channel.
pub async fn audience_size(
    tx: &mut TenantTx,
    campaign: &Campaign,
    contacts: Option<&[Uuid]>,
    import: Option<Uuid>,
) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"
        select count(distinct d.contact_id) as "count!"
        from   addresses d
        join   accounts a on a.tenant_id = d.tenant_id and a.id = $2 and a.channel = d.channel
        where  d.tenant_id = $1 and ($3::uuid[] is null or d.contact_id = any($3))
        and    ($4::uuid is null or exists (select 1 from contacts c
                                            where  c.tenant_id = $1 and c.id = d.contact_id and c.import_id = $4))
        and    not exists (select 1 from contacts c
                           where  c.tenant_id = $1 and c.id = d.contact_id and c.erased_at is not null)
        "#,
        tenant.uuid(),
        campaign.account.uuid(),
        contacts,
        import,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// The campaign holds so much more of the wallet.
pub async fn reserve_more(tx: &mut TenantTx, id: CampaignId, credits: i64) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaigns set credit_reserved = credit_reserved + $3 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
        credits,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a campaign holds of the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub credits: i64,
    /// Of each message.
    pub price: i64,
}

/// Takes what the campaign still holds of the wallet, once: whoever asks second gets nothing.
pub async fn take_reserved(tx: &mut TenantTx, id: CampaignId) -> Result<Option<Held>> {
    let tenant = tx.tenant();
    let taken = sqlx::query_as!(
        Held,
        r#"
        with held as (
            select credit_reserved, credit_price from campaigns where tenant_id = $1 and id = $2 for no key update
        )
        update campaigns c
        set    credit_reserved = 0
        from   held h
        where  c.tenant_id = $1 and c.id = $2 and h.credit_reserved > 0
        returning h.credit_reserved as credits, h.credit_price as price
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(taken)
}

/// Recipients of a campaign in one state, at one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub state: String,
    /// Of waits and refusals; of calls that were refused, the provider's fault class.
    pub reason: Option<String>,
    /// An unknown outcome that counts as final.
    pub settled: bool,
    pub count: i64,
}

pub async fn tallies(tx: &mut impl AnyTx, tenant: TenantId, id: CampaignId) -> Result<Vec<Tally>> {
    let rows = sqlx::query_as!(
        Tally,
        r#"
        select s.state, case when s.state in ('rejected', 'failed', 'dead') then s.fault_class else s.reason end as reason,
               s.settled_at is not null as "settled!", count(*) as "count!"
        from   sends s
        where  s.tenant_id = $1 and s.campaign_id = $2
        group  by 1, 2, 3
        limit  500
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Messages that ended with an answer, and those of them without success. Refusals, cancellations and what nobody knows are
/// neither.
pub async fn ended(tx: &mut TenantTx, id: CampaignId) -> Result<(i64, i64)> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select count(*) as "all!", count(*) filter (where state in ('rejected', 'failed', 'dead')) as "failed!"
        from   sends
        where  tenant_id = $1 and campaign_id = $2
        and    state in ('accepted', 'sent', 'delivered', 'read', 'rejected', 'failed', 'dead')
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.all, row.failed))
}

/// Cancels up to `limit` sends that are not on their way; returns how many.
pub async fn cancel_sends(tx: &mut TenantTx, id: CampaignId, limit: i64, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update sends s
        set    state = 'cancelled', busy = false, gate = null, reason = null, state_at = $4, settled_at = $4
        from   (select tenant_id, id from sends
                where  tenant_id = $1 and campaign_id = $2 and state in ('scheduled', 'queued', 'waiting', 'claimed')
                limit  $3
                for    update skip locked) x
        where  s.tenant_id = x.tenant_id and s.id = x.id
        "#,
        tenant.uuid(),
        id.uuid(),
        limit,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
