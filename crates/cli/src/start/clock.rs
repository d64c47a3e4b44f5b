//! Our clock, corrected by the database's: leases and due times are compared with instants that other machines wrote.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use postroad_core::clock::Clock;
use postroad_store::{Result, Store, database_now};
use prometheus::{Gauge, register_gauge};
use tokio_util::sync::CancellationToken;

/// Between two looks at the database's clock.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Looks per correction: the quickest answer tells the most.
const LOOKS: usize = 3;
/// What is smaller is the noise of the looks.
const NOISE: TimeDelta = TimeDelta::milliseconds(1);

static SKEW: LazyLock<Gauge> = LazyLock::new(|| {
    register_gauge!("postroad_clock_skew_seconds", "The database's clock minus this machine's, as last measured")
        .expect("metrics are declared once")
});

/// Measures the database's clock and follows it.
pub(super) async fn agree(store: &Store, clock: &Clock) -> Result<()> {
    let (skew, doubt) = measure(store, clock).await?;
    if skew.abs() > doubt + NOISE {
        clock.agree_with(clock.now() + skew);
    }
    SKEW.set(seconds(offset(clock)));
    Ok(())
}

/// Looks again and again until `ended`. A database that is away changes nothing.
pub(super) async fn keep(store: Store, clock: Clock, ended: CancellationToken) {
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Err(error) = agree(&store, &clock).await {
            tracing::warn!(%error, "the database's clock could not be read");
        }
    }
}

/// How far the database is ahead of `clock`, and by how much that may be wrong: half of the quickest round trip.
async fn measure(store: &Store, clock: &Clock) -> Result<(TimeDelta, TimeDelta)> {
    let mut best: Option<(TimeDelta, TimeDelta)> = None;
    for _ in 0..LOOKS {
        let (asked_at, began) = (clock.now(), Instant::now());
        let told = database_now(store).await?;
        let half = TimeDelta::from_std(began.elapsed() / 2).unwrap_or(TimeDelta::MAX);
        if best.is_none_or(|(_, doubt)| half < doubt) {
            best = Some((told - (asked_at + half), half));
        }
    }
    Ok(best.expect("there is at least one look"))
}

/// The correction that is in force.
fn offset(clock: &Clock) -> TimeDelta {
    clock.now() - Clock::system().now()
}

#[expect(clippy::cast_precision_loss, reason = "a skew of 285 years would lose a microsecond")]
fn seconds(length: TimeDelta) -> f64 {
    length.num_microseconds().unwrap_or(i64::MAX) as f64 / 1_000_000.0
}
