//! Reservations of single messages that have ended: spent, or to be given back.
//!
//! What a send holds stands in its row, and is taken from it by whoever accounts for it: so nobody does so twice.

use chrono::{DateTime, Utc};
use postroad_core::ids::{EntryId, MemberId, MessageId, TenantId};
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx};

/// What a reservation that ended gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub tenant: TenantId,
    /// To the wallet. 0: it is spent.
    pub credits: i64,
    pub member: Option<MemberId>,
    /// To the allowance of the member.
    pub allowance: i64,
}

/// Writes the last entry of those of these messages that have ended and still hold credit. What may have been sent is spent;
/// the rest is to be given back by whoever calls.
pub async fn end(tx: &mut impl AnyTx, messages: &[(TenantId, MessageId)], now: DateTime<Utc>) -> Result<Vec<Ended>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = messages.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let entries: Vec<Uuid> = messages.iter().map(|_| EntryId::new(now).uuid()).collect();
    let ended = sqlx::query_as!(
        Ended,
        r#"
        with due as materialized (
            select s.tenant_id, s.id, s.credits, x.entry_id,
                   s.state in ('accepted', 'sent', 'delivered', 'read', 'failed', 'unknown') or s.resends > 0 as is_spent
            from   unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (tenant_id, id, entry_id)
            join   sends s on s.tenant_id = x.tenant_id and s.id = x.id
            where  s.credits is not null
            and    (s.settled_at is not null or s.state in ('accepted', 'sent', 'delivered', 'read'))
            order  by s.tenant_id, s.id
            for    update of s
        ), taken as (
            update sends s set credits = null from due d where s.tenant_id = d.tenant_id and s.id = d.id
        )
        insert into credit_entries (tenant_id, id, kind, credits, spent, messages, message_id, member_id, allowance, channel, category,
                                    made_by, at)
        select d.tenant_id, d.entry_id, case when d.is_spent then 'settle' else 'refund' end,
               case when d.is_spent then 0 else d.credits end, case when d.is_spent then d.credits else 0 end, 1, d.id, r.member_id,
               case when d.is_spent then 0 else - coalesce(r.allowance, 0) end, r.channel, r.category, 'system', $4
        from   due d
        left   join credit_entries r on r.tenant_id = d.tenant_id and r.message_id = d.id and r.kind = 'reserve'
        returning tenant_id as "tenant: TenantId", credits, member_id as "member: MemberId", allowance
        "#,
        &tenants,
        &ids,
        &entries,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ended)
}

/// Messages that have ended and still hold credit, of any tenant.
pub async fn left(tx: &mut SystemTx, limit: i64) -> Result<Vec<(TenantId, MessageId)>> {
    let rows = sqlx::query!(
        r#"
        select s.tenant_id as "tenant: TenantId", s.id as "id: MessageId"
        from   sends s
        where  s.credits is not null and (s.settled_at is not null or s.state in ('accepted', 'sent', 'delivered', 'read'))
        limit  $1
        for    update skip locked
        "#,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.id)).collect())
}
