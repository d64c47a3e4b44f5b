//! A tenant's credit, in [slots](crate::slots), and the statement of how it came to be what it is.
//!
//! Whoever changes slots writes an entry in the same transaction: what slots hold is the sum of the entries, always. Locks are
//! taken in the order allowances, slots.

use postroad_core::ids::TenantId;
use uuid::Uuid;

use crate::{AnyTx, Result, TenantTx, slots};

pub mod allowances;
pub mod ending;
pub mod entries;
pub mod prices;

/// Takes `credits` from one slot that has as many and that nobody else is holding; false: none was found so, which does
/// not mean that the tenant has less.
pub async fn draw_from_one(tx: &mut TenantTx, credits: i64, first_slot: i16) -> Result<bool> {
    slots::mark(tx).await?;
    let drawn = take_from_one(tx, credits, first_slot).await?;
    if !drawn {
        slots::undo(tx).await?;
    }
    Ok(drawn)
}

async fn take_from_one(tx: &mut TenantTx, credits: i64, first_slot: i16) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        with free as materialized (
            select slot from credit_slots
            where  tenant_id = $1 and balance >= $2
            order  by (slot + 16 - $3::int) % 16
            limit  1
            for    update skip locked
        )
        update credit_slots c
        set    balance = balance - $2
        from   free
        where  c.tenant_id = $1 and c.slot = free.slot
        "#,
        tenant.uuid(),
        credits,
        i32::from(first_slot),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What each slot holds, all of them locked until the transaction ends.
pub async fn lock(tx: &mut TenantTx) -> Result<Vec<(i16, i64)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select slot, balance from credit_slots where tenant_id = $1 order by slot limit 16 for update",
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.slot, row.balance)).collect())
}

/// Takes from locked slots.
pub async fn take(tx: &mut TenantTx, taken: &[(i16, i64)]) -> Result<()> {
    let tenant = tx.tenant();
    let (slots, credits): (Vec<i16>, Vec<i64>) = taken.iter().copied().unzip();
    sqlx::query!(
        r#"
        update credit_slots c
        set    balance = c.balance - x.credits
        from   unnest($2::smallint[], $3::bigint[]) as x (slot, credits)
        where  c.tenant_id = $1 and c.slot = x.slot
        "#,
        tenant.uuid(),
        &slots,
        &credits,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds credit, spread evenly from `first_slot` on: a top-up, or what was reserved and not used.
pub async fn add(tx: &mut TenantTx, credits: i64, first_slot: i16) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into credit_slots as c (tenant_id, slot, balance)
        select $1, slot, share
        from   (select slot, $2::bigint / 16 + case when (slot + 16 - $3::int) % 16 < $2::bigint % 16 then 1 else 0 end as share
                from   generate_series(0, 15) slot) x
        where  share > 0
        order  by slot
        on conflict (tenant_id, slot) do update
        set    balance = c.balance + excluded.balance
        "#,
        tenant.uuid(),
        credits,
        i32::from(first_slot),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the tenant has. Draws under way may change it in the next moment.
pub async fn balance(tx: &mut TenantTx) -> Result<i64> {
    let tenant = tx.tenant();
    let balance = sqlx::query_scalar!(
        r#"select coalesce(sum(balance), 0)::bigint as "balance!" from credit_slots where tenant_id = $1"#,
        tenant.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(balance)
}

/// Adds to the wallets of several tenants, to one slot of each and in the order of their ids, so that two who do so never
/// wait for each other in a ring.
pub async fn return_to(tx: &mut impl AnyTx, returned: &[(TenantId, i64)], slot: i16) -> Result<()> {
    let (tenants, credits): (Vec<Uuid>, Vec<i64>) =
        returned.iter().map(|(tenant, credits)| (tenant.uuid(), *credits)).unzip();
    sqlx::query!(
        r#"
        insert into credit_slots as c (tenant_id, slot, balance)
        select x.tenant_id, $3, sum(x.credits)
        from   unnest($1::uuid[], $2::bigint[]) as x (tenant_id, credits)
        group  by x.tenant_id
        order  by x.tenant_id
        on conflict (tenant_id, slot) do update
        set    balance = c.balance + excluded.balance
        "#,
        &tenants,
        &credits,
        slot,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is taken from the wallet for messages that have not ended: of single ones, and of campaigns.
pub async fn reserved(tx: &mut TenantTx) -> Result<i64> {
    let tenant = tx.tenant();
    let reserved = sqlx::query_scalar!(
        r#"
        select coalesce((select sum(credits) from sends where tenant_id = $1 and credits is not null), 0)::bigint
             + coalesce((select sum(credit_reserved) from campaigns where tenant_id = $1 and credit_reserved > 0), 0)::bigint
               as "reserved!"
        "#,
        tenant.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(reserved)
}
