//! Drains the lanes this worker holds: claim, decide, intend, call, settle, over and over.
//!
//! One loop for all lanes, because a claim over many lanes costs hardly more than over one. What is slow (calls, outcomes)
//! runs beside it, and while one batch is decided the next is claimed. The loop holds lanes under the lease of its incarnation; when that is lost it drops them all and starts
//! anew under another.

use std::{collections::HashMap, sync::Arc, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{App, lanes};
use postroad_core::{
    ids::{AccountId, IncarnationId, TenantId},
    limits::{IN_FLIGHT_MAX, LANES_HELD_MAX},
    send::SendState,
};
use postroad_store::{
    Result,
    claims::{Ask, Claimed},
    lanes::Lane,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    call::{Call, Line},
    connections::{BaseUrls, Connections},
    inbox::Inbox,
    metrics,
    pacer::Planned,
    runner::Runner,
    settler::Settler,
    transport::Transport,
};

/// Between two looks at a lane that had less than it was asked for.
const BUSY_POLL: TimeDelta = TimeDelta::milliseconds(20);
/// Between two looks at a lane that had nothing, while it lingers.
const IDLE_POLL: TimeDelta = TimeDelta::milliseconds(100);
/// Between two looks at a lane that has as many calls on their way as may be.
const FULL_POLL: TimeDelta = TimeDelta::milliseconds(5);
/// A lane without work is kept so long: longer than any transaction that may still make something due in it. When others
/// wait for its place it goes at once, and the sweeper covers the gap.
const LINGER: TimeDelta = TimeDelta::seconds(5);
/// Places that a lane is given at least when many want some: a lane with less to send is done after one claim.
const PART_MIN: u32 = 16;
/// Limits, switches and credentials are read again this often.
const REFRESH: TimeDelta = TimeDelta::seconds(1);

pub(crate) struct Drain {
    app: App,
    owner: IncarnationId,
    runners: HashMap<AccountId, Runner>,
    connections: Connections,
    transport: Transport,
    settler: Settler,
    in_flight: Arc<Semaphore>,
    inbox: Arc<Inbox>,
    refreshed_at: DateTime<Utc>,
    /// Claimed in the last step, to be decided in the next.
    batch: Batch,
}

/// One claim over all lanes.
struct Batch {
    claimed: Vec<Claimed>,
    /// On the monotonic clock.
    at: Instant,
}

impl Batch {
    fn none() -> Self {
        Self { claimed: Vec::new(), at: Instant::now() }
    }
}

impl Drain {
    pub(crate) fn new(
        app: App,
        owner: IncarnationId,
        base_urls: BaseUrls,
        settler: Settler,
        inbox: Arc<Inbox>,
    ) -> Self {
        let connections = Connections::new(base_urls, app.public_url.to_string());
        Self {
            app,
            owner,
            runners: HashMap::new(),
            connections,
            transport: Transport::new(),
            settler,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            inbox,
            refreshed_at: DateTime::UNIX_EPOCH,
            batch: Batch::none(),
        }
    }

    /// Runs until it is told to stop or the lease is lost. Then nothing is claimed any more, and calls on their way end by
    /// themselves.
    pub(crate) async fn run(&mut self, stop: &CancellationToken, lost: &Notify) {
        loop {
            let pause = match self.step().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "a step of the lanes failed; trying again");
                    TimeDelta::milliseconds(500)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = lost.notified() => return,
                () = self.inbox.wait(), if pause > TimeDelta::zero() => {}
                () = tokio::time::sleep(pause.to_std().unwrap_or_default()) => {}
            }
        }
    }

    /// Hands back what was claimed, frees the lanes and ends the lease.
    pub(crate) async fn end(&mut self) -> Result<()> {
        let held: Vec<(TenantId, AccountId)> = self.runners.values().map(Runner::key).collect();
        self.runners.clear();
        let calls = u32::try_from(IN_FLIGHT_MAX).unwrap_or(u32::MAX);
        // Calls end within their own limit; what does not is the sweeper's.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(30), self.in_flight.acquire_many(calls)).await;
        lanes::end(&self.app, self.owner, &held).await
    }

    /// One round over all lanes; returns how long to rest.
    async fn step(&mut self) -> Result<TimeDelta> {
        let now = self.app.clock.now();
        self.take_lanes(now).await?;
        self.release_idle(now).await?;
        let asks = self.asks(now);
        let batch = std::mem::replace(&mut self.batch, Batch::none());
        let (app, owner) = (self.app.clone(), self.owner);
        let (claimed, sent) = tokio::join!(claim(&app, owner, &asks), self.send(batch));
        self.note_claims(&asks, claimed?);
        sent?;
        if self.batch.claimed.is_empty() { Ok(self.rest(self.app.clock.now())) } else { Ok(TimeDelta::zero()) }
    }

    fn rest(&self, now: DateTime<Utc>) -> TimeDelta {
        let next = self
            .runners
            .values()
            .map(|runner| runner.look_at.max(runner.rests_until().unwrap_or(runner.look_at)))
            .min();
        next.map_or(IDLE_POLL, |at| (at - now).clamp(TimeDelta::zero(), IDLE_POLL))
    }

    /// Looks at lanes that somebody tapped, takes those that were waiting, and reads limits again.
    async fn take_lanes(&mut self, now: DateTime<Utc>) -> Result<()> {
        let room = LANES_HELD_MAX.saturating_sub(self.runners.len());
        let mut wanted = Vec::new();
        for key in self.inbox.take(LANES_HELD_MAX) {
            match self.runners.get_mut(&key.1) {
                Some(runner) => runner.look_at = now,
                None if wanted.len() < room => wanted.push(key),
                None => self.inbox.put_back(key),
            }
        }
        if wanted.is_empty() && now - self.refreshed_at < REFRESH {
            return Ok(());
        }
        let held = lanes::acquire(&self.app, self.owner, &wanted).await?;
        self.reconcile(held, now);
        self.connections.open(&self.app, self.runners.values().map(|runner| &runner.lane)).await?;
        self.refreshed_at = now;
        Ok(())
    }

    fn reconcile(&mut self, held: Vec<Lane>, now: DateTime<Utc>) {
        let mut before = std::mem::take(&mut self.runners);
        for lane in held {
            let runner = match before.remove(&lane.id) {
                Some(mut runner) if runner.goes_on_as(&lane) => {
                    runner.refresh(lane);
                    runner
                }
                _ => Runner::new(&self.app, lane, now),
            };
            self.runners.insert(runner.lane.id, runner);
        }
        self.connections.keep_only(|account| self.runners.contains_key(account));
        metrics::LANES.with_label_values(&["held"]).set(i64::try_from(self.runners.len()).unwrap_or(i64::MAX));
    }

    async fn release_idle(&mut self, now: DateTime<Utc>) -> Result<()> {
        let crowded = self.runners.len() >= LANES_HELD_MAX && !self.inbox.is_empty();
        let is_over = |runner: &&Runner| runner.is_idle(now, LINGER) || (crowded && runner.is_drained());
        let freed: Vec<(TenantId, AccountId)> = self.runners.values().filter(is_over).map(Runner::key).collect();
        if freed.is_empty() {
            return Ok(());
        }
        lanes::release(&self.app, self.owner, &freed).await?;
        for (_, lane) in &freed {
            self.runners.remove(lane);
        }
        Ok(())
    }

    fn asks(&mut self, now: DateTime<Utc>) -> Vec<Ask> {
        let free = self.in_flight.available_permits().saturating_sub(self.batch.claimed.len());
        let mut free = u32::try_from(free).unwrap_or(u32::MAX);
        let connections = &self.connections;
        let is_due = |runner: &&mut Runner| runner.look_at <= now && connections.get(runner.lane.id).is_some();
        let mut due: Vec<&mut Runner> = self.runners.values_mut().filter(is_due).collect();
        due.sort_by_key(|runner| runner.look_at);
        let mut asks = Vec::new();
        let places = (1..=due.len()).rev();
        for (runner, to_come) in due.into_iter().zip(places) {
            // An even part of the places that are left: a lane that could fill them all must not keep the others out.
            let part = free / u32::try_from(to_come).unwrap_or(u32::MAX);
            let wanted = runner.wanted(now).min(part.max(PART_MIN)).min(free);
            if wanted == 0 {
                runner.look_at = now + FULL_POLL;
                continue;
            }
            free -= wanted;
            asks.push(Ask {
                tenant: runner.lane.tenant,
                lane: runner.lane.id,
                fence: runner.lane.fence,
                wanted: i32::try_from(wanted).unwrap_or(500),
            });
        }
        metrics::SLOTS
            .with_label_values(&["lane", "used"])
            .set(i64::try_from(IN_FLIGHT_MAX).unwrap_or_default() - i64::from(free));
        asks
    }

    fn note_claims(&mut self, asks: &[Ask], batch: Batch) {
        let mut counts: HashMap<AccountId, usize> = HashMap::new();
        for one in &batch.claimed {
            *counts.entry(one.lane).or_default() += 1;
        }
        let now = self.app.clock.now();
        for ask in asks {
            let Some(runner) = self.runners.get_mut(&ask.lane) else { continue };
            let got = counts.get(&ask.lane).copied().unwrap_or_default();
            let poll = if got == 0 { IDLE_POLL } else { BUSY_POLL };
            runner.asked(usize::try_from(ask.wanted).unwrap_or_default(), got, poll, now);
        }
        let poisoned = batch.claimed.iter().filter(|one| one.state == SendState::Dead).count();
        metrics::BLOCKED.with_label_values(&["poison"]).inc_by(u64::try_from(poisoned).unwrap_or_default());
        self.batch = batch;
    }

    /// Decides, writes intents, and hands the calls to their lanes' pacers.
    async fn send(&mut self, batch: Batch) -> Result<()> {
        let alive: Vec<Claimed> = batch.claimed.into_iter().filter(|one| one.state == SendState::Claimed).collect();
        for runner in self.runners.values_mut() {
            runner.undecided = 0;
        }
        if alive.is_empty() {
            return Ok(());
        }
        let fences: HashMap<AccountId, i64> =
            self.runners.values().map(|runner| (runner.lane.id, runner.lane.fence)).collect();
        let mut permits = HashMap::new();
        let runners = &mut self.runners;
        let now = self.app.clock.now();
        let step = lanes::decide(
            &self.app,
            self.owner,
            &alive,
            |lane| fences.get(&lane).copied().unwrap_or(-1),
            |attempts| {
                let mut counts: HashMap<AccountId, usize> = HashMap::new();
                for attempt in attempts {
                    *counts.entry(attempt.send.account).or_default() += 1;
                }
                counts
                    .into_iter()
                    .filter_map(|(lane, count)| {
                        let runner = runners.get_mut(&lane)?;
                        permits.insert(lane, runner.take(count, now));
                        Some(runner.paced(now))
                    })
                    .collect()
            },
        )
        .await?;
        metrics::count_decisions(&step.rulings);
        self.plan(step.attempts, &permits, batch.at).await;
        Ok(())
    }

    async fn plan(
        &self,
        attempts: Vec<lanes::Attempt>,
        permits: &HashMap<AccountId, postroad_core::pace::Permits>,
        claimed: Instant,
    ) {
        let now = self.app.clock.now();
        let mut instants: HashMap<AccountId, Vec<DateTime<Utc>>> =
            permits.iter().map(|(lane, permits)| (*lane, permits.instants().collect::<Vec<_>>())).collect();
        for times in instants.values_mut() {
            times.reverse();
        }
        let mut lines: HashMap<AccountId, Arc<Line>> = HashMap::new();
        for attempt in attempts {
            let lane = attempt.send.account;
            let delay = (now - attempt.due_at).as_seconds_f64().max(0.0);
            metrics::START_DELAY.with_label_values(&[attempt.send.facts.class.as_str()]).observe(delay);
            let Some(line) = self.line(lane, &mut lines) else { continue };
            let Ok(place) = self.in_flight.clone().acquire_owned().await else { continue };
            let Some(runner) = self.runners.get(&lane) else { continue };
            // Fewer permits than attempts: the pace changed in between. The last interval goes on.
            let at = instants.get_mut(&lane).and_then(Vec::pop).unwrap_or(now);
            let interval = runner.flow(now).interval;
            runner.pacer.plan(Planned { at, interval, call: Call { attempt, claimed, line, place } });
        }
    }

    /// What the calls of a lane share. None: the account became unusable since the claim; its attempts are left to the
    /// sweeper.
    fn line(&self, lane: AccountId, lines: &mut HashMap<AccountId, Arc<Line>>) -> Option<Arc<Line>> {
        if let Some(line) = lines.get(&lane) {
            return Some(line.clone());
        }
        let (runner, opened) = (self.runners.get(&lane)?, self.connections.get(lane)?);
        let line = Arc::new(Line {
            provider: opened.provider,
            connection: opened.connection.clone(),
            transport: self.transport.clone(),
            settler: self.settler.clone(),
            feedback: runner.feedback.clone(),
            clock: self.app.clock.clone(),
        });
        lines.insert(lane, line.clone());
        Some(line)
    }
}

async fn claim(app: &App, owner: IncarnationId, asks: &[Ask]) -> Result<Batch> {
    if asks.is_empty() {
        return Ok(Batch::none());
    }
    let at = Instant::now();
    let claimed = lanes::claim(app, owner, asks).await?;
    crash_point!("after_claim");
    Ok(Batch { claimed, at })
}
