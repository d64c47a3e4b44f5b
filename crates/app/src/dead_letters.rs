//! Jobs that are tried no more: a person looks at them, and may let them run again. Running one twice is harmless.

use postroad_core::jobs::Queue;
pub use postroad_store::dead_letters::DeadLetter;
use postroad_store::{Result, SystemTx, dead_letters};

use crate::App;

/// Retries take a page of rows in each transaction; more of them than anybody has dead jobs.
const ROUNDS_MAX: usize = 1_000;

/// Up to `limit`, newest first, older than `after`.
pub async fn list(app: &App, queue: Option<Queue>, after: Option<&str>, limit: i64) -> Result<Vec<DeadLetter>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    dead_letters::list(&mut tx, queue.map(Queue::as_str), after, limit).await
}

/// Lets those of these ids run again that are dead; returns how many.
pub async fn retry(app: &App, ids: &[String]) -> Result<u64> {
    if ids.is_empty() { Ok(0) } else { retry_page(app, None, ids).await }
}

/// Lets all of a queue, or of every queue, run again.
pub async fn retry_all(app: &App, queue: Option<Queue>) -> Result<u64> {
    let mut retried = 0;
    for _ in 0..ROUNDS_MAX {
        match retry_page(app, queue, &[]).await? {
            0 => break,
            page => retried += page,
        }
    }
    Ok(retried)
}

async fn retry_page(app: &App, queue: Option<Queue>, ids: &[String]) -> Result<u64> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let retried = dead_letters::retry(&mut tx, queue.map(Queue::as_str), ids, app.clock.now()).await?;
    tx.commit().await?;
    Ok(retried)
}
