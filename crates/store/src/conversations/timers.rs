//! Conversations that come back by themselves.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ConversationId, TenantId};

use crate::{Result, SystemTx};

/// Opens up to `limit` conversations whose time out of sight is over, and returns them.
pub async fn wake(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<(TenantId, ConversationId)>> {
    let rows = sqlx::query!(
        r#"
        update conversations c
        set    state = 'open', snoozed_until = null, updated_at = $1
        from   (select tenant_id, id from conversations
                where  state = 'snoozed' and snoozed_until <= $1
                order  by snoozed_until
                limit  $2
                for    no key update skip locked) x
        where  c.tenant_id = x.tenant_id and c.id = x.id
        returning c.tenant_id as "tenant: TenantId", c.id as "id: ConversationId"
        "#,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.id)).collect())
}
