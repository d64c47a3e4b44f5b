//! Roles, migrations, and what makes the queue's tables fast.

use sqlx::{Connection, Executor, PgConnection, migrate::Migrator, postgres::PgConnectOptions};

use crate::{Result, Urls};

static OURS: Migrator = sqlx::migrate!("../../migrations");

/// What the stock queue schema lacks. Idempotent: it runs after every migration.
///
/// The planner guesses a tenth of the queue for a function's `limit` and scans it; two indexes are doubles; the notify
/// trigger takes a database-wide lock at every commit, and we poll. A row that apalis cannot read ends the worker of its
/// queue, so it cannot be stored.
const QUEUE_HYGIENE: &str = "
    alter function apalis.get_jobs(text, text, int) set enable_hashjoin = off;
    alter function apalis.get_jobs(text, text, int) set enable_mergejoin = off;
    drop index if exists apalis.unique_job_id;
    drop index if exists apalis.lidx;
    alter table apalis.jobs disable trigger notify_workers;
    alter table apalis.jobs drop constraint if exists jobs_readable;
    alter table apalis.jobs add constraint jobs_readable
        check (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$' and convert_from(job, 'UTF8')::json is not null) not valid;
    alter table apalis.jobs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
    create index if not exists jobs_finished on apalis.jobs (done_at) where status in ('Done', 'Killed', 'Failed');
    grant usage on schema apalis to postroad_app, postroad_system;
    grant select, insert on apalis.jobs to postroad_app;
    grant select, insert, update, delete on all tables in schema apalis to postroad_system;
    grant execute on all functions in schema apalis to postroad_app, postroad_system;
";

/// Makes the three roles and gives the database to the owner. `admin` may create roles; safe to repeat.
pub async fn make_roles(admin: &str, urls: &Urls) -> Result<()> {
    let mut db = connect_somewhere(admin).await?;
    for (role, url) in [("postroad_owner", &urls.owner), ("postroad_app", &urls.app), ("postroad_system", &urls.system)]
    {
        make_role(&mut db, role, password(url)).await?;
    }
    let database = urls.owner.parse::<PgConnectOptions>()?.get_database().unwrap_or("postroad").to_owned();
    let exists: bool = sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
        .bind(&database)
        .fetch_one(&mut db)
        .await?;
    let quoted = database.replace('"', "\"\"");
    let statement = if exists {
        format!("alter database \"{quoted}\" owner to postroad_owner")
    } else {
        format!("create database \"{quoted}\" owner postroad_owner")
    };
    db.execute(sqlx::AssertSqlSafe(statement)).await?;
    Ok(db.close().await?)
}

/// To the database of the address, or while that is to be made, to the one that every server has.
async fn connect_somewhere(admin: &str) -> Result<PgConnection> {
    const NO_SUCH_DATABASE: &str = "3D000";
    let options: PgConnectOptions = admin.parse()?;
    match PgConnection::connect_with(&options).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {
            Ok(PgConnection::connect_with(&options.database("postgres")).await?)
        }
        other => Ok(other?),
    }
}

async fn make_role(db: &mut PgConnection, role: &str, password: Option<&str>) -> Result<()> {
    let exists: bool = sqlx::query_scalar("select exists (select 1 from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(&mut *db)
        .await?;
    let verb = if exists { "alter" } else { "create" };
    // The owner uses the schema as a member of pg_database_owner; the runtime roles inherit nothing.
    let inherits = if role == "postroad_owner" { "inherit" } else { "noinherit" };
    // Without one nobody comes in by a password: only where the server trusts whoever connects.
    let secret = password.map_or_else(|| "null".to_owned(), |word| format!("'{}'", word.replace('\'', "''")));
    let statement =
        format!("{verb} role {role} login nosuperuser nobypassrls {inherits} nocreaterole password {secret}");
    db.execute(sqlx::AssertSqlSafe(statement)).await?;
    Ok(())
}

fn password(url: &str) -> Option<&str> {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(who, _)| who.split_once(':'))
        .map(|(_, secret)| secret)
}

/// Applies what is missing, as the owner. Two processes may call it at once: the second waits.
pub async fn run(owner: &str) -> Result<()> {
    let mut db = PgConnection::connect(owner).await?;
    db.execute("create extension if not exists hstore").await?;
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(owner).await?;
    apalis_postgres::PostgresStorage::migrations().run(&pool).await?;
    OURS.run(&pool).await?;
    pool.close().await;
    db.execute(QUEUE_HYGIENE).await?;
    Ok(db.close().await?)
}

/// Migrations that this binary knows and the database does not have.
pub async fn pending(owner: &str) -> Result<usize> {
    let mut db = PgConnection::connect(owner).await?;
    let applied: Option<i64> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(&mut db).await?;
    Ok(OURS.iter().filter(|migration| applied.is_none_or(|done| migration.version > done)).count())
}

/// Changes when a migration is added or edited; tests name their template database by it.
pub fn fingerprint() -> String {
    use sha2::{Digest, Sha256};
    let mut all = Sha256::new();
    all.update(QUEUE_HYGIENE);
    for migration in OURS.iter() {
        all.update(&migration.checksum);
    }
    data_encoding::HEXLOWER.encode(&all.finalize()[..8])
}
