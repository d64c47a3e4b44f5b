//! Words that conversations carry.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ConversationId, LabelId};
use uuid::Uuid;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub id: LabelId,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, label: &Label) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into labels (tenant_id, id, name, color, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
        tenant.uuid(),
        label.id.uuid(),
        label.name,
        label.color,
        label.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<LabelId>, limit: i64) -> Result<Vec<Label>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Label,
        r#"
        select id as "id: LabelId", name, color, created_at, updated_at from labels
        where  tenant_id = $1 and ($2::uuid is null or id > $2)
        order  by id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(LabelId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

pub async fn update(
    tx: &mut TenantTx,
    id: LabelId,
    name: &str,
    color: &str,
    now: DateTime<Utc>,
) -> Result<Option<Label>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Label,
        r#"
        update labels set name = $3, color = $4, updated_at = $5 where tenant_id = $1 and id = $2
        returning id as "id: LabelId", name, color, created_at, updated_at
        "#,
        tenant.uuid(),
        id.uuid(),
        name,
        color,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Takes it from every conversation, too. False: there is no such label.
pub async fn delete(tx: &mut TenantTx, id: LabelId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from labels where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts labels on a conversation; returns how many were not there. Violated: one of them does not exist.
pub async fn put(
    tx: &mut TenantTx,
    conversation: ConversationId,
    labels: &[LabelId],
    now: DateTime<Utc>,
) -> Result<u64> {
    let tenant = tx.tenant();
    let labels: Vec<Uuid> = labels.iter().map(|label| label.uuid()).collect();
    let done = sqlx::query!(
        r#"
        insert into conversation_labels (tenant_id, conversation_id, label_id, labelled_at)
        select $1, $2, x.id, $4 from unnest($3::uuid[]) as x (id)
        order  by x.id
        on conflict do nothing
        "#,
        tenant.uuid(),
        conversation.uuid(),
        &labels,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Takes labels off a conversation; returns how many were there.
pub async fn take(tx: &mut TenantTx, conversation: ConversationId, labels: &[LabelId]) -> Result<u64> {
    let tenant = tx.tenant();
    let labels: Vec<Uuid> = labels.iter().map(|label| label.uuid()).collect();
    let done = sqlx::query!(
        "delete from conversation_labels where tenant_id = $1 and conversation_id = $2 and label_id = any($3)",
        tenant.uuid(),
        conversation.uuid(),
        &labels,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
