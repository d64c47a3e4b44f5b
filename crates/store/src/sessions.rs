//! Where people are signed in, and how often somebody tried a wrong password.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId, SessionId, TenantId, UserId},
    scope::Scope,
    sight::{Sees, Sight},
    sign_in::TokenHash,
};

use crate::{Result, SystemTx};

/// One browser in which somebody is signed in, as they are shown it.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub ip: String,
    pub agent: String,
}

/// Who calls by a session. Never printed.
#[derive(Clone)]
pub struct SignedIn {
    pub session: SessionId,
    pub user: UserId,
    pub name: String,
    pub email: String,
    /// Of the installation: makes tenants, and works for any of them.
    pub superadmin: bool,
    /// Where they work in this session, while they work there.
    pub works_for: Option<TenantId>,
    pub member: Option<MemberId>,
    pub role: Option<Role>,
    /// Of a role that the tenant made, which takes the place of theirs.
    pub custom_scopes: Option<Vec<String>>,
    pub custom_sees: Option<Sees>,
    pub department: Option<DepartmentId>,
    /// The accounts whose conversations they see. None: all.
    pub accounts: Option<Vec<AccountId>>,
    /// When they signed in.
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    /// The tenant that they work for wants a second factor, and they have none.
    pub lacks_second_factor: bool,
}

impl SignedIn {
    /// What they may do where they work.
    pub fn scopes(&self) -> Vec<Scope> {
        match &self.custom_scopes {
            Some(words) => words.iter().filter_map(|word| word.parse().ok()).collect(),
            None => self.role.map(Role::scopes).unwrap_or_default(),
        }
    }

    /// What they see there. None: they work for nobody.
    pub fn sight(&self) -> Option<Sight> {
        let sees = self.custom_sees.or(self.role.map(Role::sees))?;
        Some(Sight { member: self.member?, sees, department: self.department, accounts: self.accounts.clone() })
    }
}

/// A session to be begun.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub user: UserId,
    pub works_for: Option<TenantId>,
    /// At most 45 characters.
    pub ip: &'a str,
    /// At most 300 characters.
    pub agent: &'a str,
    pub ends_at: DateTime<Utc>,
}

