//! Lanes: who drains the sends of an account, since when, and how fast.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, IncarnationId, TenantId},
    jobs::WakeLane,
    limits::LANES_HELD_MAX,
};
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx, queue};

/// Writes the lane of a new account.
pub async fn insert(tx: &mut TenantTx, account: AccountId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("insert into lanes (tenant_id, id) values ($1, $2)", tenant.uuid(), account.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Queues a wake-up of the lane with the caller's transaction. Many callers, one job: the key is the lane's generation,
/// which a runner raises when it takes the lane.
pub async fn wake(tx: &mut TenantTx, account: AccountId, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    let generation = sqlx::query_scalar!(
        "select generation from lanes where tenant_id = $1 and id = $2",
        tenant.uuid(),
        account.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(generation) = generation {
        queue::push(tx, &WakeLane { tenant, account, generation }, now).await?;
    }
    Ok(())
}

/// A lane as its owner needs it: the fence, and the limits as they are now.
#[derive(Debug, Clone)]
pub struct Lane {
    pub tenant: TenantId,
    pub id: AccountId,
    pub fence: i64,
    pub provider: String,
    pub external_id: String,
    pub rate_per_s: f64,
    pub rate_burst: i32,
    /// Accounts that share a provider limit name it.
    pub limit_key: Option<String>,
    pub limit_per_s: Option<f64>,
    /// Lanes leased under the same key, this one included; 1 without a key.
    pub limit_lanes: i64,
    /// Its place among them, from 0, the same for every reader.
    pub limit_position: i64,
    pub paced_until: Option<DateTime<Utc>>,
    pub rests_until: Option<DateTime<Utc>>,
    pub pace_factor: f64,
    /// Changes with every change of the account: credentials opened before are stale then.
    pub account_updated_at: DateTime<Utc>,
}

/// Takes lanes that nobody alive holds: raises fence and generation, and puts what a former owner had only claimed back
/// in the queue. What it was attempting becomes unknown when its time is up, never queued. Returns how many were taken.
pub async fn acquire(
    tx: &mut SystemTx,
    owner: IncarnationId,
    lanes: &[(TenantId, AccountId)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let (tenants, ids) = split(lanes);
    let taken = sqlx::query!(
        r#"
        with mine as (
            select l.tenant_id, l.id
            from   unnest($2::uuid[], $3::uuid[]) as x (tenant_id, id)
            join   lanes l on l.tenant_id = x.tenant_id and l.id = x.id
            where  l.owner is distinct from $1
            and    not exists (select 1 from incarnations i where i.id = l.owner and i.lease_until > $4)
            and    exists (select 1 from incarnations i where i.id = $1 and i.lease_until > $4)
            order  by l.tenant_id, l.id
            for    update of l
        ), taken as (
            update lanes l
            set    owner = $1, fence = l.fence + 1, generation = l.generation + 1
            from   mine m
            where  l.tenant_id = m.tenant_id and l.id = m.id
            returning l.tenant_id, l.id
        ), given_back as (
            update sends s
            set    state = 'queued', busy = s.attempt > 0, state_at = $4
            from   taken t
            where  s.tenant_id = t.tenant_id and s.lane_id = t.id and s.busy and s.state = 'claimed'
        )
        select count(*) as "taken!" from taken
        "#,
        owner.uuid(),
        &tenants,
        &ids,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u64::try_from(taken.taken).unwrap_or_default())
}

/// The lanes this start holds, with limits as they are now. At most [`LANES_HELD_MAX`].
pub async fn held(tx: &mut SystemTx, owner: IncarnationId, now: DateTime<Utc>) -> Result<Vec<Lane>> {
    let mut lanes = sqlx::query_as!(
        Lane,
        r#"
        select l.tenant_id as "tenant: TenantId", l.id as "id: AccountId", l.fence, a.provider, a.external_id, a.rate_per_s, a.rate_burst,
               a.limit_key, a.limit_per_s, l.paced_until, l.rests_until, l.pace_factor, a.updated_at as account_updated_at,
               1::bigint as "limit_lanes!", 0::bigint as "limit_position!"
        from   lanes l
        join   accounts a on a.tenant_id = l.tenant_id and a.id = l.id
        where  l.owner = $1
        limit  $2
        "#,
        owner.uuid(),
        i64::try_from(LANES_HELD_MAX).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.conn())
    .await?;
    if lanes.iter().any(|lane| lane.limit_key.is_some()) {
        let places = sharers(tx, now).await?;
        for lane in &mut lanes {
            (lane.limit_lanes, lane.limit_position) = places.get(&lane.id).copied().unwrap_or((1, 0));
        }
    }
    Ok(lanes)
}

/// Of every leased lane that shares a limit: how many share it, and its place among them.
async fn sharers(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<HashMap<AccountId, (i64, i64)>> {
    let rows = sqlx::query!(
        r#"
        select o.id as "id: AccountId", count(*) over (partition by a.limit_key) as "lanes!",
               row_number() over (partition by a.limit_key order by a.id) - 1 as "position!"
        from   incarnations i
        join   lanes o on o.owner = i.id
        join   accounts a on a.tenant_id = o.tenant_id and a.id = o.id
        where  i.lease_until > $1 and a.limit_key is not null
        limit  100000
        "#,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.lanes, row.position))).collect())
}

/// Gives lanes back: what was claimed and not sent is queued again, and the next wake-up has a new key.
pub async fn release(
    tx: &mut SystemTx,
    owner: IncarnationId,
    lanes: &[(TenantId, AccountId)],
    now: DateTime<Utc>,
) -> Result<()> {
    let (tenants, ids) = split(lanes);
    sqlx::query!(
        r#"
        with freed as (
            update lanes l
            set    owner = null, generation = l.generation + 1
            from   unnest($2::uuid[], $3::uuid[]) as x (tenant_id, id)
            where  l.tenant_id = x.tenant_id and l.id = x.id and l.owner = $1
            returning l.tenant_id, l.id, l.fence
        )
        update sends s
        set    state = 'queued', busy = s.attempt > 0, starts = 0, state_at = $4
        from   freed f
        where  s.tenant_id = f.tenant_id and s.lane_id = f.id and s.busy and s.state = 'claimed' and s.lane_fence = f.fence
        "#,
        owner.uuid(),
        &tenants,
        &ids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a runner writes about the pace of its lane.
#[derive(Debug, Clone, Copy)]
pub struct Paced {
    pub tenant: TenantId,
    pub lane: AccountId,
    pub fence: i64,
    pub paced_until: DateTime<Utc>,
    pub rests_until: Option<DateTime<Utc>>,
    pub factor: f64,
}

/// Stores the pace with the intents that use it. A lane with another fence is somebody else's and stays as it is.
pub async fn write_pace(tx: &mut SystemTx, paced: &[Paced]) -> Result<()> {
    let tenants: Vec<Uuid> = paced.iter().map(|p| p.tenant.uuid()).collect();
    let lanes: Vec<Uuid> = paced.iter().map(|p| p.lane.uuid()).collect();
    let fences: Vec<i64> = paced.iter().map(|p| p.fence).collect();
    let until: Vec<DateTime<Utc>> = paced.iter().map(|p| p.paced_until).collect();
    let rests: Vec<Option<DateTime<Utc>>> = paced.iter().map(|p| p.rests_until).collect();
    let factors: Vec<f64> = paced.iter().map(|p| p.factor).collect();
    sqlx::query!(
        r#"
        update lanes l
        set    paced_until = x.paced_until, rests_until = x.rests_until, pace_factor = x.factor
        from   unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::float8[])
               as x (tenant_id, id, fence, paced_until, rests_until, factor)
        where  l.tenant_id = x.tenant_id and l.id = x.id and l.fence = x.fence
        "#,
        &tenants,
        &lanes,
        &fences,
        &until,
        &rests as &[Option<DateTime<Utc>>],
        &factors,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A lane that has something due and nobody alive to send it.
#[derive(Debug, Clone)]
pub struct Orphan {
    pub tenant: TenantId,
    pub lane: AccountId,
    pub generation: i64,
}

/// Up to `limit` lanes after `after` (by tenant and id) with something due and no living owner. The next page starts at
/// the last one *looked at*: the second value.
pub async fn orphans(
    tx: &mut SystemTx,
    after: Option<(TenantId, AccountId)>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<(Vec<Orphan>, Option<(TenantId, AccountId)>)> {
    let (tenant, lane) = after.map_or((Uuid::nil(), Uuid::nil()), |(tenant, lane)| (tenant.uuid(), lane.uuid()));
    let rows = sqlx::query!(
        r#"
        with looked_at as (
            select l.tenant_id, l.id, l.generation
            from   lanes l
            where  (l.tenant_id, l.id) > ($1, $2)
            and    not exists (select 1 from incarnations i where i.id = l.owner and i.lease_until > $4)
            order  by l.tenant_id, l.id
            limit  $3
        )
        select k.tenant_id as "tenant: TenantId", k.id as "lane: AccountId", k.generation, due.yes as "due!"
        from   looked_at k
        cross  join lateral (
            with recursive flows as (
                (select s.flow from sends s
                 where  s.tenant_id = k.tenant_id and s.lane_id = k.id and s.state in ('queued', 'waiting', 'scheduled')
                 order  by s.flow limit 1)
                union all
                select n.flow from flows f cross join lateral (
                    select s.flow from sends s
                    where  s.tenant_id = k.tenant_id and s.lane_id = k.id and s.state in ('queued', 'waiting', 'scheduled')
                    and    s.flow > f.flow
                    order  by s.flow limit 1) n
            )
            select exists (
                select 1 from flows f
                cross join lateral (
                    select 1 from sends s
                    where  s.tenant_id = k.tenant_id and s.lane_id = k.id and s.flow = f.flow
                    and    s.state in ('queued', 'waiting', 'scheduled') and s.run_at <= $4
                    order  by s.run_at limit 1) d
            ) as yes
        ) due
        order  by k.tenant_id, k.id
        "#,
        tenant,
        lane,
        limit,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let last = rows.last().filter(|_| i64::try_from(rows.len()) == Ok(limit)).map(|row| (row.tenant, row.lane));
    let orphans = rows.into_iter().filter(|row| row.due).map(|row| Orphan {
        tenant: row.tenant,
        lane: row.lane,
        generation: row.generation,
    });
    Ok((orphans.collect(), last))
}

pub(crate) fn split(lanes: &[(TenantId, AccountId)]) -> (Vec<Uuid>, Vec<Uuid>) {
    lanes.iter().map(|(tenant, lane)| (tenant.uuid(), lane.uuid())).unzip()
}
