//! How exactly limits are kept, judged by the simulator's sliding windows of one second.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postroad_simulators::meta::{MetaConfig, MetaSim, Number};

use super::{Options, Report};
use crate::{
    installation::{Installation, Role, Setup},
    seed::{Bulk, Lanes, Seed},
    wait::until,
};

/// Messages per second of the limit.
const RATE: u32 = 80;
const LENGTH: Duration = Duration::from_secs(30);
/// A worker that was killed is replaced when its lease has run out: ten seconds, and a second of the sweeper.
const TAKEN_OVER_MAX: Duration = Duration::from_secs(40);
/// Lanes that share a limit count each other in first.
const JOINED: Duration = Duration::from_secs(8);

/// One lane. Its worker is killed in the middle and another takes over. Utilisation counts the seconds in which a living
/// worker held the lane; how long nobody did is a figure of its own.
pub(super) async fn one(report: &mut Report, options: &Options) -> Result<()> {
    let half = scaled(LENGTH, options) / 2;
    let lanes = Lanes { count: 1, rate_per_s: RATE.into(), ..Lanes::default() };
    let mut world = World::start(&lanes, false).await?;
    let _scheduler = world.installation.run("schedule").await?;
    let mut worker = world.installation.run("work").await?;
    let first = world.arrivals_for(half).await?;
    worker.process.kill().await?;
    let killed_at = Instant::now();
    let _replacement = world.installation.run("work").await?;
    let taken_at = world.next_arrival_after(killed_at).await?;
    let second = world.arrivals_for(half).await?;
    let of = format!("of {RATE}/s, {} s before the kill and as many after the take-over", half.as_secs());
    report.tell("pace.utilisation.one", f64::midpoint(first, second) / f64::from(RATE), "ratio", of);
    report.tell(
        "pace.gap_s",
        (taken_at - killed_at).as_secs_f64(),
        "s",
        "from kill -9 to the next call: the lease of 10 s and a sweep",
    );
    world.tell_over(report, "one", |over| over.throughput);
    Ok(())
}

/// Eight lanes on four workers, under one limit of the app that is counted in Redis.
pub(super) async fn app(report: &mut Report, options: &Options) -> Result<()> {
    shared(report, options, "app", true).await
}

/// The same without Redis: shares.
pub(super) async fn no_redis(report: &mut Report, options: &Options) -> Result<()> {
    shared(report, options, "noredis", false).await
}

async fn shared(report: &mut Report, options: &Options, name: &str, redis: bool) -> Result<()> {
    let lanes = Lanes { count: 8, rate_per_s: RATE.into(), shared_per_s: Some(RATE.into()), ..Lanes::default() };
    let mut world = World::start(&lanes, redis).await?;
    let _scheduler = world.installation.run("schedule").await?;
    let mut workers: Vec<Role> = Vec::new();
    for _ in 0..4 {
        workers.push(world.installation.run("work").await?);
    }
    world.arrivals_for(JOINED).await?;
    let length = scaled(LENGTH, options);
    let per_s = world.arrivals_for(length).await?;
    let of = format!("of {RATE}/s for eight lanes on four workers, over {} s", length.as_secs());
    report.tell(&format!("pace.utilisation.{name}"), per_s / f64::from(RATE), "ratio", of);
    world.tell_over(report, name, |over| over.app);
    Ok(())
}

const fn scaled(length: Duration, options: &Options) -> Duration {
    if options.quick { Duration::from_secs(length.as_secs() / 5) } else { length }
}

struct World {
    installation: Installation,
    sim: MetaSim,
    /// Keeps the connections of the seed until the end.
    _seed: Seed,
}

impl World {
    /// More messages than can leave while it is looked at.
    async fn start(lanes: &Lanes, redis: bool) -> Result<Self> {
        let sim = MetaSim::start(MetaConfig {
            any_template: true,
            app_rate_per_s: Some(RATE),
            numbers: numbers(lanes.count),
            ..MetaConfig::default()
        })
        .await?;
        let setup = Setup { redis, meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
        let installation = Installation::start(setup).await?;
        let mut seed = Seed::new(&installation).await?;
        let per_lane = 2 * RATE * 60 / lanes.count;
        seed.accounts(lanes).await?;
        seed.people(per_lane).await?;
        seed.messages(Bulk { per_lane, ..Bulk::default() }).await?;
        Ok(Self { installation, sim, _seed: seed })
    }

    /// Arrivals per second, from the next one on.
    async fn arrivals_for(&self, length: Duration) -> Result<f64> {
        let from = self.next_arrival_after(Instant::now()).await?;
        tokio::time::sleep_until((from + length).into()).await;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let arrivals = self.sim.arrivals_between(None, from, from + length) as f64;
        Ok(arrivals / length.as_secs_f64())
    }

    /// Calls that were on their way at `instant` are past a moment later.
    async fn next_arrival_after(&self, instant: Instant) -> Result<Instant> {
        let from = instant + Duration::from_millis(100);
        let seen = || async { Ok(self.sim.arrivals_between(None, from, Instant::now()) > 0) };
        until("a call arrives", TAKEN_OVER_MAX, seen).await.context("the lane does not move")?;
        Ok(Instant::now())
    }

    /// What exceeded the limit in any sliding second, from the first call to the last.
    fn tell_over(&self, report: &mut Report, name: &str, get: fn(&postroad_simulators::meta::OverLimit) -> u64) {
        let stats = self.sim.stats();
        let most = stats.max_in_window.number.max(stats.max_in_window.app);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let over = get(&stats.over_limit) as f64;
        report.tell(
            &format!("pace.over.{name}"),
            over,
            "calls",
            format!("over {RATE} in any sliding second of {} calls; at most {most}", stats.sends),
        );
    }
}

fn numbers(count: u32) -> Vec<Number> {
    let number = |nth: u32| Number {
        phone_number_id: (100_000_000_000_001_u64 + u64::from(nth)).to_string(),
        rate_per_s: RATE,
        ..Number::default()
    };
    (0..count).map(number).collect()
}
