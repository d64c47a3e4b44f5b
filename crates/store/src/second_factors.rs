//! Second factors of people who sign in: a sealed secret that makes codes, and codes for the day on which it is lost.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{MemberId, TenantId, UserId},
    sign_in::TokenHash,
};

use crate::{Result, SystemTx};

/// A secret as it is stored. Never printed.
#[derive(Clone)]
pub struct SecondFactor {
    pub sealed: String,
    /// The last period whose code was used.
    pub used_step: i64,
    /// None: nobody has shown yet that they can make codes with it. It protects nothing.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// Locked until the transaction ends: of two who say one code at once, one is refused.
pub async fn find(tx: &mut SystemTx, user: UserId) -> Result<Option<SecondFactor>> {
    let row = sqlx::query_as!(
        SecondFactor,
        "select sealed, used_step, confirmed_at from second_factors where user_id = $1 for update",
        user.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Whether somebody needs a code to sign in.
pub async fn is_on(tx: &mut SystemTx, user: UserId) -> Result<bool> {
    let is_on = sqlx::query_scalar!(
        r#"select exists (select 1 from second_factors where user_id = $1 and confirmed_at is not null) as "is_on!""#,
        user.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(is_on)
}

/// Keeps a secret until it is confirmed, in the place of one that never was. False: there is a confirmed one.
pub async fn begin(tx: &mut SystemTx, user: UserId, sealed: &str, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into second_factors as f (user_id, sealed, created_at) values ($1, $2, $3)
        on conflict (user_id) do update set sealed = excluded.sealed, used_step = 0, created_at = excluded.created_at
        where  f.confirmed_at is null
        "#,
        user.uuid(),
        sealed,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn confirm(tx: &mut SystemTx, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "update second_factors set confirmed_at = $2 where user_id = $1 and confirmed_at is null",
        user.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses the code of a period. False: it, or a later one, was used.
pub async fn use_step(tx: &mut SystemTx, user: UserId, step: i64) -> Result<bool> {
    let done = sqlx::query!(
        "update second_factors set used_step = $2 where user_id = $1 and used_step < $2",
        user.uuid(),
        step,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the secret away, and the codes for its loss. False: there was none.
pub async fn remove(tx: &mut SystemTx, user: UserId) -> Result<bool> {
    sqlx::query!("delete from recovery_codes where user_id = $1", user.uuid()).execute(tx.conn()).await?;
    let done = sqlx::query!("delete from second_factors where user_id = $1", user.uuid()).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps these codes and no others.
pub async fn set_recovery_codes(tx: &mut SystemTx, user: UserId, hashes: &[TokenHash]) -> Result<()> {
    sqlx::query!("delete from recovery_codes where user_id = $1", user.uuid()).execute(tx.conn()).await?;
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    sqlx::query!(
        "insert into recovery_codes (user_id, code_hash) select $1, hash from unnest($2::bytea[]) as h (hash)",
        user.uuid(),
        &hashes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a code. False: it is none, or was used.
pub async fn use_recovery_code(tx: &mut SystemTx, user: UserId, hash: &TokenHash, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        "update recovery_codes set used_at = $3 where user_id = $1 and code_hash = $2 and used_at is null",
        user.uuid(),
        hash.as_slice(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a member of a tenant needs a code to sign in.
pub async fn is_on_for(tx: &mut SystemTx, tenant: TenantId, member: MemberId) -> Result<bool> {
    let is_on = sqlx::query_scalar!(
        r#"
        select exists (select 1 from members m join second_factors f on f.user_id = m.user_id
                       where m.tenant_id = $1 and m.id = $2 and f.confirmed_at is not null) as "is_on!"
        "#,
        tenant.uuid(),
        member.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(is_on)
}
