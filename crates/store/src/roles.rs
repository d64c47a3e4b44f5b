//! Roles that a tenant makes.

use chrono::{DateTime, Utc};
use postroad_core::{ids::RoleId, sight::Sees};

use crate::{Result, TenantTx};

/// What members may do, and which conversations they see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    pub id: RoleId,
    pub name: String,
    /// Words of [`postroad_core::scope::Scope`]; one that is none any more means nothing.
    pub scopes: Vec<String>,
    pub sees: Sees,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, role: &CustomRole) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into roles (tenant_id, id, name, scopes, sees, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)",
        tenant.uuid(),
        role.id.uuid(),
        role.name,
        &role.scopes,
        role.sees.as_str(),
        role.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many there are.
pub async fn count(tx: &mut TenantTx) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from roles where tenant_id = $1"#, tenant.uuid());
    Ok(count.fetch_one(tx.conn()).await?)
}

/// A page, oldest first; with `only`, that one.
pub async fn list(
    tx: &mut TenantTx,
    only: Option<RoleId>,
    after: Option<RoleId>,
    limit: i64,
) -> Result<Vec<CustomRole>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        CustomRole,
        r#"
        select id as "id: RoleId", name, scopes, sees as "sees: Sees", created_at, updated_at from roles
        where  tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or id > $3)
        order  by id
        limit  $4
        "#,
        tenant.uuid(),
        only.map(RoleId::uuid),
        after.map(RoleId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Writes everything but its beginning. False: there is no such role.
pub async fn update(tx: &mut TenantTx, role: &CustomRole) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set name = $3, scopes = $4, sees = $5, updated_at = $6 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        role.id.uuid(),
        role.name,
        &role.scopes,
        role.sees.as_str(),
        role.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such role. Violated: somebody has it.
pub async fn delete(tx: &mut TenantTx, id: RoleId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from roles where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}
