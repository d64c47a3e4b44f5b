//! Transactions. Whoever holds one has said for which tenant, or for which named system work.

use std::future::Future;

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, TenantId},
    sight::Sight,
};
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
    static SIGHT: Sight;
}

/// Whatever transactions the future begins in this task are the doer's.
pub async fn done_by<T>(doer: Doer, what: impl Future<Output = T>) -> T {
    DOER.scope(doer, what).await
}

/// Whatever transactions of a tenant the future begins in this task show what is in sight, and nothing else. What it spawns, or what is
/// left to do when it returns, is not in this task: whoever streams an answer sees everything.
pub async fn seen_by<T>(sight: Sight, what: impl Future<Output = T>) -> T {
    SIGHT.scope(sight, what).await
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

const SEES: &str = "select set_config('app.sees', $1, true), set_config('app.member', $2, true), set_config('app.department', $3, true),
                           set_config('app.accounts', $4, true)";

/// As the policies of the schema read it.
fn looks(sight: &Sight) -> [String; 4] {
    let ids = |accounts: &Vec<AccountId>| accounts.iter().map(|id| id.uuid().to_string()).collect::<Vec<_>>().join(",");
    [
        sight.sees.to_string(),
        sight.member.uuid().to_string(),
        sight.department.map(|department| department.uuid().to_string()).unwrap_or_default(),
        sight.accounts.as_ref().map(|accounts| format!("{{{}}}", ids(accounts))).unwrap_or_default(),
    ]
}

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
    /// None: nothing of the tenant is kept back.
    sight: Option<Sight>,
    warden: Warden,
}

impl TenantTx {
    pub async fn begin(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        say(&mut tx, WHO, said(Some(tenant), doer().as_ref())).await?;
        Self::limited(store, tx, tenant).await
    }

    /// For calls that run the same few statements by key over and over: each is planned once per connection, and along
    /// indexes. To plan them anew for every call takes longer than to run them.
    pub async fn begin_hot(store: &Store, tenant: TenantId) -> Result<Self> {
        let mut tx = store.app.begin().await?;
        say(&mut tx, WHO_AND_HOT, said(Some(tenant), doer().as_ref())).await?;
        Self::limited(store, tx, tenant).await
    }

    async fn limited(store: &Store, tx: Transaction<'static, Postgres>, tenant: TenantId) -> Result<Self> {
        let mut begun = Self { tx, tenant, sight: None, warden: store.warden.clone() };
        if let Some(sight) = SIGHT.try_with(Clone::clone).ok().filter(|sight| !sight.is_whole()) {
            begun.limit(sight).await?;
        }
        Ok(begun)
    }

    /// Who looks, if they see a part only.
    pub const fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// From here on everything of the tenant is seen; returns what was in force. For whatever follows from what somebody may do to what
    /// they see: to hand it on to somebody else is to write a row that they do not see.
    pub async fn lift(&mut self) -> Result<Option<Sight>> {
        let was = self.sight.take();
        if was.is_some() {
            say(&mut self.tx, SEES, Default::default()).await?;
        }
        Ok(was)
    }

    /// From here on nothing but this is seen.
    pub async fn limit(&mut self, sight: Sight) -> Result<()> {
        say(&mut self.tx, SEES, looks(&sight)).await?;
        self.sight = Some(sight);
        Ok(())
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
