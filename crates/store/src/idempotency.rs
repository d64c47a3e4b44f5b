//! What was answered under a request id. The row is written in the transaction of what it speaks of, so that both exist or
//! neither does.

use chrono::{DateTime, Utc};
use postroad_core::ids::ClientId;
use serde_json::Value;

use crate::{Error, Result, TenantTx};

/// The answer of an earlier request.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub body_sha256: String,
    pub route: String,
    pub status: i16,
    pub answer: Value,
}

/// Under which name somebody asks for something once.
#[derive(Debug, Clone, Copy)]
pub struct Once<'a> {
    pub client: ClientId,
    pub request_id: &'a str,
    /// Lower-case hex.
    pub body_sha256: &'a str,
    pub route: &'a str,
}

/// What a request id stands for.
#[derive(Debug)]
pub enum Reserved {
    /// Nobody used it: it is this transaction's now.
    Fresh,
    Answered(Stored),
    /// Another transaction has it and has not ended within [`WAIT`].
    Busy,
}

/// How long a request waits for its own repetition, and for any other lock, before it gives up.
const WAIT: &str = "1s";

/// Takes the request id for this transaction. Waits for another one that has it, at most [`WAIT`].
pub async fn reserve(tx: &mut TenantTx, once: &Once<'_>, now: DateTime<Utc>) -> Result<Reserved> {
    if let Some(stored) = find(tx, once).await? {
        return Ok(Reserved::Answered(stored));
    }
    match insert(tx, once, now).await {
        Ok(true) => Ok(Reserved::Fresh),
        // The other one ended while we waited: committed, and then its answer is there.
        Ok(false) => Ok(find(tx, once).await?.map_or(Reserved::Busy, Reserved::Answered)),
        Err(Error::Unavailable(sqlx::Error::Database(cause)))
            if cause.code().as_deref() == Some(LOCK_NOT_AVAILABLE) =>
        {
            Ok(Reserved::Busy)
        }
        Err(error) => Err(error),
    }
}

const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Also bounds every wait for a lock in this transaction: the statement costs no round trip of its own.
async fn find(tx: &mut TenantTx, once: &Once<'_>) -> Result<Option<Stored>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select i.body_sha256 as "body_sha256?", i.route as "route?", i.status as "status?", i.answer as "answer?"
        from   (select set_config('lock_timeout', $4, true)) wait
        left   join idempotency i on i.tenant_id = $1 and i.client_id = $2 and i.request_id = $3
        "#,
        tenant.uuid(),
        once.client.uuid(),
        once.request_id,
        WAIT,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row
        .body_sha256
        .zip(row.route)
        .zip(row.status)
        .zip(row.answer)
        .map(|(((body_sha256, route), status), answer)| Stored { body_sha256, route, status, answer }))
}

async fn insert(tx: &mut TenantTx, once: &Once<'_>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into idempotency (tenant_id, client_id, request_id, body_sha256, route, status, answer, created_at)
        values ($1, $2, $3, $4, $5, 0, 'null', $6)
        on conflict do nothing
        "#,
        tenant.uuid(),
        once.client.uuid(),
        once.request_id,
        once.body_sha256,
        once.route,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the answer of the request that [`reserve`] found fresh.
pub async fn answer(tx: &mut TenantTx, once: &Once<'_>, status: i16, answer: &Value) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update idempotency set status = $4, answer = $5 where tenant_id = $1 and client_id = $2 and request_id = $3",
        tenant.uuid(),
        once.client.uuid(),
        once.request_id,
        status,
        answer,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
