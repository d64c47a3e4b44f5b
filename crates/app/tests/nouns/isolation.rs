//! What no handler can forget, because the database itself keeps tenants apart: on every table, for both roles, on every
//! connection of a pool.

use futures::FutureExt;
use postroad_core::ids::TenantId;
use postroad_store::{PoolSizes, Store, TenantTx, tenants};
use postroad_testkit::{Seed, TestDb};
use sqlx::{Connection, PgConnection};

use crate::world::noon;

/// Tables of the installation itself. Whoever adds one says here that it holds nothing of a tenant.
const OF_NO_TENANT: &[&str] = &[
    "_sqlx_migrations",
    "avatars",
    "fires",
    "identities",
    "inbound_counts",
    "incarnations",
    "installation",
    "journeys",
    "leader",
    "mails",
    "provider_switches",
    "recovery_codes",
    "second_factors",
    "sessions",
    "sign_in_failures",
    "system_changes",
    "system_settings",
    "tenants",
    "user_words",
    "users",
];
/// What the role of requests may read of them: switches that gates look at, and its own tenant's row.
const SEEN_BY_REQUESTS: &[&str] = &["installation", "provider_switches", "tenants"];

async fn names(db: &TestDb, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&mut db.admin().await).await.unwrap()
}

#[tokio::test]
async fn every_table_of_tenants_is_bound_and_every_other_one_is_known() {
    let db = TestDb::new().await;
    let others = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and not exists
               (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
         order by 1",
    )
    .await;
    assert_eq!(others, OF_NO_TENANT);
    let loose = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p')
         and   (c.relname = 'tenants' or exists
               (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
         and   not (c.relrowsecurity and c.relforcerowsecurity
                    and exists (select 1 from pg_policies p where p.tablename = c.relname and p.policyname = 'tenant_only'
                                and p.roles = '{postroad_app}' and p.cmd = 'ALL' and p.permissive = 'PERMISSIVE'
                                and p.qual = p.with_check and p.qual like '%current_setting(''app.tenant_id''%'))",
    )
    .await;
    assert_eq!(loose, Vec::<String>::new(), "row-level security does not bind these");
    let widening = names(
        &db,
        "select p.tablename || ' ' || p.policyname from pg_policies p
         where  p.permissive = 'PERMISSIVE' and p.policyname <> 'tenant_only' and not (p.policyname = 'system_all' and p.roles = '{postroad_system}')
         order  by 1",
    )
    .await;
    let judged = ["addresses sight_is_judged", "conversations sight_is_judged", "message_texts words_are_searched"];
    assert_eq!(widening, judged, "policies that let more in");
    let nullable = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join   pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where  n.nspname = 'public' and c.relkind in ('r', 'p') and not a.attnotnull order by 1",
    )
    .await;
    assert_eq!(nullable, ["request_log"], "a refused call is nobody's, and only the system role sees it");
}

/// Tables that name a conversation, a person or a message, and of which nobody sees a part.
const NOT_IN_PART: &[&str] = &["credit_entries", "notifications"];

#[tokio::test]
async fn whatever_belongs_to_a_conversation_is_kept_back_from_whoever_does_not_see_it() {
    let db = TestDb::new().await;
    let open = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and has_table_privilege('postroad_app', c.oid, 'select')
         and   (c.relname in ('conversations', 'contacts', 'sends') or exists
               (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname in ('conversation_id', 'contact_id', 'message_id')))
         and   not exists (select 1 from pg_policies p where p.tablename = c.relname and p.policyname = 'in_sight' and p.cmd = 'SELECT'
                           and p.permissive = 'RESTRICTIVE' and p.roles = '{postroad_app}')
         order by 1",
    )
    .await;
    assert_eq!(open, NOT_IN_PART);
}

