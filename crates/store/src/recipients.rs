//! Planning: pages of recipients, with their messages and sends.

mod sealing;
mod sources;

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_core::{
    account::Channel,
    campaign::{LocalLate, local},
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, CampaignId, ContactId, GroupId, MessageId, TemplateId},
    segment::Filter,
    send::SendState,
};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    Result, TenantTx,
    bodies::Ward,
    campaigns::{Audience, Variable},
};

use sealing::Open;
use sources::Sources;

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
    /// Of campaigns that speak each person's language: the variants of the template that can be sent, by language.
    pub variants: Option<serde_json::Value>,
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
               (select jsonb_object_agg(lower(replace(v.language, '_', '-')), jsonb_build_object('id', v.id, 'language', v.language))
                from   templates v
                where  c.in_own_language and v.tenant_id = t.tenant_id and v.account_id = t.account_id and v.name = t.name
                and    v.status = 'approved' and v.category = t.category and v.placeholders = t.placeholders) as variants,
               w.credit_enforced, c.credit_price, c.created_by
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

/// Who gets a message, and what its parts are made of.
#[derive(Debug, Clone, Copy)]
pub struct Whom<'a> {
    pub contacts: &'a [Uuid],
    /// One for each contact.
    pub messages: &'a [MessageId],
    /// Where links lead, without a slash at its end.
    pub public_url: &'a str,
    /// What signs them: 32 bytes.
    pub link_key: &'a [u8],
}

