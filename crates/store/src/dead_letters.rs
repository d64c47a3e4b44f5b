//! Jobs that ended without success: what an operator looks at, and may try again.

use chrono::{DateTime, Utc};

use crate::{Result, SystemTx};

/// A job that is tried no more.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: String,
    pub queue: String,
    /// Ids and choices, as JSON.
    pub payload: serde_json::Value,
    pub attempts: i32,
    pub reason: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Up to `limit`, newest first, older than `after`. Ids sort by age.
pub async fn list(tx: &mut SystemTx, queue: Option<&str>, after: Option<&str>, limit: i64) -> Result<Vec<DeadLetter>> {
    let rows = sqlx::query_as!(
        DeadLetter,
        r#"
        select id as "id!", job_type as "queue!", convert_from(job, 'UTF8')::json as "payload!", attempts as "attempts!",
               last_result ->> 'Err' as reason, done_at as ended_at
        from   apalis.jobs
        where  status in ('Killed', 'Failed')
        and    ($1::text is null or job_type = $1)
        and    ($2::text is null or id < $2)
        order  by id desc
        limit  $3
        "#,
        queue,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Makes up to 1,000 of them due again, as if they had never run; returns how many. `ids` empty: all of the queue.
pub async fn retry(tx: &mut SystemTx, queue: Option<&str>, ids: &[String], now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update apalis.jobs
        set    status = 'Pending', run_at = $3, lock_by = null, lock_at = null, done_at = null, attempts = 0, last_result = null
        where  id in (
            select id from apalis.jobs
            where  status in ('Killed', 'Failed')
            and    ($1::text is null or job_type = $1)
            and    (cardinality($2::text[]) = 0 or id = any($2))
            order  by id
            limit  1000
            for    update skip locked)
        "#,
        queue,
        ids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
