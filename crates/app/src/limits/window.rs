//! The limits of API clients in one process, while Redis does not count for all of them.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use parking_lot::Mutex;
use postroad_core::account::Pace;

/// Clients remembered; beyond it all start anew, with a full burst.
const CLIENTS_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Windows {
    clients: Mutex<HashMap<String, Window>>,
    clock: DefaultClock,
}

struct Window {
    pace: Pace,
    limiter: DefaultDirectRateLimiter,
}

impl Windows {
    /// The error says how long to wait.
    pub(super) fn allow(&self, key: &str, pace: Pace, share_of: u32) -> Result<(), Duration> {
        let share_of = share_of.max(1);
        let pace = Pace { per_s: pace.per_s / f64::from(share_of), burst: (pace.burst / share_of).max(1) };
        let mut clients = self.clients.lock();
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(key) {
            clients.clear();
        }
        let window = clients.entry(key.to_owned()).or_insert_with(|| Window::new(pace));
        if window.pace != pace {
            *window = Window::new(pace);
        }
        window.limiter.check().map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

impl Window {
    fn new(pace: Pace) -> Self {
        let period =
            Duration::try_from_secs_f64(1.0 / pace.per_s).unwrap_or(Duration::MAX).max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(pace.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).expect("the period is longer than nothing").allow_burst(burst);
        Self { pace, limiter: RateLimiter::direct(quota) }
    }
}