/// Writes recipients, messages and sends for those of the contacts that have an address on the channel, and returns how many
/// that were. A contact that is a recipient already stays as it is. Taken: another transaction writes one of them.
///
/// A placeholder without a value is left out: the template gate then refuses the message, and says why.
#[expect(clippy::too_many_lines, reason = "one statement")]
pub async fn write(tx: &mut TenantTx, page: &Page, whom: Whom<'_>, now: DateTime<Utc>) -> Result<i64> {
    walk_the_key(tx).await?;
    let tenant = tx.tenant();
    let known = known(tx, page, whom.contacts).await?;
    let (contacts, messages): (Vec<Uuid>, Vec<Uuid>) = whom
        .contacts
        .iter()
        .zip(whom.messages)
        .filter(|(contact, _)| !known.contains(contact))
        .map(|(contact, message)| (*contact, message.uuid()))
        .unzip();
    let sources = Sources::of(&page.variables, whom.public_url);
    let zones = zones(page);
    let ward = Ward::of(tx, HashSet::from([(tenant, page.account)])).await?;
    let written = sqlx::query!(
        r#"
        with reached as materialized (
            select n.id as contact_id, d.id as address_id, x.message_id, v.variant, ($19::jsonb ->> coalesce(n.time_zone, (
                       select coalesce(a.time_zone, t.time_zone) from accounts a join tenants t on t.id = a.tenant_id
                       where  a.tenant_id = $1 and a.id = $9)))::timestamptz as local_at,
                   jsonb_build_object('type', 'template', 'name', $12::text, 'language', coalesce(v.variant ->> 'language', $28::text),
                       'parameters', array_remove(array[
                           filled(($4::text[])[1], ($5::text[])[1], ($6::text[])[1], ($24::text[])[1], k.token || ($25::text[])[1], n.display_name, n.attributes),
                           filled(($4::text[])[2], ($5::text[])[2], ($6::text[])[2], ($24::text[])[2], k.token || ($25::text[])[2], n.display_name, n.attributes),
                           filled(($4::text[])[3], ($5::text[])[3], ($6::text[])[3], ($24::text[])[3], k.token || ($25::text[])[3], n.display_name, n.attributes),
                           filled(($4::text[])[4], ($5::text[])[4], ($6::text[])[4], ($24::text[])[4], k.token || ($25::text[])[4], n.display_name, n.attributes),
                           filled(($4::text[])[5], ($5::text[])[5], ($6::text[])[5], ($24::text[])[5], k.token || ($25::text[])[5], n.display_name, n.attributes),
                           filled(($4::text[])[6], ($5::text[])[6], ($6::text[])[6], ($24::text[])[6], k.token || ($25::text[])[6], n.display_name, n.attributes),
                           filled(($4::text[])[7], ($5::text[])[7], ($6::text[])[7], ($24::text[])[7], k.token || ($25::text[])[7], n.display_name, n.attributes),
                           filled(($4::text[])[8], ($5::text[])[8], ($6::text[])[8], ($24::text[])[8], k.token || ($25::text[])[8], n.display_name, n.attributes),
                           filled(($4::text[])[9], ($5::text[])[9], ($6::text[])[9], ($24::text[])[9], k.token || ($25::text[])[9], n.display_name, n.attributes),
                           filled(($4::text[])[10], ($5::text[])[10], ($6::text[])[10], ($24::text[])[10], k.token || ($25::text[])[10], n.display_name, n.attributes)], null)) as content
            from   unnest($2::uuid[], $3::uuid[]) as x (contact_id, message_id)
            -- Its limit keeps each contact looked for by key, whatever the planner believes of a table that it does not know.
            cross  join lateral (
                select c.id, c.display_name, c.attributes, c.time_zone, c.language
                from   contacts c
                where  c.tenant_id = $1 and c.id = x.contact_id and c.created_at <= $18 and c.erased_at is null
                limit  1) n
            cross  join lateral (select message_token($1, $26, x.message_id) as token) k
            cross  join lateral (select lower(replace(n.language, '_', '-')) as spoken) l
            cross  join lateral (
                select case when $13::jsonb is not null then coalesce($13 -> l.spoken, $13 -> regexp_replace(l.spoken, '-[^-]*$', ''),
                       $13 -> regexp_replace(l.spoken, '(-[^-]*){2}$', ''), $13 -> split_part(l.spoken, '-', 1)) end as variant) v
            cross  join lateral (
                select d.id from addresses d
                where  d.tenant_id = $1 and d.contact_id = n.id and d.channel = $7
                order  by d.created_at, d.id
                limit  1) d
            where  ($21::uuid is null or (campaign_bucket($21, n.id) >= $22::integer and campaign_bucket($21, n.id) < $23::integer))
        ), planned as (
            insert into recipients (tenant_id, campaign_id, contact_id, message_id)
            select $1, $8, r.contact_id, r.message_id from reached r
        ), said as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, template_id, campaign_id, created_at)
            select $1, r.message_id, 'outbound', $9, r.contact_id, r.address_id, $7, 'campaign', 'campaign', $10, $11, 'template',
                   -- What is sealed is written after this, and never lies here in the open.
                   case when $27::boolean then r.content - 'parameters' else r.content end,
                   coalesce((r.variant ->> 'id')::uuid, $14), $8, $15
            from   reached r
        ), sent as (
            insert into sends (tenant_id, id, lane_id, address_id, contact_id, campaign_id, flow, weight, class, state, run_at,
                               not_after, state_at)
            select $1, r.message_id, $9, r.address_id, r.contact_id, $8, $8, $16, 'campaign',
                   case when r.local_at > $15 then 'scheduled' else 'queued' end, greatest(r.local_at, $15),
                   case when $20 and r.local_at <= $18 then r.local_at else $17 end, $15
            from   reached r
        )
        select count(*) as "planned!",
               jsonb_agg(jsonb_build_object('id', r.message_id, 'content', r.content)) filter (where $27) as "open: Json<Vec<Open>>"
        from   reached r
        "#,
        tenant.uuid(),
        &contacts,
        &messages,
        &sources.values as &[Option<String>],
        &sources.attributes as &[Option<String>],
        &sources.fallbacks as &[Option<String>],
        page.channel.as_str(),
        page.campaign.uuid(),
        page.account.uuid(),
        page.purpose.as_str(),
        page.quiet_policy.as_str(),
        page.template_name,
        page.variants,
        page.template.uuid(),
        now,
        page.weight,
        page.not_after,
        page.started_at,
        zones,
        page.local_late == LocalLate::Skip,
        page.slice_of.map(CampaignId::uuid),
        page.slice_from,
        page.slice_to,
        &sources.pages as &[Option<String>],
        &sources.endings,
        whom.link_key,
        ward.seals(page.account),
        page.language,
    )
    .fetch_one(tx.conn())
    .await?;
    if let Some(open) = written.open {
        sealing::seal(tx, &ward, page.account, &open.0).await?;
    }
    Ok(written.planned)
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
/// compile the statement besides. Without the arrays before its eyes it expects ten rows instead of thousands, and joins them one
/// by one. Nobody is looked for twice, so nothing found is worth remembering. What was switched off for a walk before is on again.
///
/// Nobody waits for the disk: a page that is lost in a crash is lost whole, with its cursor, and is written again. An intent
/// waits, and takes everything before it to the disk: no message leaves whose page could still be lost.
async fn walk_the_key(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!(
        r#"
        select set_config('enable_seqscan', 'off', true) as a, set_config('enable_bitmapscan', 'off', true) as b,
               set_config('jit', 'off', true) as c, set_config('enable_hashjoin', 'on', true) as d,
               set_config('synchronous_commit', 'off', true) as e, set_config('plan_cache_mode', 'force_custom_plan', true) as f,
               set_config('enable_memoize', 'off', true) as g
        "#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// When it is the campaign's local time, zone by zone, as an object: looking one up takes no join. None: it has none.
fn zones(page: &Page) -> Option<serde_json::Value> {
    let instants = local::instants(page.local_at?);
    Some(instants.map(|(zone, at)| (zone.name().to_owned(), at.to_rfc3339())).collect())
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
