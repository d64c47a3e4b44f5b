//! From what happened to runs: how far events were looked at, what admission must know, and the runs that begin.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::ids::{AutomationId, CampaignId, ContactId, ConversationId, MessageId, RunId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx, reports::REACTIONS_FOR};

/// How far a tenant's events were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// Nobody waits for events.
    Nobody,
    /// Somebody is looking at them.
    Busy,
    /// Ours until the transaction ends.
    At(i64),
}

pub async fn take_cursor(tx: &mut TenantTx) -> Result<Cursor> {
    let tenant = tx.tenant();
    let at = sqlx::query_scalar!(
        "select seq from automation_cursors where tenant_id = $1 and following for update skip locked",
        tenant.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(at) = at {
        return Ok(Cursor::At(at));
    }
    let is_there = sqlx::query_scalar!(
        r#"select exists (select 1 from automation_cursors where tenant_id = $1 and following) as "there!""#,
        tenant.uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(if is_there { Cursor::Busy } else { Cursor::Nobody })
}

/// Nobody else begins runs of the tenant until the transaction ends.
pub async fn hold_cursor(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("select seq from automation_cursors where tenant_id = $1 for update", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(())
}

pub async fn move_cursor(tx: &mut TenantTx, seq: i64) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update automation_cursors set seq = $2 where tenant_id = $1", tenant.uuid(), seq)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// An automation and the conversation that an event of its kind concerns.
pub type Pair = (AutomationId, ConversationId);

fn split(pairs: &[Pair]) -> (Vec<Uuid>, Vec<Uuid>) {
    pairs.iter().map(|(automation, conversation)| (automation.uuid(), conversation.uuid())).unzip()
}

/// A run that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    pub run: RunId,
    pub gathering: bool,
    pub messages: usize,
}

/// The unfinished runs of these pairs. They stay as they are until the transaction ends.
pub async fn lock_unfinished(tx: &mut TenantTx, pairs: &[Pair]) -> Result<HashMap<Pair, Unfinished>> {
    let tenant = tx.tenant();
    let (automations, conversations) = split(pairs);
    let rows = sqlx::query!(
        r#"
        select r.id as "id: RunId", r.automation_id as "automation: AutomationId", r.conversation_id as "conversation: ConversationId",
               r.state = 'gathering' as "gathering!", cardinality(r.messages) as "messages!"
        from   automation_runs r
        where  r.tenant_id = $1 and r.due_at is not null
        and    (r.conversation_id, r.automation_id) in (select x.c, x.a from unnest($2::uuid[], $3::uuid[]) as x (a, c))
        order  by r.id
        for    update
        "#,
        tenant.uuid(),
        &automations,
        &conversations,
    )
    .fetch_all(tx.conn())
    .await?;
    let unfinished = rows.into_iter().map(|row| {
        let messages = usize::try_from(row.messages).unwrap_or_default();
        ((row.automation, row.conversation), Unfinished { run: row.id, gathering: row.gathering, messages })
    });
    Ok(unfinished.collect())
}

/// When a run of each pair last began whose conditions held, as far as that was since `since`.
pub async fn acted(tx: &mut TenantTx, pairs: &[Pair], since: DateTime<Utc>) -> Result<HashMap<Pair, DateTime<Utc>>> {
    let tenant = tx.tenant();
    let (automations, conversations) = split(pairs);
    let rows = sqlx::query!(
        r#"
        select x.a as "automation!: AutomationId", x.c as "conversation!: ConversationId", r.acted_at as "acted_at!"
        from   unnest($2::uuid[], $3::uuid[]) as x (a, c)
        cross  join lateral (
               select r.acted_at from automation_runs r
               where  r.tenant_id = $1 and r.automation_id = x.a and r.conversation_id = x.c and r.acted_at >= $4
               order  by r.acted_at desc
               limit  1) r
        "#,
        tenant.uuid(),
        &automations,
        &conversations,
        since,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| ((row.automation, row.conversation), row.acted_at)).collect())
}

/// Of one conversation, what admission asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub contact: ContactId,
    /// Automated messages within the last hour.
    pub automated: u32,
    /// The person's address is that of one of the tenant's own accounts.
    pub from_own_address: bool,
    /// The automation that has it and takes what the person says.
    pub holder: Option<AutomationId>,
}

