//! A database that is somebody's: looked at, migrated on request only, used under roles that cannot do more than they must.

use postroad_testkit::TestDb;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn three_addresses_are_used_as_they_are_and_the_owners_is_not_needed_for_work() {
    let db = TestDb::new().await;
    let whole = Home::new()
        .with("POSTROAD_DATABASE_URL", &db.urls.app)
        .with("POSTROAD_OWNER_URL", &db.urls.owner)
        .with("POSTROAD_SYSTEM_URL", &db.urls.system);
    whole.run(&["migrate", "--check"]);
    whole.run(&["tenants", "create", "acme"]);
    let keys = std::fs::read_to_string(whole.data_dir().join("master.key")).unwrap();
    let part = Home::new()
        .with("POSTROAD_DATABASE_URL", &db.urls.app)
        .with("POSTROAD_SYSTEM_URL", &db.urls.system)
        .with("POSTROAD_MASTER_KEYS", keys.trim());
    assert!(part.run(&["tenants", "list"]).contains("acme"));
    let (code, said) = part.fails(&["migrate"]);
    assert_eq!((code, said.contains("POSTROAD_OWNER_URL is not set")), (4, true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_is_not_served() {
    let db = TestDb::new().await;
    let home = Home::new()
        .with("POSTROAD_DATABASE_URL", db.admin_url())
        .with("POSTROAD_OWNER_URL", db.admin_url())
        .with("POSTROAD_SYSTEM_URL", db.admin_url());
    let (code, said) = home.fails(&["tenants", "list"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("is a superuser or bypasses row-level security"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_refused_until_it_is_migrated() {
    let db = TestDb::new().await;
    let empty = Empty::new(&db).await;
    let home = Home::new().with("POSTROAD_DATABASE_URL", &empty.url);
    assert_eq!(home.fails(&["migrate", "--check"]).0, 4);
    let (code, said) = home.fails(&["tenants", "list"]);
    assert_eq!((code, said.contains("run `postroad migrate`")), (4, true), "{said}");
    home.run(&["migrate"]);
    home.run(&["migrate", "--check"]);
    assert!(home.run(&["tenants", "create", "acme"]).starts_with("ten_"));
    empty.drop().await;
}

/// A database without any schema, on the server of the tests.
struct Empty {
    url: String,
    name: String,
    admin: PgConnection,
}

impl Empty {
    async fn new(db: &TestDb) -> Self {
        let name = format!("pt_{}", uuid::Uuid::new_v4().simple());
        let mut admin = db.admin().await;
        admin.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        let mut url = url::Url::parse(&db.admin_url()).unwrap();
        url.set_path(&name);
        Self { url: url.to_string(), name, admin }
    }

    async fn drop(mut self) {
        self.admin.execute(AssertSqlSafe(format!("drop database {} with (force)", self.name))).await.unwrap();
    }
}
