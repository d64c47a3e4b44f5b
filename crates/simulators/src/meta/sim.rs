//! A running simulator, for callers in the same process.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::server::{Answer, Cut, Line, Reply, Server};

use super::config::MetaConfig;
use super::control;
use super::deliver::{self, Caller};
use super::errors::Refusal;
use super::events::{AccountEvent, TellError};
use super::graph;
use super::handshake::{self, VerifyError};
use super::inbound::Inbound;
use super::lookup::{Search, Sent};
use super::rules::{BadRule, Rule, RuleState};
use super::state::State;
use super::stats::Stats;
use super::templates::Template;

/// What the server's thread and the caller share.
pub(crate) struct Meta {
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
    pub(crate) caller: Caller,
    /// Told when no webhook event is pending any more.
    pub(crate) settled: Notify,
}

impl Meta {
    fn new(config: MetaConfig, clock: Clock) -> Self {
        Self { clock, state: Mutex::new(State::new(config, clock)), caller: deliver::caller(), settled: Notify::new() }
    }

    /// Registers a template of the first number's WABA unless it names one.
    pub(crate) fn register(&self, mut template: Template) -> String {
        let mut state = self.state.lock();
        if template.waba_id.is_empty() {
            template.waba_id = state.config.pattern().waba_id;
        }
        let at = state.templates.register(template);
        state.templates.get(at).map(|template| template.id.clone()).unwrap_or_default()
    }

    pub(crate) fn reset(&self) {
        self.state.lock().reset();
        self.settled.notify_waiters();
    }
}

impl Answer for Meta {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, line: Arc<Line>) -> Result<Reply, Cut> {
        let (head, body) = request.into_parts();
        let uri = head.uri.clone();
        let path: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        match path.as_slice() {
            [version, path @ ..] if graph::is_version(version) => graph::answer(&self, (head, body), path, &line).await,
            ["_sim", path @ ..] => Ok(control::answer(&self, (head, body), path).await),
            ["_media", id] => {
                let mut state = self.state.lock();
                let token = graph::bearer(&head.headers);
                let found = state.authorise(token).and_then(|()| state.download(id, &head));
                Ok(found.unwrap_or_else(|refusal| state.refuse(&refusal)))
            }
            _ => {
                let refusal = Refusal::because(2_500, format!("Unknown path components: {}", uri.path()));
                Ok(self.state.lock().refuse(&refusal))
            }
        }
    }

    async fn background(self: Arc<Self>) {
        deliver::run(self).await;
    }
}

/// A simulator of the WhatsApp Cloud API on its own thread. Clones are the same simulator; it ends with the last of them.
#[derive(Clone)]
pub struct MetaSim {
    meta: Arc<Meta>,
    server: Arc<Server>,
}

impl MetaSim {
    /// Listens on 127.0.0.1 when it returns.
    pub async fn start(config: MetaConfig) -> io::Result<Self> {
        let (port, clock) = (config.port, Clock::start());
        let meta = Arc::new(Meta::new(config, clock));
        let server = Server::start("simulate-meta", port, clock, Arc::clone(&meta)).await?;
        Ok(Self { meta, server: Arc::new(server) })
    }

