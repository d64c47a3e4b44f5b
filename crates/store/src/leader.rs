//! Who leads the schedule, and what was fired. Two leaders are possible for a moment; two fires of one instant are not.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{ids::IncarnationId, limits::LEASE};

use crate::{Result, SystemTx};

/// Becomes or stays leader; the term, or none while somebody else leads. The term rises with every change.
pub async fn lead(tx: &mut SystemTx, me: IncarnationId, now: DateTime<Utc>) -> Result<Option<i64>> {
    let term = sqlx::query_scalar!(
        r#"
        insert into leader as l (incarnation, term, lease_until) values ($1, 1, $2)
        on conflict (only_row) do update
        set    incarnation = $1, lease_until = $2, term = l.term + case when l.incarnation = $1 then 0 else 1 end
        where  l.incarnation = $1 or l.lease_until <= $3
        returning l.term
        "#,
        me.uuid(),
        now + LEASE,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(term)
}

/// Steps down, so that the next leader need not wait.
pub async fn resign(tx: &mut SystemTx, me: IncarnationId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update leader set lease_until = $2 where incarnation = $1", me.uuid(), now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes a sweep of the leader, and tells since when there was none missing: no gap longer than `gap_max`. None: nobody
/// leads.
pub async fn note_sweep(tx: &mut SystemTx, gap_max: TimeDelta, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let since = sqlx::query_scalar!(
        r#"
        update leader
        set    listening_since = case when swept_at >= $2 then listening_since else $1 end, swept_at = $1
        returning listening_since as "since!"
        "#,
        now,
        now - gap_max,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(since)
}

/// The last instant that was fired for an entry.
pub async fn last_fire(tx: &mut SystemTx, entry: &str) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!("select max(fire_at) from fires where entry = $1", entry).fetch_one(tx.conn()).await?)
}

/// Claims one fire; false: somebody fired it already, or our term is over.
pub async fn claim_fire(tx: &mut SystemTx, entry: &str, fire_at: DateTime<Utc>, term: i64) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into fires (entry, fire_at, term)
        select $1, $2, $3 from leader where term = $3
        on conflict do nothing
        "#,
        entry,
        fire_at,
        term,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets fires that are older than any catch-up looks back.
pub async fn prune_fires(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from fires f
        where  f.fire_at < $1
        and    exists (select 1 from fires n where n.entry = f.entry and n.fire_at > f.fire_at)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
