//! One database per test, copied from a template that is migrated once.

use postroad_schema::{Urls, migrate};
use postroad_store::{PoolSizes, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A migrated database of its own; dropped with the value.
pub struct TestDb {
    pub store: Store,
    pub urls: Urls,
    admin: String,
    name: String,
}

impl TestDb {
    /// # Panics
    /// When `POSTROAD_TEST_POSTGRES_URL` is not set or the server does not answer.
    pub async fn new() -> Self {
        let admin = admin_url();
        let template = template(&admin).await;
        let name = format!("pt_{}", uuid::Uuid::new_v4().simple());
        let mut db = PgConnection::connect(&admin).await.expect("the test server answers");
        db.execute(AssertSqlSafe(format!("create database {name} template {template} owner postroad_owner")))
            .await
            .expect("the template can be copied");
        let urls = Urls::beside(&admin, &name).expect("the address parses");
        let sizes = PoolSizes { app: 8, system: 8, lane: 3, settle: 3 };
        let store = Store::open(&urls, sizes).expect("pools open");
        Self { store, urls, admin, name }
    }

    /// The privileged address of this database, for tests that look behind the roles.
    pub fn admin_url(&self) -> String {
        with_database(&self.admin, &self.name)
    }

    /// A privileged connection that no row-level security holds.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url()).await.expect("the test server answers")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut db = PgConnection::connect(&admin).await.ok()?;
                db.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await.ok()
            })
        });
        // A database that stays behind costs disk, not correctness.
        let _ = dropped.join();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests find their server through the environment")]
fn admin_url() -> String {
    std::env::var("POSTROAD_TEST_POSTGRES_URL")
        .expect("POSTROAD_TEST_POSTGRES_URL is not set: run `cargo xtask test`, which starts a server and sets it")
}

fn with_database(url: &str, name: &str) -> String {
    let (base, _) = url.rsplit_once('/').expect("an address with a database");
    format!("{base}/{name}")
}

/// The template of this build's migrations. Whoever comes first makes it; the others wait.
async fn template(admin: &str) -> String {
    let name = format!("pt_template_{}", migrate::fingerprint());
    let mut db = PgConnection::connect(admin).await.expect("the test server answers");
    let mut tx = db.begin().await.expect("a transaction begins");
    sqlx::query("select pg_advisory_xact_lock(7264)").execute(&mut *tx).await.expect("the lock is granted");
    let exists: bool =
        sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1 and datistemplate)")
            .bind(&name)
            .fetch_one(&mut *tx)
            .await
            .expect("the catalogue answers");
    if !exists {
        make_template(admin, &name).await;
    }
    tx.commit().await.expect("the lock is released");
    name
}

async fn make_template(admin: &str, name: &str) {
    let mut db = PgConnection::connect(admin).await.expect("the test server answers");
    db.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)")))
        .await
        .expect("half a template goes");
    let urls = Urls::beside(admin, name).expect("the address parses");
    migrate::make_roles(admin, &urls).await.expect("roles are made");
    migrate::run(&urls.owner).await.expect("migrations apply");
    db.execute(AssertSqlSafe(format!("alter database {name} is_template true"))).await.expect("the template is marked");
}
