//! People who sign in. They belong to no tenant: only the system role sees them.

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::Role,
    ids::{MemberId, TenantId, UserId},
};

use crate::{Result, SystemTx};

/// Somebody who signs in. Never printed.
#[derive(Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// A hash, with what it was made with. None: they come in by another door.
    pub password: Option<String>,
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when it is known that they read mail at their address.
    pub verified_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Where somebody works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub tenant: TenantId,
    pub slug: String,
    pub name: String,
    pub member: MemberId,
    pub role: Role,
    /// Members without a second factor get nowhere.
    pub requires_second_factor: bool,
}

/// Nobody else makes a user until the transaction ends.
pub async fn lock(tx: &mut SystemTx) -> Result<()> {
    sqlx::query!("lock table users in exclusive mode").execute(tx.conn()).await?;
    Ok(())
}

/// Whether anybody can sign in at all.
pub async fn any(tx: &mut SystemTx) -> Result<bool> {
    Ok(sqlx::query_scalar!(r#"select exists (select 1 from users) as "any!""#).fetch_one(tx.conn()).await?)
}

pub async fn insert(tx: &mut SystemTx, user: &User) -> Result<()> {
    sqlx::query!(
        r#"
        insert into users (id, email, name, password, verified_at, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $6)
        "#,
        user.id.uuid(),
        user.email,
        user.name,
        user.password,
        user.verified_at,
        user.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn find_by_email(tx: &mut SystemTx, email: &str) -> Result<Option<User>> {
    let user = sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, password, disabled_at, verified_at, created_at from users where lower(email) = lower($1)"#,
        email,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(user)
}

pub async fn find(tx: &mut SystemTx, id: UserId) -> Result<Option<User>> {
    let user = sqlx::query_as!(
        User,
        r#"select id as "id: UserId", email, name, password, disabled_at, verified_at, created_at from users where id = $1"#,
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(user)
}

/// Nobody else changes how somebody signs in until the transaction ends.
pub async fn hold(tx: &mut SystemTx, id: UserId) -> Result<()> {
    sqlx::query!("select 1 as one from users where id = $1 for no key update", id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(())
}

pub async fn set_password(tx: &mut SystemTx, id: UserId, password: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update users set password = $2, updated_at = $3 where id = $1", id.uuid(), password, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Somebody reads mail at this address, while it is theirs. What is known already stays.
pub async fn set_verified(tx: &mut SystemTx, id: UserId, email: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        update users set verified_at = $3, updated_at = $3
        where  id = $1 and lower(email) = lower($2) and verified_at is null
        "#,
        id.uuid(),
        email,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What somebody prefers, as it was stored. None: there is no such person.
pub async fn preferences(tx: &mut SystemTx, id: UserId) -> Result<Option<serde_json::Value>> {
    let stored =
        sqlx::query_scalar!("select preferences from users where id = $1", id.uuid()).fetch_optional(tx.conn()).await?;
    Ok(stored)
}

pub async fn set_preferences(
    tx: &mut SystemTx,
    id: UserId,
    preferences: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!("update users set preferences = $2, updated_at = $3 where id = $1", id.uuid(), preferences, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Their members that are called as they were change their name with them.
pub async fn rename(tx: &mut SystemTx, id: UserId, name: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        with former as (select name from users where id = $1),
             members as (update members m set name = $2, updated_at = $3
                         from   former where m.user_id = $1 and m.name = former.name)
        update users set name = $2, updated_at = $3 where id = $1
        "#,
        id.uuid(),
        name,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Shuts somebody out, or lets them in again. False: there is no such person.
pub async fn set_disabled(
    tx: &mut SystemTx,
    id: UserId,
    disabled_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done =
        sqlx::query!("update users set disabled_at = $2, updated_at = $3 where id = $1", id.uuid(), disabled_at, now,)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets somebody make tenants and work for any of them, or no longer. False: there is no such person.
pub async fn set_superadmin(tx: &mut SystemTx, id: UserId, superadmin: bool, now: DateTime<Utc>) -> Result<bool> {
    let done =
        sqlx::query!("update users set superadmin = $2, updated_at = $3 where id = $1", id.uuid(), superadmin, now)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// At most `limit`.
pub async fn superadmins(tx: &mut SystemTx, limit: i64) -> Result<Vec<UserId>> {
    Ok(sqlx::query_scalar!(r#"select id as "id: UserId" from users where superadmin order by id limit $1"#, limit)
        .fetch_all(tx.conn())
        .await?)
}

/// Rules give no conversations to a member who only came to look, unless somebody says so.
pub async fn takes_no_turns(tx: &mut SystemTx, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!(
        "update members set capacity = 0 where tenant_id = $1 and user_id = $2 and capacity is null",
        tenant.uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// People, oldest first, after `after`.
pub async fn list(tx: &mut SystemTx, after: Option<UserId>, limit: i64) -> Result<Vec<User>> {
    let users = sqlx::query_as!(
        User,
        r#"
        select id as "id: UserId", email, name, password, disabled_at, verified_at, created_at
        from   users where $1::uuid is null or id > $1
        order  by id
        limit  $2
        "#,
        after.map(UserId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(users)
}

/// Tenants one person is shown.
const MEMBERSHIPS_MAX: i64 = 200;

/// Where somebody works, the first tenant first. Whoever does not work there any more is left out.
pub async fn memberships(tx: &mut SystemTx, user: UserId) -> Result<Vec<Membership>> {
    let rows = sqlx::query_as!(
        Membership,
        r#"
        select m.tenant_id as "tenant: TenantId", t.slug, t.name, m.id as "member: MemberId", m.role as "role: Role",
               t.requires_second_factor
        from   members m
        join   tenants t on t.id = m.tenant_id
        where  m.user_id = $1 and m.active
        order  by m.created_at, m.tenant_id
        limit  $2
        "#,
        user.uuid(),
        MEMBERSHIPS_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Somebody begins to work for a tenant: as the member that they were, as one who has their address of mail and does not sign in, or
/// as a new one. What they may do is what the role says, whatever they might before. False: a member who is somebody else has this address.
pub async fn join(tx: &mut SystemTx, user: &User, membership: &Joining, now: DateTime<Utc>) -> Result<bool> {
    let joined = sqlx::query_scalar!(
        r#"
        with again as (
            update members set role = $5, role_id = null, accounts = case when $5 in ('owner', 'admin') then null else accounts end,
                   active = true, updated_at = $8, department_id = coalesce($6, department_id)
            where  tenant_id = $1 and user_id = $7
            returning 1
        ), joined as (
        insert into members as m (tenant_id, id, name, email, role, department_id, user_id, created_at, updated_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $8 where not exists (select 1 from again)
        on conflict (tenant_id, lower(email)) where email is not null do update
        set    user_id = excluded.user_id, role = excluded.role,
               role_id = null, accounts = case when excluded.role in ('owner', 'admin') then null else m.accounts end, active = true,
               updated_at = excluded.updated_at,
               department_id = coalesce(excluded.department_id, m.department_id)
        where  m.user_id is null
        returning 1)
        select exists (select 1 from again) or exists (select 1 from joined) as "joined!"
        "#,
        membership.tenant.uuid(),
        MemberId::new(now).uuid(),
        user.name,
        user.email,
        membership.role.as_str(),
        membership.department,
        user.id.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(joined)
}

/// As what somebody joins a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Joining {
    pub tenant: TenantId,
    pub role: Role,
    pub department: Option<uuid::Uuid>,
}
