//! Consents that wait for the person's second yes, known by the hash of their token.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, OptInState, Purpose},
    ids::{AddressId, ContactId, OptInId, TenantId},
};

use crate::{Result, SystemTx, TenantTx, contact_links::TokenHash};

/// One that was asked for. Never printed.
#[derive(Clone)]
pub struct OptIn {
    pub id: OptInId,
    pub address_id: AddressId,
    pub channel: Channel,
    pub address: String,
    pub purpose: Purpose,
    pub source: String,
    /// The words that the person agreed to.
    pub wording: String,
    /// As it is written: one whose time is over is still `pending` here.
    pub state: OptInState,
    pub requested_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When it was confirmed or withdrawn.
    pub decided_at: Option<DateTime<Utc>>,
}

pub async fn insert(tx: &mut TenantTx, new: &OptIn, token: &TokenHash) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into opt_ins (tenant_id, id, address_id, channel, purpose, source, wording, token_sha256, requested_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.address_id.uuid(),
        new.channel.as_str(),
        new.purpose.as_str(),
        new.source,
        new.wording,
        &token[..],
        new.requested_at,
        new.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose opt-in it is, of all tenants: a token names none.
pub async fn find(tx: &mut SystemTx, token: &TokenHash) -> Result<Option<(TenantId, OptInId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", id as "id: OptInId" from opt_ins where token_sha256 = $1"#,
        &token[..],
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.tenant, row.id)))
}

/// The opt-in, held with its address until the transaction ends, and what the person said last about its purpose.
pub async fn lock(tx: &mut TenantTx, id: OptInId) -> Result<Option<(OptIn, Option<Consent>)>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select o.id as "id: OptInId", o.address_id as "address_id: AddressId", o.channel as "channel: Channel", a.address,
               o.purpose as "purpose: Purpose", o.source, o.wording, o.state as "state: OptInState", o.requested_at, o.expires_at,
               o.decided_at,
               case o.purpose when 'marketing' then a.marketing_action else a.transactional_action end as "action: ConsentAction",
               case o.purpose when 'marketing' then a.marketing_at else a.transactional_at end as said_at
        from   opt_ins o
        join   addresses a on a.tenant_id = o.tenant_id and a.id = o.address_id
        where  o.tenant_id = $1 and o.id = $2
        for    no key update
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let found = row.map(|row| {
        let word = row.action.zip(row.said_at).map(|(action, at)| Consent { action, at });
        let opt_in = OptIn {
            id: row.id,
            address_id: row.address_id,
            channel: row.channel,
            address: row.address,
            purpose: row.purpose,
            source: row.source,
            wording: row.wording,
            state: row.state,
            requested_at: row.requested_at,
            expires_at: row.expires_at,
            decided_at: row.decided_at,
        };
        (opt_in, word)
    });
    Ok(found)
}

/// Ends the wait. False: it had ended before.
pub async fn decide(tx: &mut TenantTx, id: OptInId, state: OptInState, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update opt_ins set state = $3, decided_at = $4 where tenant_id = $1 and id = $2 and state = 'pending'",
        tenant.uuid(),
        id.uuid(),
        state.as_str(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many of one address wait at `now`.
pub async fn count_pending(tx: &mut TenantTx, address: AddressId, now: DateTime<Utc>) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!" from opt_ins
        where  tenant_id = $1 and address_id = $2 and state = 'pending' and expires_at > $3
        "#,
        tenant.uuid(),
        address.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// A contact's opt-ins over all addresses, the last asked first, before `before`.
pub async fn list(tx: &mut TenantTx, contact: ContactId, before: Option<OptInId>, limit: i64) -> Result<Vec<OptIn>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        OptIn,
        r#"
        select o.id as "id: OptInId", o.address_id as "address_id: AddressId", o.channel as "channel: Channel", a.address,
               o.purpose as "purpose: Purpose", o.source, o.wording, o.state as "state: OptInState", o.requested_at, o.expires_at,
               o.decided_at
        from   addresses a
        join   opt_ins o on o.tenant_id = a.tenant_id and o.address_id = a.id
        where  a.tenant_id = $1 and a.contact_id = $2 and ($3::uuid is null or o.id < $3)
        order  by o.id desc
        limit  $4
        "#,
        tenant.uuid(),
        contact.uuid(),
        before.map(OptInId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Takes away every opt-in of a contact's addresses.
pub async fn forget(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        delete from opt_ins o using addresses a
        where  a.tenant_id = $1 and a.contact_id = $2 and o.tenant_id = $1 and o.address_id = a.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Up to 10,000 that nobody confirmed, and that expired before `before`.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from opt_ins
        where  (tenant_id, id) in (select tenant_id, id from opt_ins where state = 'pending' and expires_at < $1 limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