pub async fn standing(
    tx: &mut TenantTx,
    conversations: &[ConversationId],
    now: DateTime<Utc>,
) -> Result<HashMap<ConversationId, Standing>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = conversations.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select c.id as "id: ConversationId", d.contact_id as "contact: ContactId",
               (select count(*) from messages m
                where  m.tenant_id = $1 and m.conversation_id = c.id and m.id >= $3 and m.source = 'automation') as "automated!",
               exists (select 1 from accounts a
                       where  a.tenant_id = $1 and a.channel = c.channel
                       and    d.address in (a.external_id, a.settings ->> 'phone_number')) as "own!",
               h.id as "holder?: AutomationId"
        from   conversations c
        join   addresses d on d.tenant_id = $1 and d.id = c.address_id
        left   join automations h on h.tenant_id = $1 and h.id = c.automation_id and h.enabled and h.trigger = 'inbound_message'
        where  c.tenant_id = $1 and c.id = any($2)
        "#,
        tenant.uuid(),
        &ids,
        MessageId::first_at(now - HOUR).uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let standing = rows.into_iter().map(|row| {
        let automated = u32::try_from(row.automated).unwrap_or(u32::MAX);
        (row.id, Standing { contact: row.contact, automated, from_own_address: row.own, holder: row.holder })
    });
    Ok(standing.collect())
}

/// Within which automated messages are counted.
pub const HOUR: TimeDelta = TimeDelta::hours(1);

/// How many runs had led to each of these.
pub async fn depths(tx: &mut TenantTx, runs: &[RunId]) -> Result<HashMap<RunId, u32>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = runs.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select id as "id: RunId", depth from automation_runs where tenant_id = $1 and id = any($2)"#,
        tenant.uuid(),
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, u32::try_from(row.depth).unwrap_or_default())).collect())
}

/// The campaign that each of these messages answers: the last that reached the person in the week before.
pub async fn answered(tx: &mut TenantTx, messages: &[MessageId]) -> Result<HashMap<MessageId, CampaignId>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = messages.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select m.id as "id: MessageId", b.campaign_id as "campaign!: CampaignId"
        from   messages m
        cross  join lateral (
               select b.campaign_id, b.created_at from messages b
               join   sends s on s.tenant_id = $1 and s.id = b.id
                              and s.state in ('accepted', 'sent', 'delivered', 'read', 'unknown')
               where  b.tenant_id = $1 and b.contact_id = m.contact_id and b.id < m.id and b.campaign_id is not null
               order  by b.id desc
               limit  1) b
        where  m.tenant_id = $1 and m.id = any($2) and b.created_at > m.created_at - make_interval(days => $3)
        "#,
        tenant.uuid(),
        &ids,
        i32::try_from(REACTIONS_FOR.num_days()).unwrap_or(i32::MAX),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.campaign)).collect())
}

/// A run that begins, or an event that starts none and why.
#[derive(Debug, Clone)]
pub struct Beginning {
    pub id: RunId,
    pub automation: AutomationId,
    pub version: i32,
    pub conversation: ConversationId,
    pub event: Value,
    pub depth: u32,
    /// The automation has the conversation.
    pub given: bool,
    pub began_at: DateTime<Utc>,
    pub becomes: Becomes,
}

#[derive(Debug, Clone)]
pub enum Becomes {
    /// The state machine, and when it goes on.
    Run {
        run: Value,
        due_at: DateTime<Utc>,
    },
    Refused {
        reason: String,
    },
}

