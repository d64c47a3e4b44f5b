//! Planning: pages of recipients, with their messages and sends.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_core::{
    account::Channel,
    campaign::LocalLate,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, AddressId, CampaignId, ContactId, GroupId, MessageId, TemplateId},
    message::Content,
    segment::Filter,
    send::SendState,
};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    Result, TenantTx,
    bodies::Ward,
    campaigns::{Audience, Variable},
};

/// What a page is written from: the campaign, as it is while it is shared.
#[derive(Debug)]
pub struct Page {
    pub campaign: CampaignId,
    /// Counts starts and resumes.
    pub run: i32,
    /// Pages written before.
    pub number: i32,
    pub account: AccountId,
    pub channel: Channel,
    pub template: TemplateId,
    pub template_name: String,
    pub language: String,
    pub purpose: Purpose,
    pub quiet_policy: QuietPolicy,
    pub weight: i16,
    pub not_after: Option<DateTime<Utc>>,
    /// The wall clock at which each recipient gets it.
    pub local_at: Option<NaiveDateTime>,
    pub local_late: LocalLate,
    /// The part of the audience it is for.
    pub slice_of: Option<CampaignId>,
    pub slice_from: Option<i32>,
    pub slice_to: Option<i32>,
    pub variables: Json<Vec<Variable>>,
    pub audience: Json<Audience>,
    /// Of audiences that are a filter, or leave somebody out.
    pub frozen: Option<Json<Filter>>,
    /// Who joined later is no recipient.
    pub started_at: DateTime<Utc>,
    /// The last contact that was looked at.
    pub planned_to: Option<ContactId>,
    pub credit_enforced: bool,
    /// What each message costs.
    pub credit_price: i64,
    pub created_by: String,
    /// Of campaigns that speak each person's language: the variants of the template that can be sent.
    pub variants: Option<Json<Vec<Variant>>>,
    /// Of people of whom none is known.
    pub time_zone: String,
}

/// A template of the campaign's name, in another language or the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Variant {
    pub template: Uuid,
    /// As the provider spells it.
    pub language: String,
}

