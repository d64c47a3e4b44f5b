//! How jobs end that do not simply end.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{provider::FaultClass, retry};
use postroad_store::{
    Result, SystemTx,
    queue::{self, ATTEMPTS_MAX, Held},
};

use crate::App;

/// What becomes of a job after its handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    Finished,
    /// Again at `until`, without costing an attempt.
    Snoozed {
        until: DateTime<Utc>,
    },
    /// Again after a stored backoff; dead after [`ATTEMPTS_MAX`] attempts. `attempt` counts from 1.
    Retry {
        attempt: usize,
        reason: String,
    },
    Dead {
        reason: String,
    },
}

/// Writes the end of a job that this worker still holds. One that was taken away meanwhile is left alone.
pub async fn end(app: &App, id: &str, worker: &str, end: &JobEnd) -> Result<()> {
    let now = app.clock.now();
    let held = Held { id, worker };
    let mut tx = SystemTx::begin(&app.store).await?;
    match end {
        JobEnd::Finished => {}
        JobEnd::Snoozed { until } => {
            queue::snooze(&mut tx, &held, *until).await?;
        }
        JobEnd::Retry { attempt, reason } if *attempt >= usize::try_from(ATTEMPTS_MAX).unwrap_or(usize::MAX) => {
            queue::bury(&mut tx, &held, reason, now).await?;
        }
        JobEnd::Retry { attempt, .. } => {
            queue::retry(&mut tx, &held, now + backoff(*attempt, id)).await?;
        }
        JobEnd::Dead { reason } => {
            queue::bury(&mut tx, &held, reason, now).await?;
        }
    }
    tx.commit().await
}

fn backoff(attempt: usize, id: &str) -> TimeDelta {
    let seed = id.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let delay = retry::delay(u32::try_from(attempt).unwrap_or(u32::MAX), FaultClass::Transient, None, seed);
    TimeDelta::from_std(delay).unwrap_or(TimeDelta::minutes(15))
}
