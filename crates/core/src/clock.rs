//! The only file that reads the wall clock. Everything else is handed an instant, or a [`Clock`] that tests can move.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Where "now" comes from. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock, corrected by the offset to the database's clock, in microseconds: leases, windows and due
    /// times are compared with instants that the database wrote.
    System { offset_us: Arc<AtomicI64> },
    /// A clock that stands still until it is moved. Microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Self::System { offset_us: Arc::default() }
    }

    pub fn manual(start: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// The current instant, in whole microseconds, which is what PostgreSQL stores.
    #[expect(clippy::disallowed_methods, reason = "this is the one file that reads the wall clock")]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            Self::System { offset_us } => Utc::now().timestamp_micros() + offset_us.load(Ordering::Relaxed),
            Self::Manual(micros) => micros.load(Ordering::Relaxed),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Corrects a system clock so that it agrees with `database_now`; returns the skew that was found.
    pub fn agree_with(&self, database_now: DateTime<Utc>) -> TimeDelta {
        let skew = database_now - self.now();
        if let Self::System { offset_us } = self {
            offset_us.fetch_add(skew.num_microseconds().unwrap_or_default(), Ordering::Relaxed);
        }
        skew
    }

    /// Moves a manual clock. A system clock is not moved.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Manual(micros) = self {
            micros.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::Relaxed);
        }
    }
}
