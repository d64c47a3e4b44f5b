//! Links of messages, opened.

use chrono::{DateTime, Utc};
use postroad_core::ids::{CampaignId, ContactId, MessageId, TenantId};

use crate::{Result, SystemTx, TenantTx};

/// Where the link of a message leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub tenant: TenantId,
    pub campaign: CampaignId,
    pub message: MessageId,
    pub link: String,
}

/// What stands at a place, from 1, of the campaign that wrote the message. None: its message is from before `from`, or there
/// is no link.
pub async fn destination(
    tx: &mut SystemTx,
    (tenant, message): (TenantId, MessageId),
    place: i16,
    from: DateTime<Utc>,
) -> Result<Option<Destination>> {
    let found = sqlx::query_as!(
        Destination,
        r#"
        select m.tenant_id as "tenant: TenantId", p.id as "campaign: CampaignId", m.id as "message: MessageId",
               p.variables -> ($4::integer - 1) ->> 'link' as "link!"
        from   messages m
        join   campaigns p on p.tenant_id = m.tenant_id and p.id = m.campaign_id
        where  m.tenant_id = $1 and m.id = $2 and m.created_at >= $3
        and    $4 > 0 and p.variables -> ($4::integer - 1) ? 'link'
        "#,
        tenant.uuid(),
        message.uuid(),
        from,
        i32::from(place),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found)
}

pub async fn note(tx: &mut TenantTx, to: &Destination, place: i16, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into clicks as k (tenant_id, message_id, place, campaign_id, first_at, last_at)
        values ($1, $2, $3, $4, $5, $5)
        on conflict (tenant_id, message_id, place) do update set last_at = $5, clicks = least(k.clicks, 2147483646) + 1
        "#,
        tenant.uuid(),
        to.message.uuid(),
        place,
        to.campaign.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets what a person opened.
pub async fn forget(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        delete from clicks k using messages m
        where  m.tenant_id = $1 and m.contact_id = $2 and k.tenant_id = $1 and k.message_id = m.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
