//! How the bodies of a tenant's messages rest, and of which accounts no search finds all.

use chrono::{DateTime, Utc};
use postroad_core::{account::Channel, ids::AccountId, privacy::Bodies};

use crate::{Result, TenantTx};

/// Of an account that has a word of its own, or has messages that no search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfAccount {
    pub account: AccountId,
    /// None: as the tenant says.
    pub own: Option<Bodies>,
    /// Since then there may be messages of it that no search finds.
    pub unsearched_since: Option<DateTime<Utc>>,
}

/// None: there is no such tenant.
pub async fn of_tenant(tx: &mut TenantTx) -> Result<Option<Bodies>> {
    let tenant = tx.tenant();
    let bodies = sqlx::query_scalar!(r#"select bodies as "bodies: Bodies" from tenants where id = $1"#, tenant.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(bodies)
}

/// The oldest first.
pub async fn of_accounts(tx: &mut TenantTx, limit: i64) -> Result<Vec<OfAccount>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        OfAccount,
        r#"
        select id as "account: AccountId", bodies as "own: Bodies", unsearched_since
        from   accounts
        where  tenant_id = $1 and (bodies is not null or unsearched_since is not null)
        order  by id
        limit  $2
        "#,
        tenant.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Holds for what is written by whoever looks from now on. False: there is no such tenant.
pub async fn set_tenant(tx: &mut TenantTx, bodies: Bodies, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    note_sealed(tx, now).await?;
    let done = sqlx::query!(
        "update tenants set bodies = $2, updated_at = $3 where id = $1",
        tenant.uuid(),
        bodies.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    note_sealed(tx, now).await?;
    Ok(done.rows_affected() == 1)
}

/// None: as the tenant says. False: there is no such account.
pub async fn set_account(
    tx: &mut TenantTx,
    account: AccountId,
    bodies: Option<Bodies>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    note_sealed(tx, now).await?;
    let done = sqlx::query!(
        "update accounts set bodies = $3, updated_at = $4 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        account.uuid(),
        bodies.map(Bodies::as_str),
        now,
    )
    .execute(tx.conn())
    .await?;
    note_sealed(tx, now).await?;
    Ok(done.rows_affected() == 1)
}

/// Accounts that seal now have messages that no search finds, whatever is said later.
async fn note_sealed(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update accounts a set unsearched_since = $2
        from   tenants t
        where  t.id = $1 and a.tenant_id = $1 and a.unsearched_since is null and coalesce(a.bodies, t.bodies) = 'sealed'
        "#,
        tenant.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Accounts among those wanted whose messages a search does not find, or not all of them.
pub async fn not_searched(
    tx: &mut TenantTx,
    account: Option<AccountId>,
    channel: Option<Channel>,
    limit: i64,
) -> Result<Vec<AccountId>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_scalar!(
        r#"
        select a.id as "id: AccountId"
        from   accounts a
        join   tenants t on t.id = a.tenant_id
        where  a.tenant_id = $1 and (a.unsearched_since is not null or coalesce(a.bodies, t.bodies) = 'sealed')
        and    ($2::uuid is null or a.id = $2)
        and    ($3::text is null or a.channel = $3)
        order  by a.id
        limit  $4
        "#,
        tenant.uuid(),
        account.map(AccountId::uuid),
        channel.map(Channel::as_str),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
