use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apalis::prelude::{BackendExt, BoxDynError, Data, IntervalStrategy, RetryAfterError, Strategy, WorkerBuilder};
use apalis_postgres::{Config, PostgresStorage};
use serde::{Deserialize, Serialize};

use crate::world::{ONE, World};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Work {}

type Runs = Arc<AtomicUsize>;

async fn asks_for_a_minute(_: Work, runs: Data<Runs>) -> Result<(), BoxDynError> {
    runs.fetch_add(1, Ordering::SeqCst);
    Err(RetryAfterError::new("not now", Duration::from_mins(1)).into())
}

async fn fails(_: Work, runs: Data<Runs>) -> Result<(), BoxDynError> {
    runs.fetch_add(1, Ordering::SeqCst);
    Err("always".into())
}

/// Runs one job with a stock worker for two seconds; how often it ran.
macro_rules! runs_in_two_seconds {
    ($world:expr, $handler:expr) => {{
        $world.raw("stock", ONE, b"{}").await;
        let runs: Runs = Arc::default();
        let config = Config::default().queue("stock").lock_tasks(false);
        let poll = Strategy::new().apply(IntervalStrategy::new(Duration::from_millis(20)));
        let worker = WorkerBuilder::new(format!("stock-{}", uuid::Uuid::new_v4()))
            .backend(PostgresStorage::<Work>::new(&$world.pool()).with_config(config).poll_with_strategy(poll))
            .data(runs.clone())
            .build($handler);
        let ended = tokio::time::timeout(Duration::from_secs(2), worker.run()).await;
        assert!(ended.is_err(), "the worker ended: {ended:?}");
        runs.load(Ordering::SeqCst)
    }};
}

#[tokio::test]
async fn stock_apalis_forgets_the_duration_of_a_snooze_and_spins() {
    let mut world = World::new().await;
    let runs = runs_in_two_seconds!(world, asks_for_a_minute);
    assert!(runs > 5, "{runs} runs within two seconds, though a minute was asked for: never return it");
}

#[tokio::test]
async fn stock_apalis_keeps_no_backoff_between_attempts() {
    let mut world = World::new().await;
    let runs = runs_in_two_seconds!(world, fails);
    assert_eq!(runs, 8, "all attempts are used up at once: never return an error");
}
