//! Lanes that want attention: from wake-up jobs, and from taps of the API in the same process.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use postroad_core::ids::{AccountId, TenantId};
use tokio::sync::Notify;

/// Lanes waiting for a place. More are refused: their job comes again in a second.
const WAITING_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<(TenantId, AccountId)>,
    known: HashSet<AccountId>,
}

impl Inbox {
    /// False: full.
    pub(crate) fn put(&self, key: (TenantId, AccountId)) -> bool {
        let mut waiting = self.lock();
        if waiting.order.len() >= WAITING_MAX {
            return false;
        }
        if waiting.known.insert(key.1) {
            waiting.order.push_back(key);
        }
        drop(waiting);
        self.filled.notify_one();
        true
    }

    /// There was no room for this one; it stays first in line, without waking anybody.
    pub(crate) fn put_back(&self, key: (TenantId, AccountId)) {
        let mut waiting = self.lock();
        if waiting.known.insert(key.1) {
            waiting.order.push_back(key);
        }
    }

    pub(crate) fn take(&self, most: usize) -> Vec<(TenantId, AccountId)> {
        let mut waiting = self.lock();
        let count = waiting.order.len().min(most);
        let taken: Vec<_> = waiting.order.drain(..count).collect();
        for (_, lane) in &taken {
            waiting.known.remove(lane);
        }
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    /// Until something is put in.
    pub(crate) async fn wait(&self) {
        self.filled.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
