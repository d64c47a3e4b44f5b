//! The verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ledger::{Counts, Outcome};
use super::limits::Observed;
use super::numbers::{AppState, NumberState};
use super::queue::WebhookCounts;
use super::state::State;

/// `GET /_sim/stats`. Times are since the start of the simulator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls of the provider's API, of any kind.
    pub requests: u64,
    /// Well-formed sends of known numbers with the right token: what the limits are about.
    pub sends: u64,
    /// Messages marked as read.
    pub reads: u64,
    /// Sends whose phone number had no `+`. Meta would put the business's country code before it.
    pub without_plus: u64,
    #[serde(flatten)]
    pub counts: Counts,
    /// Well-formed sends by how they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Calls of any kind answered with an error, by code.
    pub refused: BTreeMap<u32, u64>,
    pub over_limit: OverLimit,
    pub max_in_window: MaxInWindow,
    pub numbers: Vec<NumberStats>,
    pub apps: Vec<AppStats>,
    pub webhooks: WebhookCounts,
    pub now_ms: u64,
    /// The longest a send waited between its arrival and the simulator: a judge that is too slow says so.
    pub lag_max_us: u64,
}

/// Arrivals that exceeded a limit, whether refused or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverLimit {
    pub throughput: u64,
    pub pair: u64,
    pub app: u64,
}

/// Most arrivals in any sliding second: of one number, of one app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxInWindow {
    pub number: u64,
    pub app: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberStats {
    pub phone_number_id: String,
    pub rate_per_s: u32,
    pub accepted: u64,
    #[serde(flatten)]
    pub observed: Observed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStats {
    pub app: String,
    /// Absent without a limit.
    pub rate_per_s: Option<u32>,
    #[serde(flatten)]
    pub observed: Observed,
}

impl State {
    pub(crate) fn stats(&mut self) -> Stats {
        let numbers: Vec<NumberStats> = self.number_stats();
        let apps: Vec<AppStats> = self.app_stats();
        let most =
            |observed: &mut dyn Iterator<Item = &Observed>| observed.map(|seen| seen.max_in_window).max().unwrap_or(0);
        Stats {
            requests: self.tally.requests,
            sends: numbers.iter().map(|number| number.observed.arrivals).sum(),
            reads: self.tally.reads,
            without_plus: self.tally.without_plus,
            counts: self.ledger.counts.clone(),
            outcomes: Outcome::ALL.iter().map(|&outcome| (outcome, self.ledger.with_outcome(outcome))).collect(),
            refused: self.tally.refused.clone(),
            over_limit: OverLimit {
                throughput: numbers.iter().map(|number| number.observed.over_limit).sum(),
                pair: self.tally.over_pair,
                app: apps.iter().map(|app| app.observed.over_limit).sum(),
            },
            max_in_window: MaxInWindow {
                number: most(&mut numbers.iter().map(|number| &number.observed)),
                app: most(&mut apps.iter().map(|app| &app.observed)),
            },
            numbers,
            apps,
            webhooks: self.queue.counts.clone(),
            now_ms: self.clock.now() / 1_000_000,
            lag_max_us: self.tally.lag_max_ns / 1_000,
        }
    }

    fn number_stats(&mut self) -> Vec<NumberStats> {
        let stats = |number: &mut NumberState| NumberStats {
            phone_number_id: number.number.phone_number_id.clone(),
            rate_per_s: number.arrivals.rate(),
            accepted: number.accepted,
            observed: number.arrivals.observed(),
        };
        self.numbers.all.iter_mut().map(stats).collect()
    }

    fn app_stats(&mut self) -> Vec<AppStats> {
        let rate_per_s = self.config.app_rate_per_s;
        let stats =
            |app: &mut AppState| AppStats { app: app.name.clone(), rate_per_s, observed: app.arrivals.observed() };
        self.numbers.apps.iter_mut().map(stats).collect()
    }

    /// Sends that arrived from `from` (included) to `to` (excluded), of one number or of all.
    pub(crate) fn arrivals(&self, number: Option<&str>, from: u64, to: u64) -> u64 {
        let wanted = |phone_number_id: &str| number.is_none_or(|number| number == phone_number_id);
        let numbers = self.numbers.all.iter().filter(|number| wanted(&number.number.phone_number_id));
        numbers.map(|number| number.arrivals.between(from, to)).sum()
    }
}
