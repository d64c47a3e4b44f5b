//! What moves rows that nobody moves any more: every non-final state has an exit timer, and these are the timers.
//!
//! A rescue of an attempt ends in `unknown`, never in the queue: nobody knows whether it was carried out.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::{AccountId, TenantId},
    limits::{ATTEMPT_MAX, LEASE},
    unknown::{BEHIND_AFTER, Graces, Heard},
};

use crate::{Result, SystemTx};

/// Rows one sweep moves. The next comes a second later.
const SWEEP_MAX: i64 = 5_000;

/// Claims whose owner is gone, or that are older than any step can be: back in the queue. Nothing was sent.
pub async fn requeue_claimed(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update sends s
        set    state = 'queued', busy = s.attempt > 0, state_at = $1
        from   (select s.tenant_id, s.id
                from   lanes l
                join   sends s on s.tenant_id = l.tenant_id and s.lane_id = l.id and s.busy and s.state = 'claimed' and s.state_at < $2
                where  s.state_at < $3
                or     s.lane_fence <> l.fence
                or     not exists (select 1 from incarnations i where i.id = l.owner and i.lease_until > $1)
                limit  $4
                for    update of s skip locked) x
        where  s.tenant_id = x.tenant_id and s.id = x.id
        "#,
        now,
        now - TimeDelta::seconds(1),
        now - LEASE * 3,
        SWEEP_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Attempts that began longer ago than any call can take: unknown, with the attempt as evidence.
pub async fn mark_unknown(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        with gone as (
            select s.tenant_id, s.id, s.state_at as began_at
            from   lanes l
            join   sends s on s.tenant_id = l.tenant_id and s.lane_id = l.id and s.busy and s.state = 'attempting' and s.state_at < $2
            limit  $3
            for    update of s skip locked
        ), moved as (
            update sends s
            set    state = 'unknown', busy = true, starts = 0, state_at = $1, fault_class = 'no_answer'
            from   gone g
            where  s.tenant_id = g.tenant_id and s.id = g.id
            returning s.tenant_id, s.id, s.attempt, s.lane_id, g.began_at
        )
        insert into attempts (tenant_id, message_id, attempt, account_id, started_at, finished_at, result, fault_class)
        select tenant_id, id, attempt, lane_id, began_at, $1, 'unknown', 'no_answer' from moved
        on conflict do nothing
        "#,
        now,
        now - ATTEMPT_MAX,
        SWEEP_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Unknown outcomes whose grace is over, as far as evidence was [`Heard`]. One-time codes, and transactional messages through a provider that echoes our id,
/// go out once more; everything else counts as final and frees its contact. While the receipts of an account are behind, a
/// grace is counted in the time that they tell of, up to the patience. Returns (sent again, settled).
pub async fn apply_unknown_policy(
    tx: &mut SystemTx,
    graces: Graces,
    heard: Heard,
    echoing: &[String],
    now: DateTime<Utc>,
) -> Result<(i64, i64)> {
    let patience = graces.patience();
    let row = sqlx::query!(
        r#"
        with ripe as (
            select s.tenant_id, s.id,
                   (s.class = 'auth' or (s.class = 'transactional' and a.provider = any($4)))
                   and s.resends = 0 and not s.no_resend and (s.not_after is null or s.not_after > $1) as again
            from   sends s
            join   accounts a on a.tenant_id = s.tenant_id and a.id = s.lane_id
            left   join account_pulses p on p.tenant_id = s.tenant_id and p.account_id = s.lane_id and a.provider = any($4)
            cross  join lateral (
                select case s.class when 'auth' then $6::float8 else $7::float8 end as grace_s,
                       case s.class when 'auth' then $8::timestamptz else $9::timestamptz end as patient_to,
                       coalesce(p.told_to, '-infinity') as told_to) g
            where  s.state = 'unknown' and s.settled_at is null
            and    s.state_at < case s.class when 'auth' then $2::timestamptz else $3::timestamptz end
            and    (p.accepted_at is null or p.accepted_at <= g.told_to + make_interval(secs => $10)
                    or s.state_at < g.told_to - make_interval(secs => g.grace_s) or s.state_at < g.patient_to)
            limit  $5
            for    update of s skip locked
        ), moved as (
            update sends s
            set    state = case when r.again then 'waiting' else 'unknown' end,
                   resends = s.resends + case when r.again then 1 else 0 end,
                   gate = case when r.again then 'rate' end,
                   reason = case when r.again then 'resend_after_unknown' end,
                   decided_at = null,
                   run_at = case when r.again then $1 else s.run_at end,
                   state_at = case when r.again then $1 else s.state_at end,
                   busy = r.again,
                   settled_at = case when r.again then null else $1 end
            from   ripe r
            where  s.tenant_id = r.tenant_id and s.id = r.id
            returning r.again
        )
        select count(*) filter (where again) as "again!", count(*) filter (where not again) as "settled!" from moved
        "#,
        now,
        heard.ripe_before(graces.auth),
        heard.ripe_before(graces.other),
        echoing,
        SWEEP_MAX,
        graces.auth.as_seconds_f64(),
        graces.other.as_seconds_f64(),
        now - patience.auth,
        now - patience.other,
        BEHIND_AFTER.as_seconds_f64(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.again, row.settled))
}

/// What the ledger holds in each state, for the metrics. Final states are not counted: they only grow.
pub async fn open_states(tx: &mut SystemTx) -> Result<Vec<(String, i64, Option<DateTime<Utc>>)>> {
    let rows = sqlx::query!(
        r#"
        select s.state, count(*) as "count!", min(s.state_at) as oldest_at
        from   sends s
        where  s.state in ('scheduled', 'queued', 'waiting') or (s.busy and s.state in ('claimed', 'attempting'))
        or     (s.state = 'unknown' and s.settled_at is null)
        group  by s.state
        limit  20
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count, row.oldest_at)).collect())
}

/// What waits at which gate.
pub async fn waiting_by_gate(tx: &mut SystemTx) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select s.gate as "gate!", count(*) as "count!" from sends s where s.state = 'waiting' group by s.gate limit 20"#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.gate, row.count)).collect())
}

/// Accounts whose lanes an incarnation holds: what a take-over would concern.
pub async fn lanes_of_the_dead(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(TenantId, AccountId)>> {
    let rows = sqlx::query!(
        r#"
        select l.tenant_id as "tenant: TenantId", l.id as "lane: AccountId"
        from   lanes l
        where  l.owner is not null
        and    not exists (select 1 from incarnations i where i.id = l.owner and i.lease_until > $1)
        limit  $2
        "#,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.lane)).collect())
}