impl Beginning {
    const fn due_at(&self) -> Option<DateTime<Utc>> {
        match self.becomes {
            Becomes::Run { due_at, .. } => Some(due_at),
            Becomes::Refused { .. } => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match &self.becomes {
            Becomes::Run { .. } => None,
            Becomes::Refused { reason } => Some(reason),
        }
    }

    fn run(&self) -> Value {
        match &self.becomes {
            Becomes::Run { run, .. } => run.clone(),
            Becomes::Refused { .. } => Value::Object(serde_json::Map::new()),
        }
    }
}

pub async fn begin(tx: &mut TenantTx, beginnings: &[Beginning]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into automation_runs (tenant_id, id, automation_id, version, conversation_id, event, depth, messages, state, run, due_at,
                                     outcome, reason, began_at, ended_at, given)
        select $1, x.id, x.automation_id, x.version, x.conversation_id, x.event, x.depth, '{}',
               case when x.reason is null then 'gathering' else 'refused' end, x.run, x.due_at,
               case when x.reason is not null then 'refused' end, x.reason, x.began_at, case when x.reason is not null then x.began_at end,
               x.given
        from   unnest($2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::jsonb[], $7::int[], $8::jsonb[], $9::timestamptz[], $10::text[],
                      $11::timestamptz[], $12::bool[])
               as x (id, automation_id, version, conversation_id, event, depth, run, due_at, reason, began_at, given)
        "#,
        tenant.uuid(),
        &each(beginnings, |one| one.id.uuid()),
        &each(beginnings, |one| one.automation.uuid()),
        &each(beginnings, |one| one.version),
        &each(beginnings, |one| one.conversation.uuid()),
        &each(beginnings, |one| one.event.clone()),
        &each(beginnings, |one| i32::try_from(one.depth).unwrap_or(i32::MAX)),
        &each(beginnings, Beginning::run),
        &each(beginnings, Beginning::due_at) as &[Option<DateTime<Utc>>],
        &each(beginnings, Beginning::reason) as &[Option<&str>],
        &each(beginnings, |one| one.began_at),
        &each(beginnings, |one| one.given),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn each<'a, T, V>(rows: &'a [T], value: impl FnMut(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// Messages become part of runs, in this order.
pub async fn join(tx: &mut TenantTx, joining: &[(RunId, MessageId)]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update automation_runs r set messages = r.messages || x.messages
        from   (select run_id, array_agg(message_id order by n) as messages
                from   unnest($2::uuid[], $3::uuid[]) with ordinality as x (run_id, message_id, n)
                group  by run_id) x
        where  r.tenant_id = $1 and r.id = x.run_id
        "#,
        tenant.uuid(),
        &each(joining, |(run, _)| run.uuid()),
        &each(joining, |(_, message)| message.uuid()),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An automation that waits for no event, and whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firing {
    pub tenant: TenantId,
    pub automation: AutomationId,
    pub at: DateTime<Utc>,
    pub after: Option<ConversationId>,
}

pub async fn firing(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Firing>> {
    let rows = sqlx::query_as!(
        Firing,
        r#"
        select tenant_id as "tenant: TenantId", id as "automation: AutomationId", fires_at as "at!", fired_to as "after: ConversationId"
        from   automations
        where  enabled and fires_at <= $1
        order  by fires_at
        limit  $2
        "#,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Whether this automation still wants to fire from there on; if so, nobody else lets it until the transaction ends.
pub async fn take_firing(tx: &mut TenantTx, firing: &Firing) -> Result<bool> {
    let tenant = tx.tenant();
    let taken = sqlx::query_scalar!(
        r#"
        select id from automations
        where  tenant_id = $1 and id = $2 and enabled and fires_at = $3 and fired_to is not distinct from $4
        for    no key update skip locked
        "#,
        tenant.uuid(),
        firing.automation.uuid(),
        firing.at,
        firing.after.map(ConversationId::uuid),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(taken.is_some())
}

/// Where it goes on, or when it fires next.
pub async fn fired(
    tx: &mut TenantTx,
    automation: AutomationId,
    at: Option<DateTime<Utc>>,
    to: Option<ConversationId>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update automations set fires_at = $3, fired_to = $4 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        automation.uuid(),
        at,
        to.map(ConversationId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A page of conversations with one of these states, in the order of their ids.
pub async fn with_states(
    tx: &mut TenantTx,
    states: &[&str],
    after: Option<ConversationId>,
    limit: i64,
) -> Result<Vec<(ConversationId, ContactId)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select c.id as "id: ConversationId", d.contact_id as "contact: ContactId"
        from   conversations c
        join   addresses d on d.tenant_id = $1 and d.id = c.address_id
        where  c.tenant_id = $1 and c.state = any($2) and ($3::uuid is null or c.id > $3)
        order  by c.id
        limit  $4
        "#,
        tenant.uuid(),
        states as &[&str],
        after.map(ConversationId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.contact)).collect())
}

/// Who is idle.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    pub automation: AutomationId,
    /// Nothing was said since.
    pub since: DateTime<Utc>,
    /// But something was then: what has been still for longer was looked at before.
    pub from: DateTime<Utc>,
    /// The person waits for us.
    pub waits_for_us: bool,
}

/// Open and pending conversations in which nobody says anything, longest first, in which the automation did nothing since.
pub async fn idle(tx: &mut TenantTx, idle: &Idle, limit: i64) -> Result<Vec<(ConversationId, DateTime<Utc>)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select c.id as "id: ConversationId", c.last_message_at
        from   conversations c
        where  c.tenant_id = $1 and c.last_message_at <= $2 and c.last_message_at > $3 and c.state in ('open', 'pending')
        and    (c.waiting_since is not null) = $4
        and    not exists (select 1 from automation_runs r
                           where  r.tenant_id = $1 and r.automation_id = $5 and r.conversation_id = c.id and r.began_at > c.last_message_at)
        order  by c.last_message_at, c.id
        limit  $6
        "#,
        tenant.uuid(),
        idle.since,
        idle.from,
        idle.waits_for_us,
        idle.automation.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.last_message_at)).collect())
}
