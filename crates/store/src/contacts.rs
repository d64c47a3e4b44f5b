//! People and where they are reached, one at a time. Many at once: [`crate::people`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction},
    ids::{AddressId, ContactId, MemberId},
    sight::Sight,
};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Result, TenantTx};

/// A person. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub display_name: Option<String>,
    pub language: Option<String>,
    /// An IANA name.
    pub time_zone: Option<String>,
    pub attributes: BTreeMap<String, String>,
    /// In their one spelling, each once.
    pub tags: Vec<String>,
    /// The caller's own key, unique in the tenant.
    pub external_key: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where a contact is reached on one channel, and what the person said about that. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub id: AddressId,
    pub contact: ContactId,
    pub channel: Channel,
    pub address: String,
    pub marketing: Option<Consent>,
    /// Also for conversational messages.
    pub transactional: Option<Consent>,
    pub is_suppressed: bool,
    pub unreachable_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Whom to list.
#[derive(Default)]
pub struct Filter<'a> {
    pub external_key: Option<&'a str>,
    /// In its one spelling, on any channel.
    pub address: Option<&'a str>,
    /// In its one spelling.
    pub tag: Option<&'a str>,
    pub after: Option<ContactId>,
    /// At least 1.
    pub limit: i64,
}

/// A page of contacts, oldest first. Whoever was merged into another is found by the old key as the other.
pub async fn list(tx: &mut TenantTx, filter: &Filter<'_>) -> Result<Vec<Contact>> {
    let tenant = tx.tenant();
    // Found by whose conversations they have, not by looking through everybody.
    let theirs = tx.sight().and_then(Sight::only_of).map(MemberId::uuid);
    let rows = sqlx::query_as!(
        Row,
        r#"
        select c.id as "id: ContactId", c.display_name, c.language, c.time_zone, c.attributes as "attributes: Json<BTreeMap<String, String>>",
               c.tags, c.external_key, c.created_at, c.updated_at
        from   contacts c
        where  c.tenant_id = $1 and c.erased_at is null and c.merged_into is null
        and    ($2::uuid is null or c.id > $2)
        and    ($3::text is null or c.id = (select coalesce(k.merged_into, k.id) from contacts k
                                            where  k.tenant_id = $1 and k.external_key = $3))
        and    ($4::text is null or c.id in (select a.contact_id from addresses a
                                             where  a.tenant_id = $1 and a.channel = any($5) and a.address = $4))
        and    ($7::text is null or $7 = any(c.tags))
        and    ($8::uuid is null or c.id in (select a.contact_id from conversations v join addresses a on a.tenant_id = $1 and a.id = v.address_id
                                             where  v.tenant_id = $1 and v.assignee_id = $8))
        order  by c.id
        limit  $6
        "#,
        tenant.uuid(),
        filter.after.map(ContactId::uuid),
        filter.external_key,
        filter.address,
        &channels(),
        filter.limit,
        filter.tag,
        theirs,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Contact::from).collect())
}

/// Every channel by its word: with it, a search for an address alone uses the index that begins with the channel.
fn channels() -> Vec<String> {
    Channel::ALL.iter().map(|channel| channel.as_str().to_owned()).collect()
}

/// None: there is nobody, or not any more, or somebody who was merged: [`crate::merges::survivor`].
pub async fn find(tx: &mut TenantTx, id: ContactId) -> Result<Option<Contact>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        select c.id as "id: ContactId", c.display_name, c.language, c.time_zone, c.attributes as "attributes: Json<BTreeMap<String, String>>",
               c.tags, c.external_key, c.created_at, c.updated_at
        from   contacts c where c.tenant_id = $1 and c.id = $2 and c.erased_at is null and c.merged_into is null
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Contact::from))
}

/// Of these, how many are seen. At most 1,000 of them.
pub async fn count(tx: &mut TenantTx, ids: &[ContactId]) -> Result<usize> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from contacts where tenant_id = $1 and id = any($2)"#,
        tenant.uuid(),
        &ids,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The contact, locked until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: ContactId) -> Result<Option<Contact>> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select 1 as "one!" from contacts where tenant_id = $1 and id = $2 for no key update"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    find(tx, id).await
}

/// Writes a contact as it is to be. False: there is no such contact.
pub async fn update(tx: &mut TenantTx, contact: &Contact, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contacts
        set    display_name = $3, language = $4, time_zone = $5, attributes = $6, external_key = $7, updated_at = $8, tags = $9
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        contact.id.uuid(),
        contact.display_name,
        contact.language,
        contact.time_zone,
        serde_json::to_value(&contact.attributes)?,
        contact.external_key,
        now,
        &contact.tags,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All addresses of these contacts, oldest first. At most 10,000.
pub async fn addresses(tx: &mut TenantTx, contacts: &[ContactId]) -> Result<Vec<Address>> {
    let tenant = tx.tenant();
    let ids: Vec<uuid::Uuid> = contacts.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select a.id as "id: AddressId", a.contact_id as "contact: ContactId", a.channel as "channel: Channel", a.address,
               a.marketing_action as "marketing_action: ConsentAction", a.marketing_at,
               a.transactional_action as "transactional_action: ConsentAction", a.transactional_at, a.unreachable_at, a.created_at,
               exists (select 1 from suppressions s
                       where  s.tenant_id = $1 and s.address = a.address and s.channel in ('*', a.channel)) as "is_suppressed!"
        from   addresses a
        where  a.tenant_id = $1 and a.contact_id = any($2)
        order  by a.id
        limit  10000
        "#,
        tenant.uuid(),
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let addresses = rows.into_iter().map(|row| Address {
        id: row.id,
        contact: row.contact,
        channel: row.channel,
        address: row.address,
        marketing: consent(row.marketing_action, row.marketing_at),
        transactional: consent(row.transactional_action, row.transactional_at),
        is_suppressed: row.is_suppressed,
        unreachable_at: row.unreachable_at,
        created_at: row.created_at,
    });
    Ok(addresses.collect())
}

fn consent(action: Option<ConsentAction>, at: Option<DateTime<Utc>>) -> Option<Consent> {
    action.zip(at).map(|(action, at)| Consent { action, at })
}

struct Row {
    id: ContactId,
    display_name: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    attributes: Json<BTreeMap<String, String>>,
    tags: Vec<String>,
    external_key: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Contact {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            display_name: row.display_name,
            language: row.language,
            time_zone: row.time_zone,
            attributes: row.attributes.0,
            tags: row.tags,
            external_key: row.external_key,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