/// Shares a campaign with the other pages that are being written: whoever takes it for himself waits for all of them, and
/// they wait for him ([`crate::merges::hold_planning`]). None: it is paused or cancelled, or was started anew since.
pub async fn share(tx: &mut TenantTx, campaign: CampaignId, run: i32) -> Result<Option<Page>> {
    let tenant = tx.tenant();
    let page = sqlx::query_as!(
        Page,
        r#"
        select c.id as "campaign: CampaignId", c.plan_run as run, c.plan_page as number, c.account_id as "account: AccountId",
               a.channel as "channel: Channel",
               c.template_id as "template: TemplateId", t.name as template_name, t.language, c.purpose as "purpose: Purpose",
               c.quiet_policy as "quiet_policy: QuietPolicy", c.weight, c.not_after, c.local_at, c.local_late as "local_late: LocalLate",
               c.slice_of as "slice_of: CampaignId", c.slice_from, c.slice_to, c.variables as "variables: Json<Vec<Variable>>",
               c.audience as "audience: Json<Audience>", c.frozen as "frozen: Json<Filter>", c.started_at as "started_at!", c.planned_to as "planned_to: ContactId",
               (select jsonb_agg(jsonb_build_object('template', v.id, 'language', v.language))
                from   templates v
                where  c.in_own_language and v.tenant_id = t.tenant_id and v.account_id = t.account_id and v.name = t.name
                and    v.status = 'approved' and v.category = t.category and v.placeholders = t.placeholders) as "variants: Json<Vec<Variant>>",
               coalesce(a.time_zone, w.time_zone) as "time_zone!", w.credit_enforced, c.credit_price, c.created_by
        from   campaigns c
        join   tenants w on w.id = c.tenant_id
        join   accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
        join   templates t on t.tenant_id = c.tenant_id and t.id = c.template_id
        where  c.tenant_id = $1 and c.id = $2 and c.state = 'preparing' and c.plan_run = $3
        for    key share of c
        "#,
        tenant.uuid(),
        campaign.uuid(),
        run,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(page)
}

/// The next contacts of all, or of those whom an import brought, in the order of their ids.
pub async fn next(tx: &mut TenantTx, page: &Page, import: Option<Uuid>, limit: i64) -> Result<Vec<Uuid>> {
    walk_the_key(tx).await?;
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        r#"
        select id from contacts
        where  tenant_id = $1 and id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid) and created_at <= $3
        and    erased_at is null and ($4::uuid is null or import_id = $4)
        order  by id
        limit  $5
        "#,
        tenant.uuid(),
        page.planned_to.map(ContactId::uuid),
        page.started_at,
        import,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

/// Whom the other campaign did not reach, who has an address on this one's channel, and who is not its recipient yet.
pub async fn unreached(tx: &mut TenantTx, page: &Page, other: CampaignId, limit: i64) -> Result<Vec<Uuid>> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        r#"
        select distinct s.contact_id
        from   sends s
        where  s.tenant_id = $1 and s.campaign_id = $2 and s.state in ('rejected', 'failed', 'dead')
        and    exists (select 1 from addresses d where d.tenant_id = $1 and d.contact_id = s.contact_id and d.channel = $4)
        and    exists (select 1 from contacts n where n.tenant_id = $1 and n.id = s.contact_id and n.erased_at is null
                       and n.created_at <= $6)
        and    not exists (select 1 from recipients r where r.tenant_id = $1 and r.campaign_id = $3 and r.contact_id = s.contact_id)
        order  by s.contact_id
        limit  $5
        "#,
        tenant.uuid(),
        other.uuid(),
        page.campaign.uuid(),
        page.channel.as_str(),
        limit,
        page.started_at,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

/// Nothing that the campaign sent can fail any more so that it counts for its fallback.
pub async fn is_over(tx: &mut TenantTx, campaign: CampaignId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let over = sqlx::query_scalar!(
        r#"
        select exists (
            select 1 from campaigns
            where  tenant_id = $1 and id = $2
            and    finished_at + make_interval(secs => coalesce((fallback ->> 'within_s')::float8, 0)) <= $3) as "over!"
        "#,
        tenant.uuid(),
        campaign.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(over)
}

/// Somebody whom a page reaches, and what is read of them.
pub struct Person {
    pub contact: ContactId,
    /// The oldest on the campaign's channel.
    pub address: AddressId,
    pub display_name: Option<String>,
    /// None of them, when no placeholder asks for one.
    pub attributes: Json<BTreeMap<String, String>>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
}

/// Those of the contacts that have an address on the channel and are no recipients yet, in their order.
pub async fn people(tx: &mut TenantTx, page: &Page, contacts: &[Uuid]) -> Result<Vec<Person>> {
    walk_the_key(tx).await?;
    let tenant = tx.tenant();
    let known = known(tx, page, contacts).await?;
    let unknown: Vec<Uuid> = contacts.iter().filter(|contact| !known.contains(contact)).copied().collect();
    let people = sqlx::query_as!(
        Person,
        r#"
        select n.id as "contact: ContactId", d.id as "address: AddressId", n.display_name, n.language, n.time_zone,
               case when $5::boolean then n.attributes else '{}' end as "attributes!: Json<BTreeMap<String, String>>"
        from   unnest($2::uuid[]) with ordinality as x (id, n)
        -- Its limit keeps each contact looked for by key, whatever the planner believes of a table that it does not know.
        cross  join lateral (
            select c.id, c.display_name, c.attributes, c.time_zone, c.language
            from   contacts c
            where  c.tenant_id = $1 and c.id = x.id and c.created_at <= $4 and c.erased_at is null
            limit  1) n
        cross  join lateral (
            select d.id from addresses d
            where  d.tenant_id = $1 and d.contact_id = n.id and d.channel = $3
            order  by d.created_at, d.id
            limit  1) d
        where  ($6::uuid is null or (campaign_bucket($6, n.id) >= $7::integer and campaign_bucket($6, n.id) < $8::integer))
        order  by x.n
        "#,
        tenant.uuid(),
        &unknown,
        page.channel.as_str(),
        page.started_at,
        page.variables.iter().any(Variable::is_of_attributes),
        page.slice_of.map(CampaignId::uuid),
        page.slice_from,
        page.slice_to,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(people)
}

/// A recipient with its message and send, before they are written.
#[derive(Debug)]
pub struct Draft {
    pub contact: ContactId,
    pub address: AddressId,
    pub message: MessageId,
    /// In the recipient's language.
    pub template: TemplateId,
    pub content: Content,
    pub run_at: DateTime<Utc>,
    pub not_after: Option<DateTime<Utc>>,
}

/// Writes them. Taken: another transaction writes one of them.
pub async fn write(tx: &mut TenantTx, page: &Page, drafts: &[Draft], now: DateTime<Utc>) -> Result<()> {
    if drafts.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ward = Ward::of(tx, HashSet::from([(tenant, page.account)])).await?;
    let contacts: Vec<Uuid> = drafts.iter().map(|draft| draft.contact.uuid()).collect();
    let addresses: Vec<Uuid> = drafts.iter().map(|draft| draft.address.uuid()).collect();
    let messages: Vec<Uuid> = drafts.iter().map(|draft| draft.message.uuid()).collect();
    let templates: Vec<Uuid> = drafts.iter().map(|draft| draft.template.uuid()).collect();
    let contents = drafts.iter().map(|draft| ward.content(page.account, draft.message, &draft.content));
    let contents = contents.collect::<Result<Vec<Value>>>()?;
    let run_at: Vec<DateTime<Utc>> = drafts.iter().map(|draft| draft.run_at).collect();
    let not_after: Vec<Option<DateTime<Utc>>> = drafts.iter().map(|draft| draft.not_after).collect();
    sqlx::query!(
        r#"
        with drafts as materialized (
            select * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::jsonb[], $7::timestamptz[], $8::timestamptz[])
                as x (contact_id, address_id, message_id, template_id, content, run_at, not_after)
        ), planned as (
            insert into recipients (tenant_id, campaign_id, contact_id, message_id)
            select $1, $9, x.contact_id, x.message_id from drafts x
        ), said as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, template_id, campaign_id, created_at)
            select $1, x.message_id, 'outbound', $10, x.contact_id, x.address_id, $11, 'campaign', 'campaign', $12, $13, 'template',
                   x.content, x.template_id, $9, $14
            from   drafts x
        )
        insert into sends (tenant_id, id, lane_id, address_id, contact_id, campaign_id, flow, weight, class, state, run_at,
                           not_after, state_at)
        select $1, x.message_id, $10, x.address_id, x.contact_id, $9, $9, $15, 'campaign',
               case when x.run_at > $14 then 'scheduled' else 'queued' end, x.run_at, x.not_after, $14
        from   drafts x
        "#,
        tenant.uuid(),
        &contacts,
        &addresses,
        &messages,
        &templates,
        &contents,
        &run_at,
        &not_after as &[Option<DateTime<Utc>>],
        page.campaign.uuid(),
        page.account.uuid(),
        page.channel.as_str(),
        page.purpose.as_str(),
        page.quiet_policy.as_str(),
        now,
        page.weight,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who of them is a recipient already: somebody whose recipient they took over in a merge. Pages go along the contacts, so
/// it is a range, and nearly always an empty one. Whom a fallback finds are none by their query.
async fn known(tx: &mut TenantTx, page: &Page, contacts: &[Uuid]) -> Result<HashSet<Uuid>> {
    let tenant = tx.tenant();
    let (Some(first), Some(last)) = (contacts.iter().min(), contacts.iter().max()) else { return Ok(HashSet::new()) };
    if matches!(page.audience.0, Audience::Fallback { .. }) {
        return Ok(HashSet::new());
    }
    let known = sqlx::query_scalar!(
        "select contact_id from recipients where tenant_id = $1 and campaign_id = $2 and contact_id between $3 and $4",
        tenant.uuid(),
        page.campaign.uuid(),
        first,
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(known.into_iter().collect())
}

/// Contacts are read along their key. A planner that knows nothing of the table would sort all of it for every page, and
/// compile the statement besides. Nobody is looked for twice, so nothing found is worth remembering. What arrays hold changes nothing
/// of how a page is read and written, so it is planned once and not for each.
///
/// Nobody waits for the disk: a page that is lost in a crash is lost whole, with its cursor, and is written again. An intent
/// waits, and takes everything before it to the disk: no message leaves whose page could still be lost.
async fn walk_the_key(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!(
        r#"
        select set_config('enable_seqscan', 'off', true) as a, set_config('enable_bitmapscan', 'off', true) as b,
               set_config('jit', 'off', true) as c, set_config('synchronous_commit', 'off', true) as d,
               set_config('plan_cache_mode', 'force_generic_plan', true) as e, set_config('enable_memoize', 'off', true) as f
        "#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Moves the cursor of the campaign behind a page; behind the last one it runs. False: the campaign does not want this page
/// any more, because another job wrote it, or it is paused or cancelled. Then nothing of it may stay.
pub async fn advance(
    tx: &mut TenantTx,
    page: &Page,
    to: Option<ContactId>,
    planned: i64,
    ended_at: Option<DateTime<Utc>>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update campaigns
        set    planned_to = coalesce($5, planned_to), planned = planned + $6, plan_page = plan_page + 1, planned_at = $7,
               state = case when $7::timestamptz is null then state else 'running' end
        where  tenant_id = $1 and id = $2 and state = 'preparing' and plan_run = $3 and plan_page = $4
        "#,
        tenant.uuid(),
        page.campaign.uuid(),
        page.run,
        page.number,
        to.map(ContactId::uuid),
        planned,
        ended_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A recipient and where its message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub contact: ContactId,
    pub message: MessageId,
    pub state: SendState,
    /// Of waits and refusals.
    pub reason: Option<String>,
    /// When a waiting one is looked at again.
    pub run_at: DateTime<Utc>,
    pub state_at: DateTime<Utc>,
    pub provider_code: Option<String>,
}

/// Which recipients to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listed {
    pub state: Option<SendState>,
    pub after: Option<ContactId>,
    /// At least 1.
    pub limit: i64,
}

/// A page of recipients, in the order in which they were planned.
pub async fn list(tx: &mut TenantTx, campaign: CampaignId, filter: &Listed) -> Result<Vec<Recipient>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Recipient,
        r#"
        select r.contact_id as "contact: ContactId", r.message_id as "message: MessageId", s.state as "state: SendState", s.reason,
               s.run_at, s.state_at, s.provider_code
        from   recipients r
        join   sends s on s.tenant_id = r.tenant_id and s.id = r.message_id
        where  r.tenant_id = $1 and r.campaign_id = $2 and ($3::uuid is null or r.contact_id > $3)
        and    ($4::text is null or s.state = $4)
        order  by r.contact_id
        limit  $5
        "#,
        tenant.uuid(),
        campaign.uuid(),
        filter.after.map(ContactId::uuid),
        filter.state.map(SendState::as_str),
        filter.limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How recipients ended, for a campaign after the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// For sure without delivery, for whatever reason.
    NotReached,
    /// Of those, the ones whose reason may be over: attempts or time ran out, or the provider said "not now".
    Retryable,
    /// Nobody knows. Some of them will get it twice.
    Unknown,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotReached => "not_reached",
            Self::Retryable => "retryable",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes the recipients that ended like that members of a group; returns how many there were.
#[expect(clippy::too_many_arguments, reason = "each is a parameter of the statement")]
pub async fn gather(
    tx: &mut TenantTx,
    campaign: CampaignId,
    outcome: Outcome,
    group: GroupId,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<i64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into group_members (tenant_id, group_id, contact_id, added_at)
        select distinct on (s.contact_id) $1::uuid, $3::uuid, s.contact_id, $5::timestamptz
        from   sends s
        join   contacts n on n.tenant_id = s.tenant_id and n.id = s.contact_id and n.erased_at is null
        where  s.tenant_id = $1 and s.campaign_id = $2
        and    case $4
               when 'unknown' then s.state = 'unknown' and s.settled_at is not null
               when 'retryable' then s.state in ('dead', 'expired') or (s.state in ('rejected', 'failed') and s.fault_class in
                   ('transient', 'rate_throughput', 'rate_pair', 'rate_app', 'maintenance', 'marketing_cap', 'no_answer'))
               else s.state in ('rejected', 'failed', 'dead', 'expired', 'cancelled', 'refused') end
        order  by s.contact_id
        limit  $6
        "#,
        tenant.uuid(),
        campaign.uuid(),
        group.uuid(),
        outcome.as_str(),
        now,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Refreshes what the planner knows of the tables a bulk writer fills.
pub async fn analyze(tx: &mut TenantTx) -> Result<()> {
    crate::people::analyze(tx).await
}
