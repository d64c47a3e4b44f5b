//! Reservations. Facts are stale by definition; these rows are what keeps a limit across lanes.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Spacing,
    ids::{AccountId, AddressId, ContactId, TenantId},
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// One message to one person, to be counted against the pair's bucket.
#[derive(Debug, Clone, Copy)]
pub struct SpacingWanted {
    pub tenant: TenantId,
    pub account: AccountId,
    pub address: AddressId,
    pub spacing: Spacing,
}

/// Reserves a token of each pair, which is wanted once at most; returns the pairs that got one. Rows are taken in order, so
/// two workers never wait for each other in a ring.
pub async fn reserve_spacing(
    tx: &mut SystemTx,
    wanted: &[SpacingWanted],
    now: DateTime<Utc>,
) -> Result<HashSet<(AccountId, AddressId)>> {
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|w| (w.tenant, w.account, w.address));
    let tenants: Vec<Uuid> = wanted.iter().map(|w| w.tenant.uuid()).collect();
    let accounts: Vec<Uuid> = wanted.iter().map(|w| w.account.uuid()).collect();
    let addresses: Vec<Uuid> = wanted.iter().map(|w| w.address.uuid()).collect();
    let first: Vec<DateTime<Utc>> = wanted.iter().map(|w| w.spacing.used_until(None, now)).collect();
    let rows = sqlx::query!(
        r#"
        insert into spacings as s (tenant_id, account_id, address_id, tat)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
        on conflict (tenant_id, account_id, address_id) do update
        set    tat = greatest(s.tat, $5) + (excluded.tat - $5)
        where  s.tat <= $5 + (select make_interval(secs => a.spacing_every_s * (a.spacing_burst - 1))
                              from   accounts a where a.tenant_id = s.tenant_id and a.id = s.account_id)
        and    (s.backoff_until is null or s.backoff_until <= $5)
        returning s.account_id as "account: AccountId", s.address_id as "address: AddressId"
        "#,
        &tenants,
        &accounts,
        &addresses,
        &first,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.account, row.address)).collect())
}

/// One message to one person, to be counted against caps.
#[derive(Debug, Clone)]
pub struct UseWanted {
    pub tenant: TenantId,
    pub contact: ContactId,
    /// Each cap as (uses after this instant count, at most so many).
    pub caps: Vec<(DateTime<Utc>, i32)>,
}

/// How far back uses are remembered. The longest cap window.
pub const USES_KEPT: TimeDelta = TimeDelta::days(31);

/// Reserves one use of every cap for each contact, which stands here once at most; returns the contacts that got it. The
/// instant of the use is `now`: it gives it back.
pub async fn reserve_uses(tx: &mut SystemTx, wanted: &[UseWanted], now: DateTime<Utc>) -> Result<HashSet<ContactId>> {
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|w| (w.tenant, w.contact));
    let tenants: Vec<Uuid> = wanted.iter().map(|w| w.tenant.uuid()).collect();
    let contacts: Vec<Uuid> = wanted.iter().map(|w| w.contact.uuid()).collect();
    let caps = wanted.iter().flat_map(|w| w.caps.iter().map(|(after, max)| (w.contact.uuid(), *after, *max)));
    let capped: Vec<(Uuid, DateTime<Utc>, i32)> = caps.collect();
    let cap_contacts: Vec<Uuid> = capped.iter().map(|(contact, ..)| *contact).collect();
    let cap_after: Vec<DateTime<Utc>> = capped.iter().map(|(_, after, _)| *after).collect();
    let cap_max: Vec<i32> = capped.iter().map(|(.., max)| *max).collect();
    let rows = sqlx::query_scalar!(
        r#"
        insert into frequency_uses as f (tenant_id, contact_id, uses)
        select tenant_id, contact_id, array[$6::timestamptz] from unnest($1::uuid[], $2::uuid[]) as x (tenant_id, contact_id)
        on conflict (tenant_id, contact_id) do update
        set    uses = array_append(array(select u from unnest(f.uses) u where u > $7 order by u), $6::timestamptz)
        where  not exists (
            select 1 from unnest($3::uuid[], $4::timestamptz[], $5::int[]) as c (contact_id, counts_after, max)
            where  c.contact_id = f.contact_id
            and    (select count(*) from unnest(f.uses) u where u > c.counts_after) >= c.max)
        returning f.contact_id as "id: ContactId"
        "#,
        &tenants,
        &contacts,
        &cap_contacts,
        &cap_after,
        &cap_max,
        now,
        now - USES_KEPT,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().collect())
}
