//! Who people are at Google, Facebook and GitHub, and who is on the way there and back.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::UserId,
    sign_in::{IdentityProvider, TokenHash},
};

use crate::{Result, SystemTx};

/// One way in, as its owner sees it.
#[derive(Debug, Clone)]
pub struct Linked {
    pub provider: IdentityProvider,
    /// What the provider had verified. None: nothing.
    pub email: Option<String>,
    pub created_at: DateTime<Utc>,
    /// When it signed somebody in last.
    pub used_at: Option<DateTime<Utc>>,
}

/// Somebody as a provider names them. Never printed.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub provider: IdentityProvider,
    /// 1 to 255 characters.
    pub id: &'a str,
}

/// Whose it is. Counts as use.
pub async fn use_one(tx: &mut SystemTx, subject: Subject<'_>, now: DateTime<Utc>) -> Result<Option<UserId>> {
    let user = sqlx::query_scalar!(
        r#"update identities set used_at = $3 where provider = $1 and subject = $2 returning user_id as "user: UserId""#,
        subject.provider.as_str(),
        subject.id,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(user)
}

/// False: it signs somebody in already, or another of this provider signs this person in.
pub async fn insert(
    tx: &mut SystemTx,
    subject: Subject<'_>,
    (user, email): (UserId, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into identities (provider, subject, user_id, email, created_at) values ($1, $2, $3, $4, $5)
        on conflict do nothing
        "#,
        subject.provider.as_str(),
        subject.id,
        user.uuid(),
        email,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Of one person: at most one of each provider.
pub async fn list(tx: &mut SystemTx, user: UserId) -> Result<Vec<Linked>> {
    let rows = sqlx::query_as!(
        Linked,
        r#"
        select provider as "provider: IdentityProvider", email, created_at, used_at
        from   identities where user_id = $1 order by provider
        "#,
        user.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// False: there is none.
pub async fn remove(tx: &mut SystemTx, user: UserId, provider: IdentityProvider) -> Result<bool> {
    let done =
        sqlx::query!("delete from identities where user_id = $1 and provider = $2", user.uuid(), provider.as_str())
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody who sets out. `wish`: as the table names it.
#[derive(Clone)]
pub struct Journey {
    pub provider: IdentityProvider,
    pub wish: String,
    pub user: Option<UserId>,
    pub invitation_hash: Option<Vec<u8>>,
    pub tenant: Option<serde_json::Value>,
}

pub async fn set_out(tx: &mut SystemTx, state: &TokenHash, journey: &Journey, ends_at: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into journeys (state_hash, provider, wish, user_id, invitation_hash, tenant, ends_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        "#,
        state,
        journey.provider.as_str(),
        journey.wish,
        journey.user.map(UserId::uuid),
        journey.invitation_hash,
        journey.tenant,
        ends_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Once: of two who come back from one journey, one gets nothing.
pub async fn come_back(
    tx: &mut SystemTx,
    state: &TokenHash,
    provider: IdentityProvider,
    now: DateTime<Utc>,
) -> Result<Option<Journey>> {
    let row = sqlx::query_as!(
        Journey,
        r#"
        delete from journeys where state_hash = $1 and provider = $2 and ends_at > $3
        returning provider as "provider: IdentityProvider", wish, user_id as "user: UserId", invitation_hash, tenant
        "#,
        state,
        provider.as_str(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Rows one call deletes.
const PRUNE_MAX: i64 = 5_000;

/// Deletes journeys from which nobody came back in time; returns how many.
pub async fn prune(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "delete from journeys where state_hash in (select state_hash from journeys where ends_at < $1 limit $2)",
        now,
        PRUNE_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
