//! The daily quota of an API client, in [slots](crate::slots).

use chrono::NaiveDate;
use postroad_core::ids::ClientId;

use crate::{Result, TenantTx, slots};

/// One client's quota of one day.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    pub client: ClientId,
    /// In the client's zone.
    pub on_date: NaiveDate,
    /// The whole quota, over all slots.
    pub allowed: i64,
}

/// Takes one from a slot that nobody else is holding; false: none was found so, which does not mean that none is left.
pub async fn draw_one(tx: &mut TenantTx, day: &Day, first_slot: i16) -> Result<bool> {
    slots::mark(tx).await?;
    let drawn = take_one(tx, day, first_slot).await?;
    if !drawn {
        slots::undo(tx).await?;
    }
    Ok(drawn)
}

async fn take_one(tx: &mut TenantTx, day: &Day, first_slot: i16) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        with free as materialized (
            select slot from quota_slots
            where  tenant_id = $1 and client_id = $2 and on_date = $3 and used < allowed
            order  by (slot + 16 - $4::int) % 16
            limit  1
            for    update skip locked
        )
        update quota_slots q
        set    used = used + 1
        from   free
        where  q.tenant_id = $1 and q.client_id = $2 and q.on_date = $3 and q.slot = free.slot
        "#,
        tenant.uuid(),
        day.client.uuid(),
        day.on_date,
        i32::from(first_slot),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes the slots of a day, or gives slots that exist the size they have by now.
pub async fn open_day(tx: &mut TenantTx, day: &Day) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into quota_slots as q (tenant_id, client_id, on_date, slot, allowed, used)
        select $1, $2, $3, s, $4::bigint / 16 + case when s < $4::bigint % 16 then 1 else 0 end, 0
        from   generate_series(0, 15) s
        order  by s
        on conflict (tenant_id, client_id, on_date, slot) do update
        set    allowed = greatest(excluded.allowed, q.used)
        where  q.allowed <> greatest(excluded.allowed, q.used)
        "#,
        tenant.uuid(),
        day.client.uuid(),
        day.on_date,
        day.allowed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What each slot has left, all of them locked until the transaction ends.
pub async fn lock_day(tx: &mut TenantTx, day: &Day) -> Result<Vec<(i16, i64)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select slot, allowed - used as "left!"
        from   quota_slots where tenant_id = $1 and client_id = $2 and on_date = $3
        order  by slot
        limit  16
        for    update
        "#,
        tenant.uuid(),
        day.client.uuid(),
        day.on_date,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.slot, row.left)).collect())
}

/// Adds to what locked slots have used.
pub async fn use_slots(tx: &mut TenantTx, day: &Day, taken: &[(i16, i64)]) -> Result<()> {
    let tenant = tx.tenant();
    let (slots, counts): (Vec<i16>, Vec<i64>) = taken.iter().copied().unzip();
    sqlx::query!(
        r#"
        update quota_slots q
        set    used = q.used + x.taken
        from   unnest($4::smallint[], $5::bigint[]) as x (slot, taken)
        where  q.tenant_id = $1 and q.client_id = $2 and q.on_date = $3 and q.slot = x.slot
        "#,
        tenant.uuid(),
        day.client.uuid(),
        day.on_date,
        &slots,
        &counts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives one back; false: none was used on that day.
pub async fn refund_one(tx: &mut TenantTx, client: ClientId, on_date: NaiveDate) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        with most as materialized (
            select slot from quota_slots
            where  tenant_id = $1 and client_id = $2 and on_date = $3 and used > 0
            order  by used desc, slot
            limit  1
            for    update
        )
        update quota_slots q
        set    used = used - 1
        from   most
        where  q.tenant_id = $1 and q.client_id = $2 and q.on_date = $3 and q.slot = most.slot
        "#,
        tenant.uuid(),
        client.uuid(),
        on_date,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
