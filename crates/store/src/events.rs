//! What happened, numbered per tenant in the order in which it was committed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{ConversationId, MessageId, TenantId},
    jobs::Automate,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{AnyTx, Result, TenantTx, automations, queue};

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

/// Tells what happened. The last thing a transaction does before it commits: whoever wants to tell something of the same
/// tenant waits from here on.
pub async fn tell(tx: &mut impl AnyTx, happened: &[(TenantId, Event)], now: DateTime<Utc>) -> Result<()> {
    if happened.is_empty() {
        return Ok(());
    }
    let mut next = take_numbers(tx, happened).await?;
    let mut seqs = Vec::with_capacity(happened.len());
    for (tenant, _) in happened {
        let seq = next.get_mut(tenant).expect("every tenant has its numbers");
        *seq += 1;
        seqs.push(*seq);
    }
    insert(tx, happened, &seqs, now).await?;
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

/// The numbers before those that were taken.
async fn take_numbers(tx: &mut impl AnyTx, happened: &[(TenantId, Event)]) -> Result<BTreeMap<TenantId, i64>> {
    let mut counts: BTreeMap<TenantId, i64> = BTreeMap::new();
    for (tenant, _) in happened {
        *counts.entry(*tenant).or_default() += 1;
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

async fn insert(tx: &mut impl AnyTx, happened: &[(TenantId, Event)], seqs: &[i64], now: DateTime<Utc>) -> Result<()> {
    let tenants: Vec<Uuid> = happened.iter().map(|(tenant, _)| tenant.uuid()).collect();
    let kinds: Vec<&str> = happened.iter().map(|(_, event)| event.kind.as_str()).collect();
    let conversations: Vec<Uuid> = happened.iter().map(|(_, event)| event.conversation.uuid()).collect();
    let messages: Vec<Option<Uuid>> = happened.iter().map(|(_, event)| event.message.map(MessageId::uuid)).collect();
    let actors: Vec<String> = happened.iter().map(|(_, event)| event.actor.to_string()).collect();
    let data: Vec<&Value> = happened.iter().map(|(_, event)| &event.data).collect();
    sqlx::query!(
        r#"
        insert into events (tenant_id, seq, kind, conversation_id, message_id, actor, data, at)
        select x.tenant_id, x.seq, x.kind, x.conversation_id, x.message_id, x.actor, x.data, $8
        from   unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::jsonb[])
               as x (tenant_id, seq, kind, conversation_id, message_id, actor, data)
        "#,
        &tenants,
        seqs,
        &kinds as &[&str],
        &conversations,
        &messages as &[Option<Uuid>],
        &actors,
        &data as &[&Value],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An event as it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub seq: i64,
    pub kind: EventKind,
    pub conversation: Option<ConversationId>,
    pub message: Option<MessageId>,
    pub actor: String,
    pub data: Value,
    pub at: DateTime<Utc>,
}

/// Events behind a number, oldest first; `of`: only of one conversation.
pub async fn list(tx: &mut TenantTx, after: i64, of: Option<ConversationId>, limit: i64) -> Result<Vec<Told>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Told,
        r#"
        select seq, kind as "kind: EventKind", conversation_id as "conversation: ConversationId", message_id as "message: MessageId",
               actor, data, at
        from   events
        where  tenant_id = $1 and seq > $2 and ($3::uuid is null or conversation_id = $3)
        order  by seq
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
