//! Group commit: while one batch is being written, the next one gathers.

use std::time::Duration;

use postroad_core::{inbound::Counted, jobs::ReadJournal};
use postroad_store::{
    Result, SystemTx, inbound_counts,
    journal::{self, Arrived},
    pulses, queue,
};
use tokio::sync::{mpsc, oneshot};

use crate::App;

/// Posts one transaction stores.
const BATCH: usize = 200;
/// Bytes one transaction stores, as soon as it has more than one post.
const BATCH_BYTES: usize = 8 * 1_048_576;
/// How long the first post of a batch waits for company.
const GATHER: Duration = Duration::from_millis(3);
/// Posts that wait. More are refused, so that the provider comes again.
const WAITING_MAX: usize = 4_096;

/// Why a post is not in the journal; the cause is in our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    #[error("the database is away, or more posts wait than it takes")]
    Unavailable,
    #[error("the database refuses it")]
    Failed,
}

/// The giving end. The task behind it ends with it.
pub(super) struct Batcher(mpsc::Sender<Waiting>);

struct Waiting {
    arrived: Vec<Arrived>,
    stored: oneshot::Sender<Result<(), NotStored>>,
}

impl Batcher {
    pub(super) fn start(app: App) -> Self {
        let (posts, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write_all(app, waiting));
        Self(posts)
    }

    /// Returns when it is committed.
    pub(super) async fn store(&self, arrived: Vec<Arrived>) -> Result<(), NotStored> {
        let (stored, told) = oneshot::channel();
        self.0.try_send(Waiting { arrived, stored }).map_err(|_| NotStored::Unavailable)?;
        told.await.unwrap_or(Err(NotStored::Unavailable))
    }
}

async fn write_all(app: App, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(first) = waiting.recv().await {
        let batch = gather(first, &mut waiting).await;
        let outcome = write(&app, &batch).await;
        answer(&app, batch, outcome).await;
    }
}

async fn gather(first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let deadline = tokio::time::Instant::now() + GATHER;
    let mut bytes = size(&first);
    let mut batch = vec![first];
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        let Ok(Some(next)) = tokio::time::timeout_at(deadline, waiting.recv()).await else { break };
        bytes += size(&next);
        batch.push(next);
    }
    batch
}

fn size(waiting: &Waiting) -> usize {
    waiting.arrived.iter().map(|arrived| arrived.body.len()).sum()
}

async fn write(app: &App, batch: &[Waiting]) -> Result<()> {
    let arrived: Vec<Arrived> = batch.iter().flat_map(|waiting| waiting.arrived.iter().cloned()).collect();
    let Some(first) = arrived.first().map(|first| first.id) else { return Ok(()) };
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let stored = journal::insert(&mut tx, &arrived).await?;
    let accounts: Vec<_> = arrived.iter().map(|arrived| (arrived.tenant, arrived.account)).collect();
    pulses::note_heard(&mut tx, &accounts, now).await?;
    queue::push(&mut tx, &ReadJournal { first }, now).await?;
    inbound_counts::add(&mut tx, &[(Counted::Journalled, stored)]).await?;
    tx.commit().await
}

/// One post that cannot be stored must not cost the others their place: each is tried alone.
async fn answer(app: &App, batch: Vec<Waiting>, outcome: Result<()>) {
    let alone = matches!(&outcome, Err(error) if !error.is_unavailable()) && batch.len() > 1;
    let together = outcome.map_err(|error| not_stored(&error));
    for waiting in batch {
        let told = match together {
            Err(_) if alone => write(app, std::slice::from_ref(&waiting)).await.map_err(|error| not_stored(&error)),
            told => told,
        };
        // Whoever posted it has gone: the row stands all the same.
        let _ = waiting.stored.send(told);
    }
}

fn not_stored(error: &postroad_store::Error) -> NotStored {
    tracing::error!(%error, "webhooks could not be stored");
    if error.is_unavailable() { NotStored::Unavailable } else { NotStored::Failed }
}
