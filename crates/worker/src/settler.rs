//! Writes outcomes in batches, through outages: what a call ended in is kept in memory and offered to the database for a
//! minute. After that the attempt is left to the sweeper, which makes it unknown.

use std::{sync::Arc, time::Duration};

use postroad_app::{App, inbound, outcomes, outcomes::Finished};
use postroad_core::{limits::SETTLE_RETRY_MAX, provider::Event};
use postroad_store::inbound::Unread;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
    time::Instant,
};

use crate::{adapters::Adapters, metrics};

/// Outcomes one transaction writes.
const BATCH: usize = 500;
/// How long the first outcome of a batch waits for others.
const LINGER: Duration = Duration::from_millis(4);

enum Item {
    Finished(Box<Finished>, OwnedSemaphorePermit),
    Rehearsed(Box<Unread>, Vec<Event>),
}

/// The giving end. The settler ends when all of these are dropped and everything is written.
#[derive(Clone)]
pub(crate) struct Settler(Arc<mpsc::UnboundedSender<Item>>);

impl Settler {
    pub(crate) fn start(app: App) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Arc::new(sender)), tokio::spawn(run(app, receiver)))
    }

    /// Bounded by the places in flight: each outcome holds its place until it is written.
    pub(crate) fn push(&self, finished: Finished, place: OwnedSemaphorePermit) {
        let _ = self.0.send(Item::Finished(Box::new(finished), place));
    }

    /// What the sandbox reports about a message.
    pub(crate) fn rehearsed(&self, account: Unread, events: Vec<Event>) {
        if !events.is_empty() {
            let _ = self.0.send(Item::Rehearsed(Box::new(account), events));
        }
    }
}

async fn run(app: App, mut items: mpsc::UnboundedReceiver<Item>) {
    let mut batch = Vec::with_capacity(BATCH);
    while items.recv_many(&mut batch, BATCH).await > 0 {
        fill(&mut items, &mut batch).await;
        write(&app, std::mem::take(&mut batch)).await;
    }
}

async fn fill(items: &mut mpsc::UnboundedReceiver<Item>, batch: &mut Vec<Item>) {
    let until = Instant::now() + LINGER;
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        match tokio::time::timeout_at(until, items.recv_many(batch, room)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

async fn write(app: &App, batch: Vec<Item>) {
    let mut finished = Vec::with_capacity(batch.len());
    let mut places = Vec::with_capacity(batch.len());
    let mut rehearsed = Vec::new();
    for item in batch {
        match item {
            Item::Finished(one, place) => {
                finished.push(*one);
                places.push(place);
            }
            Item::Rehearsed(account, events) => rehearsed.push((account, events)),
        }
    }
    if !finished.is_empty() {
        settle(app, &finished).await;
    }
    drop(places);
    for (account, events) in rehearsed {
        if let Err(error) = inbound::apply_events(app, &Adapters, &account, events).await {
            tracing::warn!(%error, "a receipt of the sandbox was not stored");
        }
    }
}

async fn settle(app: &App, finished: &[Finished]) {
    let give_up = Instant::now() + SETTLE_RETRY_MAX.to_std().unwrap_or(Duration::from_mins(1));
    let mut pause = Duration::from_millis(50);
    loop {
        match outcomes::settle(app, finished).await {
            Ok(settled) => {
                let late = finished.len() - settled.len();
                metrics::BLOCKED.with_label_values(&["fence"]).inc_by(u64::try_from(late).unwrap_or_default());
                crash_point!("after_settle");
                return;
            }
            Err(error) if Instant::now() < give_up => {
                tracing::warn!(%error, outcomes = finished.len(), "outcomes could not be stored; trying again");
            }
            Err(error) => {
                tracing::error!(%error, outcomes = finished.len(), "outcomes were not stored within a minute; they become unknown");
                return;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
