//! The streams of this process: how many there are, and their end.

use std::{collections::HashMap, sync::Arc};

use axum::http::StatusCode;
use parking_lot::Mutex;
use postroad_app::live::metrics::SESSIONS;
use postroad_core::{ids::ClientId, limits::LIVE_CATCH_UPS_MAX};
use tokio::sync::{Semaphore, watch};

use crate::{problem::Problem, state::StreamSettings};

/// Seconds after which a stream that had no room may try again.
const RETRY_S: u64 = 5;

pub(crate) struct Streams {
    open: Mutex<HashMap<ClientId, usize>>,
    closing: watch::Sender<bool>,
    /// Whoever reads the table for itself.
    pub(crate) reading: Semaphore,
}

impl Default for Streams {
    fn default() -> Self {
        let closing = watch::channel(false).0;
        Self { open: Mutex::default(), closing, reading: Semaphore::new(LIVE_CATCH_UPS_MAX) }
    }
}

impl Streams {
    /// A place for one more, as long as it is held.
    pub(crate) fn enter(self: &Arc<Self>, client: ClientId, settings: &StreamSettings) -> Result<Place, Problem> {
        let mut open = self.open.lock();
        let all: usize = open.values().sum();
        let own = open.get(&client).copied().unwrap_or_default();
        if own >= settings.per_client_max {
            return Err(full(format_args!("the client has {own} streams open; close one, or share it")));
        }
        if all >= settings.process_max {
            return Err(full(format_args!("this server has {all} streams open; try again in {RETRY_S} s")));
        }
        open.insert(client, own + 1);
        SESSIONS.inc();
        Ok(Place { streams: self.clone(), client })
    }

    /// True once the process ends.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }
}

fn full(detail: std::fmt::Arguments<'_>) -> Problem {
    let title = "Too many streams";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", title, detail).retry_after(RETRY_S)
}

/// Given back when it is dropped.
pub(crate) struct Place {
    streams: Arc<Streams>,
    client: ClientId,
}

impl Drop for Place {
    fn drop(&mut self) {
        SESSIONS.dec();
        let mut open = self.streams.open.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}
