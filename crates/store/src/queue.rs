//! The queue behind our own words: apalis' table, written in the caller's transaction.
//!
//! A job is a wake-up and carries ids only; losing all of them costs latency, never a message. What stock apalis gets
//! wrong on Postgres (retries at once, snoozes that spin, rows that stay for ever) is put right here and pinned by the
//! contract suite in the worker's tests.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::jobs::{Job, Queue};

use crate::{AnyTx, Result, SystemTx};

/// Writes one job, due at `run_at`. A job of the same key that is still in the table stands for this one too.
pub async fn push<J: Job>(tx: &mut impl AnyTx, job: &J, run_at: DateTime<Utc>) -> Result<()> {
    push_all(tx, std::slice::from_ref(job), run_at).await
}

/// Writes jobs of one queue in one statement.
pub async fn push_all<J: Job>(tx: &mut impl AnyTx, jobs: &[J], run_at: DateTime<Utc>) -> Result<()> {
    let mut ids = Vec::with_capacity(jobs.len());
    let mut keys = Vec::with_capacity(jobs.len());
    let mut bodies = Vec::with_capacity(jobs.len());
    for job in jobs {
        ids.push(ulid::Ulid::generate().to_string());
        keys.push(job.key());
        bodies.push(serde_json::to_vec(job)?);
    }
    sqlx::query!(
        r#"
        insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
        select j.id, $1, j.job, 'Pending', 0, $2, $3, 0, j.key
        from   unnest($4::text[], $5::bytea[], $6::text[]) as j (id, job, key)
        on conflict (job_type, idempotency_key) do nothing
        "#,
        J::QUEUE.as_str(),
        ATTEMPTS_MAX,
        run_at,
        &ids,
        &bodies,
        &keys,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Attempts of one job before it rests among the dead letters.
pub const ATTEMPTS_MAX: i32 = 8;

/// A job in the hands of one worker incarnation.
#[derive(Debug, Clone)]
pub struct Held<'a> {
    pub id: &'a str,
    /// The apalis worker's name: unique per start.
    pub worker: &'a str,
}

/// Gives a held job back until `until`, without costing an attempt. The acknowledgement that follows finds nothing to do.
pub async fn snooze(tx: &mut SystemTx, job: &Held<'_>, until: DateTime<Utc>) -> Result<bool> {
    give_back(tx, job, until, 0).await
}

/// Gives a held job back until `until` and counts the attempt: apalis itself keeps no backoff.
pub async fn retry(tx: &mut SystemTx, job: &Held<'_>, until: DateTime<Utc>) -> Result<bool> {
    give_back(tx, job, until, 1).await
}

async fn give_back(tx: &mut SystemTx, job: &Held<'_>, until: DateTime<Utc>, attempts: i32) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update apalis.jobs
        set    status = 'Pending', run_at = $3, lock_by = null, lock_at = null, done_at = null, attempts = attempts + $4
        where  id = $1 and lock_by = $2
        "#,
        job.id,
        job.worker,
        until,
        attempts,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a held job for good, with the reason an operator will read.
pub async fn bury(tx: &mut SystemTx, job: &Held<'_>, reason: &str, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update apalis.jobs
        set    status = 'Killed', done_at = $3, lock_by = null, lock_at = null, attempts = greatest(attempts + 1, 1),
               last_result = jsonb_build_object('Err', $4::text)
        where  id = $1 and lock_by = $2
        "#,
        job.id,
        job.worker,
        now,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Buries jobs that were handed out `starts_max` times without ever ending: each of those starts killed its worker.
pub async fn bury_poison(tx: &mut SystemTx, starts_max: i32, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update apalis.jobs
        set    status = 'Killed', done_at = $2, lock_by = null, lock_at = null,
               last_result = jsonb_build_object('Err', 'its worker died at every start')
        where  id in (select id from apalis.jobs where status = 'Pending' and attempts >= $1 and last_result is null
                      limit 1000 for update skip locked)
        "#,
        starts_max,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Deletes up to 10,000 jobs that ended before `before`; failed and buried ones are kept thirty times as long.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>, dead_before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from apalis.jobs
        where  id in (
            select id from apalis.jobs
            where  (status = 'Done' and done_at < $1)
            or     (status in ('Killed', 'Failed') and done_at < $2)
            limit  10000
            for    update skip locked)
        "#,
        before,
        dead_before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Deletes apalis' rows of workers that are long gone and hold nothing.
pub async fn prune_workers(tx: &mut SystemTx, seen_before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from apalis.workers w
        where  w.last_seen < $1
        and    not exists (select 1 from apalis.jobs j where j.lock_by = w.id)
        "#,
        seen_before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// What one queue holds.
#[derive(Debug, Clone)]
pub struct Depth {
    pub queue: String,
    pub scheduled: i64,
    pub ready: i64,
    pub running: i64,
    pub dead: i64,
    pub oldest_ready_at: Option<DateTime<Utc>>,
}

/// The depth of every queue that has jobs.
pub async fn depths(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<Depth>> {
    let rows = sqlx::query_as!(
        Depth,
        r#"
        select job_type as "queue!",
               count(*) filter (where status = 'Pending' and run_at > $1) as "scheduled!",
               count(*) filter (where status = 'Pending' and run_at <= $1) as "ready!",
               count(*) filter (where status in ('Queued', 'Running')) as "running!",
               count(*) filter (where status in ('Killed', 'Failed')) as "dead!",
               min(run_at) filter (where status = 'Pending' and run_at <= $1) as oldest_ready_at
        from   apalis.jobs
        where  status <> 'Done'
        group  by job_type
        limit  100
        "#,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How long finished jobs stay, for looking at.
pub const FINISHED_KEPT: TimeDelta = TimeDelta::hours(1);

/// The queues in the order in which they are shown.
pub const QUEUES: &[Queue] = Queue::ALL;

/// Between two signs of life of a worker.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// A worker that gave no sign for so long is not there any more, or does nothing.
const SILENT: Duration = Duration::from_secs(4 * HEARTBEAT.as_secs());

/// Writes jobs as [`push_all`] does, and makes those due again whose key is taken by a job that has ended, or that a worker holds
/// which shows no sign of life: somebody who looked at the truth found that its work is not done. The queue itself waits for many more
/// signs, because it does not look; whoever dies between taking a job and doing it would keep its lane waiting for as long.
pub async fn revive_all<J: Job>(tx: &mut impl AnyTx, jobs: &[J], now: DateTime<Utc>) -> Result<()> {
    push_all(tx, jobs, now).await?;
    let keys: Vec<String> = jobs.iter().map(Job::key).collect();
    sqlx::query!(
        r#"
        update apalis.jobs j
        set    status = 'Pending', run_at = $3, lock_by = null, lock_at = null, done_at = null, last_result = null,
               attempts = case when j.status in ('Queued', 'Running') then j.attempts else 0 end
        where  j.job_type = $1 and j.idempotency_key = any($2)
        and    (j.status in ('Done', 'Failed', 'Killed')
                -- Workers sign by the clock of the database.
                or (j.status in ('Queued', 'Running')
                    and not exists (select 1 from apalis.workers w
                                    where  w.id = j.lock_by and w.last_seen > now() - make_interval(secs => $4))))
        "#,
        J::QUEUE.as_str(),
        &keys,
        now,
        SILENT.as_secs_f64(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
