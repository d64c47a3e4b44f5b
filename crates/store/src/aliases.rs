//! Addresses that are one person by the provider's own word: a number, and the id that it gives to whoever has the number.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    ids::{AddressId, ContactId, TenantId},
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// A contact who was named by a number, and by this id with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias<'a> {
    pub tenant: TenantId,
    pub channel: Channel,
    pub address: &'a str,
    pub contact: ContactId,
}

/// Gives contacts the ids that nobody has. Returns those whose id another contact has, and that one: they are the same person.
/// A contact that has such an id already gets no second one, for its number went to somebody else since. `aliases` are in order.
pub async fn bind(
    tx: &mut SystemTx,
    aliases: &[Alias<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<(TenantId, ContactId, ContactId)>> {
    if aliases.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = aliases.iter().map(|_| AddressId::new(now).uuid()).collect();
    let same = sqlx::query!(
        r#"
        with x as (
            select x.*, d.contact_id as holder
            from   unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[]) as x (tenant_id, channel, address, contact_id, id)
            left   join addresses d on d.tenant_id = x.tenant_id and d.channel = x.channel and d.address = x.address
            where  d.contact_id is distinct from x.contact_id
            and    not exists (select 1 from addresses o
                               where  o.tenant_id = x.tenant_id and o.contact_id = x.contact_id and o.channel = x.channel
                               and    o.address <> x.address and o.address not like '+%')
        ), bound as (
            insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
            select x.tenant_id, x.id, x.contact_id, x.channel, x.address, $6 from x
            where  x.holder is null
            order  by x.tenant_id, x.channel, x.address
            on conflict (tenant_id, channel, address) do nothing
        )
        select x.tenant_id as "tenant!: TenantId", x.contact_id as "contact!: ContactId", x.holder as "other!: ContactId"
        from   x where x.holder is not null
        "#,
        &aliases.iter().map(|alias| alias.tenant.uuid()).collect::<Vec<_>>(),
        &aliases.iter().map(|alias| alias.channel.as_str()).collect::<Vec<_>>() as &[&str],
        &aliases.iter().map(|alias| alias.address).collect::<Vec<_>>() as &[&str],
        &aliases.iter().map(|alias| alias.contact.uuid()).collect::<Vec<_>>(),
        &ids,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(same.into_iter().map(|row| (row.tenant, row.contact, row.other)).collect())
}
