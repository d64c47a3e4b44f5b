//! Contacts as lines of a file. By keyset: what is added while somebody reads moves nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{account::Channel, consent::ConsentAction, ids::ContactId};
use sqlx::types::Json;

use crate::{Result, TenantTx};

/// One contact with everything that a line says. Never printed.
pub struct ContactLine {
    pub id: ContactId,
    pub external_key: Option<String>,
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub tags: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    pub addresses: Vec<LineAddress>,
    pub created_at: DateTime<Utc>,
}

/// Where the contact is reached. Never printed.
#[derive(serde::Deserialize)]
pub struct LineAddress {
    pub channel: Channel,
    pub address: String,
    pub marketing: Option<ConsentAction>,
    pub transactional: Option<ConsentAction>,
    pub is_suppressed: bool,
}

/// The names of attributes that some contact has, in order, up to `limit`.
pub async fn attribute_names(tx: &mut TenantTx, limit: i64) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    let names = sqlx::query_scalar!(
        r#"
        select distinct k.name as "name!" from contacts c cross join lateral jsonb_object_keys(c.attributes) k (name)
        where  c.tenant_id = $1
        order  by 1
        limit  $2
        "#,
        tenant.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(names)
}

/// Up to `limit` contacts after `after`, oldest first, each with its first 200 addresses.
pub async fn contacts(tx: &mut TenantTx, after: Option<ContactId>, limit: i64) -> Result<Vec<ContactLine>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select c.id as "id: ContactId", c.external_key, c.display_name, c.language, c.time_zone, c.tags,
               c.attributes as "attributes: Json<BTreeMap<String, String>>", c.created_at,
               x.addresses as "addresses: Json<Vec<LineAddress>>"
        from   contacts c
        left   join lateral (
            select jsonb_agg(jsonb_build_object(
                       'channel', a.channel, 'address', a.address, 'marketing', a.marketing_action,
                       'transactional', a.transactional_action, 'is_suppressed',
                       exists (select 1 from suppressions s where s.tenant_id = $1 and s.address = a.address
                               and s.channel in ('*', a.channel))) order by a.id) as addresses
            from   (select * from addresses a where a.tenant_id = $1 and a.contact_id = c.id order by a.id limit 200) a
        ) x on true
        where  c.tenant_id = $1 and c.erased_at is null and c.merged_into is null and ($2::uuid is null or c.id > $2)
        order  by c.id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(ContactId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let lines = rows.into_iter().map(|row| ContactLine {
        id: row.id,
        external_key: row.external_key,
        display_name: row.display_name,
        language: row.language,
        time_zone: row.time_zone,
        tags: row.tags,
        attributes: row.attributes.0,
        addresses: row.addresses.map(|Json(addresses)| addresses).unwrap_or_default(),
        created_at: row.created_at,
    });
    Ok(lines.collect())
}

struct Row {
    id: ContactId,
    external_key: Option<String>,
    display_name: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    tags: Vec<String>,
    attributes: Json<BTreeMap<String, String>>,
    addresses: Option<Json<Vec<LineAddress>>>,
    created_at: DateTime<Utc>,
}
