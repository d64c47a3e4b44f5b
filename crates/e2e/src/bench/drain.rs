//! How fast messages leave, against a loop that does nothing but call.

use std::time::Duration;

use anyhow::Result;

use super::{
    Options, Report, bare,
    report::median,
    sending::{Bench, Drained},
    webhooks,
};
use crate::seed::{Bulk, Lanes};

const ROUNDS: u32 = 3;
const MESSAGES: u32 = 40_000;
const BARE: Duration = Duration::from_secs(3);

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let mut bench = Bench::start().await?;
    let messages = options.scaled(MESSAGES);
    let (mut bound, mut drained) = (Vec::new(), Vec::new());
    bare::per_s(&bench.stub.base_url(), BARE / 3).await?;
    let mut last = None;
    for _ in 0..ROUNDS {
        bound.push(bare::per_s(&bench.stub.base_url(), BARE).await?);
        drop(last.take());
        let mut seed = bench.seed(&Lanes::default(), Bulk { per_lane: messages, ..Bulk::default() }).await?;
        drained.push(bench.drain(&mut seed, messages).await?);
        last = Some(seed);
    }
    tell(report, messages, median(bound), &drained);
    if let Some(seed) = last {
        webhooks::apply(report, &mut bench.installation, seed, messages).await?;
    }
    Ok(())
}

fn tell(report: &mut Report, messages: u32, bound: f64, drained: &[Drained]) {
    let of = |get: fn(&Drained) -> f64| median(drained.iter().map(get).collect());
    let per_s = of(|drained| drained.per_s);
    report.tell(
        "send.drain_ratio",
        per_s / bound,
        "ratio",
        format!("of a bare loop at {bound:.0}/s, median of {ROUNDS} rounds each"),
    );
    report.tell("send.per_s", per_s, "1/s", format!("{messages} messages of one lane on a fresh database"));
    let (worker, postgres) = (of(|drained| drained.worker_us), of(|drained| drained.postgres_us));
    report.tell("send.cpu_us", worker + postgres, "us", "CPU per message, worker and PostgreSQL");
    report.tell("send.cpu_us.worker", worker, "us", "CPU per message");
    report.tell("send.cpu_us.postgres", postgres, "us", "CPU per message");
}

/// Many lanes with little in each, against one with everything.
pub(super) async fn small_lanes(report: &mut Report, options: &Options) -> Result<()> {
    let (lanes, per_lane) = (options.scaled(10_000), 10);
    let messages = lanes * per_lane;
    let mut bench = Bench::start().await?;
    let mut seed = bench.seed(&Lanes::default(), Bulk { per_lane: messages, ..Bulk::default() }).await?;
    let one = bench.drain(&mut seed, messages).await?;
    let mut seed =
        bench.seed(&Lanes { count: lanes, ..Lanes::default() }, Bulk { per_lane, ..Bulk::default() }).await?;
    let many = bench.drain(&mut seed, messages).await?;
    let of = format!("{lanes} lanes of {per_lane} at {:.0}/s, over one lane at {:.0}/s", many.per_s, one.per_s);
    report.tell("send.small_lanes_ratio", many.per_s / one.per_s, "ratio", of);
    report.tell("memory.worker_mib", one.peak_mib, "MiB", format!("at most, while it drained {messages} due messages"));
    Ok(())
}