    /// `http://127.0.0.1:port`, without a version and without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Closes the port and every connection. What was counted can still be read.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    pub fn stats(&self) -> Stats {
        self.meta.state.lock().stats()
    }

    pub fn messages(&self, search: &Search) -> Vec<Sent> {
        self.meta.state.lock().search(search)
    }

    /// Accepted sends by recipient: digits, or user id.
    pub fn by_recipient(&self) -> std::collections::BTreeMap<String, u64> {
        self.meta.state.lock().by_recipient()
    }

    /// Sends that arrived from `from` (included) to `to` (excluded), of one phone number id or of all.
    pub fn arrivals_between(&self, number: Option<&str>, from: Instant, to: Instant) -> u64 {
        let clock = self.meta.clock;
        self.meta.state.lock().arrivals(number, clock.at(from), clock.at(to))
    }

    /// Appends rules to the script; none of them when one is invalid.
    pub fn add_rules(&self, rules: impl IntoIterator<Item = Rule>) -> Result<(), BadRule> {
        self.meta.state.lock().rules.add(rules.into_iter().collect())
    }

    pub fn clear_rules(&self) {
        self.meta.state.lock().rules.clear();
    }

    pub fn rules(&self) -> Vec<RuleState> {
        self.meta.state.lock().rules.states()
    }

    pub fn config(&self) -> MetaConfig {
        self.meta.state.lock().config.clone()
    }

    /// Changes the configuration while it runs. Rates apply to arrivals from now on.
    pub fn configure(&self, change: impl FnOnce(&mut MetaConfig)) {
        let mut state = self.meta.state.lock();
        let mut config = state.config.clone();
        change(&mut config);
        state.configure(config);
    }

    /// Registers a template, or replaces one, and returns its id.
    pub fn register_template(&self, template: Template) -> String {
        self.meta.register(template)
    }

    /// Lets a contact send a message; returns its id.
    pub fn inbound(&self, message: Inbound) -> Result<String, TellError> {
        self.meta.state.lock().hear(message)
    }

    pub fn event(&self, event: AccountEvent) -> Result<(), TellError> {
        self.meta.state.lock().tell(event)
    }

    /// Verifies the configured callback address as Meta does when one is entered.
    pub async fn verify_webhook(&self) -> Result<(), VerifyError> {
        let config = self.config();
        handshake::verify(&self.meta, config.webhook_url.as_deref().unwrap_or_default(), &config.verify_token).await
    }

    /// Forgets what happened and the rules; configuration, numbers, templates and media stay.
    pub fn reset(&self) {
        self.meta.reset();
    }

    /// Waits until no webhook event is pending: nothing more will come unless something is sent.
    pub async fn receipts_settled(&self) {
        loop {
            let settled = self.meta.settled.notified();
            if self.meta.state.lock().queue.counts.pending == 0 {
                return;
            }
            settled.await;
        }
    }

    /// Waits until `reached` is true of the statistics, and returns them; after `timeout` they are the error.
    pub async fn until(&self, timeout: Duration, mut reached: impl FnMut(&Stats) -> bool) -> Result<Stats, Box<Stats>> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let stats = self.stats();
            if reached(&stats) {
                return Ok(stats);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Box::new(stats));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;

    use super::super::Number;
    use super::*;

    /// A send on a connection of its own; nobody waits for the answer.
    fn send(sim: &MetaSim, callback: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", sim.port())).unwrap();
        let body = format!(
            r#"{{"messaging_product":"whatsapp","to":"+15550100007","text":{{"body":"x"}},"biz_opaque_callback_data":"{callback}"}}"#
        );
        let head = "POST /v25.0/100000000000001/messages HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer t\r\n";
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        stream
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_simulator_that_was_held_up_still_knows_when_requests_arrived() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let numbers = vec![Number::default()];
        let sim = runtime.block_on(MetaSim::start(MetaConfig { numbers, ..MetaConfig::default() })).unwrap();
        let apart = Duration::from_millis(20);
        let held_up = sim.meta.state.lock();
        let (mut moments, mut connections) = (vec![Instant::now()], Vec::new());
        for number in 0..5 {
            std::thread::sleep(apart);
            connections.push(send(&sim, &format!("msg_{number}.1")));
            std::thread::sleep(apart);
            moments.push(Instant::now());
        }
        drop(held_up);
        let reached = sim.until(Duration::from_secs(10), |stats| stats.counts.accepted == 5);
        let stats = runtime.block_on(reached).unwrap();
        for between in moments.windows(2) {
            assert_eq!(sim.arrivals_between(None, between[0], between[1]), 1);
        }
        assert!(stats.lag_max_us >= 100_000, "it was held up for 200 ms, and says {} us", stats.lag_max_us);
    }
}
