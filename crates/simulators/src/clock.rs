//! The only place that reads a clock. Simulator time is nanoseconds since the simulator started, on the
//! monotonic clock; the wall clock is used for the timestamps a provider prints, and never for a verdict.

use std::time::{Duration, Instant, SystemTime};

/// A wall-clock age above this is a clock step, not a delay.
const AGE_MAX: Duration = Duration::from_secs(10);
/// Two clock reads further apart than this were interrupted.
const APART_NS_MAX: u64 = 20_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "a simulator is not the product: its clock is the real one")]
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(self) -> u64 {
        nanos(self.origin.elapsed())
    }

    /// `instant` in simulator time; instants before the start are 0.
    pub(crate) fn at(self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    pub(crate) fn instant(self, at: u64) -> Instant {
        self.origin + Duration::from_nanos(at)
    }

    /// When something happened that the kernel stamped with the wall clock. Only the age is taken from
    /// the wall clock, so a step of it cannot move the past.
    pub(crate) fn at_wall(self, stamp: Duration) -> u64 {
        let (now, wall) = self.both();
        let age = wall.saturating_sub(stamp).min(AGE_MAX);
        now.saturating_sub(nanos(age))
    }

    /// Both clocks at one moment: read again when this thread was interrupted between them.
    fn both(self) -> (u64, Duration) {
        let mut before = self.now();
        for _ in 0..8 {
            let wall = wall();
            let after = self.now();
            if after - before < APART_NS_MAX {
                return (before, wall);
            }
            before = after;
        }
        (before, wall())
    }
}

/// Seconds since 1970.
pub(crate) fn unix_s() -> u64 {
    wall().as_secs()
}

#[allow(clippy::disallowed_methods, reason = "a simulator is not the product: its clock is the real one")]
fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
