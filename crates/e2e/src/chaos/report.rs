//! What a run did and what it found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The last line of `chaos --json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    pub seed: u64,
    /// In the ledger at the end.
    pub messages: u64,
    pub kills: u64,
    pub pg_stops: u64,
    /// Accepted from a caller and not explained, or said to be with the provider, who does not know them.
    pub lost: u64,
    /// Accepted by the provider more than once.
    pub doubled: u64,
    /// Left as unknown.
    pub unknown: u64,
    /// Of those: messages of which the provider says that it has not accepted them.
    pub unknown_expected: u64,
    pub faults: Faults,
    /// What broke a promise, one sentence each.
    pub violations: Vec<String>,
}

impl Outcome {
    pub const fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}

/// What was done, by fault.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Faults {
    pub f1: Kills,
    pub f2: Postgres,
    pub f3: Redis,
    pub f4: Provider,
    pub f5: Repeated,
    pub f6: Shuffled,
    pub f9: Poison,
    pub f16: Freezes,
    pub f17: Graceful,
    pub f18: Parallel,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kills {
    pub kills: u64,
    /// Workers that ended themselves there. Empty: the binary was built without fail points.
    pub fail_points: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Postgres {
    pub stops: u64,
    pub longest_s: u64,
    pub workers_gave_up: u64,
    /// Posts that were answered 503, or not at all, and were repeated.
    pub posts_repeated: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Redis {
    pub flushes: u64,
    pub restarts: u64,
    pub freezes: u64,
    /// Calls over the shared limit in any sliding second of the whole run, and the most that one second saw.
    pub over_limit: u64,
    pub most_in_a_second: u64,
    pub limit_per_s: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Provider {
    pub rate_limited: u64,
    pub cut_before: u64,
    pub accepted_then_hung: u64,
    pub accepted_then_cut: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Repeated {
    /// Webhooks that the API took, repetitions included, and those that it did not take at first.
    pub posts: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shuffled {
    /// Messages whose state is not the highest that was reported.
    pub wrong_states: u64,
    /// Receipts that nothing matched.
    pub parked: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Poison {
    pub jobs: u64,
    pub jobs_not_buried: u64,
    pub messages: Vec<Uuid>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Freezes {
    pub stops: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Graceful {
    pub stops: u64,
    /// Sends that were still in their hands afterwards.
    pub left_behind: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Parallel {
    pub rounds: u64,
    pub posts: u64,
}
