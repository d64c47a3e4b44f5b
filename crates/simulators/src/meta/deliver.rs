//! Brings webhook events to the callback address: in batches, signed, repeated and retried as configured.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand::seq::SliceRandom as _;
use tokio::sync::{Semaphore, oneshot};

use crate::draw::{Stream, draw};

use super::Meta;
use super::config::Webhooks;
use super::payload::signature;
use super::queue::Event;
use super::state::State;

/// Of an answer; webhooks are answered with a word at most.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

pub(crate) type Caller = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn caller() -> Caller {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Events that travel in one POST.
#[derive(Debug)]
struct Batch {
    /// Plans of an earlier life of the simulator are dropped.
    epoch: u32,
    /// Decides the callback address; `None` is the configured one.
    waba_id: Option<String>,
    events: Vec<Event>,
    copies: u32,
    /// Copies that leave at the same time.
    together: u32,
}

/// One POST, ready to go.
struct Post {
    request: Request<Full<Bytes>>,
    timeout: Duration,
}

/// Runs for ever: waits for events that are due and sends them off.
pub(crate) async fn run(meta: Arc<Meta>) {
    let planned = Arc::clone(&meta.state.lock().planned);
    loop {
        let next = meta.state.lock().queue.next_at();
        let Some(at) = next else {
            planned.notified().await;
            continue;
        };
        let flush = Duration::from_millis(meta.state.lock().config.webhooks.flush_ms);
        tokio::select! {
            () = tokio::time::sleep_until((meta.clock.instant(at) + flush).into()) => flush_due(&meta),
            () = planned.notified() => {}
        }
    }
}

fn flush_due(meta: &Arc<Meta>) {
    let batches = meta.state.lock().take_batches(meta.clock.now());
    for batch in batches {
        tokio::spawn(deliver(Arc::clone(meta), batch));
    }
}

/// Sends one event at once. The receiver hears when its first copy was acknowledged, refused or lost; the rest goes
/// on whether anybody listens or not.
pub(crate) fn deliver_now(meta: &Arc<Meta>, event: Event) -> oneshot::Receiver<()> {
    let (told, tried) = oneshot::channel();
    let batch = meta.state.lock().batch_of_one(event);
    let meta = Arc::clone(meta);
    tokio::spawn(async move {
        let acked = attempt(&meta, &batch).await;
        // The caller may have left.
        let _ = told.send(());
        if acked {
            meta.settle(&batch, Settled::Acked);
        } else {
            persist(&meta, &batch, 1).await;
        }
        repeat(&meta, &batch, 1).await;
    });
    tried
}

async fn deliver(meta: Arc<Meta>, batch: Batch) {
    repeat(&meta, &batch, 0).await;
}

/// Makes the copies that are still missing: some at the same time, the others one by one.
async fn repeat(meta: &Arc<Meta>, batch: &Batch, done: u32) {
    let together = batch.together.clamp(done, batch.copies);
    join_all((done..together).map(|_| persist(meta, batch, 0))).await;
    for _ in together..batch.copies {
        persist(meta, batch, 0).await;
    }
}

/// Posts one copy until it is acknowledged; `failures` were made already.
async fn persist(meta: &Arc<Meta>, batch: &Batch, mut failures: u32) {
    let began = meta.clock.now();
    loop {
        if failures > 0 {
            let webhooks = meta.state.lock().config.webhooks.clone();
            if meta.clock.now() - began > webhooks.retry_for_s.saturating_mul(1_000_000_000) {
                return meta.settle(batch, Settled::GivenUp);
            }
            tokio::time::sleep(backoff(&webhooks, failures)).await;
            meta.state.lock().count_retry(batch.epoch);
        }
        if attempt(meta, batch).await {
            return meta.settle(batch, Settled::Acked);
        }
        if meta.state.lock().epoch != batch.epoch {
            return;
        }
        failures += 1;
    }
}

fn backoff(webhooks: &Webhooks, failures: u32) -> Duration {
    let factor = 1_u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
    Duration::from_millis(webhooks.retry_first_ms.saturating_mul(factor).min(webhooks.retry_max_ms))
}

/// One POST. True when it was answered 200.
async fn attempt(meta: &Arc<Meta>, batch: &Batch) -> bool {
    let ways = Arc::clone(&meta.state.lock().ways);
    let _way = ways.acquire_owned().await.expect("the semaphore is never closed");
    let Some(post) = meta.state.lock().post(batch) else {
        return false;
    };
    let answered = tokio::time::timeout(post.timeout, status_of(&meta.caller, post.request)).await;
    let acked = matches!(answered, Ok(Some(StatusCode::OK)));
    meta.state.lock().count_post(batch, acked);
    acked
}

async fn status_of(caller: &Caller, request: Request<Full<Bytes>>) -> Option<StatusCode> {
    fetch(caller, request).await.map(|(status, _)| status)
}

/// The whole answer; nothing when there was none.
pub(crate) async fn fetch(caller: &Caller, request: Request<Full<Bytes>>) -> Option<(StatusCode, Bytes)> {
    let answer = match caller.request(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "the callback address did not answer");
            return None;
        }
    };
    let status = answer.status();
    // Read to the end, or the connection could not be used again.
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.ok()?;
    Some((status, body.to_bytes()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Acked,
    GivenUp,
}

impl Meta {
    /// Books the end of one copy of a batch.
    fn settle(&self, batch: &Batch, how: Settled) {
        let mut state = self.state.lock();
        if state.epoch != batch.epoch {
            return;
        }
        let events = batch.events.len() as u64;
        let counts = &mut state.queue.counts;
        counts.pending -= events;
        match how {
            Settled::Acked => counts.events_acked += events,
            Settled::GivenUp => counts.given_up += events,
        }
        if counts.pending == 0 {
            self.settled.notify_waiters();
        }
    }
}

impl State {
    /// What is due, shuffled and cut into batches. Every further copy is pending from now on.
    fn take_batches(&mut self, now: u64) -> Vec<Batch> {
        let mut events = self.queue.take(now);
        if self.config.receipts.shuffle {
            self.flushes += 1;
            events.shuffle(&mut draw(self.config.seed, Stream::Flush, self.flushes));
        }
        let mut batches: Vec<Batch> = Vec::new();
        let most = self.config.webhooks.batch_max.max(1);
        for event in events {
            let waba_id = self.own_address_of(&event);
            let open = batches.iter_mut().rev().find(|batch| batch.waba_id == waba_id && batch.events.len() < most);
            match open {
                Some(batch) => batch.events.push(event),
                None => batches.push(self.batch(waba_id, event)),
            }
        }
        let further = |batch: &Batch| batch.events.len() as u64 * u64::from(batch.copies - 1);
        self.queue.counts.pending += batches.iter().map(further).sum::<u64>();
        batches
    }

    fn batch_of_one(&mut self, event: Event) -> Batch {
        let batch = self.batch(self.own_address_of(&event), event);
        self.queue.counts.queued += 1;
        self.queue.counts.pending += u64::from(batch.copies);
        batch
    }

    fn batch(&self, waba_id: Option<String>, event: Event) -> Batch {
        let webhooks = &self.config.webhooks;
        let (copies, together) = (webhooks.repeat.max(1), webhooks.repeat_parallel.max(1));
        Batch { epoch: self.epoch, waba_id, events: vec![event], copies, together }
    }

    /// The WABA of an event, when it has a callback address of its own.
    fn own_address_of(&self, event: &Event) -> Option<String> {
        if self.addresses.is_empty() {
            return None;
        }
        let waba_id = match event {
            Event::Status { record, .. } => &self.numbers.get(self.ledger.get(*record)?.number).number.waba_id,
            Event::Change(change) => &change.waba_id,
        };
        self.addresses.contains_key(waba_id).then(|| waba_id.clone())
    }

    /// The request for a batch, to the address that is configured now. Nothing without one, or after a reset.
    fn post(&self, batch: &Batch) -> Option<Post> {
        if self.epoch != batch.epoch {
            return None;
        }
        let own = batch.waba_id.as_ref().and_then(|waba_id| self.addresses.get(waba_id));
        let url = own.or(self.config.webhook_url.as_ref())?;
        let body = self.body(&batch.events);
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "facebookexternalua")
            .header("x-hub-signature-256", signature(&self.config.app_secret, &body))
            .body(Full::new(body.into()))
            .inspect_err(|error| tracing::warn!(%error, "the callback address is not a URL"))
            .ok()?;
        Some(Post { request, timeout: Duration::from_millis(self.config.webhooks.timeout_ms) })
    }

    fn count_post(&mut self, batch: &Batch, acked: bool) {
        if self.epoch == batch.epoch {
            let counts = &mut self.queue.counts;
            counts.sent += 1;
            *if acked { &mut counts.acked } else { &mut counts.failed } += 1;
        }
    }

    fn count_retry(&mut self, epoch: u32) {
        if self.epoch == epoch {
            self.queue.counts.retried += 1;
        }
    }
}

/// Lets `parallel` POSTs travel at the same time.
pub(crate) fn ways(webhooks: &Webhooks) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(webhooks.parallel.max(1)))
}
