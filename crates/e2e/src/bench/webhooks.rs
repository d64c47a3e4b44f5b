//! How fast receipts come in: verified and stored, and what becomes of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;

use super::{Options, Report};
use crate::{
    client::http_client,
    installation::{Installation, Setup},
    seed::{Lanes, Seed},
    wait::until,
    webhook::{self, Status},
};

const CONCURRENT: usize = 32;
/// Statuses in one POST, as the simulator and Meta batch them.
const BATCH: usize = 50;
const LENGTH: Duration = Duration::from_secs(6);
/// What a flood brings: the bound that the tail is measured at.
const OFFERED_PER_S: u32 = 500;
const APPLIED_MAX: Duration = Duration::from_mins(2);

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    let number = seed.accounts(&Lanes::default()).await?.remove(0).external_id;
    let api = installation.run("serve").await?;
    let flood =
        Arc::new(Flood { http: http_client(), base_url: api.base_url.clone(), number, told: AtomicU64::new(0) });
    let length = if options.quick { LENGTH / 6 } else { LENGTH };
    let warm = flood.clone().closed(length / 4).await?;
    ensure!(warm > 0.0, "no webhook was taken");
    let per_s = flood.clone().closed(length).await?;
    report.tell("webhook.ingest_per_s", per_s, "1/s", format!("signed POSTs of one status, {CONCURRENT} at a time"));
    let latencies = flood.open(length).await?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of seconds are far below 2^52")]
    let p99_ms = latencies.value_at_quantile(0.99) as f64 / 1_000.0;
    report.tell(
        "webhook.p99_ms",
        p99_ms,
        "ms",
        format!("{} POSTs at {OFFERED_PER_S}/s, from their due time", latencies.len()),
    );
    Ok(())
}

/// Posts statuses of messages that nobody knows: stored all the same.
struct Flood {
    http: reqwest::Client,
    base_url: String,
    number: String,
    told: AtomicU64,
}

impl Flood {
    /// As many as get through; per second.
    async fn closed(self: Arc<Self>, length: Duration) -> Result<f64> {
        let (began, before) = (Instant::now(), self.told.load(Ordering::Relaxed));
        let callers = (0..CONCURRENT).map(|_| {
            let flood = self.clone();
            tokio::spawn(async move {
                while began.elapsed() < length {
                    flood.tell().await?;
                }
                anyhow::Ok(())
            })
        });
        for caller in futures::future::join_all(callers).await {
            caller??;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of seconds are far below 2^52")]
        let told = (self.told.load(Ordering::Relaxed) - before) as f64;
        Ok(told / began.elapsed().as_secs_f64())
    }

    /// At a steady rate, whether answers come or not. Microseconds from when each was due.
    async fn open(self: Arc<Self>, length: Duration) -> Result<Histogram<u64>> {
        let every = Duration::from_secs(1) / OFFERED_PER_S;
        let began = tokio::time::Instant::now();
        let mut posts = Vec::new();
        let mut due = began;
        while due < began + length {
            tokio::time::sleep_until(due).await;
            let (flood, at) = (self.clone(), due);
            posts.push(tokio::spawn(async move { flood.tell().await.map(|()| at.elapsed()) }));
            due += every;
        }
        let mut latencies = Histogram::new(3)?;
        for post in futures::future::join_all(posts).await {
            latencies.record(u64::try_from(post??.as_micros())?)?;
        }
        Ok(latencies)
    }

    async fn tell(&self) -> Result<()> {
        let nth = self.told.fetch_add(1, Ordering::Relaxed);
        let status = Status {
            provider_ref: format!("wamid.FLOOD{nth:016X}"),
            state: "sent",
            echo: format!("{nth:032x}.1"),
            unix_s: 1_767_225_600,
        };
        let answer =
            webhook::post(&self.http, &self.base_url, webhook::statuses(&self.number, &[status])).send().await?;
        ensure!(answer.status() == 200, "a webhook was answered {}", answer.status());
        Ok(())
    }
}

/// Three receipts for each message that the drain left as accepted, until all are read.
pub(super) async fn apply(
    report: &mut Report,
    installation: &mut Installation,
    mut seed: Seed,
    messages: u32,
) -> Result<()> {
    let api = installation.run("serve").await?;
    let mut worker = installation.run("work").await?;
    let sql = "select s.id, s.provider_ref, a.external_id from sends s join accounts a on a.id = s.lane_id where s.state = 'accepted'";
    let rows: Vec<(uuid::Uuid, String, String)> = sqlx::query_as(sql).fetch_all(seed.db()).await?;
    let bodies = bodies(&rows);
    let (http, count) = (http_client(), rows.len() * 3);
    let began = Instant::now();
    let posts = stream::iter(bodies).map(|body| {
        let post = webhook::post(&http, &api.base_url, body);
        async move { anyhow::Ok(post.send().await?.error_for_status()?) }
    });
    posts.buffer_unordered(8).try_for_each(|_| async { Ok(()) }).await?;
    until_read(&mut seed, messages).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds are far below 2^52")]
    let per_s = count as f64 / began.elapsed().as_secs_f64();
    report.tell(
        "receipt.apply_per_s",
        per_s,
        "1/s",
        format!("{count} signed receipts, {BATCH} in a POST, from the first POST until all are applied"),
    );
    worker.process.stop(Duration::from_secs(40)).await?;
    Ok(())
}

fn bodies(rows: &[(uuid::Uuid, String, String)]) -> Vec<Vec<u8>> {
    let told = |(id, provider_ref, _): &(uuid::Uuid, String, String), state| Status {
        provider_ref: provider_ref.clone(),
        state,
        echo: format!("{}.1", id.simple()),
        unix_s: 1_767_225_600,
    };
    let chunks = rows.chunks(BATCH).flat_map(|chunk| ["sent", "delivered", "read"].map(|state| (chunk, state)));
    chunks
        .map(|(chunk, state)| {
            let statuses: Vec<Status> = chunk.iter().map(|row| told(row, state)).collect();
            webhook::statuses(&chunk[0].2, &statuses)
        })
        .collect()
}

async fn until_read(seed: &mut Seed, messages: u32) -> Result<()> {
    let db = tokio::sync::Mutex::new(seed.db());
    until("every receipt is applied", APPLIED_MAX, || async {
        let mut db = db.lock().await;
        let sql = "select count(*) from sends where state = 'read'";
        let read: i64 = sqlx::query_scalar(sql).fetch_one(&mut **db).await?;
        Ok(read >= i64::from(messages))
    })
    .await
}
