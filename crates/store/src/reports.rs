//! What became of a campaign, counted and listed.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::{CampaignId, ContactId, MessageId},
    send::SendState,
};

use crate::{Result, TenantTx};

/// What recipients did after a campaign began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reactions {
    /// Wrote something.
    pub replied: i64,
    /// Took back a consent for the campaign's channel.
    pub opted_out: i64,
    /// Opened a link of the message.
    pub clicked: i64,
}

/// So long after its start something a person does is counted for a campaign.
pub const REACTIONS_FOR: TimeDelta = TimeDelta::days(7);

/// Counts people, each once. `since` is when the campaign began.
pub async fn reactions(tx: &mut TenantTx, campaign: CampaignId, since: DateTime<Utc>) -> Result<Reactions> {
    let tenant = tx.tenant();
    let reactions = sqlx::query_as!(
        Reactions,
        r#"
        with reached as materialized (
            select s.contact_id, s.address_id from sends s
            where  s.tenant_id = $1 and s.campaign_id = $2
            and    s.state in ('accepted', 'sent', 'delivered', 'read', 'failed', 'unknown')
        )
        select (select count(distinct r.contact_id) from reached r
                join   messages m on m.tenant_id = $1 and m.contact_id = r.contact_id and m.direction = 'inbound'
                                  and m.created_at > $3 and m.created_at <= $4) as "replied!",
               (select count(distinct r.contact_id) from reached r
                join   consents c on c.tenant_id = $1 and c.address_id = r.address_id and c.action = 'revoked'
                                  and c.occurred_at > $3 and c.occurred_at <= $4) as "opted_out!",
               (select count(distinct k.message_id) from clicks k
                where  k.tenant_id = $1 and k.campaign_id = $2 and k.first_at <= $4) as "clicked!"
        "#,
        tenant.uuid(),
        campaign.uuid(),
        since,
        since + REACTIONS_FOR,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(reactions)
}

/// A recipient as a line of a file.
#[derive(Debug, Clone)]
pub struct Line {
    pub contact: ContactId,
    pub message: MessageId,
    pub external_key: Option<String>,
    pub display_name: Option<String>,
    pub address: String,
    pub state: SendState,
    /// Of waits and refusals; of calls that were refused, the provider's fault class.
    pub reason: Option<String>,
    pub provider_code: Option<String>,
    pub state_at: DateTime<Utc>,
    /// When the person first opened a link of it.
    pub clicked_at: Option<DateTime<Utc>>,
}

/// Recipients behind `after`, in the order in which they were planned. At most `limit`.
pub async fn lines(tx: &mut TenantTx, campaign: CampaignId, after: Option<ContactId>, limit: i64) -> Result<Vec<Line>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Line,
        r#"
        select r.contact_id as "contact: ContactId", r.message_id as "message: MessageId", n.external_key, n.display_name, d.address,
               s.state as "state: SendState",
               case when s.state in ('rejected', 'failed', 'dead') then s.fault_class else s.reason end as reason,
               s.provider_code, s.state_at,
               (select min(k.first_at) from clicks k where k.tenant_id = $1 and k.message_id = r.message_id) as clicked_at
        from   recipients r
        join   sends s on s.tenant_id = r.tenant_id and s.id = r.message_id
        join   contacts n on n.tenant_id = r.tenant_id and n.id = r.contact_id
        join   addresses d on d.tenant_id = r.tenant_id and d.id = s.address_id
        where  r.tenant_id = $1 and r.campaign_id = $2 and ($3::uuid is null or r.contact_id > $3)
        order  by r.contact_id
        limit  $4
        "#,
        tenant.uuid(),
        campaign.uuid(),
        after.map(ContactId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
