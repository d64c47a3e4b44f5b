//! How late streams of live updates are, and what they cost in memory: many tenants with some streams each, and one tenant
//! with many.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use postroad_app::{
    App,
    clients::{self, Former, Grant},
    tenants::{self, NewTenant},
};
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{ConversationId, TenantId},
    scope::Scope,
};
use postroad_store::{TenantTx, events};
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use super::{Options, Report};
use crate::{
    client::{Client, Key},
    events::EventStream,
    installation::{Installation, Role, Setup},
    procfs::resident_kib,
};

const LENGTH: Duration = Duration::from_secs(30);
/// Streams that are opened at the same time.
const OPENING: usize = 32;

struct Shape {
    name: &'static str,
    tenants: usize,
    streams_each: usize,
    /// Of all tenants together.
    events_per_s: u32,
    redis: bool,
}

const MANY: Shape = Shape { name: "", tenants: 50, streams_each: 20, events_per_s: 200, redis: true };
const ONE: Shape = Shape { name: ".one", tenants: 1, streams_each: 200, events_per_s: 50, redis: true };
const NO_REDIS: Shape = Shape { name: ".noredis", redis: false, ..MANY };

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    for shape in [MANY, ONE, NO_REDIS] {
        measure(report, options, &shape).await?;
    }
    Ok(())
}

async fn measure(report: &mut Report, options: &Options, shape: &Shape) -> Result<()> {
    let setup = Setup { redis: shape.redis, ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let app = installation.app().await?;
    let api = installation.run("serve").await?;
    let tenants =
        stream::iter(0..shape.tenants).map(|_| tenant(&app, &api)).buffered(4).try_collect::<Vec<_>>().await?;
    let empty_kib = memory(&api)?;
    let (stop, stopped) = watch::channel(false);
    let readers = open(&tenants, shape, &stopped).await?;
    let length = if options.quick { LENGTH / 10 } else { LENGTH };
    let told = tell(&app, &tenants, shape, length).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let full_kib = memory(&api)?;
    stop.send_replace(true);
    let (mut lags, mut count) = (Histogram::<u64>::new(3)?, 0);
    for reader in readers {
        let seen = reader.await??;
        count += seen.len();
        lags.add(&seen)?;
    }
    ensure!(count == told * u64::try_from(shape.streams_each)?, "of {told} events {count} were handed over");
    tell_figures(report, shape, &lags, (full_kib - empty_kib.min(full_kib)) / 1_024);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and mebibytes are far below 2^52")]
fn tell_figures(report: &mut Report, shape: &Shape, lags: &Histogram<u64>, mib: u64) {
    let streams = shape.tenants * shape.streams_each;
    let ms = |quantile| lags.value_at_quantile(quantile) as f64 / 1_000.0;
    let of = format!(
        "{streams} streams of {} tenants at {} events/s, {} handed over; median {} ms, most {} ms",
        shape.tenants,
        shape.events_per_s,
        lags.len(),
        ms(0.5),
        ms(1.0)
    );
    report.tell(&format!("live.lag_p99_ms{}", shape.name), ms(0.99), "ms", of.clone());
    report.tell(&format!("live.memory_mib{}", shape.name), mib as f64, "MiB", of);
}

fn memory(api: &Role) -> Result<u64> {
    resident_kib(api.process.pid())
}

struct Tenant {
    id: TenantId,
    client: Arc<Client>,
}

async fn tenant(app: &App, api: &Role) -> Result<Tenant> {
    let slug = format!("t-{}", uuid::Uuid::new_v4().simple());
    let id = tenants::create(app, &NewTenant::named(slug, "Test")).await?;
    let grant = Grant { scopes: Scope::ALL.to_vec(), rate_per_s: 100_000.0, rate_burst: 100_000, ..Grant::default() };
    let client = clients::create(app, id, true, &grant).await?;
    let made = clients::create_key(app, id, client.id, Former::Stay).await?;
    let key = Key { id: made.key.key_id, secret: made.secret };
    Ok(Tenant { id, client: Arc::new(Client::new(api.base_url.clone(), key)) })
}

type Reader = JoinHandle<Result<Histogram<u64>>>;

/// All streams of all tenants, past their first event.
async fn open(tenants: &[Tenant], shape: &Shape, stopped: &watch::Receiver<bool>) -> Result<Vec<Reader>> {
    let all = tenants.iter().flat_map(|tenant| (0..shape.streams_each).map(|_| tenant.client.clone()));
    let opened = stream::iter(all).map(|client| begin(client, stopped.clone())).buffer_unordered(OPENING);
    opened.try_collect().await
}

async fn begin(client: Arc<Client>, stopped: watch::Receiver<bool>) -> Result<Reader> {
    let mut events = EventStream::open(&client, "/v1/events", None).await?;
    let hello = events.next().await.context("a stream ended at once")?;
    ensure!(hello.event == "hello", "a stream began with {}", hello.event);
    Ok(tokio::spawn(read(events, stopped)))
}

/// Microseconds from each event's instant to its arrival, until it is enough.
async fn read(mut events: EventStream, mut stopped: watch::Receiver<bool>) -> Result<Histogram<u64>> {
    let clock = postroad_core::clock::Clock::system();
    let mut lags = Histogram::new(3)?;
    loop {
        tokio::select! {
            biased;
            frame = events.next() => {
                let frame = frame.context("a stream ended")?;
                let at: DateTime<Utc> = serde_json::from_value(frame.json()["at"].clone())?;
                lags.record(u64::try_from((clock.now() - at).num_microseconds().unwrap_or_default()).unwrap_or_default())?;
            }
            _ = stopped.changed() => return Ok(lags),
        }
    }
}

/// One event after the other, each in a transaction of its own, told as a worker tells it; returns how many.
async fn tell(app: &App, tenants: &[Tenant], shape: &Shape, length: Duration) -> Result<u64> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / shape.events_per_s);
    let began = Instant::now();
    let mut told = 0;
    for tenant in tenants.iter().cycle() {
        if began.elapsed() >= length {
            break;
        }
        ticks.tick().await;
        let now = app.clock.now();
        let event = events::Event {
            kind: EventKind::StateChanged,
            conversation: ConversationId::new(now),
            message: None,
            actor: Actor::System,
            data: json!({"was": "open", "is": "pending", "snoozed_until": null}),
        };
        let mut tx = TenantTx::begin(&app.store, tenant.id).await?;
        events::tell(&mut tx, &[(tenant.id, event)], now).await?;
        tx.commit().await?;
        app.live.told([tenant.id]);
        told += 1;
    }
    Ok(told)
}
