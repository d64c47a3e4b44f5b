//! Everything the simulator knows, behind one lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::meta::Counts;
use crate::meta::limits::{Arrivals, Gate};
use crate::meta::rules::Rules;

use super::config::TwilioConfig;
use super::media::MediaStore;
use super::message::Sent;
use super::stats::CallbackCounts;
use super::tell::Post;

pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) config: TwilioConfig,
    /// Lives: a reset begins a new one, and what belongs to an old one is dropped.
    pub(crate) epoch: u32,
    pub(crate) rules: Rules,
    /// Well-formed sends, in the order of arrival.
    pub(crate) sent: Vec<Sent>,
    pub(crate) counts: Counts,
    /// Message keys that were accepted.
    pub(crate) keys: HashSet<String>,
    pub(crate) requests: u64,
    pub(crate) refused: BTreeMap<u32, u64>,
    pub(crate) arrivals: BTreeMap<String, Arrivals>,
    pub(crate) gates: HashMap<String, Gate>,
    /// (sender, person) of those who wrote STOP.
    pub(crate) stopped: HashSet<(String, String)>,
    /// When a person last wrote to a sender.
    pub(crate) heard: HashMap<(String, String), u64>,
    pub(crate) contents: BTreeMap<String, serde_json::Value>,
    /// What is to be posted, by time and number.
    pub(crate) queue: BTreeMap<(u64, u64), Post>,
    pub(crate) queued: u64,
    pub(crate) callbacks: CallbackCounts,
    /// Messages received so far; names them.
    pub(crate) inbound: u64,
    pub(crate) media: MediaStore,
    /// Where this simulator is reached.
    pub(crate) base_url: String,
    /// Wakes the delivery when a post became the next one.
    pub(crate) planned: Arc<Notify>,
}

impl State {
    pub(crate) fn new(config: TwilioConfig, clock: Clock) -> Self {
        Self {
            clock,
            config,
            epoch: 0,
            rules: Rules::default(),
            sent: Vec::new(),
            counts: Counts::default(),
            keys: HashSet::new(),
            requests: 0,
            refused: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            gates: HashMap::new(),
            stopped: HashSet::new(),
            heard: HashMap::new(),
            contents: BTreeMap::new(),
            queue: BTreeMap::new(),
            queued: 0,
            callbacks: CallbackCounts::default(),
            inbound: 0,
            media: MediaStore::default(),
            base_url: String::new(),
            planned: Arc::new(Notify::new()),
        }
    }

    /// Forgets what happened. The configuration and content templates stay; rules go.
    pub(crate) fn reset(&mut self) {
        let epoch = self.epoch + 1;
        let contents = std::mem::take(&mut self.contents);
        let planned = Arc::clone(&self.planned);
        let base_url = std::mem::take(&mut self.base_url);
        *self = Self { epoch, contents, base_url, planned, ..Self::new(self.config.clone(), self.clock) };
    }

    /// Changes the configuration. The rate applies to arrivals from now on.
    pub(crate) fn configure(&mut self, config: TwilioConfig) {
        let now = self.clock.now();
        for arrivals in self.arrivals.values_mut() {
            arrivals.set_rate(now, config.rate_per_s);
        }
        self.config = config;
    }

    /// Two letters and 32 hex digits, never the same twice.
    pub(crate) fn sid(&self, kind: &str, nth: u64) -> String {
        format!("{kind}{:08x}{:08x}{nth:016x}", self.config.seed, self.epoch)
    }
}
