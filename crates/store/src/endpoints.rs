//! Tenants' own addresses, which are told of what happens.

use chrono::{DateTime, Utc};
use postroad_core::ids::EndpointId;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub name: String,
    pub url: String,
    pub events: Vec<String>,
    pub enabled: bool,
    /// Why it was switched off by itself.
    pub off_reason: Option<String>,
    /// Until when the secret before this one signs too.
    pub former_until: Option<DateTime<Utc>>,
    /// Rounds in a row in which nothing was delivered.
    pub failures: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// At most `most` of one tenant. False: there are as many.
pub async fn insert(tx: &mut TenantTx, new: &Endpoint, sealed: &str, most: i64) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into webhook_endpoints (tenant_id, id, name, url, events, enabled, secret, secret_version, created_at, updated_at)
        select $1, $2, $3, $4, $5, $6, $7, 1, $8, $8
        where  (select count(*) from webhook_endpoints where tenant_id = $1) < $9
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.url,
        &new.events,
        new.enabled,
        sealed,
        new.created_at,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Newest first.
pub async fn list(
    tx: &mut TenantTx,
    (only, after): (Option<EndpointId>, Option<EndpointId>),
    limit: i64,
) -> Result<Vec<Endpoint>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Endpoint,
        r#"
        select id as "id: EndpointId", name, url, events, enabled, off_reason, former_until, failures, created_at, updated_at
        from   webhook_endpoints
        where  tenant_id = $1
        and    ($2::uuid is null or id = $2)
        and    ($3::uuid is null or id < $3)
        order  by id desc
        limit  $4
        "#,
        tenant.uuid(),
        only.map(EndpointId::uuid),
        after.map(EndpointId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

pub async fn find(tx: &mut TenantTx, id: EndpointId) -> Result<Option<Endpoint>> {
    Ok(list(tx, (Some(id), None), 1).await?.pop())
}

/// What delivering needs of one.
#[derive(Debug, Clone)]
pub struct Held {
    pub url: String,
    pub enabled: bool,
    pub rests_until: Option<DateTime<Utc>>,
    pub failures: i32,
    pub secret: String,
    pub secret_version: i32,
    pub former_secret: Option<String>,
    pub former_until: Option<DateTime<Utc>>,
}

/// Nobody else changes it, or takes deliveries to it, until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: EndpointId) -> Result<Option<Held>> {
    let tenant = tx.tenant();
    let held = sqlx::query_as!(
        Held,
        r#"
        select url, enabled, rests_until, failures, secret, secret_version, former_secret, former_until
        from   webhook_endpoints
        where  tenant_id = $1 and id = $2
        for    update
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held)
}

/// Writes name, address, events and whether it is on. Whoever switches it on gives it a new start.
pub async fn update(tx: &mut TenantTx, changed: &Endpoint) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update webhook_endpoints
        set    name = $3, url = $4, events = $5, enabled = $6, off_reason = case when $6 then null else off_reason end,
               failures = 0, rests_until = null, updated_at = $7
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        changed.id.uuid(),
        changed.name,
        changed.url,
        &changed.events,
        changed.enabled,
        changed.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A new secret; the one before signs beside it until then.
pub async fn rotate(
    tx: &mut TenantTx,
    id: EndpointId,
    (sealed, version): (&str, i32),
    former_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update webhook_endpoints
        set    former_secret = secret, former_until = $5, secret = $3, secret_version = $4, updated_at = $6
        where  tenant_id = $1 and id = $2 and secret_version = $4 - 1
        "#,
        tenant.uuid(),
        id.uuid(),
        sealed,
        version,
        former_until,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes it away, with its deliveries. False: there is no such endpoint.
pub async fn delete(tx: &mut TenantTx, id: EndpointId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from webhook_endpoints where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// How an endpoint is after a round, or while one is on its way.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    pub failures: i32,
    pub rests_until: Option<DateTime<Utc>>,
    /// It said that it wants nothing any more.
    pub is_gone: bool,
}

pub async fn note(tx: &mut TenantTx, id: EndpointId, pulse: Pulse, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update webhook_endpoints
        set    failures = $3, rests_until = $4, enabled = enabled and not $5, off_reason = case when $5 then 'gone' else off_reason end,
               updated_at = case when $5 then $6 else updated_at end
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
        pulse.failures,
        pulse.rests_until,
        pulse.is_gone,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
