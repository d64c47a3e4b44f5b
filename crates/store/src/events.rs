//! What happened, numbered per tenant in the order in which it was committed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{AccountId, ConversationId, DepartmentId, MemberId, MessageId, TenantId},
    jobs::Automate,
    send::SendState,
    sight::Standing,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx, automations, queue};

/// Something that happened to a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub kind: EventKind,
    pub conversation: ConversationId,
    pub message: Option<MessageId>,
    pub actor: Actor,
    /// What changed, without what was said.
    pub data: Value,
}

/// Something that one member is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub kind: EventKind,
    pub member: MemberId,
    pub conversation: Option<ConversationId>,
    pub actor: Actor,
    pub data: Value,
}

/// Tells what happened. The last thing a transaction does before it commits: whoever wants to tell something of the same
/// tenant waits from here on.
pub async fn tell(tx: &mut impl AnyTx, happened: &[(TenantId, Event)], now: DateTime<Utc>) -> Result<()> {
    tell_all(tx, happened, &[], now).await
}

/// The same, and what members are told of it.
pub async fn tell_all(
    tx: &mut impl AnyTx,
    happened: &[(TenantId, Event)],
    notices: &[(TenantId, Notice)],
    now: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<Row<'_>> = happened.iter().map(Row::of_event).chain(notices.iter().map(Row::of_notice)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut next = take_numbers(tx, &rows).await?;
    let mut seqs = Vec::with_capacity(rows.len());
    for row in &rows {
        let seq = next.get_mut(&row.tenant).expect("every tenant has its numbers");
        *seq += 1;
        seqs.push(*seq);
    }
    insert(tx, &rows, &seqs, now).await?;
    wake_followers(tx, &next, now).await
}

/// Whoever waits for events of these tenants looks at them after the commit.
async fn wake_followers(tx: &mut impl AnyTx, last: &BTreeMap<TenantId, i64>, now: DateTime<Utc>) -> Result<()> {
    let tenants: Vec<Uuid> = last.keys().map(|tenant| tenant.uuid()).collect();
    let followed = automations::followed(tx, &tenants).await?;
    if followed.is_empty() {
        return Ok(());
    }
    let job = |tenant: TenantId| Automate::Follow { tenant, seq: last[&tenant], woken: 0 };
    let jobs: Vec<Automate> = followed.into_iter().map(job).collect();
    queue::push_all(tx, &jobs, now).await
}

struct Row<'a> {
    tenant: TenantId,
    kind: EventKind,
    conversation: Option<ConversationId>,
    message: Option<MessageId>,
    member: Option<MemberId>,
    actor: Actor,
    data: &'a Value,
}

impl<'a> Row<'a> {
    const fn of_event((tenant, event): &'a (TenantId, Event)) -> Self {
        let Event { kind, conversation, message, actor, ref data } = *event;
        Self { tenant: *tenant, kind, conversation: Some(conversation), message, member: None, actor, data }
    }

    const fn of_notice((tenant, notice): &'a (TenantId, Notice)) -> Self {
        let Notice { kind, member, conversation, actor, ref data } = *notice;
        Self { tenant: *tenant, kind, conversation, message: None, member: Some(member), actor, data }
    }
}

/// The numbers before those that were taken.
async fn take_numbers(tx: &mut impl AnyTx, happened: &[Row<'_>]) -> Result<BTreeMap<TenantId, i64>> {
    let mut counts: BTreeMap<TenantId, i64> = BTreeMap::new();
    for row in happened {
        *counts.entry(row.tenant).or_default() += 1;
    }
    let tenants: Vec<Uuid> = counts.keys().map(|tenant| tenant.uuid()).collect();
    let numbers: Vec<i64> = counts.values().copied().collect();
    let rows = sqlx::query!(
        r#"
        insert into event_counters as c (tenant_id, last_seq)
        select x.tenant_id, x.count from unnest($1::uuid[], $2::bigint[]) as x (tenant_id, count)
        order  by x.tenant_id
        on conflict (tenant_id) do update set last_seq = c.last_seq + excluded.last_seq
        returning tenant_id as "tenant: TenantId", last_seq
        "#,
        &tenants,
        &numbers,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.last_seq - counts[&row.tenant])).collect())
}

