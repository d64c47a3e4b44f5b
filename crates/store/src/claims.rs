//! Claim: the first step of a lane. Nothing is decided yet.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::{AccountId, IncarnationId, MessageId, TenantId},
    send::SendState,
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// How many sends of one lane are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub tenant: TenantId,
    pub lane: AccountId,
    pub fence: i64,
    /// 1 to [`postroad_core::limits::CLAIM_MAX`].
    pub wanted: i32,
}

/// A send in the hands of a runner. Nothing was sent yet.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub tenant: TenantId,
    pub id: MessageId,
    pub lane: AccountId,
    /// `claimed`, or `dead` when it was started too often without an end.
    pub state: SendState,
    /// When it was due.
    pub run_at: DateTime<Utc>,
    /// The last stored decision, to see whether the new one differs.
    pub gate: Option<GateName>,
    pub reason: Option<Reason>,
    pub decided_at: Option<DateTime<Utc>>,
}

/// Claims due sends of several lanes in one statement, in fair order: flows take turns by weight, never two sends to one
/// address, and never one while another to that address is on its way. Chance says where in its turn each flow begins, so
/// that a lane which claims one send at a time gives each flow its share too, and none starves. Of a throttled campaign come
/// no more than its throttle lets leave.
///
/// A send that was started before without an end may be what killed its worker: it comes in a claim of its own, eight
/// second starts or one third start at a time, so that its neighbours are acquitted. After three starts it is dead.
#[expect(clippy::too_many_lines, reason = "one statement")]
pub async fn claim(tx: &mut SystemTx, owner: IncarnationId, asks: &[Ask], now: DateTime<Utc>) -> Result<Vec<Claimed>> {
    let tenants: Vec<Uuid> = asks.iter().map(|a| a.tenant.uuid()).collect();
    let lanes: Vec<Uuid> = asks.iter().map(|a| a.lane.uuid()).collect();
    let fences: Vec<i64> = asks.iter().map(|a| a.fence).collect();
    let wanted: Vec<i32> = asks.iter().map(|a| a.wanted).collect();
    let claimed = sqlx::query_as!(
        Claimed,
        r#"
        with recursive asked as (
            select l.tenant_id, l.id as lane_id, l.fence, x.wanted
            from   unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::int[]) as x (tenant_id, lane_id, fence, wanted)
            join   lanes l on l.tenant_id = x.tenant_id and l.id = x.lane_id
            where  l.owner = $1 and l.fence = x.fence
            and    exists (select 1 from incarnations i where i.id = $1 and i.lease_until > $6)
        ), flows as (
            select a.tenant_id, a.lane_id, a.fence, a.wanted, f.flow, -ln(1 - random()) as luck
            from   asked a cross join lateral (
                select s.flow from sends s
                where  s.tenant_id = a.tenant_id and s.lane_id = a.lane_id and s.state in ('queued', 'waiting', 'scheduled')
                order  by s.flow limit 1) f
            union all
            select f.tenant_id, f.lane_id, f.fence, f.wanted, n.flow, -ln(1 - random())
            from   flows f cross join lateral (
                select s.flow from sends s
                where  s.tenant_id = f.tenant_id and s.lane_id = f.lane_id and s.state in ('queued', 'waiting', 'scheduled')
                and    s.flow > f.flow
                order  by s.flow limit 1) n
        ), paced as (
            select f.*, coalesce((
                       select throttle_grants(f.wanted, 60.0::float8 / c.throttle_per_minute, coalesce(p.free_at, $6), $6)
                       from   campaigns c
                       left   join campaign_paces p on p.tenant_id = c.tenant_id and p.campaign_id = c.id
                       where  c.tenant_id = f.tenant_id and c.id = f.flow and c.throttle_per_minute is not null), f.wanted) as room
            from   flows f
        ), due as (
            select f.fence, f.wanted, d.*,
                   f.luck - 1 + row_number() over (partition by d.tenant_id, d.lane_id, d.flow order by d.run_at, d.id) as turn
            from   paced f cross join lateral (
                select s.tenant_id, s.lane_id, s.flow, s.id, s.run_at, s.weight, s.address_id, s.starts,
                       s.gate, s.reason, s.decided_at
                from   sends s
                where  s.tenant_id = f.tenant_id and s.lane_id = f.lane_id and s.flow = f.flow
                and    s.state in ('queued', 'waiting', 'scheduled') and s.run_at <= $6
                and    coalesce((
                    select false from sends b
                    where  b.tenant_id = s.tenant_id and b.lane_id = s.lane_id and b.address_id = s.address_id and b.busy
                    and    b.id <> s.id and (b.id < s.id or b.state in ('claimed', 'attempting', 'unknown'))
                    limit  1), true)
                order  by s.run_at, s.id
                limit  f.room
                for    update of s skip locked) d
        ), one_each as (
            select d.*, row_number() over (partition by d.tenant_id, d.lane_id, d.address_id
                                           order by d.starts desc, d.turn / d.weight, d.run_at, d.id) as nth,
                   max(d.starts) over (partition by d.tenant_id, d.lane_id) as suspicion
            from   due d
        ), fair as (
            select o.*, row_number() over (partition by o.tenant_id, o.lane_id
                                           order by o.starts desc, o.turn / o.weight, o.run_at, o.id) as place
            from   one_each o
            where  o.nth = 1
        ), chosen as (
            select * from fair f
            where  f.place <= f.wanted
            and    (f.suspicion = 0 or (f.starts = f.suspicion and f.place <= case f.suspicion when 1 then 8 else 1 end))
        )
        update sends s
        set    state = case when c.starts >= 3 then 'dead' else 'claimed' end,
               busy = c.starts < 3,
               starts = c.starts + 1,
               lane_fence = c.fence,
               state_at = $6,
               settled_at = case when c.starts >= 3 then $6 end
        from   chosen c
        where  s.tenant_id = c.tenant_id and s.id = c.id
        returning s.tenant_id as "tenant: TenantId", s.id as "id: MessageId", s.lane_id as "lane: AccountId",
                  s.state as "state: SendState", s.run_at, c.gate as "gate: GateName", c.reason as "reason: Reason", c.decided_at
        "#,
        owner.uuid(),
        &tenants,
        &lanes,
        &fences,
        &wanted,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(claimed)
}

/// The earliest instant at which one of these lanes has something due, at most `until`; none: nothing before then.
pub async fn next_due(
    tx: &mut SystemTx,
    lanes: &[(TenantId, AccountId)],
    until: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let (tenants, ids) = crate::lanes::split(lanes);
    let next = sqlx::query_scalar!(
        r#"
        with recursive flows as (
            select x.tenant_id, x.lane_id, f.flow
            from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, lane_id) cross join lateral (
                select s.flow from sends s
                where  s.tenant_id = x.tenant_id and s.lane_id = x.lane_id and s.state in ('queued', 'waiting', 'scheduled')
                order  by s.flow limit 1) f
            union all
            select f.tenant_id, f.lane_id, n.flow
            from   flows f cross join lateral (
                select s.flow from sends s
                where  s.tenant_id = f.tenant_id and s.lane_id = f.lane_id and s.state in ('queued', 'waiting', 'scheduled')
                and    s.flow > f.flow
                order  by s.flow limit 1) n
        )
        select min(d.run_at)
        from   flows f cross join lateral (
            select s.run_at from sends s
            where  s.tenant_id = f.tenant_id and s.lane_id = f.lane_id and s.flow = f.flow
            and    s.state in ('queued', 'waiting', 'scheduled') and s.run_at <= $3
            order  by s.run_at limit 1) d
        "#,
        &tenants,
        &ids,
        until,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(next)
}
