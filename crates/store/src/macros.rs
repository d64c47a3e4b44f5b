//! Steps that members take with one move.

use chrono::{DateTime, Utc};
use postroad_core::ids::MacroId;
use serde_json::Value;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    pub id: MacroId,
    pub name: String,
    /// Of automations, in their order.
    pub actions: Value,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Taken: another one has the name.
pub async fn insert(tx: &mut TenantTx, new: &Macro) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into macros (tenant_id, id, name, actions, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.actions,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes name and steps. False: there is no such macro.
pub async fn update(tx: &mut TenantTx, changed: &Macro) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update macros set name = $3, actions = $4, updated_at = $5 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        changed.id.uuid(),
        changed.name,
        changed.actions,
        changed.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such macro.
pub async fn delete(tx: &mut TenantTx, id: MacroId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from macros where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(tx: &mut TenantTx, id: MacroId) -> Result<Option<Macro>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Macro,
        r#"select id as "id: MacroId", name, actions, created_at, updated_at from macros where tenant_id = $1 and id = $2"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<MacroId>, limit: i64) -> Result<Vec<Macro>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Macro,
        r#"
        select id as "id: MacroId", name, actions, created_at, updated_at from macros
        where  tenant_id = $1 and ($2::uuid is null or id > $2)
        order  by id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(MacroId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
