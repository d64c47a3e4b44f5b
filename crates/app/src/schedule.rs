//! The scheduler's own transactions: who leads, and what is fired. It only ever enqueues.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{ids::IncarnationId, jobs::Job};
use postroad_store::{
    Result, SystemTx,
    inbound_counts::{self, Inflow},
    leader, pulses, queue, receipts, sweeps,
};

use crate::App;

/// Becomes or stays leader; the term, or none while somebody else leads.
pub async fn lead(app: &App, me: IncarnationId) -> Result<Option<i64>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let term = leader::lead(&mut tx, me, app.clock.now()).await?;
    tx.commit().await?;
    Ok(term)
}

pub async fn resign(app: &App, me: IncarnationId) -> Result<()> {
    let mut tx = SystemTx::begin(&app.store).await?;
    leader::resign(&mut tx, me, app.clock.now()).await?;
    tx.commit().await
}

pub async fn last_fire(app: &App, entry: &str) -> Result<Option<DateTime<Utc>>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let last = leader::last_fire(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(last)
}

/// Fires one entry at one instant: the claim and the job together, or neither. False: it was fired already.
pub async fn fire<J: Job>(app: &App, entry: &str, fire_at: DateTime<Utc>, term: i64, job: &J) -> Result<bool> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let ours = leader::claim_fire(&mut tx, entry, fire_at, term).await?;
    if ours {
        queue::push(&mut tx, job, app.clock.now()).await?;
    }
    leader::prune_fires(&mut tx, fire_at - chrono::TimeDelta::days(2)).await?;
    tx.commit().await?;
    Ok(ours)
}

/// What only the leader counts, in one look.
#[derive(Debug, Clone)]
pub struct Census {
    pub queues: Vec<queue::Depth>,
    /// State, rows, since when the oldest is in it.
    pub sends: Vec<(String, i64, Option<DateTime<Utc>>)>,
    /// Gate and rows that wait at it.
    pub waiting: Vec<(String, i64)>,
    pub receipts_parked: i64,
    pub webhooks_unread: i64,
    pub webhooks_oldest_at: Option<DateTime<Utc>>,
    pub webhooks_quarantined: i64,
    /// What came in ever, and what became of it.
    pub inflow: Inflow,
    /// Accounts whose webhooks do not come.
    pub silent: i64,
    /// Suspicions of a double send in the last week.
    pub suspects: i64,
    /// State, files, since when the oldest is there.
    pub files: Vec<(String, i64, Option<DateTime<Utc>>)>,
    /// What endpoints were not told yet, and since when the oldest waits.
    pub deliveries: (i64, Option<DateTime<Utc>>),
}

/// How long a suspicion is told.
const SUSPECTS_FOR: TimeDelta = TimeDelta::weeks(1);

pub async fn census(app: &App) -> Result<Census> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let queues = queue::depths(&mut tx, app.clock.now()).await?;
    let sends = sweeps::open_states(&mut tx).await?;
    let waiting = sweeps::waiting_by_gate(&mut tx).await?;
    let (receipts_parked, _) = receipts::parked(&mut tx).await?;
    let (webhooks_unread, webhooks_oldest_at, webhooks_quarantined) = postroad_store::inbound::backlog(&mut tx).await?;
    let inflow = inbound_counts::inflow(&mut tx).await?;
    let silent = pulses::count_silent(&mut tx).await?;
    let suspects = postroad_store::examine::suspects(&mut tx, app.clock.now() - SUSPECTS_FOR).await?;
    let files = postroad_store::media::open_states(&mut tx).await?;
    let deliveries = postroad_store::deliveries::waiting(&mut tx).await?;
    tx.commit().await?;
    Ok(Census {
        queues,
        sends,
        waiting,
        receipts_parked,
        webhooks_unread,
        webhooks_oldest_at,
        webhooks_quarantined,
        inflow,
        silent,
        suspects,
        files,
        deliveries,
    })
}
