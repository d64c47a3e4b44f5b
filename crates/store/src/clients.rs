//! Programs that may call the API, and their keys.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ClientId, TenantId};

use crate::{Result, Store, TenantTx};

/// A client as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientRow {
    pub id: ClientId,
    pub name: String,
    /// Live keys reach people; the others reach the sandbox.
    pub live: bool,
    pub scopes: Vec<String>,
    /// Empty: from anywhere.
    pub cidrs: Vec<String>,
    pub rate_per_s: f64,
    pub rate_burst: i32,
    /// Messages per day in the client's zone. None: no quota.
    pub daily_quota: Option<i64>,
    pub time_zone: String,
    pub status: String,
    pub created_at: DateTime<Utc>,
}

/// One key of a client, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub key_id: String,
    pub client: ClientId,
    /// `active`, `retiring` or `revoked`.
    pub status: String,
    pub not_before: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// A key with everything that decides whether its holder may call.
#[derive(Debug, Clone)]
pub struct Credential {
    pub tenant: TenantId,
    pub key_id: String,
    /// Sealed.
    pub secret: String,
    pub key_status: String,
    pub not_before: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub client: ClientRow,
}

/// Writes a new client.
pub async fn insert(tx: &mut TenantTx, client: &ClientRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into api_clients (tenant_id, id, name, live, scopes, cidrs, rate_per_s, rate_burst, daily_quota, time_zone,
                                 status, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
        "#,
        tenant.uuid(),
        client.id.uuid(),
        client.name,
        client.live,
        &client.scopes,
        &client.cidrs,
        client.rate_per_s,
        client.rate_burst,
        client.daily_quota,
        client.time_zone,
        client.status,
        client.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes everything that may change; false: there is no such client.
pub async fn update(tx: &mut TenantTx, client: &ClientRow) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update api_clients
        set    name = $3, scopes = $4, cidrs = $5, rate_per_s = $6, rate_burst = $7, daily_quota = $8, time_zone = $9, status = $10
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        client.id.uuid(),
        client.name,
        &client.scopes,
        &client.cidrs,
        client.rate_per_s,
        client.rate_burst,
        client.daily_quota,
        client.time_zone,
        client.status,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The client, locked until the transaction ends: whoever counts its keys counts alone.
pub async fn get_for_update(tx: &mut TenantTx, id: ClientId) -> Result<Option<ClientRow>> {
    let tenant = tx.tenant();
    let client = sqlx::query_as!(
        ClientRow,
        r#"
        select id as "id: ClientId", name, live, scopes, cidrs, rate_per_s, rate_burst, daily_quota, time_zone, status, created_at
        from   api_clients where tenant_id = $1 and id = $2
        for    update
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(client)
}

pub async fn get(tx: &mut TenantTx, id: ClientId) -> Result<Option<ClientRow>> {
    let tenant = tx.tenant();
    let client = sqlx::query_as!(
        ClientRow,
        r#"
        select id as "id: ClientId", name, live, scopes, cidrs, rate_per_s, rate_burst, daily_quota, time_zone, status, created_at
        from   api_clients where tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(client)
}

/// Up to `limit` clients, newest first, older than `after`.
pub async fn list(tx: &mut TenantTx, after: Option<ClientId>, limit: i64) -> Result<Vec<ClientRow>> {
    let tenant = tx.tenant();
    let clients = sqlx::query_as!(
        ClientRow,
        r#"
        select id as "id: ClientId", name, live, scopes, cidrs, rate_per_s, rate_burst, daily_quota, time_zone, status, created_at
        from   api_clients
        where  tenant_id = $1 and ($2::uuid is null or id < $2)
        order  by id desc
        limit  $3
        "#,
        tenant.uuid(),
        after.map(ClientId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(clients)
}

/// Writes a new active key. `secret` is sealed.
pub async fn insert_key(tx: &mut TenantTx, key: &KeyRow, secret: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into api_keys (tenant_id, key_id, client_id, secret, status, not_before, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        tenant.uuid(),
        key.key_id,
        key.client.uuid(),
        secret,
        key.status,
        key.not_before,
        key.expires_at,
        key.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The keys of a client, newest first. At most 100: revoked ones stay in the table.
pub async fn keys(tx: &mut TenantTx, client: ClientId) -> Result<Vec<KeyRow>> {
    let tenant = tx.tenant();
    let keys = sqlx::query_as!(
        KeyRow,
        r#"
        select key_id, client_id as "client: ClientId", status, not_before, expires_at, last_used_at, created_at
        from   api_keys where tenant_id = $1 and client_id = $2
        order  by created_at desc, key_id
        limit  100
        "#,
        tenant.uuid(),
        client.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys)
}

/// How many keys of a client open the door at `now`.
pub async fn count_usable_keys(tx: &mut TenantTx, client: ClientId, now: DateTime<Utc>) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!" from api_keys
        where  tenant_id = $1 and client_id = $2 and status in ('active', 'retiring') and (expires_at is null or expires_at > $3)
        "#,
        tenant.uuid(),
        client.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Lets the active keys of a client run out at `expires_at`; one that ends earlier keeps its end.
pub async fn retire_keys(tx: &mut TenantTx, client: ClientId, expires_at: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update api_keys
        set    status = 'retiring', expires_at = least(coalesce(expires_at, $3), $3)
        where  tenant_id = $1 and client_id = $2 and status = 'active'
        "#,
        tenant.uuid(),
        client.uuid(),
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Ends a key at once; false: the client has no such key.
pub async fn revoke_key(tx: &mut TenantTx, client: ClientId, key_id: &str) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update api_keys set status = 'revoked' where tenant_id = $1 and client_id = $2 and key_id = $3",
        tenant.uuid(),
        client.uuid(),
        key_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whose key this is, of whichever tenant: a request names its key before its tenant is known. One indexed read at every
/// request, in no transaction, so that a revocation holds at once.
pub async fn find_credential(store: &Store, key_id: &str) -> Result<Option<Credential>> {
    let row = sqlx::query!(
        r#"
        select k.tenant_id as "tenant: TenantId", k.key_id, k.secret, k.status as key_status, k.not_before, k.expires_at,
               c.id as "id: ClientId", c.name, c.live, c.scopes, c.cidrs, c.rate_per_s, c.rate_burst, c.daily_quota, c.time_zone,
               c.status, c.created_at
        from   api_keys k
        join   api_clients c on c.tenant_id = k.tenant_id and c.id = k.client_id
        where  k.key_id = $1
        "#,
        key_id,
    )
    .fetch_optional(&store.system)
    .await?;
    Ok(row.map(|row| Credential {
        tenant: row.tenant,
        key_id: row.key_id,
        secret: row.secret,
        key_status: row.key_status,
        not_before: row.not_before,
        expires_at: row.expires_at,
        client: ClientRow {
            id: row.id,
            name: row.name,
            live: row.live,
            scopes: row.scopes,
            cidrs: row.cidrs,
            rate_per_s: row.rate_per_s,
            rate_burst: row.rate_burst,
            daily_quota: row.daily_quota,
            time_zone: row.time_zone,
            status: row.status,
            created_at: row.created_at,
        },
    }))
}
