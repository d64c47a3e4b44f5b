//! Transactions. Whoever holds one has said for which tenant, or for which named system work.

use chrono::{DateTime, Utc};
use postroad_core::ids::TenantId;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{Result, Store};

/// Either kind of transaction, for queries that row-level security makes right for both.
pub trait AnyTx: Send {
    #[doc(hidden)]
    fn conn(&mut self) -> &mut PgConnection;
}

impl AnyTx for TenantTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

impl AnyTx for SystemTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// A transaction that sees and writes the rows of one tenant.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: TenantId,
}

impl TenantTx {
    pub async fn begin(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        sqlx::query("select set_config('app.tenant_id', $1, true)")
            .bind(tenant.uuid().to_string())
            .execute(&mut *tx)
            .await?;
        Ok(Self { tx, tenant })
    }

    /// For calls that run the same few statements by key over and over: each is planned once per connection, and along
    /// indexes. To plan them anew for every call takes longer than to run them.
    pub async fn begin_hot(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        sqlx::query(
            "select set_config('app.tenant_id', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true),
                    set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
                    set_config('enable_mergejoin', 'off', true)",
        )
        .bind(tenant.uuid().to_string())
        .execute(&mut *tx)
        .await?;
        Ok(Self { tx, tenant })
    }

    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }

    /// Takes everything back now. Dropping does so too, but only when the connection is used again.
    pub async fn roll_back(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

/// A transaction of the system role. It sees every tenant: only the store's named functions take one.
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
}

impl SystemTx {
    pub async fn begin(store: &Store) -> Result<Self> {
        Ok(Self { tx: store.system.begin().await? })
    }

    /// For claims and intents: its own connections, planned with nested loops.
    pub async fn begin_lane(store: &Store) -> Result<Self> {
        Ok(Self { tx: store.lane.begin().await? })
    }

    /// For outcomes of calls: its own connections, so that settling never waits for claiming.
    pub async fn begin_settle(store: &Store) -> Result<Self> {
        Ok(Self { tx: store.settle.begin().await? })
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }
}

/// The database's clock, for correcting ours.
pub async fn database_now(store: &Store) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(&store.system).await?)
}
