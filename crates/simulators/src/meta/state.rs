//! Everything the simulator knows, behind one lock. Methods that belong to a noun are in the noun's file.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use rand::Rng as _;
use tokio::sync::{Notify, Semaphore};

use crate::clock::Clock;
use crate::draw::{Stream, draw};

use super::config::MetaConfig;
use super::deliver;
use super::errors::Refusal;
use super::ledger::Ledger;
use super::limits::{Pair, Pairs};
use super::media::MediaStore;
use super::numbers::Numbers;
use super::queue::{Event, Queue};
use super::rules::Rules;
use super::templates::{Template, Templates};

/// What is counted beside the ledger.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Calls of the provider's API, of any kind.
    pub(crate) requests: u64,
    pub(crate) reads: u64,
    pub(crate) without_plus: u64,
    /// By error code, of any call.
    pub(crate) refused: BTreeMap<u32, u64>,
    /// Arrivals beyond the pair limit.
    pub(crate) over_pair: u64,
    /// The longest time from a send's arrival in the kernel until it was looked at, in nanoseconds.
    pub(crate) lag_max_ns: u64,
    pub(crate) traces: u64,
}

pub(crate) struct State {
    pub(crate) clock: Clock,
    /// Wakes the delivery when an event became the next one.
    pub(crate) planned: Arc<Notify>,
    pub(crate) config: MetaConfig,
    /// Lives of the ledger: a reset begins a new one, and what belongs to an old one is dropped.
    pub(crate) epoch: u32,
    pub(crate) numbers: Numbers,
    pub(crate) templates: Templates,
    pub(crate) media: MediaStore,
    pub(crate) rules: Rules,
    pub(crate) ledger: Ledger,
    pub(crate) pairs: Pairs,
    pub(crate) tally: Tally,
    pub(crate) queue: Queue,
    pub(crate) flushes: u64,
    /// Messages received so far; names them.
    pub(crate) inbound: u32,
    pub(crate) ways: Arc<Semaphore>,
    /// Callback addresses of single WABAs, from `subscribed_apps`.
    pub(crate) addresses: BTreeMap<String, String>,
    pub(crate) subscribed: HashSet<String>,
    /// Recipients who stopped marketing messages.
    pub(crate) stopped: HashSet<String>,
    /// When a contact last wrote to a number.
    pub(crate) heard: HashMap<Pair, u64>,
}

impl State {
    pub(crate) fn new(config: MetaConfig, clock: Clock) -> Self {
        let mut numbers = Numbers::default();
        numbers.configure(&config, 0);
        let mut state = Self {
            clock,
            planned: Arc::new(Notify::new()),
            ways: deliver::ways(&config.webhooks),
            config,
            epoch: 0,
            numbers,
            templates: Templates::default(),
            media: MediaStore::default(),
            rules: Rules::default(),
            ledger: Ledger::default(),
            pairs: Pairs::default(),
            tally: Tally::default(),
            queue: Queue::default(),
            flushes: 0,
            inbound: 0,
            addresses: BTreeMap::new(),
            subscribed: HashSet::new(),
            stopped: HashSet::new(),
            heard: HashMap::new(),
        };
        state.welcome();
        state
    }

    /// Every real WABA has this template from the start.
    fn welcome(&mut self) {
        let waba_id = self.config.pattern().waba_id;
        let name = "hello_world".to_owned();
        self.templates.register(Template { waba_id, name, ..Template::default() });
    }

    pub(crate) fn configure(&mut self, config: MetaConfig) {
        self.numbers.configure(&config, self.clock.now());
        if config.webhooks.parallel != self.config.webhooks.parallel {
            self.ways = deliver::ways(&config.webhooks);
        }
        self.config = config;
        // How long the next flush waits may have changed.
        self.planned.notify_one();
    }

    /// Forgets what happened. Configuration, numbers, templates and media stay; rules go.
    pub(crate) fn reset(&mut self) {
        self.epoch += 1;
        self.numbers.reset();
        self.rules.clear();
        self.ledger = Ledger::default();
        self.pairs = Pairs::default();
        self.tally = Tally::default();
        self.queue.reset();
        self.stopped.clear();
        self.heard.clear();
    }

    /// Whether a call has the right token.
    pub(crate) fn authorise(&self, token: Option<&str>) -> Result<(), Refusal> {
        match (token, self.config.access_token.as_deref()) {
            (None, _) => Err(Refusal::new(104)),
            (Some(given), Some(wanted)) if given != wanted => {
                Err(Refusal::because(190, "Invalid OAuth access token - Cannot parse access token"))
            }
            (Some(_), _) => Ok(()),
        }
    }

    /// A number for `fbtrace_id`.
    pub(crate) fn trace(&mut self) -> u64 {
        self.tally.traces += 1;
        draw(self.config.seed, Stream::Trace, self.tally.traces).next_u64()
    }

    /// Plans a webhook event.
    pub(crate) fn enqueue(&mut self, at: u64, event: Event) {
        if self.queue.push(at, event) {
            self.planned.notify_one();
        }
    }

    pub(crate) fn wants_webhooks(&self) -> bool {
        self.config.webhook_url.is_some() || !self.addresses.is_empty()
    }
}
