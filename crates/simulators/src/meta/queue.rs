//! Webhook events that wait for their time, and the counts of what became of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a status webhook reports of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Sent,
    Delivered,
    Read,
    Failed { code: u32 },
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed { .. } => "failed",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// `unix_s` is when it happened, whenever it is told.
    Status {
        record: u32,
        unix_s: u64,
        status: Status,
    },
    Change(Box<Change>),
}

/// Anything but a status: one entry of `changes`, ready made.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) waba_id: String,
    pub(crate) field: String,
    /// Account events carry the time in the entry; message events in the message.
    pub(crate) unix_s: Option<u64>,
    /// Escaped as Meta does.
    pub(crate) value: Box<RawValue>,
}

/// Webhook counts. An event is one status, inbound message or change; a POST carries one or more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookCounts {
    /// Events planned.
    pub queued: u64,
    /// POSTs made, with repetitions and retries.
    pub sent: u64,
    /// POSTs answered 200.
    pub acked: u64,
    /// POSTs made because the one before was not answered 200.
    pub retried: u64,
    /// POSTs not answered 200.
    pub failed: u64,
    /// Events given up after `retry_for_s`.
    pub given_up: u64,
    /// Events in POSTs answered 200, with repetitions.
    pub events_acked: u64,
    /// Events not yet acknowledged, with repetitions: 0 means that nothing more will come.
    pub pending: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    added: u64,
    pub(crate) counts: WebhookCounts,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl Queue {
    /// Plans an event. Returns whether it is now the first.
    pub(crate) fn push(&mut self, at: u64, event: Event) -> bool {
        let first = self.next_at().is_none_or(|next| at < next);
        self.counts.queued += 1;
        self.counts.pending += 1;
        self.due.push(Reverse(Due { at, order: self.added, event }));
        self.added += 1;
        first
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    /// Everything that is due, in the order of its time.
    pub(crate) fn take(&mut self, now: u64) -> Vec<Event> {
        let mut events = Vec::new();
        while self.next_at().is_some_and(|at| at <= now) {
            events.extend(self.due.pop().map(|Reverse(due)| due.event));
        }
        events
    }

    /// Forgets all plans and counts.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
