//! The request log. Lines are written in batches, beside the calls and not in their way.
//!
//! A line is in the database at most [`FLUSH_EVERY`] and one write after its call, and when the process ends in order. A
//! crash loses the lines of that window, and a database that stays away longer than [`WAITING_MAX`] calls loses the newest.

use std::time::Duration;

use postroad_core::ids::{CallId, ClientId, TenantId};
use postroad_store::{
    Result, Store, SystemTx, TenantTx,
    request_log::{self, Entry},
};
use tokio::sync::{mpsc, oneshot};

use crate::App;

const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Lines one statement writes.
const BATCH: usize = 500;
/// Lines that wait to be written.
const WAITING_MAX: usize = 20_000;
/// Between two tries while the database is away.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the process waits for the last lines.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(5);

/// The giving end. The task behind it ends with it.
pub struct RequestLog(mpsc::Sender<Line>);

enum Line {
    Call(Box<Entry>),
    /// Told when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl RequestLog {
    pub fn start(store: Store) -> Self {
        let (lines, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write_all(store, waiting));
        Self(lines)
    }

    /// Never waits: a line that finds no room is lost, and said so.
    pub fn note(&self, entry: Entry) {
        if self.0.try_send(Line::Call(Box::new(entry))).is_err() {
            tracing::error!("a line of the request log is lost: too many wait for the database");
        }
    }

    /// Returns when everything noted so far is written, or after five seconds.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        let flushed = async { self.0.send(Line::Flush(done)).await.is_ok() && written.await.is_ok() };
        if !matches!(tokio::time::timeout(LAST_FLUSH_MAX, flushed).await, Ok(true)) {
            tracing::error!("the last lines of the request log were not written");
        }
    }
}

async fn write_all(store: Store, mut waiting: mpsc::Receiver<Line>) {
    let mut lines = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut lines, BATCH).await > 0 {
        fill(&mut waiting, &mut lines).await;
        let mut entries = Vec::with_capacity(lines.len());
        let mut flushes = Vec::new();
        for line in lines.drain(..) {
            match line {
                Line::Call(entry) => entries.push(*entry),
                Line::Flush(done) => flushes.push(done),
            }
        }
        write(&store, &entries).await;
        for done in flushes {
            // Nobody waits any more: that is fine.
            let _ = done.send(());
        }
    }
}

/// Waits a moment for more lines, unless somebody waits for these.
async fn fill(waiting: &mut mpsc::Receiver<Line>, lines: &mut Vec<Line>) {
    let deadline = tokio::time::Instant::now() + FLUSH_EVERY;
    while lines.len() < BATCH && !lines.iter().any(|line| matches!(line, Line::Flush(_))) {
        let room = BATCH - lines.len();
        match tokio::time::timeout_at(deadline, waiting.recv_many(lines, room)).await {
            Ok(more) if more > 0 => {}
            _ => return,
        }
    }
}

async fn write(store: &Store, entries: &[Entry]) {
    while let Err(error) = write_once(store, entries).await {
        if !error.is_unavailable() {
            tracing::error!(%error, lines = entries.len(), "lines of the request log are lost");
            return;
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

async fn write_once(store: &Store, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = SystemTx::begin(store).await?;
    request_log::insert(&mut tx, entries).await?;
    request_log::touch_keys(&mut tx, entries).await?;
    tx.commit().await
}

/// Up to `limit` calls of one client, newest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    client: ClientId,
    after: Option<CallId>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    request_log::list(&mut tx, client, after, limit).await
}
