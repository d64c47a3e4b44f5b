//! Limits of portfolios, which accounts belong to one, and what a forecast asks of it.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::AccountId,
    limits::{FORECAST_PORTFOLIO_PARTS, PORTFOLIO_WINDOW},
};

use crate::{Result, TenantTx};

/// Holds the tenant's portfolios until the transaction ends. Before any account is locked: who settles a call holds a
/// portfolio when it stops an account.
pub async fn lock_all(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select 1 as "one!" from portfolios where tenant_id = $1 order by id limit 10000 for no key update"#,
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// Makes a portfolio that is not there yet, with this limit.
pub async fn open(tx: &mut TenantTx, id: &str, people_max: Option<i32>, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into portfolios (tenant_id, id, people_max, updated_at) values ($1, $2, $3, $4) on conflict (tenant_id, id) do nothing",
        tenant.uuid(),
        id,
        people_max,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets the limit of a portfolio. False: it has it already.
pub async fn set(tx: &mut TenantTx, id: &str, people_max: Option<i32>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into portfolios as p (tenant_id, id, people_max, updated_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, id) do update
        set    people_max = excluded.people_max, updated_at = excluded.updated_at
        where  p.people_max is distinct from excluded.people_max
        "#,
        tenant.uuid(),
        id,
        people_max,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts the people of one portfolio with another too: an account that goes there takes along whom it wrote to.
pub async fn absorb(tx: &mut TenantTx, from: &str, to: &str, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with copied as (
            insert into portfolio_people as h (tenant_id, portfolio_id, address_id, reached)
            select tenant_id, $3, address_id, reached
            from   portfolio_people where tenant_id = $1 and portfolio_id = $2 and last_at > $4
            on conflict (tenant_id, portfolio_id, address_id) do update
            set    reached = array(select u from (select u from unnest(h.reached || excluded.reached) u order by u desc limit 32) newest
                                   order by u)
            returning xmax = 0 as is_new
        )
        update portfolios p
        set    people = p.people + (select count(*)::int from copied where is_new)
        where  p.tenant_id = $1 and p.id = $3
        "#,
        tenant.uuid(),
        from,
        to,
        now - PORTFOLIO_WINDOW,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The accounts of a portfolio.
pub async fn accounts(tx: &mut TenantTx, id: &str) -> Result<Vec<AccountId>> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        r#"select id as "id: AccountId" from accounts where tenant_id = $1 and coalesce(portfolio, id::text) = $2 order by id limit 10000"#,
        tenant.uuid(),
        id,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

/// People of a portfolio by the part of a day in which they stop counting, soonest first.
pub async fn taken(tx: &mut TenantTx, id: &str, now: DateTime<Utc>) -> Result<Vec<(DateTime<Utc>, i64)>> {
    let tenant = tx.tenant();
    #[expect(clippy::cast_precision_loss, reason = "a number below a hundred")]
    let part_s = 86_400.0 / FORECAST_PORTFOLIO_PARTS as f64;
    let window_s = PORTFOLIO_WINDOW.as_seconds_f64();
    let rows = sqlx::query!(
        r#"
        select date_bin(make_interval(secs => $4), last_at + make_interval(secs => $5), 'epoch'::timestamptz) as "at!", count(*) as "people!"
        from   portfolio_people
        where  tenant_id = $1 and portfolio_id = $2 and last_at > $3
        group  by 1
        order  by 1
        limit  1000
        "#,
        tenant.uuid(),
        id,
        now - PORTFOLIO_WINDOW,
        part_s,
        window_s,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.at, row.people)).collect())
}
