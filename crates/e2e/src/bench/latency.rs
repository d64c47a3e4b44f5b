//! How long a message takes from its caller to its provider while nothing else happens.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use postroad_simulators::meta::{MetaConfig, MetaSim, Search};

use super::{Options, Report, accept};
use crate::{
    client::{Client, fresh_request_id},
    installation::{Installation, Setup},
    seed::{Lanes, Seed, number},
};

const MESSAGES: u32 = 150;
const BETWEEN: Duration = Duration::from_millis(150);
const ARRIVES_MAX: Duration = Duration::from_secs(10);

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..MetaConfig::default() }).await?;
    let setup = Setup { meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let mut seed = Seed::new(&installation).await?;
    seed.accounts(&Lanes { rate_per_s: 1_000.0, ..Lanes::default() }).await?;
    seed.people(MESSAGES * 2).await?;
    let count = options.scaled(MESSAGES);
    let mut all = installation.run("all").await?;
    let client = Client::new(all.base_url.clone(), seed.key(true).await?);
    let together = post_one_by_one(&client, &sim, 0..count).await?;
    tell(report, "latency.idle_p99_ms", &together, "one process");
    all.process.stop(Duration::from_secs(40)).await?;
    let _apart = [installation.run("work").await?, installation.run("schedule").await?];
    let api = installation.run("serve").await?;
    let client = Client::new(api.base_url.clone(), seed.key(true).await?);
    let apart = post_one_by_one(&client, &sim, MESSAGES..MESSAGES + count).await?;
    tell(report, "latency.idle_p99_ms.apart", &apart, "API, worker and scheduler in processes of their own");
    Ok(())
}

fn tell(report: &mut Report, name: &str, latencies: &Histogram<u64>, what: &str) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
    let (p50, p99) = (latencies.value_at_quantile(0.5) as f64, latencies.value_at_quantile(0.99) as f64);
    let of = format!(
        "{} messages one by one, from the caller's request to the provider; median {p50} ms; {what}",
        latencies.len()
    );
    report.tell(name, p99, "ms", of);
}

/// Milliseconds from the begin of each request to the arrival at the simulator.
async fn post_one_by_one(client: &Client, sim: &MetaSim, people: std::ops::Range<u32>) -> Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    for nth in people {
        tokio::time::sleep(BETWEEN).await;
        let asked_at = Instant::now();
        let answer = client.post("/v1/messages", &fresh_request_id(), &accept::message(nth)).await?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        latencies.record(arrival(sim, nth, asked_at).await?)?;
    }
    Ok(latencies)
}

/// Milliseconds after `asked_at`, by the simulator's own clock.
async fn arrival(sim: &MetaSim, nth: u32, asked_at: Instant) -> Result<u64> {
    let recipient = Some(number(nth));
    sim.until(ARRIVES_MAX, |_| !sim.messages(&Search { recipient: recipient.clone(), ..Search::default() }).is_empty())
        .await
        .map_err(|stats| anyhow::anyhow!("the message did not arrive: {stats:?}"))?;
    let sent = sim.messages(&Search { recipient, ..Search::default() });
    let arrived_ms = sent.first().context("it arrived")?.arrived_ms;
    let ago_ms = sim.stats().now_ms.saturating_sub(arrived_ms);
    Ok(u64::try_from(asked_at.elapsed().as_millis())?.saturating_sub(ago_ms))
}
