//! What an operator wants to know about the database itself: read by `postroad doctor`.

use chrono::{DateTime, Utc};

use crate::{Result, SystemTx};

/// The server and its settings.
#[derive(Debug, Clone)]
pub struct Server {
    /// `150013` is 15.13.
    pub version: i32,
    /// As it calls itself.
    pub version_text: String,
    /// Off: a power cut loses what was committed.
    pub fsync: bool,
    pub full_page_writes: bool,
    /// `off` loses the last commits of a crash.
    pub synchronous_commit: String,
    pub connections_max: i32,
    /// Transactions until the oldest row must be frozen: the server stops at two thousand million.
    pub frozen_age: i32,
}

pub async fn server(tx: &mut SystemTx) -> Result<Server> {
    let row = sqlx::query_as!(
        Server,
        r#"
        select current_setting('server_version_num')::int as "version!", current_setting('server_version') as "version_text!",
               current_setting('fsync')::bool as "fsync!", current_setting('full_page_writes')::bool as "full_page_writes!",
               current_setting('synchronous_commit') as "synchronous_commit!", current_setting('max_connections')::int as "connections_max!",
               (select age(datfrozenxid) from pg_database where datname = current_database()) as "frozen_age!"
        "#,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}

/// Tables that hold rows of tenants and on which row-level security is not on, or binds everybody but the owner.
pub async fn unprotected_tables(tx: &mut SystemTx) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        r#"
        select c.relname::text as "name!"
        from   pg_class c join pg_namespace n on n.oid = c.relnamespace
        where  n.nspname = 'public' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
        and    exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
        order  by c.relname
        limit  100
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(names)
}

/// Who is at work.
#[derive(Debug, Clone, Copy)]
pub struct Alive {
    pub workers: i64,
    /// Somebody leads the schedule.
    pub leader: bool,
}

pub async fn alive(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Alive> {
    let row = sqlx::query_as!(
        Alive,
        r#"
        select (select count(*) from incarnations where role = 'work' and lease_until > $1) as "workers!",
               exists (select 1 from leader where lease_until > $1) as "leader!"
        "#,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}

/// Accounts by status, of all tenants.
pub async fn accounts_by_status(tx: &mut SystemTx) -> Result<Vec<(String, i64)>> {
    let rows =
        sqlx::query!(r#"select status, count(*) as "count!" from accounts group by status order by status limit 10"#)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| (row.status, row.count)).collect())
}

/// Suspicions that somebody got a message twice, of the time since `since`.
pub async fn suspects(tx: &mut SystemTx, since: DateTime<Utc>) -> Result<i64> {
    let count =
        sqlx::query_scalar!(r#"select count(*) as "count!" from double_send_suspects where noticed_at >= $1"#, since)
            .fetch_one(tx.conn())
            .await?;
    Ok(count)
}

/// How the server is kept.
#[derive(Debug, Clone)]
pub struct Upkeep {
    pub autovacuum: bool,
    pub encoding: String,
    /// Connections of everybody, now.
    pub connections: i64,
    /// Our connection to it is encrypted.
    pub encrypted: bool,
    /// It is on this machine.
    pub local: bool,
    /// Replication slots that nobody reads, and the most that one of them keeps.
    pub slots_idle: i64,
    pub slots_kept_mib: i64,
    /// Its log is archived, and the last try failed.
    pub archives: bool,
    pub archive_fails: bool,
}

pub async fn upkeep(tx: &mut SystemTx) -> Result<Upkeep> {
    let row = sqlx::query_as!(
        Upkeep,
        r#"
        select current_setting('autovacuum')::bool as "autovacuum!", current_setting('server_encoding') as "encoding!",
               (select coalesce(sum(numbackends), 0)::bigint from pg_stat_database) as "connections!",
               coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as "encrypted!",
               coalesce(inet_server_addr() <<= '127.0.0.0/8' or inet_server_addr() = '::1', true) as "local!",
               (select count(*) from pg_replication_slots where not active) as "slots_idle!",
               (select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) / 1048576, 0)::bigint
                from   pg_replication_slots where not active) as "slots_kept_mib!",
               current_setting('archive_mode') <> 'off' as "archives!",
               coalesce((select last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver), false)
                   as "archive_fails!"
        "#,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}

/// A role that serves requests or runs jobs.
#[derive(Debug, Clone)]
pub struct RoleRights {
    pub name: String,
    /// Superuser, or bypasses row-level security, or makes roles.
    pub is_mighty: bool,
    /// Owns tables: then it could take their policies away.
    pub is_owner: bool,
}

pub async fn roles(tx: &mut SystemTx) -> Result<Vec<RoleRights>> {
    let rows = sqlx::query_as!(
        RoleRights,
        r#"
        select r.rolname::text as "name!", (r.rolsuper or r.rolbypassrls or r.rolcreaterole) as "is_mighty!",
               exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relowner = r.oid) as "is_owner!"
        from   pg_roles r
        where  r.rolname in ('postroad_app', 'postroad_system')
        order  by r.rolname
        limit  2
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Tenants, and who may act for them.
#[derive(Debug, Clone)]
pub struct Standing {
    pub tenants: i64,
    pub tenants_paused: i64,
    /// People who can sign in.
    pub people: i64,
    /// Tenants without an owner who can sign in.
    pub ownerless: i64,
    /// Keys of API clients that end soon.
    pub keys_ending: i64,
    /// Keys that open the door and that nobody used for long.
    pub keys_unused: i64,
    /// Endpoints that were switched off because they are gone.
    pub endpoints_off: i64,
    /// Endpoints that are on and answered nothing right lately.
    pub endpoints_failing: i64,
}

/// `soon` and `long_ago` bound what is said of keys.
pub async fn standing(
    tx: &mut SystemTx,
    now: DateTime<Utc>,
    (soon, long_ago): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Standing> {
    let row = sqlx::query_as!(
        Standing,
        r#"
        select (select count(*) from tenants) as "tenants!",
               (select count(*) from tenants where sending_paused) as "tenants_paused!",
               (select count(*) from users where disabled_at is null) as "people!",
               (select count(*) from tenants t
                where  not exists (select 1 from members m join users u on u.id = m.user_id
                                   where m.tenant_id = t.id and m.role = 'owner' and m.active and u.disabled_at is null)) as "ownerless!",
               (select count(*) from api_keys
                where  status in ('active', 'retiring') and expires_at > $1 and expires_at < $2) as "keys_ending!",
               (select count(*) from api_keys
                where  status = 'active' and (expires_at is null or expires_at > $1)
                and    coalesce(last_used_at, created_at) < $3) as "keys_unused!",
               (select count(*) from webhook_endpoints where off_reason is not null) as "endpoints_off!",
               (select count(*) from webhook_endpoints where enabled and failures > 0) as "endpoints_failing!"
        "#,
        now,
        soon,
        long_ago,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}