async fn insert(tx: &mut impl AnyTx, rows: &[Row<'_>], seqs: &[i64], now: DateTime<Utc>) -> Result<()> {
    let tenants: Vec<Uuid> = rows.iter().map(|row| row.tenant.uuid()).collect();
    let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
    let conversations: Vec<Option<Uuid>> = rows.iter().map(|row| row.conversation.map(ConversationId::uuid)).collect();
    let messages: Vec<Option<Uuid>> = rows.iter().map(|row| row.message.map(MessageId::uuid)).collect();
    let members: Vec<Option<Uuid>> = rows.iter().map(|row| row.member.map(MemberId::uuid)).collect();
    let actors: Vec<String> = rows.iter().map(|row| row.actor.to_string()).collect();
    let data: Vec<&Value> = rows.iter().map(|row| row.data).collect();
    sqlx::query!(
        r#"
        insert into events (tenant_id, seq, kind, conversation_id, message_id, actor, data, member_id, at)
        select x.tenant_id, x.seq, x.kind, x.conversation_id, x.message_id, x.actor, x.data, x.member_id, $9
        from   unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::jsonb[], $8::uuid[])
               as x (tenant_id, seq, kind, conversation_id, message_id, actor, data, member_id)
        "#,
        &tenants,
        seqs,
        &kinds as &[&str],
        &conversations as &[Option<Uuid>],
        &messages as &[Option<Uuid>],
        &actors,
        &data as &[&Value],
        &members as &[Option<Uuid>],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Of these messages those that belong to a conversation, and where they stand.
pub async fn of_messages(
    tx: &mut impl AnyTx,
    messages: &[(TenantId, MessageId)],
) -> Result<Vec<(TenantId, ConversationId, MessageId, SendState)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = messages.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        r#"
        select m.tenant_id as "tenant: TenantId", m.conversation_id as "conversation!: ConversationId", m.id as "message: MessageId",
               s.state as "state: SendState"
        from   unnest($1::uuid[], $2::uuid[]) with ordinality as x (tenant_id, id, place)
        join   messages m on m.tenant_id = x.tenant_id and m.id = x.id and m.conversation_id is not null
        join   sends s on s.tenant_id = m.tenant_id and s.id = m.id
        order  by x.place
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.conversation, row.message, row.state)).collect())
}

/// An event as it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub seq: i64,
    pub kind: EventKind,
    pub conversation: Option<ConversationId>,
    pub message: Option<MessageId>,
    /// Only this member is told.
    pub member: Option<MemberId>,
    pub actor: String,
    pub data: Value,
    pub at: DateTime<Utc>,
    /// Where the conversation stands now.
    pub assignee: Option<MemberId>,
    pub department: Option<DepartmentId>,
    pub account: Option<AccountId>,
}

impl Told {
    /// Where its conversation stands now.
    pub fn standing(&self) -> Option<Standing> {
        let Self { assignee, department, .. } = *self;
        self.account.map(|account| Standing { assignee, department, account })
    }
}

/// What everybody may know behind a number, oldest first; `of`: only of one conversation.
pub async fn list(tx: &mut TenantTx, after: i64, of: Option<ConversationId>, limit: i64) -> Result<Vec<Told>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Told,
        r#"
        select e.seq, e.kind as "kind: EventKind", e.conversation_id as "conversation: ConversationId", e.message_id as "message: MessageId",
               e.member_id as "member: MemberId", e.actor, e.data, e.at, c.assignee_id as "assignee: MemberId",
               c.department_id as "department: DepartmentId", c.account_id as "account?: AccountId"
        from   events e
        left   join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
        where  e.tenant_id = $1 and e.seq > $2 and e.member_id is null and ($3::uuid is null or e.conversation_id = $3)
        order  by e.seq
        limit  $4
        "#,
        tenant.uuid(),
        after,
        of.map(ConversationId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Everything behind a number, in order: what a stream has missed.
pub async fn page(tx: &mut TenantTx, after: i64, limit: i64) -> Result<Vec<Told>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Told,
        r#"
        select e.seq, e.kind as "kind: EventKind", e.conversation_id as "conversation: ConversationId", e.message_id as "message: MessageId",
               e.member_id as "member: MemberId", e.actor, e.data, e.at, c.assignee_id as "assignee: MemberId",
               c.department_id as "department: DepartmentId", c.account_id as "account?: AccountId"
        from   events e
        left   join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
        where  e.tenant_id = $1 and e.seq > $2
        order  by e.seq
        limit  $3
        "#,
        tenant.uuid(),
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What there is to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Up to this number events were taken away; 0: none.
    pub purged: i64,
    /// The newest number; 0: nothing happened yet.
    pub last: i64,
}

