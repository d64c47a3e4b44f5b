//! A queue of its own, and workers of stock apalis or of ours.

use std::{sync::Arc, time::Duration};

use postroad_app::{App, Defaults, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, secrets::Keyring};
use postroad_core::{clock::Clock, quiet_hours::QuietHours};
use postroad_testkit::TestDb;
use postroad_worker::{BaseUrls, Options};
use sqlx::{Executor, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// apalis reads ids as ULIDs: a row with another one would end every worker of its queue.
pub const ONE: &str = "01ARZ3NDEKTSV4RRFFQ69G5F01";
pub const TWO: &str = "01ARZ3NDEKTSV4RRFFQ69G5F02";

pub struct World {
    pub app: App,
    pub db: TestDb,
    pub admin: PgConnection,
}

impl World {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let admin = db.admin().await;
        let clock = Clock::system();
        let app = App {
            store: db.store.clone(),
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock,
            keyring: Arc::new(Keyring::parse(&Keyring::generate_master()).unwrap()),
            nudges: Nudges::none(),
            programs: postroad_app::automations::Programs::default(),
            live: Live::local(),
            mail: None,
            media: Media::in_memory(),
            egress: Arc::default(),
            defaults: Defaults { quiet_hours: QuietHours::DEFAULT },
            public_url: "https://messages.example".into(),
        };
        Self { app, db, admin }
    }

    pub fn pool(&self) -> PgPool {
        self.app.store.system_pool().clone()
    }

    /// Our workers, until the token is cancelled.
    pub fn work(&self) -> CancellationToken {
        let stop = CancellationToken::new();
        let options = Options {
            urls: self.db.urls.clone(),
            handlers: 11,
            base_urls: BaseUrls::new(),
            host: "test".into(),
            nudges: None,
        };
        let (app, token) = (self.app.clone(), stop.clone());
        tokio::spawn(async move { postroad_worker::run(app, options, token).await });
        stop
    }

    /// Writes a job as its bytes.
    pub async fn raw(&mut self, queue: &str, id: &str, body: &[u8]) {
        self.try_raw(queue, id, body).await.unwrap();
    }

    pub async fn try_raw(&mut self, queue: &str, id: &str, body: &[u8]) -> sqlx::Result<()> {
        sqlx::query(
            "insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority)
             values ($1, $2, $3, 'Pending', 0, 8, now(), 0)",
        )
        .bind(id)
        .bind(queue)
        .bind(body)
        .execute(&mut self.admin)
        .await?;
        Ok(())
    }

    /// (status, attempts) of a job.
    pub async fn job(&mut self, id: &str) -> (String, i32) {
        sqlx::query_as("select status, attempts from apalis.jobs where id = $1")
            .bind(id)
            .fetch_one(&mut self.admin)
            .await
            .unwrap()
    }

    /// Waits until a job has one of these statuses, at most twenty seconds.
    pub async fn reaches(&mut self, id: &str, statuses: &[&str]) -> (String, i32) {
        for _ in 0..200 {
            let job = self.job(id).await;
            if statuses.contains(&job.0.as_str()) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{id} is {:?} after twenty seconds", self.job(id).await);
    }

    pub async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.admin).await.unwrap()
    }

    pub async fn run(&mut self, sql: &'static str) {
        self.admin.execute(sql).await.unwrap();
    }
}
