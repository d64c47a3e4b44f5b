//! The verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::meta::{Counts, Outcome, limits::Observed};

use super::state::State;

/// `GET /_sim/stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls of the provider's API, of any kind.
    pub requests: u64,
    /// Well-formed sends with the right credentials: what the limits are about.
    pub sends: u64,
    /// The message key is the status callback up to its last `.`, behind which the caller writes the attempt.
    #[serde(flatten)]
    pub counts: Counts,
    /// Well-formed sends by how they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Calls of any kind answered with an error, by code.
    pub refused: BTreeMap<u32, u64>,
    /// Arrivals beyond the rate of their sender, refused or not.
    pub over_limit: u64,
    pub senders: Vec<SenderStats>,
    pub callbacks: CallbackCounts,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderStats {
    pub sender: String,
    #[serde(flatten)]
    pub observed: Observed,
}

/// Posts to the system under test: statuses, and what people say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackCounts {
    /// 0 when nothing more will come.
    pub pending: u64,
    pub acked: u64,
    pub given_up: u64,
    /// Posts that were made, with repetitions and retries.
    pub posts: u64,
}

impl State {
    pub(crate) fn stats(&mut self) -> Stats {
        let observed = |(sender, arrivals): (&String, &mut crate::meta::limits::Arrivals)| SenderStats {
            sender: sender.clone(),
            observed: arrivals.observed(),
        };
        let senders: Vec<SenderStats> = self.arrivals.iter_mut().map(observed).collect();
        let mut outcomes = BTreeMap::new();
        for sent in &self.sent {
            *outcomes.entry(sent.outcome).or_default() += 1;
        }
        Stats {
            requests: self.requests,
            sends: self.sent.len() as u64,
            counts: self.counts.clone(),
            outcomes,
            refused: self.refused.clone(),
            over_limit: senders.iter().map(|sender| sender.observed.over_limit).sum(),
            senders,
            callbacks: self.callbacks,
        }
    }
}
