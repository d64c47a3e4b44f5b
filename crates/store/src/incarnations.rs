//! Starts of worker processes. One row is one lease, and it holds all lanes of that start.

use chrono::{DateTime, Utc};
use postroad_core::{ids::IncarnationId, limits::LEASE};

use crate::{Result, SystemTx};

/// Who a process says it is. The id is new at every start; host and pid are for people.
#[derive(Debug, Clone)]
pub struct Incarnation {
    pub id: IncarnationId,
    pub role: &'static str,
    pub host: String,
    pub pid: i32,
}

pub async fn insert(tx: &mut SystemTx, incarnation: &Incarnation, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into incarnations (id, role, host, pid, started_at, lease_until) values ($1, $2, $3, $4, $5, $6)",
        incarnation.id.uuid(),
        incarnation.role,
        incarnation.host,
        incarnation.pid,
        now,
        now + LEASE,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// False: the lease had run out before, others may hold its lanes already, and this start must not send any more.
pub async fn renew(tx: &mut SystemTx, id: IncarnationId, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "update incarnations set lease_until = $2 where id = $1 and lease_until > $3",
        id.uuid(),
        now + LEASE,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the lease now, so that others may take over without waiting for it.
pub async fn end(tx: &mut SystemTx, id: IncarnationId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update incarnations set lease_until = $2 where id = $1", id.uuid(), now).execute(tx.conn()).await?;
    Ok(())
}

/// Deletes the rows of starts that ended long ago and hold no lane.
pub async fn prune(tx: &mut SystemTx, ended_before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from incarnations i
        where  i.lease_until < $1
        and    not exists (select 1 from lanes l where l.owner = i.id)
        "#,
        ended_before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
