//! Until when somebody should answer and be done, and what was missed.

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::{ConversationState, Priority},
    ids::{ConversationId, MemberId, TenantId},
    limits::TARGET_TOLD_MAX,
    targets::{Clock, Standing, TargetKind},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// What a tenant has set, and when it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    pub tenant: TenantId,
    pub targets: Value,
    /// None: as is usual.
    pub hours: Option<Value>,
    pub zone: String,
}

/// Of these tenants those that have set any.
pub async fn set_by(tx: &mut impl AnyTx, tenants: &[TenantId]) -> Result<Vec<Set>> {
    let ids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    let rows = sqlx::query_as!(
        Set,
        r#"
        select id as "tenant: TenantId", targets as "targets!", business_hours as hours, time_zone as zone
        from   tenants
        where  id = any($1) and targets is not null
        "#,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Of the transaction's tenant. None: none any more.
pub async fn set(tx: &mut TenantTx, targets: Option<&Value>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update tenants set targets = $2 where id = $1", tenant.uuid(), targets).execute(tx.conn()).await?;
    Ok(())
}

/// A conversation's clock, and where the conversation stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    pub tenant: TenantId,
    pub conversation: ConversationId,
    pub standing: Standing,
    pub clock: Clock,
}

/// Conversations that the transaction holds.
pub async fn clocks(tx: &mut impl AnyTx, of: &[(TenantId, ConversationId)]) -> Result<Vec<Followed>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = of.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        r#"
        select c.tenant_id as "tenant: TenantId", c.id as "conversation: ConversationId", c.state as "state: ConversationState",
               c.priority as "priority: Priority", c.waiting_since, c.response_due_at, c.resolution_due_at, c.running_since, c.used_s
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        join   conversations c on c.tenant_id = x.tenant_id and c.id = x.id
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let followed = rows.into_iter().map(|row| Followed {
        tenant: row.tenant,
        conversation: row.conversation,
        standing: Standing { state: row.state, priority: row.priority, waiting_since: row.waiting_since },
        clock: Clock {
            response_due_at: row.response_due_at,
            resolution_due_at: row.resolution_due_at,
            running_since: row.running_since,
            used_s: row.used_s,
        },
    });
    Ok(followed.collect())
}

/// Writes clocks of conversations that the transaction holds.
pub async fn set_clocks(tx: &mut impl AnyTx, clocks: &[Followed]) -> Result<()> {
    sqlx::query!(
        r#"
        update conversations c
        set    response_due_at = x.response_due_at, resolution_due_at = x.resolution_due_at, running_since = x.running_since,
               used_s = x.used_s
        from   unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
               as x (tenant_id, id, response_due_at, resolution_due_at, running_since, used_s)
        where  c.tenant_id = x.tenant_id and c.id = x.id
        "#,
        &each(clocks, |one| one.tenant.uuid()),
        &each(clocks, |one| one.conversation.uuid()),
        &each(clocks, |one| one.clock.response_due_at) as &[Option<DateTime<Utc>>],
        &each(clocks, |one| one.clock.resolution_due_at) as &[Option<DateTime<Utc>>],
        &each(clocks, |one| one.clock.running_since) as &[Option<DateTime<Utc>>],
        &each(clocks, |one| one.clock.used_s),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn each<T, V>(rows: &[T], value: impl FnMut(&T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// A target that was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    pub tenant: TenantId,
    pub conversation: ConversationId,
    pub kind: TargetKind,
    pub due_at: DateTime<Utc>,
    /// Who is told where it is nobody's: members of its department.
    pub members: Vec<MemberId>,
}

/// Marks up to `limit` of each kind whose time is over, each once, and returns them. Of tenants that have no targets any more
/// what is due is taken back instead.
pub async fn mark_missed(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Missed>> {
    let mut missed = mark_response_missed(tx, limit, now).await?;
    missed.extend(mark_resolution_missed(tx, limit, now).await?);
    Ok(missed)
}

async fn mark_response_missed(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Missed>> {
    let rows = sqlx::query!(
        r#"
        update conversations c
        set    response_missed_at = case when t.targets is not null then $1 end,
               response_due_at = case when t.targets is not null then c.response_due_at end
        from   (select tenant_id, id from conversations
                where  response_due_at <= $1 and response_missed_at is null
                order  by response_due_at
                limit  $2
                for    no key update skip locked) x
        join   tenants t on t.id = x.tenant_id
        where  c.tenant_id = x.tenant_id and c.id = x.id
        returning c.tenant_id as "tenant: TenantId", c.id as "conversation: ConversationId", c.response_due_at as due_at,
                  array(select m.id from members m
                        where  c.assignee_id is null and m.tenant_id = c.tenant_id and m.department_id = c.department_id and m.active
                        order  by m.id limit $3) as "members!"
        "#,
        now,
        limit,
        TARGET_TOLD_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    let missed = rows.into_iter().filter_map(|row| {
        let members = row.members.into_iter().map(MemberId::from_uuid).collect();
        let (tenant, conversation, kind) = (row.tenant, row.conversation, TargetKind::Response);
        Some(Missed { tenant, conversation, kind, due_at: row.due_at?, members })
    });
    Ok(missed.collect())
}

async fn mark_resolution_missed(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Missed>> {
    let rows = sqlx::query!(
        r#"
        update conversations c
        set    resolution_missed_at = case when t.targets is not null then $1 end,
               resolution_due_at = case when t.targets is not null then c.resolution_due_at end
        from   (select tenant_id, id from conversations
                where  resolution_due_at <= $1 and resolution_missed_at is null
                order  by resolution_due_at
                limit  $2
                for    no key update skip locked) x
        join   tenants t on t.id = x.tenant_id
        where  c.tenant_id = x.tenant_id and c.id = x.id
        returning c.tenant_id as "tenant: TenantId", c.id as "conversation: ConversationId", c.resolution_due_at as due_at,
                  array(select m.id from members m
                        where  c.assignee_id is null and m.tenant_id = c.tenant_id and m.department_id = c.department_id and m.active
                        order  by m.id limit $3) as "members!"
        "#,
        now,
        limit,
        TARGET_TOLD_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    let missed = rows.into_iter().filter_map(|row| {
        let members = row.members.into_iter().map(MemberId::from_uuid).collect();
        let (tenant, conversation, kind) = (row.tenant, row.conversation, TargetKind::Resolution);
        Some(Missed { tenant, conversation, kind, due_at: row.due_at?, members })
    });
    Ok(missed.collect())
}
