//! How fast the API takes messages: signed, checked, durable, answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{Options, Report};
use crate::{
    client::{Client, fresh_request_id},
    installation::{Installation, Setup},
    seed::{Lanes, Seed, TEMPLATE, number},
};

const CONCURRENT: u32 = 32;
const PEOPLE: u32 = 20_000;
const WARM: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(8);

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    seed.accounts(&Lanes::default()).await?;
    seed.people(PEOPLE).await?;
    let api = installation.run("serve").await?;
    let client = Arc::new(Client::new(api.base_url.clone(), seed.key(true).await?));
    let next = Arc::new(AtomicU32::new(0));
    post_for(&client, &next, if options.quick { WARM / 4 } else { WARM }).await?;
    let (latencies, seconds) = post_for(&client, &next, if options.quick { LENGTH / 8 } else { LENGTH }).await?;
    let of = format!("{} signed POST /v1/messages by {CONCURRENT} callers", latencies.len());
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds are far below 2^52")]
    let (count, p99_us, p50_us) =
        (latencies.len() as f64, latencies.value_at_quantile(0.99) as f64, latencies.value_at_quantile(0.5) as f64);
    report.tell("api.accept_p99_ms", p99_us / 1_000.0, "ms", of.clone());
    report.tell("api.accept_p50_ms", p50_us / 1_000.0, "ms", of.clone());
    report.tell("api.accept_per_s", count / seconds, "1/s", of);
    Ok(())
}

/// Microseconds of each call, and seconds of all of them.
async fn post_for(client: &Arc<Client>, next: &Arc<AtomicU32>, length: Duration) -> Result<(Histogram<u64>, f64)> {
    let began = Instant::now();
    let callers = (0..CONCURRENT).map(|_| tokio::spawn(post_until(client.clone(), next.clone(), began + length)));
    let mut all = Histogram::new(3)?;
    for caller in futures::future::join_all(callers).await {
        all.add(caller??)?;
    }
    Ok((all, began.elapsed().as_secs_f64()))
}

async fn post_until(client: Arc<Client>, next: Arc<AtomicU32>, until: Instant) -> Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    while Instant::now() < until {
        let nth = next.fetch_add(1, Ordering::Relaxed) % PEOPLE;
        let began = Instant::now();
        let answer = client.post("/v1/messages", &fresh_request_id(), &message(nth)).await?;
        latencies.record(u64::try_from(began.elapsed().as_micros())?)?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
    }
    Ok(latencies)
}

/// To person `nth`, whom every gate lets be written to.
pub(super) fn message(nth: u32) -> Value {
    json!({
        "to": number(nth),
        "type": "template",
        "template": { "name": TEMPLATE, "language": "en_US", "parameters": { "1": "Ada" } },
    })
}
