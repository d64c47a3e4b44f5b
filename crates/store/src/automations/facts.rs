//! What a step of a run looks at, beside the conversation and the contact.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ConversationId, DepartmentId, MemberId, MessageId},
    message::Content,
};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::starting::HOUR;
use crate::{
    Result, TenantTx,
    bodies::{self, Kept, Keys},
};

/// What was said in these messages, in their order. Those that were purged are left out.
pub async fn contents(tx: &mut TenantTx, messages: &[Uuid]) -> Result<Vec<Content>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select m.id as "id: MessageId", m.content as "content: Json<Kept>"
        from   unnest($2::uuid[]) with ordinality as x (id, n)
        join   messages m on m.tenant_id = $1 and m.id = x.id
        order  by x.n
        "#,
        tenant.uuid(),
        messages,
    )
    .fetch_all(tx.conn())
    .await?;
    let keys =
        Keys::of(tx, bodies::named(rows.iter().filter_map(|row| Some((tenant, row.content.0.sealed()?))))).await?;
    rows.into_iter().map(|row| keys.content(tenant, row.id, row.content.0)).collect()
}

/// Whether a message is the first that the person ever wrote, and the first of its conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Firsts {
    pub of_contact: bool,
    pub in_conversation: bool,
}

pub async fn firsts(tx: &mut TenantTx, conversation: ConversationId, message: Uuid) -> Result<Firsts> {
    let tenant = tx.tenant();
    let firsts = sqlx::query_as!(
        Firsts,
        r#"
        select not exists (select 1 from messages b
                           where b.tenant_id = $1 and b.contact_id = m.contact_id and b.direction = 'inbound'
                           and   (b.created_at, b.id) < (m.created_at, m.id)) as "of_contact!",
               not exists (select 1 from messages b
                           where b.tenant_id = $1 and b.conversation_id = $2 and b.direction = 'inbound'
                           and   (b.created_at, b.id) < (m.created_at, m.id)) as "in_conversation!"
        from   messages m
        where  m.tenant_id = $1 and m.id = $3
        "#,
        tenant.uuid(),
        conversation.uuid(),
        message,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(firsts.unwrap_or_default())
}

/// Automated messages in the conversation within the last hour.
pub async fn automated(tx: &mut TenantTx, conversation: ConversationId, now: DateTime<Utc>) -> Result<u32> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!" from messages
        where  tenant_id = $1 and conversation_id = $2 and id >= $3 and source = 'automation'
        "#,
        tenant.uuid(),
        conversation.uuid(),
        MessageId::first_at(now - HOUR).uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// When the business is open, if somebody has said it, and the zone of the tenant.
pub async fn hours(tx: &mut TenantTx) -> Result<Option<(Option<Value>, String)>> {
    let tenant = tx.tenant();
    let row = sqlx::query!("select business_hours, time_zone from tenants where id = $1", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| (row.business_hours, row.time_zone)))
}

pub async fn set_hours(tx: &mut TenantTx, hours: Option<&Value>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update tenants set business_hours = $2 where id = $1", tenant.uuid(), hours)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The member whose turn it is to be given a conversation: of those who work and have room, the one who was given one least
/// lately. It is their turn last then.
pub async fn next_member(
    tx: &mut TenantTx,
    department: Option<DepartmentId>,
    now: DateTime<Utc>,
) -> Result<Option<MemberId>> {
    let tenant = tx.tenant();
    let member = sqlx::query_scalar!(
        r#"
        update members m set given_at = $3
        from   (select m.id from members m
                where  m.tenant_id = $1 and m.active and ($2::uuid is null or m.department_id = $2)
                and    (m.capacity is null
                        or m.capacity > (select count(*) from conversations c
                                         where c.tenant_id = $1 and c.assignee_id = m.id and c.state in ('open', 'pending', 'snoozed')))
                order  by m.given_at nulls first, m.id
                limit  1
                for    no key update) x
        where  m.tenant_id = $1 and m.id = x.id
        returning m.id as "id: MemberId"
        "#,
        tenant.uuid(),
        department.map(DepartmentId::uuid),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(member)
}
