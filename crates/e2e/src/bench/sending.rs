//! Drains seeded messages with one worker and says how fast it was.

use std::time::{Duration, Instant};

use anyhow::Result;
use postroad_simulators::stub::StubServer;
use sqlx::PgConnection;

use crate::{
    installation::{Installation, Setup},
    procfs::{Cpu, cpu_of_tree, resident_peak_kib},
    seed::{Bulk, Lanes, Seed},
    wait::until,
};

/// Nothing takes longer, unless something is wrong.
const DRAINED_MAX: Duration = Duration::from_mins(4);

/// An installation whose provider accepts everything.
pub(super) struct Bench {
    pub(super) installation: Installation,
    pub(super) stub: StubServer,
    databases: u32,
}

/// How a drain went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    pub(super) per_s: f64,
    /// Microseconds of CPU per message.
    pub(super) worker_us: f64,
    pub(super) postgres_us: f64,
    pub(super) peak_mib: f64,
}

impl Bench {
    pub(super) async fn start() -> Result<Self> {
        let stub = StubServer::start().await?;
        let setup = Setup { meta_url: Some(stub.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
        Ok(Self { installation: Installation::start(setup).await?, stub, databases: 0 })
    }

    /// A new database, never analysed, with these messages in it.
    pub(super) async fn seed(&mut self, lanes: &Lanes, bulk: Bulk) -> Result<Seed> {
        self.databases += 1;
        let database = self.installation.server.create(&format!("bench_{}", self.databases)).await?;
        self.installation.use_database(database);
        let mut seed = Seed::new(&self.installation).await?;
        seed.accounts(lanes).await?;
        seed.people(bulk.per_lane).await?;
        seed.messages(bulk).await?;
        Ok(seed)
    }

    /// From the first call until every message is settled as accepted. The sweeper of a scheduler wakes the lanes.
    pub(super) async fn drain(&mut self, seed: &mut Seed, messages: u32) -> Result<Drained> {
        let before = self.stub.requests();
        let mut scheduler = self.installation.run("schedule").await?;
        let mut worker = self.installation.run("work").await?;
        let stub = self.stub.clone();
        let requests = |stub: &StubServer| stub.requests() - before;
        until("the first call", DRAINED_MAX, || async { Ok(requests(&stub) > 0) }).await?;
        let (began, already) = (Instant::now(), requests(&stub));
        let cpu_before = self.cpu(worker.process.pid())?;
        until("the last call", DRAINED_MAX, || async { Ok(requests(&stub) >= u64::from(messages)) }).await?;
        settled(seed.db(), messages).await?;
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), self.cpu(worker.process.pid())?);
        let peak_kib = resident_peak_kib(worker.process.pid())?;
        worker.process.stop(Duration::from_secs(40)).await?;
        scheduler.process.stop(Duration::from_secs(10)).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let (count, peak_mib) = (f64::from(messages) - already as f64, peak_kib as f64 / 1_024.0);
        Ok(Drained {
            per_s: count / seconds,
            worker_us: (cpu.0 - cpu_before.0).seconds * 1e6 / count,
            postgres_us: (cpu.1 - cpu_before.1).seconds * 1e6 / count,
            peak_mib,
        })
    }

    fn cpu(&self, worker: u32) -> Result<(Cpu, Cpu)> {
        let postgres = self.installation.server.pid().unwrap_or_default();
        Ok((cpu_of_tree(worker)?, cpu_of_tree(postgres)?))
    }
}

async fn settled(db: &mut PgConnection, messages: u32) -> Result<()> {
    let db = tokio::sync::Mutex::new(db);
    until("every message is settled", DRAINED_MAX, || async {
        let mut db = db.lock().await;
        let sql = "select count(*) from sends where state = 'accepted'";
        let accepted: i64 = sqlx::query_scalar(sql).fetch_one(&mut **db).await?;
        Ok(accepted >= i64::from(messages))
    })
    .await
}