pub async fn bounds(tx: &mut TenantTx) -> Result<Bounds> {
    let tenant = tx.tenant();
    let bounds = sqlx::query_as!(
        Bounds,
        "select purged_seq as purged, last_seq as last from event_counters where tenant_id = $1",
        tenant.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(bounds.unwrap_or_default())
}

/// For the hub of live updates: what happened to these tenants behind the number of each, in order, at most `limit` of one
/// tenant. One statement for all of them, because most have nothing new and a round trip each would cost more than reading.
pub async fn news(tx: &mut SystemTx, read: &[(TenantId, i64)], limit: i64) -> Result<Vec<(TenantId, Told)>> {
    let (tenants, after): (Vec<Uuid>, Vec<i64>) = read.iter().map(|(tenant, seq)| (tenant.uuid(), *seq)).unzip();
    let rows = sqlx::query!(
        r#"
        select e.tenant_id as "tenant: TenantId", e.seq, e.kind as "kind: EventKind", e.conversation_id as "conversation: ConversationId",
               e.message_id as "message: MessageId", e.member_id as "member: MemberId", e.actor, e.data, e.at,
               c.assignee_id as "assignee: MemberId", c.department_id as "department: DepartmentId", c.account_id as "account?: AccountId"
        from   unnest($1::uuid[], $2::bigint[]) as x (tenant_id, after)
        cross  join lateral (select * from events e where e.tenant_id = x.tenant_id and e.seq > x.after order by e.seq limit $3) e
        left   join conversations c on c.tenant_id = e.tenant_id and c.id = e.conversation_id
        order  by e.tenant_id, e.seq
        "#,
        &tenants,
        &after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (conversation, message, member) = (row.conversation, row.message, row.member);
            let (seq, kind, actor, data, at) = (row.seq, row.kind, row.actor, row.data, row.at);
            let (assignee, department, account) = (row.assignee, row.department, row.account);
            let told =
                Told { seq, kind, conversation, message, member, actor, data, at, assignee, department, account };
            (row.tenant, told)
        })
        .collect())
}

/// Of the tenants behind `after`, at most `tenants` of them: takes away their oldest events from before `before`, at most
/// `limit` of each, and notes up to where. Who is telling something right now is left for the next time. Returns how many
/// went, and the last tenant that was looked at; none: that was all.
pub async fn purge(
    tx: &mut SystemTx,
    (after, tenants): (Option<TenantId>, i64),
    limit: i64,
    before: DateTime<Utc>,
) -> Result<(u64, Option<TenantId>)> {
    let row = sqlx::query!(
        r#"
        with looked as (
            select tenant_id from event_counters
            where  $1::uuid is null or tenant_id > $1
            order  by tenant_id
            limit  $2
        ), held as (
            select c.tenant_id from event_counters c join looked using (tenant_id)
            where  (select e.at from events e where e.tenant_id = c.tenant_id order by e.seq limit 1) < $4
            for    no key update of c skip locked
        ), old as (
            select l.tenant_id, max(o.seq) filter (where o.at < $4) as seq
            from   held l
            cross  join lateral (select seq, at from events e where e.tenant_id = l.tenant_id order by e.seq limit $3) o
            group  by l.tenant_id
        ), noted as (
            update event_counters c set purged_seq = greatest(c.purged_seq, o.seq)
            from   old o
            where  c.tenant_id = o.tenant_id and o.seq is not null
        ), gone as (
            delete from events e using old o
            where  e.tenant_id = o.tenant_id and e.seq <= o.seq
            returning 1
        )
        select (select count(*) from gone) as "gone!", (select count(*) from looked) as "looked!",
               (select max(tenant_id::text)::uuid from looked) as "last: TenantId"
        "#,
        after.map(TenantId::uuid),
        tenants,
        limit,
        before,
    )
    .fetch_one(tx.conn())
    .await?;
    let more = row.last.filter(|_| row.looked == tenants);
    Ok((u64::try_from(row.gone).unwrap_or_default(), more))
}
