//! Lanes that want attention: from wake-up jobs, and from taps of the API in the same process.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use postroad_core::ids::{AccountId, TenantId};
use tokio::sync::Notify;

/// Lanes waiting for a place. Jobs of more lanes wait with them, and others' workers may take those that are not fetched.
const WAITING_MAX: usize = 4_096;
/// A job that found no room for so long comes again later.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<(TenantId, AccountId)>,
    known: HashSet<AccountId>,
}

impl Inbox {
    /// Waits for room. False: there was none for [`PATIENCE`].
    pub(crate) async fn put_patiently(&self, key: (TenantId, AccountId)) -> bool {
        let put = async {
            loop {
                let emptied = self.emptied.notified();
                if self.put(key) {
                    return;
                }
                emptied.await;
            }
        };
        tokio::time::timeout(PATIENCE, put).await.is_ok()
    }

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
        drop(waiting);
        self.emptied.notify_waiters();
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
