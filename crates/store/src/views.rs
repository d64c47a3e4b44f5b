//! Questions about conversations that are asked again and again.

use chrono::{DateTime, Utc};
use postroad_core::ids::{MemberId, ViewId};
use serde_json::Value;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub id: ViewId,
    pub name: String,
    /// Whose it is. None: everybody's.
    pub member: Option<MemberId>,
    /// As the list of conversations is asked.
    pub filter: Value,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Violated: there is no such member.
pub async fn insert(tx: &mut TenantTx, new: &View) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into views (tenant_id, id, name, member_id, filter, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)",
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.member.map(MemberId::uuid),
        new.filter,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes name, owner and question. False: there is no such view.
pub async fn update(tx: &mut TenantTx, changed: &View) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update views set name = $3, member_id = $4, filter = $5, updated_at = $6 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        changed.id.uuid(),
        changed.name,
        changed.member.map(MemberId::uuid),
        changed.filter,
        changed.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such view.
pub async fn delete(tx: &mut TenantTx, id: ViewId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from views where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(tx: &mut TenantTx, id: ViewId) -> Result<Option<View>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        View,
        r#"
        select id as "id: ViewId", name, member_id as "member: MemberId", filter, created_at, updated_at from views
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A page, oldest first. `of`: only that member's own and everybody's.
pub async fn list(tx: &mut TenantTx, of: Option<MemberId>, after: Option<ViewId>, limit: i64) -> Result<Vec<View>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        View,
        r#"
        select id as "id: ViewId", name, member_id as "member: MemberId", filter, created_at, updated_at from views
        where  tenant_id = $1 and ($2::uuid is null or member_id is null or member_id = $2) and ($3::uuid is null or id > $3)
        order  by id
        limit  $4
        "#,
        tenant.uuid(),
        of.map(MemberId::uuid),
        after.map(ViewId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
