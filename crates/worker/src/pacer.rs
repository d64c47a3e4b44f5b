//! Lets the calls of one lane leave at their instants, one after the other.
//!
//! Permits are planned a second ahead; what really leaves is decided here. When the process was held up, what follows
//! moves along: calls that were late together do not leave together, so the provider's sliding window never sees more than
//! the limit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{clock::Clock, pace::DRIFT};
use tokio::sync::mpsc;

use crate::{
    call::Call,
    shared_limit::{Permits, SharedLimit},
};

/// One call, and the earliest instant at which it may leave.
pub(crate) struct Planned {
    pub(crate) at: DateTime<Utc>,
    pub(crate) interval: TimeDelta,
    pub(crate) call: Call,
}

/// The giving end. Dropping it lets what was planned leave, and then ends the pacer.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    calls: mpsc::UnboundedSender<Planned>,
    backlog: Arc<AtomicU32>,
}

impl Pacer {
    /// `shared` is the limit that other lanes draw from too, if the account names one.
    pub(crate) fn start(clock: Clock, shared: Option<Arc<SharedLimit>>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let backlog = Arc::new(AtomicU32::new(0));
        tokio::spawn(run(receiver, clock, Permits::new(shared), backlog.clone()));
        Self { calls: sender, backlog }
    }

    /// Calls that were planned and have not left.
    pub(crate) fn backlog(&self) -> u32 {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Bounded by what was claimed: the drain never has more in flight than it may.
    pub(crate) fn plan(&self, planned: Planned) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
        if let Err(lost) = self.calls.send(planned) {
            // The task panicked, which it does not; the call is settled as not made all the same.
            lost.0.call.skip();
        }
    }
}

async fn run(
    mut planned: mpsc::UnboundedReceiver<Planned>,
    clock: Clock,
    mut shared: Permits,
    backlog: Arc<AtomicU32>,
) {
    let mut schedule = Schedule::default();
    while let Some(next) = planned.recv().await {
        let now = clock.now();
        let at = schedule.place(next.at, now, next.interval);
        sleep(at - now).await;
        shared.wait(planned.len()).await;
        schedule.left(clock.now(), next.interval);
        next.call.make();
        backlog.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The instants at which calls leave.
#[derive(Debug, Default)]
struct Schedule {
    free_at: Option<DateTime<Utc>>,
}

impl Schedule {
    /// When a call planned for `planned` may leave. A lag smaller than the drift that the pace allows for is caught up;
    /// a larger one moves everything that follows.
    fn place(&mut self, planned: DateTime<Utc>, now: DateTime<Utc>, interval: TimeDelta) -> DateTime<Utc> {
        let due = self.free_at.map_or(planned, |free_at| planned.max(free_at));
        let at = if now - due > DRIFT / 4 { now } else { due };
        self.free_at = Some(at + interval);
        at
    }

    /// It left later than it was placed: it had to wait for a limit that others share.
    fn left(&mut self, at: DateTime<Utc>, interval: TimeDelta) {
        self.free_at = self.free_at.max(Some(at - DRIFT / 4 + interval));
    }
}

/// The timer counts in milliseconds: what is closer leaves now.
pub(crate) async fn sleep(length: TimeDelta) {
    if let Ok(length) = length.to_std()
        && length >= Duration::from_millis(1)
    {
        tokio::time::sleep(length).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(n)
    }

    #[test]
    fn calls_that_were_held_up_together_do_not_leave_together() {
        let mut schedule = Schedule::default();
        let interval = TimeDelta::milliseconds(10);
        assert_eq!(schedule.place(ms(0), ms(0), interval), ms(0));
        // 90 ms of silence: eight calls are late.
        let left: Vec<_> = (1..=8).map(|n| schedule.place(ms(n * 10), ms(100), interval)).collect();
        assert!(left.windows(2).all(|pair| pair[1] - pair[0] >= interval), "{left:?}");
    }

    #[test]
    fn the_lag_of_a_timer_is_caught_up() {
        let mut schedule = Schedule::default();
        let interval = TimeDelta::microseconds(1_021);
        for n in 0..1_000 {
            let planned = DateTime::UNIX_EPOCH + interval * n;
            assert_eq!(schedule.place(planned, planned + TimeDelta::milliseconds(1), interval), planned);
        }
    }
}
