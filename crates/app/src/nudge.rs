//! A tap on the shoulder of the worker in the same process: it may look at a lane now, without waiting for its next poll.
//! Losing one costs a poll interval, nothing else.

use postroad_core::ids::{AccountId, TenantId};
use tokio::sync::mpsc;

/// Taps waiting; more are dropped, because the worker is awake then anyway.
const WAITING_MAX: usize = 1_024;

/// The giving end.
#[derive(Debug, Clone)]
pub struct Nudges(Option<mpsc::Sender<(TenantId, AccountId)>>);

impl Nudges {
    /// No worker in this process.
    pub const fn none() -> Self {
        Self(None)
    }

    pub fn channel() -> (Self, mpsc::Receiver<(TenantId, AccountId)>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(Some(sender)), receiver)
    }

    /// After the commit that made something due.
    pub fn nudge(&self, tenant: TenantId, account: AccountId) {
        if let Some(sender) = &self.0 {
            // Full: the worker has a thousand reasons to look already.
            let _ = sender.try_send((tenant, account));
        }
    }
}
