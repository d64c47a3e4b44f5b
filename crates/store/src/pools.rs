//! Connections, one pool per kind of work, so that a rush of one kind never starves another.

use std::{sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use postroad_schema::Urls;

use crate::{
    Error, Result,
    bodies::{Sealer, Warden},
};

/// Connections per pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolSizes {
    /// Requests of people and programs.
    pub app: u32,
    /// Queue, journal, sweeper, leases.
    pub system: u32,
    /// Claims and intents of lanes.
    pub lane: u32,
    /// Outcomes of calls: never starves.
    pub settle: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { app: 16, system: 12, lane: 4, settle: 4 }
    }
}

/// All pools of one process. Cheap to clone. No query runs without a transaction of [`crate::TenantTx`] or
/// [`crate::SystemTx`].
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) app: PgPool,
    pub(crate) system: PgPool,
    pub(crate) lane: PgPool,
    pub(crate) settle: PgPool,
    pub(crate) warden: Warden,
}

impl Store {
    /// Opens the pools without connecting: a database that is still starting is waited for by the first query.
    pub fn open(urls: &Urls, sizes: PoolSizes) -> Result<Self> {
        Ok(Self {
            app: pool(&urls.app, "postroad-app", sizes.app, &[("statement_timeout", "15s")])?,
            system: pool(&urls.system, "postroad-system", sizes.system, &[("statement_timeout", "60s")])?,
            lane: pool(&urls.system, "postroad-lane", sizes.lane, NESTED_LOOPS)?,
            settle: pool(&urls.system, "postroad-settle", sizes.settle, NESTED_LOOPS)?,
            warden: Warden::default(),
        })
    }

    /// With who seals and opens bodies. Without, sealed ones stay shut, and nothing is written for accounts that seal.
    #[must_use]
    pub fn sealed_by(self, sealer: Arc<dyn Sealer>) -> Self {
        Self { warden: Warden(sealer), ..self }
    }

    /// One round trip. Errors when the database does not answer within two seconds.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("select 1").execute(&self.system).await?;
        Ok(())
    }

    /// Refuses to run as a role that could step over row-level security.
    pub async fn check_roles(&self) -> Result<()> {
        for pool in [&self.app, &self.system] {
            let (role, unsafe_role): (String, bool) = sqlx::query_as(
                "select rolname::text, rolsuper or rolbypassrls from pg_roles where rolname = current_user",
            )
            .fetch_one(pool)
            .await?;
            if unsafe_role {
                return Err(Error::UnsafeRole(format!(
                    "the database role {role} is a superuser or bypasses row-level security; connect as postroad_app and postroad_system"
                )));
            }
        }
        Ok(())
    }

    /// For the queue's own backend, which runs its statements itself. Everything else goes through a transaction.
    pub const fn system_pool(&self) -> &PgPool {
        &self.system
    }

    /// (name, connections open, connections idle) of each pool.
    pub fn usage(&self) -> [(&'static str, u32, u32); 4] {
        [("api", &self.app), ("system", &self.system), ("worker", &self.lane), ("settle", &self.settle)]
            .map(|(name, pool)| (name, pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX)))
    }

    pub async fn close(&self) {
        for pool in [&self.app, &self.system, &self.lane, &self.settle] {
            pool.close().await;
        }
    }
}

/// The hot statements join short lists to indexes. On a table that was never analysed the planner would scan it instead,
/// thirty times slower.
const NESTED_LOOPS: &[(&str, &str)] = &[
    ("statement_timeout", "20s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    // Planning one of these takes as long as sending thirty messages, and knowing the length of its lists changes nothing.
    ("plan_cache_mode", "force_generic_plan"),
];

fn pool(url: &str, name: &str, size: u32, settings: &[(&str, &str)]) -> Result<PgPool> {
    let options: PgConnectOptions =
        url.parse::<PgConnectOptions>()?.application_name(name).options(settings.iter().copied());
    Ok(PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(2))
        .idle_timeout(Duration::from_mins(10))
        .connect_lazy_with(options))
}