pub async fn insert(
    tx: &mut SystemTx,
    token: &TokenHash,
    id: SessionId,
    new: New<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        r#"
        insert into sessions (token_hash, id, user_id, works_for, created_at, seen_at, ends_at, ip, agent)
        values ($1, $2, $3, $4, $5, $5, $6, $7, $8)
        "#,
        token,
        id.uuid(),
        new.user.uuid(),
        new.works_for.map(TenantId::uuid),
        now,
        new.ends_at,
        new.ip,
        new.agent,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who is signed in by a token. None: nobody, or not any more, or they were shut out.
pub async fn find(
    tx: &mut SystemTx,
    token: &TokenHash,
    idle_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<SignedIn>> {
    let row = sqlx::query_as!(
        SignedIn,
        r#"
        select s.id as "session: SessionId", s.user_id as "user: UserId", u.name, u.email, u.superadmin,
               m.tenant_id as "works_for?: TenantId", m.id as "member?: MemberId", m.role as "role?: Role",
               r.scopes as "custom_scopes?", r.sees as "custom_sees?: Sees",
               m.department_id as "department?: DepartmentId", m.accounts as "accounts?: Vec<AccountId>", s.created_at, s.seen_at,
               coalesce(t.requires_second_factor, false) and not exists
                   (select 1 from second_factors f where f.user_id = s.user_id and f.confirmed_at is not null) as "lacks_second_factor!"
        from   sessions s
        join   users u on u.id = s.user_id and u.disabled_at is null
        left   join members m on m.tenant_id = s.works_for and m.user_id = s.user_id and m.active
        left   join roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
        left   join tenants t on t.id = m.tenant_id
        where  s.token_hash = $1 and s.ends_at > $3 and s.seen_at > $2
        "#,
        token,
        idle_since,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

pub async fn touch(tx: &mut SystemTx, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!("update sessions set seen_at = $2 where id = $1", id.uuid(), now).execute(tx.conn()).await?;
    Ok(())
}

/// Gives a session a new token, and the tenant that is worked for from now on. False: it has ended.
pub async fn renew(
    tx: &mut SystemTx,
    id: SessionId,
    token: &TokenHash,
    works_for: Option<TenantId>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        "update sessions set token_hash = $2, works_for = $3, seen_at = $4 where id = $1",
        id.uuid(),
        token,
        works_for.map(TenantId::uuid),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Where somebody is signed in, the newest first. At most `limit`.
pub async fn list(
    tx: &mut SystemTx,
    user: UserId,
    idle_since: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Session>> {
    let rows = sqlx::query_as!(
        Session,
        r#"
        select id as "id: SessionId", created_at, seen_at, ends_at, ip, agent
        from   sessions
        where  user_id = $1 and ends_at > $3 and seen_at > $2
        order  by created_at desc, id desc
        limit  $4
        "#,
        user.uuid(),
        idle_since,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Ends one session of somebody. False: they have none such.
pub async fn end(tx: &mut SystemTx, user: UserId, id: SessionId) -> Result<bool> {
    let done = sqlx::query!("delete from sessions where user_id = $1 and id = $2", user.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of somebody but this one; returns how many.
pub async fn end_others(tx: &mut SystemTx, user: UserId, but: Option<SessionId>) -> Result<u64> {
    let done = sqlx::query!(
        "delete from sessions where user_id = $1 and id is distinct from $2",
        user.uuid(),
        but.map(SessionId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Keeps the newest `keep` sessions of somebody.
pub async fn end_oldest(tx: &mut SystemTx, user: UserId, keep: i64) -> Result<()> {
    sqlx::query!(
        r#"
        delete from sessions
        where  user_id = $1
        and    id in (select id from sessions where user_id = $1 order by created_at desc, id desc offset $2 limit 1000)
        "#,
        user.uuid(),
        keep,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whoever tries waits for whoever tries already, until the transaction ends.
pub async fn hold(tx: &mut SystemTx, who: &TokenHash) -> Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 31))", who.as_slice())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How often in a row somebody failed, and when last.
pub async fn failures(tx: &mut SystemTx, who: &TokenHash) -> Result<Option<(u32, DateTime<Utc>)>> {
    let row = sqlx::query!("select failures, failed_at from sign_in_failures where who = $1", who)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| (u32::try_from(row.failures).unwrap_or_default(), row.failed_at)))
}

/// Counts a failure. Those before `since` are forgotten.
pub async fn fail(tx: &mut SystemTx, who: &TokenHash, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into sign_in_failures as f (who, failures, failed_at) values ($1, 1, $3)
        on conflict (who) do update
        set    failures = case when f.failed_at < $2 then 1 else least(f.failures, 1000000) + 1 end, failed_at = excluded.failed_at
        "#,
        who,
        since,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes a row of failures as it is: a transaction that may tell of one takes as long as one that tells of none.
pub async fn touch_failures(tx: &mut SystemTx, who: &TokenHash) -> Result<()> {
    sqlx::query!("update sign_in_failures set failures = failures where who = $1", who).execute(tx.conn()).await?;
    Ok(())
}

pub async fn forgive(tx: &mut SystemTx, who: &TokenHash) -> Result<()> {
    sqlx::query!("delete from sign_in_failures where who = $1", who).execute(tx.conn()).await?;
    Ok(())
}

/// Rows of each kind one call deletes.
const PRUNE_MAX: i64 = 5_000;

/// Deletes sessions that ended, and failures that are forgotten; returns how many.
pub async fn prune(tx: &mut SystemTx, idle: TimeDelta, forgotten: TimeDelta, now: DateTime<Utc>) -> Result<u64> {
    let sessions = sqlx::query!(
        "delete from sessions where token_hash in (select token_hash from sessions where seen_at < $1 or ends_at < $2 limit $3)",
        now - idle,
        now,
        PRUNE_MAX,
    )
    .execute(tx.conn())
    .await?;
    let failures = sqlx::query!(
        "delete from sign_in_failures where who in (select who from sign_in_failures where failed_at < $1 limit $2)",
        now - forgotten,
        PRUNE_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(sessions.rows_affected() + failures.rows_affected())
}
