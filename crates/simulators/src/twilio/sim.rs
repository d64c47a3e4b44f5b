//! A running simulator, for callers in the same process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::meta::BadRule;
use crate::meta::deliver::{self, Caller};
use crate::server::{Answer, Cut, Line, Reply, Server};

use super::config::TwilioConfig;
use super::inbound::{Inbound, NoAddress};
use super::message::Sent;
use super::state::State;
use super::stats::Stats;
use super::{Rule, api, tell};

/// What the server's thread and the caller share.
pub(crate) struct Twilio {
    pub(crate) clock: Clock,
    pub(crate) state: Mutex<State>,
    pub(crate) caller: Caller,
}

impl Answer for Twilio {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, line: Arc<Line>) -> Result<Reply, Cut> {
        let (head, body) = request.into_parts();
        api::answer(&self, head, body, &line).await
    }

    async fn background(self: Arc<Self>) {
        tell::run(self).await;
    }
}

/// A simulator of Twilio's Messages API on its own thread. Clones are the same simulator; it ends with the last of them.
#[derive(Clone)]
pub struct TwilioSim {
    twilio: Arc<Twilio>,
    server: Arc<Server>,
}

impl TwilioSim {
    /// Listens on 127.0.0.1 when it returns.
    pub async fn start(config: TwilioConfig) -> io::Result<Self> {
        let (port, clock) = (config.port, Clock::start());
        let twilio = Twilio { clock, state: Mutex::new(State::new(config, clock)), caller: deliver::caller() };
        let twilio = Arc::new(twilio);
        let server = Server::start("simulate-twilio", port, clock, Arc::clone(&twilio)).await?;
        twilio.state.lock().base_url = format!("http://{}", server.address());
        Ok(Self { twilio, server: Arc::new(server) })
    }

    /// `http://127.0.0.1:port`
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
        self.twilio.state.lock().stats()
    }

    /// Well-formed sends in the order of arrival, of one recipient as Twilio writes it, or of all.
    pub fn messages(&self, to: Option<&str>) -> Vec<Sent> {
        let state = self.twilio.state.lock();
        state.sent.iter().filter(|sent| to.is_none_or(|to| sent.to == to)).cloned().collect()
    }

    /// Appends rules to the script; none of them when one is invalid.
    pub fn add_rules(&self, rules: impl IntoIterator<Item = Rule>) -> Result<(), BadRule> {
        self.twilio.state.lock().rules.add(rules.into_iter().collect())
    }

    pub fn clear_rules(&self) {
        self.twilio.state.lock().rules.clear();
    }

    pub fn config(&self) -> TwilioConfig {
        self.twilio.state.lock().config.clone()
    }

    /// Changes the configuration while it runs.
    pub fn configure(&self, change: impl FnOnce(&mut TwilioConfig)) {
        let mut state = self.twilio.state.lock();
        let mut config = state.config.clone();
        change(&mut config);
        state.configure(config);
    }

    /// Lets a person say something; returns the message's SID.
    pub fn inbound(&self, message: &Inbound) -> Result<String, NoAddress> {
        self.twilio.state.lock().hear(message)
    }

    /// Forgets what happened and the rules; the configuration stays.
    pub fn reset(&self) {
        self.twilio.state.lock().reset();
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
