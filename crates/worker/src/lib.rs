//! Runs the queues and drains the lanes.
//!
//! apalis wakes; the drain sends. A job says "look at this lane", the drain leases it and empties it under its pace:
//! claim, decide, intend, call, settle. Deliberately absent: rules (core), SQL (store), transactions (app).
//!
//! To add a job, see [`jobs`].

/// Ends the process here when a chaos run wants it (`FAILPOINTS=after_intent=1%return`), as a crash would. Nothing in a
/// build without the feature `failpoints`.
macro_rules! crash_point {
    ($name:literal) => {
        fail::fail_point!($name, |_| std::process::abort());
    };
}

mod adapters;
mod call;
mod connections;
mod desk;
mod drain;
mod egress;
mod fetch;
mod inbox;
pub mod jobs;
mod lease;
pub mod mail;
mod metrics;
mod monitor;
mod pacer;
mod payload;
mod runner;
mod settler;
mod shared_limit;
mod transport;

use std::sync::Arc;

use postroad_app::{App, lanes};
use postroad_core::{
    ids::{AccountId, IncarnationId, TenantId},
    limits::MEDIA_MIB_AT_ONCE,
};
use postroad_schema::Urls;
use postroad_store::incarnations::Incarnation;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub use connections::BaseUrls;
pub use egress::{Answer, Egress, LookUp, Silence};
pub use monitor::share;
pub use transport::{Transport, Wire};

use crate::{drain::Drain, inbox::Inbox, jobs::Ctx, settler::Settler};

/// How a worker runs.
pub struct Options {
    pub urls: Urls,
    /// `POSTROAD_WORKERS`: handlers that run at once, over all queues. 1 to 512.
    pub handlers: usize,
    pub base_urls: BaseUrls,
    pub host: String,
    /// Taps of the API in the same process, if there is one.
    pub nudges: Option<mpsc::Receiver<(TenantId, AccountId)>>,
}

/// Works until `stop`: then nothing new is taken, calls on their way end, outcomes are written, lanes are freed.
pub async fn run(app: App, options: Options, stop: CancellationToken) -> postroad_store::Result<()> {
    // Dropping it would clear the points again.
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
    metrics::init();
    let inbox = Arc::new(Inbox::default());
    if let Some(nudges) = options.nudges {
        tokio::spawn(listen(nudges, inbox.clone()));
    }
    let queues = tokio::spawn(monitor::run(
        app.store.system_pool().clone(),
        Ctx {
            app: app.clone(),
            inbox: inbox.clone(),
            transport: Transport::new(),
            egress: Egress::new(app.egress.clone()),
            post: mail::Post::of(&app),
            base_urls: Arc::new(options.base_urls.clone()),
            room: Arc::new(Semaphore::new(MEDIA_MIB_AT_ONCE as usize)),
        },
        IncarnationId::new(app.clock.now()),
        options.handlers,
        stop.clone(),
    ));
    while !stop.is_cancelled() {
        if let Err(error) =
            drain_under_one_lease(&app, &options.urls, &options.base_urls, &options.host, &inbox, &stop).await
        {
            tracing::warn!(%error, "the lanes could not be drained; starting again");
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }
    // A panic in the monitor was told where it happened.
    let _ = queues.await;
    Ok(())
}

async fn listen(mut nudges: mpsc::Receiver<(TenantId, AccountId)>, inbox: Arc<Inbox>) {
    while let Some(lane) = nudges.recv().await {
        inbox.put(lane);
    }
}

#[expect(clippy::too_many_arguments, reason = "what one lease needs of the process")]
async fn drain_under_one_lease(
    app: &App,
    urls: &Urls,
    base_urls: &BaseUrls,
    host: &str,
    inbox: &Arc<Inbox>,
    stop: &CancellationToken,
) -> postroad_store::Result<()> {
    let owner = IncarnationId::new(app.clock.now());
    let pid = i32::try_from(std::process::id()).unwrap_or_default();
    lanes::start(app, &Incarnation { id: owner, role: "work", host: host.to_owned(), pid }).await?;
    let (lost, ended) = (Arc::new(Notify::new()), CancellationToken::new());
    let lease = lease::keep(app.clone(), urls.clone(), owner, lost.clone(), ended.clone());
    if let Err(error) = lease {
        tracing::error!(%error, "no thread for the lease");
        return lanes::end(app, owner, &[]).await;
    }
    let (settler, settling) = Settler::start(app.clone());
    let mut drain = Drain::new(app.clone(), owner, base_urls.clone(), settler, inbox.clone());
    drain.run(stop, &lost).await;
    let freed = drain.end().await;
    drop(drain);
    // Ends when the last call has given its outcome.
    let _ = settling.await;
    ended.cancel();
    freed
}
