//! Links that lead a person to pages of theirs, known by the hash of their token.

use chrono::{DateTime, Utc};
use postroad_core::{
    consent::Purpose,
    ids::{AddressId, ContactId, LinkId, MessageId, TenantId},
};

use crate::{Result, SystemTx, TenantTx};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A link to be kept.
pub struct NewLink {
    pub id: LinkId,
    pub contact: ContactId,
    pub message: Option<MessageId>,
    pub token: TokenHash,
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub tenant: TenantId,
    /// Of links that were made one by one.
    pub id: Option<LinkId>,
    /// Whoever the person is stored as now.
    pub contact: ContactId,
    pub message: Option<MessageId>,
}

pub async fn insert(tx: &mut TenantTx, new: &NewLink, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into contact_links (tenant_id, id, contact_id, message_id, token_sha256, created_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.contact.uuid(),
        new.message.map(MessageId::uuid),
        &new.token[..],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose link it is, of all tenants: a token names none. One from before `from`, or of somebody who was erased, is nobody's.
pub async fn find(tx: &mut SystemTx, token: &TokenHash, from: DateTime<Utc>) -> Result<Option<Link>> {
    let link = sqlx::query_as!(
        Link,
        r#"
        select l.tenant_id as "tenant: TenantId", l.id as "id?: LinkId", coalesce(c.merged_into, c.id) as "contact!: ContactId",
               l.message_id as "message: MessageId"
        from   contact_links l
        join   contacts c on c.tenant_id = l.tenant_id and c.id = l.contact_id
        where  l.token_sha256 = $1 and l.created_at >= $2 and c.erased_at is null
        "#,
        &token[..],
        from,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(link)
}

/// The token in a link of a message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageToken {
    /// The last 4 bytes of the tenant's id.
    pub tenant_tail: Vec<u8>,
    pub message: MessageId,
    /// 10 bytes.
    pub tag: Vec<u8>,
}

/// Whose the message may be; the tag proves whose it is. Ids end by chance: nearly always it is one.
pub async fn tenants_of(tx: &mut SystemTx, token: &MessageToken) -> Result<Vec<TenantId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: TenantId" from tenants where substr(uuid_send(id), 13, 4) = $1 limit 16"#,
        &token.tenant_tail,
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Who got a message. One from before `from`, or to somebody who was erased, is nobody's.
pub async fn of_message(
    tx: &mut SystemTx,
    (tenant, message): (TenantId, MessageId),
    from: DateTime<Utc>,
) -> Result<Option<Link>> {
    let link = sqlx::query_as!(
        Link,
        r#"
        select m.tenant_id as "tenant: TenantId", null::uuid as "id: LinkId", coalesce(c.merged_into, c.id) as "contact!: ContactId",
               m.id as "message?: MessageId"
        from   messages m
        join   contacts c on c.tenant_id = m.tenant_id and c.id = m.contact_id
        where  m.tenant_id = $1 and m.id = $2
        and    m.direction = 'outbound' and m.created_at >= $3 and c.erased_at is null
        "#,
        tenant.uuid(),
        message.uuid(),
        from,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(link)
}

/// Where a message went, and what for. None: it is no message to this contact.
pub async fn message_to(
    tx: &mut TenantTx,
    contact: ContactId,
    message: MessageId,
) -> Result<Option<(AddressId, Purpose)>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select m.address_id as "address: AddressId", m.purpose as "purpose: Purpose"
        from   messages m
        join   addresses a on a.tenant_id = m.tenant_id and a.id = m.address_id and a.contact_id = $2
        where  m.tenant_id = $1 and m.id = $3 and m.direction = 'outbound'
        "#,
        tenant.uuid(),
        contact.uuid(),
        message.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.address, row.purpose)))
}

/// Makes all links of a contact lead nowhere.
pub async fn forget(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from contact_links where tenant_id = $1 and contact_id = $2", tenant.uuid(), contact.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Up to 10,000 links from before `before`.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from contact_links
        where  (tenant_id, id) in (select tenant_id, id from contact_links where created_at < $1 limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
