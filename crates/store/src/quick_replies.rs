//! Texts that members answer with often.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AttachmentId, DepartmentId, QuickReplyId};

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickReply {
    pub id: QuickReplyId,
    pub shortcut: String,
    /// With placeholders.
    pub body: String,
    /// None: everybody's.
    pub department: Option<DepartmentId>,
    pub attachment: Option<AttachmentId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// At most `most` of one tenant. False: there are as many.
pub async fn insert(tx: &mut TenantTx, new: &QuickReply, most: i64) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into quick_replies (tenant_id, id, shortcut, body, department_id, attachment_id, created_at, updated_at)
        select $1, $2, $3, $4, $5, $6, $7, $7
        where  (select count(*) from quick_replies where tenant_id = $1) < $8
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.shortcut,
        new.body,
        new.department.map(DepartmentId::uuid),
        new.attachment.map(AttachmentId::uuid),
        new.created_at,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Which ones, by shortcut.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub only: Option<QuickReplyId>,
    /// Shortcuts that begin so.
    pub beginning: Option<String>,
    /// Of this department, and everybody's.
    pub department: Option<DepartmentId>,
    pub after: Option<String>,
    /// At least 1.
    pub limit: i64,
}

pub async fn list(tx: &mut TenantTx, wanted: &Listed) -> Result<Vec<QuickReply>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        QuickReply,
        r#"
        select id as "id: QuickReplyId", shortcut, body, department_id as "department: DepartmentId",
               attachment_id as "attachment: AttachmentId", created_at, updated_at
        from   quick_replies
        where  tenant_id = $1
        and    ($2::uuid is null or id = $2)
        and    ($3::text is null or starts_with(shortcut, $3))
        and    ($4::uuid is null or department_id is null or department_id = $4)
        and    ($5::text is null or shortcut > $5)
        order  by shortcut
        limit  $6
        "#,
        tenant.uuid(),
        wanted.only.map(QuickReplyId::uuid),
        wanted.beginning,
        wanted.department.map(DepartmentId::uuid),
        wanted.after,
        wanted.limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

pub async fn find(tx: &mut TenantTx, id: QuickReplyId) -> Result<Option<QuickReply>> {
    Ok(list(tx, &Listed { only: Some(id), limit: 1, ..Listed::default() }).await?.pop())
}

/// Writes everything but its id and its age. False: there is no such quick reply.
pub async fn update(tx: &mut TenantTx, changed: &QuickReply) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update quick_replies set shortcut = $3, body = $4, department_id = $5, attachment_id = $6, updated_at = $7
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        changed.id.uuid(),
        changed.shortcut,
        changed.body,
        changed.department.map(DepartmentId::uuid),
        changed.attachment.map(AttachmentId::uuid),
        changed.updated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such quick reply.
pub async fn delete(tx: &mut TenantTx, id: QuickReplyId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from quick_replies where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}
