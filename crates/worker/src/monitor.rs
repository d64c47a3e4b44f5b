//! apalis: one worker per queue, each with its own share, so that bulk never starves interactive work.
//!
//! What stock apalis lacks is put right around the handler: a time limit and panics inside it, snoozes and a stored
//! backoff by giving the row back, a name that no start ever had before. The contract suite pins what that relies on.

mod poll;

use std::{panic::AssertUnwindSafe, time::Duration};

use apalis::prelude::{
    Attempt, BackendExt, BoxDynError, Data, Monitor, Strategy, TaskId, WorkerBuilder, WorkerBuilderExt, WorkerContext,
};
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use apalis_postgres::{Config, PostgresStorage};
use futures::FutureExt;
use postroad_app::jobs::{self, JobEnd};
use postroad_core::{
    ids::IncarnationId,
    jobs::{
        Automate, Deliver, FetchMedia, Maintain, PlanCampaign, Queue, ReadImport, ReadJournal, SendMail, TendTemplates,
        WakeLane,
    },
    limits::HANDLER_MAX,
};
use postroad_store::queue;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use poll::Steady;

use crate::{
    jobs::{Ctx, Done, Failure, Handle},
    metrics,
    payload::Payload,
};

/// Between two looks at an empty queue. Rows are polled: the notify trigger would serialise every enqueueing commit.
const POLL: Duration = Duration::from_millis(100);
/// A silent worker's jobs are taken over after 100 s, if nobody who looks at the truth does so before: more than three times the longest
/// handler.
const MISSED_HEARTBEATS: usize = 20;

/// Handlers of one queue that run at once, of `total` over all queues. Waking lanes and reading webhooks come before
/// planning, and every queue keeps at least one. Telling endpoints has as many for itself: these wait for servers of tenants,
/// and one that never answers must keep nobody else waiting.
pub const fn share(queue: Queue, total: usize) -> usize {
    let weight = match queue {
        Queue::Delivery => 16,
        Queue::Lane | Queue::Inbound => 4,
        Queue::Campaign | Queue::Automation => 2,
        Queue::Import | Queue::Template | Queue::Media | Queue::Mail | Queue::Maintenance => 1,
    };
    let share = total * weight / 16;
    if share == 0 { 1 } else { share }
}

/// Jobs taken at one look. Waking a lane takes microseconds, and many small lanes may wake together: a look at the queue
/// every tenth of a second must bring enough of them.
const fn fetched(queue: Queue, concurrency: usize) -> usize {
    match queue {
        Queue::Lane => 256,
        Queue::Inbound
        | Queue::Campaign
        | Queue::Import
        | Queue::Automation
        | Queue::Template
        | Queue::Media
        | Queue::Delivery
        | Queue::Mail
        | Queue::Maintenance => concurrency,
    }
}

/// Runs all queues until `stop`, then lets running handlers end.
pub(crate) async fn run(pool: PgPool, ctx: Ctx, incarnation: IncarnationId, total: usize, stop: CancellationToken) {
    let monitor = register::<WakeLane>(Monitor::new(), &pool, &ctx, incarnation, total);
    let monitor = register::<ReadJournal>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<PlanCampaign>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<ReadImport>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<Automate>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<TendTemplates>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<FetchMedia>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<Deliver>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<SendMail>(monitor, &pool, &ctx, incarnation, total);
    let monitor = register::<Maintain>(monitor, &pool, &ctx, incarnation, total);
    let ended = monitor
        .should_restart(|worker, error| {
            tracing::warn!(worker.name = worker.name(), %error, "a queue worker ended; starting another");
            true
        })
        .shutdown_timeout(HANDLER_MAX.to_std().unwrap_or(Duration::from_secs(30)))
        .run_with_signal(async move {
            stop.cancelled().await;
            Ok(())
        })
        .await;
    if let Err(error) = ended {
        tracing::error!(%error, "the queue workers ended");
    }
}

fn register<J: Handle>(
    monitor: Monitor,
    pool: &PgPool,
    ctx: &Ctx,
    incarnation: IncarnationId,
    total: usize,
) -> Monitor {
    let (pool, ctx) = (pool.clone(), ctx.clone());
    let concurrency = share(J::QUEUE, total);
    monitor.register(move |restarts| {
        let config = Config::default()
            .queue(J::QUEUE.as_str())
            .batch_size(fetched(J::QUEUE, concurrency))
            .heartbeat_interval(queue::HEARTBEAT)
            .missed_heartbeats(MISSED_HEARTBEATS)
            .lock_tasks(false);
        let poll = Strategy::new().apply(Steady::new(POLL));
        // Never the same name twice: jobs of a namesake that died would count as held for ever.
        let name = format!("{}-{}-{restarts}", J::QUEUE, incarnation.uuid().simple());
        WorkerBuilder::new(name)
            .backend(PostgresStorage::<Payload<J>>::new(&pool).with_config(config).poll_with_strategy(poll))
            .data(ctx.clone())
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(handle::<J>)
    })
}

/// Runs one job to its end and writes what the end asks for. apalis only ever hears success: its own retries are instant
/// and its snoozes spin.
async fn handle<J: Handle>(
    payload: Payload<J>,
    id: TaskId,
    worker: WorkerContext,
    attempt: Attempt,
    ctx: Data<Ctx>,
) -> Result<(), BoxDynError> {
    let began = std::time::Instant::now();
    let limit = HANDLER_MAX.to_std().unwrap_or(Duration::from_secs(30));
    let work = AssertUnwindSafe(run_payload(payload, (*ctx).clone())).catch_unwind();
    let ended = match tokio::time::timeout(limit, work).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => Err(Failure::GiveUp("the handler panicked".into())),
        Err(_) => Err(Failure::Retry("the handler took too long".into())),
    };
    let (end, word) = end_of(ended, J::QUEUE, attempt.current());
    metrics::JOBS.with_label_values(&[J::QUEUE.as_str(), word]).inc();
    if end == JobEnd::Finished {
        metrics::JOB_DURATION.with_label_values(&[J::QUEUE.as_str()]).observe(began.elapsed().as_secs_f64());
        return Ok(());
    }
    Ok(jobs::end(&ctx.app, &id.to_string(), worker.name(), &end).await?)
}

async fn run_payload<J: Handle>(payload: Payload<J>, ctx: Ctx) -> Result<Done, Failure> {
    match payload {
        Payload::Job(job) => job.run(ctx).await,
        Payload::Unreadable(why) => Err(Failure::GiveUp(format!("the payload cannot be read: {why}").into())),
    }
}

fn end_of(ended: Result<Done, Failure>, queue: Queue, attempt: usize) -> (JobEnd, &'static str) {
    match ended {
        Ok(Done::Completed) => (JobEnd::Finished, "completed"),
        Ok(Done::Skipped { why }) => {
            tracing::debug!(queue = %queue, why, "a job had nothing to do");
            (JobEnd::Finished, "skipped")
        }
        Ok(Done::Snoozed { until }) => (JobEnd::Snoozed { until }, "snoozed"),
        Err(Failure::Retry(error)) => {
            tracing::warn!(queue = %queue, %error, attempt, "a job failed; it is tried again");
            (JobEnd::Retry { attempt, reason: error.to_string() }, "retry")
        }
        Err(Failure::GiveUp(error)) => {
            tracing::error!(queue = %queue, %error, "a job can not succeed; it rests among the dead letters");
            (JobEnd::Dead { reason: error.to_string() }, "gave_up")
        }
    }
}
