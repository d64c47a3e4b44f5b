//! Intend: the last look before a call. What is written here is committed before the first byte leaves.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::{AccountId, IncarnationId, MessageId, TenantId},
    send::SendState,
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// A send that may leave, if nothing changed since its facts were read.
#[derive(Debug, Clone)]
pub struct Intended {
    pub tenant: TenantId,
    pub id: MessageId,
    pub lane: AccountId,
    pub fence: i64,
    pub consent_version: i32,
}

/// Moves claimed sends to `attempting`, and returns (id, number of the attempt) of those that still may leave. Everything
/// that stops a send is asked again here: fence and lease, switches, campaign, consent, expiry. What is not returned did
/// not happen.
pub async fn intend(
    tx: &mut SystemTx,
    owner: IncarnationId,
    intended: &[Intended],
    now: DateTime<Utc>,
) -> Result<Vec<(MessageId, i32)>> {
    let open = open_lanes(tx, owner, intended, now).await?;
    let open: Vec<&Intended> = intended.iter().filter(|i| open.contains(&(i.tenant, i.lane))).collect();
    if open.is_empty() { Ok(Vec::new()) } else { attempt(tx, &open, now).await }
}

/// Lanes that this owner still holds under the same fence, and that nobody has switched off. Asked before the sends and not
/// with them, so that it costs a row per lane; a lane that is taken over in between takes its claims along.
async fn open_lanes(
    tx: &mut SystemTx,
    owner: IncarnationId,
    intended: &[Intended],
    now: DateTime<Utc>,
) -> Result<HashSet<(TenantId, AccountId)>> {
    let lanes: HashSet<_> = intended.iter().map(|i| (i.tenant, i.lane, i.fence)).collect();
    let tenants: Vec<Uuid> = lanes.iter().map(|(tenant, ..)| tenant.uuid()).collect();
    let ids: Vec<Uuid> = lanes.iter().map(|(_, lane, _)| lane.uuid()).collect();
    let fences: Vec<i64> = lanes.iter().map(|(.., fence)| *fence).collect();
    let rows = sqlx::query!(
        r#"
        select l.tenant_id as "tenant: TenantId", l.id as "lane: AccountId"
        from   unnest($2::uuid[], $3::uuid[], $4::bigint[]) as x (tenant_id, lane_id, fence)
        join   lanes l on l.tenant_id = x.tenant_id and l.id = x.lane_id and l.fence = x.fence and l.owner = $1
        join   accounts a on a.tenant_id = l.tenant_id and a.id = l.id and a.status = 'active'
        join   tenants t on t.id = l.tenant_id and not t.sending_paused
        join   installation i on i.only_row and not i.sending_paused and not i.restore_hold
        where  exists (select 1 from incarnations w where w.id = $1 and w.lease_until > $5)
        and    not exists (select 1 from provider_switches o where o.provider = a.provider)
        "#,
        owner.uuid(),
        &tenants,
        &ids,
        &fences,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.lane)).collect())
}

/// The state is a parameter, not a word in the statement: the planner would take a partial index of that state, which holds
/// whole tenants, for a way to find one row.
async fn attempt(tx: &mut SystemTx, intended: &[&Intended], now: DateTime<Utc>) -> Result<Vec<(MessageId, i32)>> {
    let tenants: Vec<Uuid> = intended.iter().map(|i| i.tenant.uuid()).collect();
    let ids: Vec<Uuid> = intended.iter().map(|i| i.id.uuid()).collect();
    let fences: Vec<i64> = intended.iter().map(|i| i.fence).collect();
    let versions: Vec<i32> = intended.iter().map(|i| i.consent_version).collect();
    let rows = sqlx::query!(
        r#"
        update sends s
        set    state = 'attempting', attempt = s.attempt + 1, state_at = $5, gate = null, reason = null, decided_at = $5
        from   unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[]) as x (tenant_id, id, fence, consent_version), addresses d
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.state = $6 and s.lane_fence = x.fence
        and    d.tenant_id = s.tenant_id and d.id = s.address_id and d.consent_version = x.consent_version
        and    (s.not_after is null or s.not_after > $5)
        and    (s.campaign_id is null or exists (
                   select 1 from campaigns c
                   where  c.tenant_id = s.tenant_id and c.id = s.campaign_id and c.state in ('preparing', 'running', 'completing')))
        returning s.id as "id: MessageId", s.attempt
        "#,
        &tenants,
        &ids,
        &fences,
        &versions,
        now,
        SendState::Claimed.as_str(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempt)).collect())
}

/// Puts claimed sends that will not be attempted now back in the queue. They ended in a known way.
pub async fn give_back(tx: &mut SystemTx, sends: &[(TenantId, MessageId, i64)], now: DateTime<Utc>) -> Result<()> {
    if sends.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = sends.iter().map(|(tenant, ..)| tenant.uuid()).collect();
    let ids: Vec<Uuid> = sends.iter().map(|(_, id, _)| id.uuid()).collect();
    let fences: Vec<i64> = sends.iter().map(|(.., fence)| *fence).collect();
    sqlx::query!(
        r#"
        update sends s
        set    state = 'queued', busy = s.attempt > 0, starts = 0, state_at = $4
        from   unnest($1::uuid[], $2::uuid[], $3::bigint[]) as x (tenant_id, id, fence)
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.state = $5 and s.lane_fence = x.fence
        "#,
        &tenants,
        &ids,
        &fences,
        now,
        SendState::Claimed.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A reservation failed after the decision: the attempt did not happen, and the send waits.
#[derive(Debug, Clone)]
pub struct HeldBack {
    pub tenant: TenantId,
    pub id: MessageId,
    pub attempt: i32,
    pub gate: GateName,
    pub reason: Reason,
    pub until: DateTime<Utc>,
}

/// Undoes intents in the transaction that made them.
pub async fn hold_back(tx: &mut SystemTx, held: &[HeldBack], now: DateTime<Utc>) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = held.iter().map(|h| h.tenant.uuid()).collect();
    let ids: Vec<Uuid> = held.iter().map(|h| h.id.uuid()).collect();
    let attempts: Vec<i32> = held.iter().map(|h| h.attempt).collect();
    let gates: Vec<String> = held.iter().map(|h| h.gate.as_str().to_owned()).collect();
    let reasons: Vec<String> = held.iter().map(|h| h.reason.as_str().to_owned()).collect();
    let until: Vec<DateTime<Utc>> = held.iter().map(|h| h.until).collect();
    sqlx::query!(
        r#"
        update sends s
        set    state = 'waiting', busy = false, starts = 0, attempt = s.attempt - 1, state_at = $7,
               gate = x.gate, reason = x.reason, run_at = x.until_at
        from   unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::timestamptz[])
               as x (tenant_id, id, attempt, gate, reason, until_at)
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.attempt = x.attempt and s.state = $8
        "#,
        &tenants,
        &ids,
        &attempts,
        &gates,
        &reasons,
        &until,
        now,
        SendState::Attempting.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
