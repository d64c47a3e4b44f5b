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
