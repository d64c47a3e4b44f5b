//! What people said and we have read, as far as their provider can be told.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AccountId, ConversationId, MessageId, TenantId};

use crate::{Result, SystemTx, TenantTx};

/// The last thing that the person said in a conversation since `since`, where its account wants people to know that it was
/// read. Reactions are not read.
pub async fn last_heard(
    tx: &mut TenantTx,
    conversation: ConversationId,
    since: DateTime<Utc>,
) -> Result<Option<MessageId>> {
    let tenant = tx.tenant();
    let message = sqlx::query_scalar!(
        r#"
        select m.id as "id: MessageId"
        from   messages m
        join   accounts a on a.tenant_id = m.tenant_id and a.id = m.account_id and a.tell_read
        where  m.tenant_id = $1 and m.conversation_id = $2 and m.direction = 'inbound' and m.kind <> 'reaction'
        and    m.provider_ref is not null and m.created_at >= $3
        order  by m.id desc
        limit  1
        "#,
        tenant.uuid(),
        conversation.uuid(),
        since,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(message)
}

/// A message of which its provider is to be told that it was read.
#[derive(Debug)]
pub struct ToTell {
    pub account: AccountId,
    pub provider: String,
    pub external_id: String,
    pub provider_ref: String,
}

/// None: the account does not want it any more or does not work, or the message was erased.
pub async fn find(tx: &mut SystemTx, tenant: TenantId, message: MessageId) -> Result<Option<ToTell>> {
    let found = sqlx::query_as!(
        ToTell,
        r#"
        select a.id as "account: AccountId", a.provider, a.external_id, m.provider_ref as "provider_ref!"
        from   messages m
        join   accounts a on a.tenant_id = m.tenant_id and a.id = m.account_id
        where  m.tenant_id = $1 and m.id = $2 and m.direction = 'inbound' and m.provider_ref is not null
        and    a.tell_read and a.status = 'active'
        "#,
        tenant.uuid(),
        message.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found)
}
