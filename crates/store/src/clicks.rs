//! Links of messages, opened.

use chrono::{DateTime, Utc};
use postroad_core::ids::{CampaignId, ContactId, MessageId, TenantId};

use crate::{Result, SystemTx, TenantTx, contact_links::MessageToken};

/// Where the link of a message leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub tenant: TenantId,
    pub campaign: CampaignId,
    pub message: MessageId,
    pub link: String,
}

/// What stands at a place, from 1, of the campaign that wrote the message. None: the token is nobody's, its message is from
/// before `from`, or there is no link.
pub async fn destination(
    tx: &mut SystemTx,
    token: &MessageToken,
    place: i16,
    from: DateTime<Utc>,
) -> Result<Option<Destination>> {
    let found = sqlx::query_as!(
        Destination,
        r#"
        select m.tenant_id as "tenant: TenantId", p.id as "campaign: CampaignId", m.id as "message: MessageId",
               p.variables -> ($5::integer - 1) ->> 'link' as "link!"
        from   tenants t
        join   messages m on m.tenant_id = t.id and m.id = $2
        join   campaigns p on p.tenant_id = m.tenant_id and p.id = m.campaign_id
        where  substr(uuid_send(t.id), 13, 4) = $1 and message_tag(t.link_key, m.id) = $3 and m.created_at >= $4
        and    $5 > 0 and p.variables -> ($5::integer - 1) ? 'link'
        "#,
        &token.tenant_tail,
        token.message.uuid(),
        &token.tag,
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
