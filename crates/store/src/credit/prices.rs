//! What a tenant pays where it is not one credit.

use postroad_core::{
    account::Channel,
    credit::{Category, Priced, Prices},
};

use crate::{Result, TenantTx};

/// Stands for every category.
const ANY: &str = "any";

/// All of them: as many as there are channels and categories, at most.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<(Priced, i64)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select channel as "channel: Channel", nullif(category, 'any') as "category: Category", credits
        from   credit_prices
        where  tenant_id = $1
        order  by channel, category
        limit  500
        "#,
        tenant.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (Priced { channel: row.channel, category: row.category }, row.credits)).collect())
}

pub async fn read(tx: &mut TenantTx) -> Result<Prices> {
    Ok(list(tx).await?.into_iter().collect())
}

pub async fn set(tx: &mut TenantTx, priced: Priced, credits: i64) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into credit_prices (tenant_id, channel, category, credits) values ($1, $2, $3, $4)
        on conflict (tenant_id, channel, category) do update set credits = excluded.credits
        "#,
        tenant.uuid(),
        priced.channel.as_str(),
        priced.category.map_or(ANY, Category::as_str),
        credits,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One credit again. False: it had no price of its own.
pub async fn unset(tx: &mut TenantTx, priced: Priced) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from credit_prices where tenant_id = $1 and channel = $2 and category = $3",
        tenant.uuid(),
        priced.channel.as_str(),
        priced.category.map_or(ANY, Category::as_str),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
