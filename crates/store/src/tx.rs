//! Transactions. Whoever holds one has said for which tenant, or for which named system work.

use std::future::Future;

use chrono::{DateTime, Utc};
use postroad_core::ids::TenantId;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{Result, Store, bodies::Warden};

/// In whose name something is changed: what the audit says of it.
#[derive(Debug, Clone)]
pub struct Doer {
    /// As histories name them; at most 100 characters.
    pub actor: String,
    pub ip: Option<String>,
    pub request_id: Option<String>,
}

tokio::task_local! {
    static DOER: Doer;
}

/// Whatever transactions the future begins in this task are the doer's.
pub async fn done_by<T>(doer: Doer, what: impl Future<Output = T>) -> T {
    DOER.scope(doer, what).await
}

/// Tenant, actor, address and request as the settings of a transaction are bound. Empty: none.
fn said(tenant: Option<TenantId>, doer: Option<&Doer>) -> [String; 4] {
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    [
        tenant.map(|tenant| tenant.uuid().to_string()).unwrap_or_default(),
        text(doer.map(|doer| &doer.actor)),
        text(doer.and_then(|doer| doer.ip.as_ref())),
        text(doer.and_then(|doer| doer.request_id.as_ref())),
    ]
}

async fn say(tx: &mut PgConnection, settings: &'static str, values: [String; 4]) -> Result<()> {
    let query = values.into_iter().fold(sqlx::query(settings), sqlx::query::Query::bind);
    query.execute(tx).await?;
    Ok(())
}

const WHO: &str =
    "select set_config('app.tenant_id', $1, true), set_config('app.actor', $2, true), set_config('app.ip', $3, true),
                          set_config('app.request_id', $4, true)";
const WHO_AND_HOT: &str =
    "select set_config('app.tenant_id', $1, true), set_config('app.actor', $2, true), set_config('app.ip', $3, true),
            set_config('app.request_id', $4, true), set_config('plan_cache_mode', 'force_generic_plan', true),
            set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
            set_config('enable_mergejoin', 'off', true)";

fn doer() -> Option<Doer> {
    DOER.try_with(Clone::clone).ok()
}

/// Either kind of transaction, for queries that row-level security makes right for both.
pub trait AnyTx: Send {
    #[doc(hidden)]
    fn conn(&mut self) -> &mut PgConnection;
    #[doc(hidden)]
    fn warden(&self) -> Warden;
}

impl AnyTx for TenantTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    fn warden(&self) -> Warden {
        self.warden.clone()
    }
}

impl AnyTx for SystemTx {
    fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    fn warden(&self) -> Warden {
        self.warden.clone()
    }
}

/// A transaction that sees and writes the rows of one tenant.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: TenantId,
    warden: Warden,
}

impl TenantTx {
    pub async fn begin(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        say(&mut tx, WHO, said(Some(tenant), doer().as_ref())).await?;
        Ok(Self { tx, tenant, warden: store.warden.clone() })
    }

    /// For calls that run the same few statements by key over and over: each is planned once per connection, and along
    /// indexes. To plan them anew for every call takes longer than to run them.
    pub async fn begin_hot(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        say(&mut tx, WHO_AND_HOT, said(Some(tenant), doer().as_ref())).await?;
        Ok(Self { tx, tenant, warden: store.warden.clone() })
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
    warden: Warden,
}

impl SystemTx {
    pub async fn begin(store: &Store) -> Result<Self> {
        let mut tx = store.system.begin().await?;
        if let Some(doer) = doer() {
            say(&mut tx, WHO, said(None, Some(&doer))).await?;
        }
        Ok(Self { tx, warden: store.warden.clone() })
    }

    /// What follows is done by somebody who was not known when it began.
    pub async fn is_done_by(&mut self, doer: &Doer) -> Result<()> {
        say(&mut self.tx, WHO, said(None, Some(doer))).await
    }

    /// For claims and intents: its own connections, planned with nested loops.
    pub async fn begin_lane(store: &Store) -> Result<Self> {
        Ok(Self { tx: store.lane.begin().await?, warden: store.warden.clone() })
    }

    /// For outcomes of calls: its own connections, so that settling never waits for claiming.
    pub async fn begin_settle(store: &Store) -> Result<Self> {
        Ok(Self { tx: store.settle.begin().await?, warden: store.warden.clone() })
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