#[tokio::test]
async fn the_roles_that_serve_own_nothing_and_see_no_more_than_they_need() {
    let db = TestDb::new().await;
    let mighty = names(
        &db,
        "select rolname::text from pg_roles where rolname like 'postroad%'
         and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    )
    .await;
    assert_eq!(mighty, Vec::<String>::new());
    let owned = names(
        &db,
        "select c.relname::text from pg_class c join pg_roles r on r.oid = c.relowner
         where r.rolname in ('postroad_app', 'postroad_system')",
    )
    .await;
    assert_eq!(owned, Vec::<String>::new());
    let seen = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and has_table_privilege('postroad_app', c.oid, 'select')
         and not exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') order by 1",
    )
    .await;
    assert_eq!(seen, SEEN_BY_REQUESTS);
    db.store.check_roles().await.unwrap();
}

#[tokio::test]
async fn without_a_tenant_the_role_of_requests_sees_no_row_and_writes_none() {
    let db = TestDb::new().await;
    let seed = Seed::new(&db, noon()).await;
    let mut app = PgConnection::connect(&db.urls.app).await.unwrap();
    let tables = names(
        &db,
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p') and has_table_privilege('postroad_app', c.oid, 'select')
         and (c.relname = 'tenants' or exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'))",
    )
    .await;
    assert!(tables.len() > 60, "{tables:?}");
    for table in tables {
        let count = format!("select count(*) from {table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut app).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    let write = "insert into groups (tenant_id, id, name, created_at, updated_at) values ($1, $1, 'x', now(), now())";
    let refused = sqlx::query(write).bind(seed.tenant).execute(&mut app).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
}

/// How a transaction may end, wanted or not.
#[derive(Clone, Copy)]
enum End {
    Commit,
    RollBack,
    Drop,
    Panic,
    /// Its caller went away while the database worked.
    Cancel,
}

const ENDS: [End; 5] = [End::Commit, End::RollBack, End::Drop, End::Panic, End::Cancel];

/// Looks for itself and for somebody else, then ends.
async fn visit(store: Store, ours: TenantId, theirs: TenantId, end: End) {
    let mut tx = TenantTx::begin(&store, ours).await.unwrap();
    assert!(tenants::find(&mut tx, ours).await.unwrap().is_some(), "a transaction sees its own tenant");
    assert!(tenants::find(&mut tx, theirs).await.unwrap().is_none(), "and no other");
    match end {
        End::Commit => tx.commit().await.unwrap(),
        End::RollBack => tx.roll_back().await.unwrap(),
        End::Drop => drop(tx),
        End::Panic => panic!("in the middle of a transaction"),
        End::Cancel => drop(tenants::set_paused(&mut tx, Some("half"), noon()).now_or_never()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_serves_the_next_tenant_whatever_the_last_one_left_behind() {
    let db = TestDb::new().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(Seed::new(&db, noon()).await.tenant);
    }
    let store = Store::open(&db.urls, PoolSizes { app: 5, system: 1, lane: 1, settle: 1 }).unwrap();
    for round in 0..20 {
        let visits = (0..50).map(|n| {
            let (ours, theirs) = (ids[(n * 7 + round) % 20], ids[(n * 7 + round + 1 + n % 18) % 20]);
            tokio::spawn(visit(store.clone(), ours, theirs, ENDS[(n + round) % ENDS.len()]))
        });
        for (n, visited) in futures::future::join_all(visits).await.into_iter().enumerate() {
            let meant = matches!(ENDS[(n + round) % ENDS.len()], End::Panic);
            let panicked = visited.err().map(|error| error.into_panic());
            let said =
                panicked.map(|panic| panic.downcast_ref::<&str>().map_or("something else", |said| *said).to_owned());
            assert_eq!(
                said.as_deref(),
                meant.then_some("in the middle of a transaction"),
                "visit {n} of round {round}"
            );
        }
    }
    let half: Vec<String> = names(&db, "select slug from tenants where paused_reason = 'half'").await;
    assert_eq!(half, Vec::<String>::new(), "what nobody waited for was taken back");
    store.close().await;
}
