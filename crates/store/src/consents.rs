//! Reading the consent ledger. Entries are appended by [`crate::people::insert_consents`].

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{AddressId, ConsentId, ContactId},
};

use crate::{Result, TenantTx};

/// One entry as it was recorded. Never printed.
pub struct Entry {
    pub id: ConsentId,
    pub address_id: AddressId,
    pub channel: Channel,
    pub address: String,
    pub purpose: Purpose,
    pub action: ConsentAction,
    pub source: String,
    pub wording: Option<String>,
    pub evidence: serde_json::Value,
    /// When the person said it.
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
}

/// A contact's entries over all addresses, the last recorded first, before `before`.
pub async fn list(tx: &mut TenantTx, contact: ContactId, before: Option<ConsentId>, limit: i64) -> Result<Vec<Entry>> {
    let tenant = tx.tenant();
    let entries = sqlx::query_as!(
        Entry,
        r#"
        select c.id as "id: ConsentId", c.address_id as "address_id: AddressId", c.channel as "channel: Channel", a.address,
               c.purpose as "purpose: Purpose", c.action as "action: ConsentAction", c.source, c.wording, c.evidence, c.occurred_at,
               c.recorded_at
        from   addresses a
        join   consents c on c.tenant_id = a.tenant_id and c.address_id = a.id
        where  a.tenant_id = $1 and a.contact_id = $2 and ($3::uuid is null or c.id < $3)
        order  by c.id desc
        limit  $4
        "#,
        tenant.uuid(),
        contact.uuid(),
        before.map(ConsentId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(entries)
}
