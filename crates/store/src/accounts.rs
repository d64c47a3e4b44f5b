//! A tenant's connected numbers, pages, bots and mailboxes.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, Utc};
use postroad_core::{
    account::{AccountStatus, Channel, Pace, Spacing},
    ids::{AccountId, TenantId},
    inbound::Silence,
    jobs::WakeLane,
    quiet_hours::QuietHours,
};
use sqlx::types::Json;

use crate::{AnyTx, Error, Result, SystemTx, TenantTx, pulses::Pulse};

/// An account without its secrets. Never printed: it may hold a telephone number.
#[derive(Clone)]
pub struct Account {
    pub id: AccountId,
    pub provider: String,
    pub channel: Channel,
    pub external_id: String,
    pub display_name: String,
    pub status: AccountStatus,
    pub status_reason: Option<String>,
    /// Named values that are no secrets: `waba_id`.
    pub settings: BTreeMap<String, String>,
    pub limits: Limits,
    pub portfolio: Portfolio,
    pub time_zone: Option<String>,
    pub quiet_hours: Option<QuietHours>,
    /// At most one per channel.
    pub is_primary: bool,
    /// Whether people are told that what they said was read.
    pub tell_read: bool,
    pub pulse: Pulse,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The business portfolio of an account, which shares its limit with the portfolio's other accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portfolio {
    /// The provider's id. None: not known, and the account is a portfolio by itself.
    pub id: Option<String>,
    /// People it may write to within 24 hours, outside the windows that they open. None: as many as there are.
    pub people_max: Option<u32>,
    /// Whom it wrote to within 24 hours. A few minutes behind; nobody is counted without a limit.
    pub people: u32,
}

/// How fast an account may send. Changes take effect at the lane's next step.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    pub pace: Pace,
    pub spacing: Option<Spacing>,
    pub shared: Option<SharedLimit>,
}

/// A provider's limit that spans accounts: all that name it stay below its rate together.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedLimit {
    pub key: String,
    /// Calls per second, 0.01 to 100,000.
    pub per_s: f64,
}

/// Until the end of the transaction no other connects an account of this tenant: two that come together must not both find
/// that the channel has no primary account.
pub async fn one_at_a_time(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant().uuid();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('accounts ' || $1::uuid::text, 0))", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes a new account. `credentials` are sealed.
pub async fn insert(tx: &mut TenantTx, account: &Account, credentials: &str) -> Result<()> {
    let tenant = tx.tenant();
    let limits = Columns::of(&account.limits)?;
    sqlx::query!(
        r#"
        insert into accounts (tenant_id, id, provider, channel, external_id, display_name, status, credentials, settings, rate_per_s, rate_burst,
                              limit_key, limit_per_s, spacing_every_s, spacing_burst, time_zone, quiet_starts, quiet_ends, is_primary,
                              created_at, updated_at, portfolio, tell_read)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20, $21, $22)
        "#,
        tenant.uuid(),
        account.id.uuid(),
        account.provider,
        account.channel.as_str(),
        account.external_id,
        account.display_name,
        account.status.as_str(),
        credentials,
        serde_json::to_value(&account.settings)?,
        limits.rate_per_s,
        limits.rate_burst,
        limits.limit_key,
        limits.limit_per_s,
        limits.spacing_every_s,
        limits.spacing_burst,
        account.time_zone,
        account.quiet_hours.map(|quiet| quiet.starts),
        account.quiet_hours.map(|quiet| quiet.ends),
        account.is_primary,
        account.created_at,
        account.portfolio.id,
        account.tell_read,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what an account may change: name, status, limits, portfolio, zone, quiet hours, settings, whether it is primary. The
/// limit of a portfolio is set with the portfolio.
pub async fn update(tx: &mut TenantTx, account: &Account, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let limits = Columns::of(&account.limits)?;
    let done = sqlx::query!(
        r#"
        update accounts
        set    display_name = $3, status = $4, status_reason = $5, settings = $6, rate_per_s = $7, rate_burst = $8, limit_key = $9,
               limit_per_s = $10, spacing_every_s = $11, spacing_burst = $12, time_zone = $13, quiet_starts = $14, quiet_ends = $15,
               is_primary = $16, updated_at = $17, portfolio = $18, tell_read = $19
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        account.id.uuid(),
        account.display_name,
        account.status.as_str(),
        account.status_reason,
        serde_json::to_value(&account.settings)?,
        limits.rate_per_s,
        limits.rate_burst,
        limits.limit_key,
        limits.limit_per_s,
        limits.spacing_every_s,
        limits.spacing_burst,
        account.time_zone,
        account.quiet_hours.map(|quiet| quiet.starts),
        account.quiet_hours.map(|quiet| quiet.ends),
        account.is_primary,
        now,
        account.portfolio.id,
        account.tell_read,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the sealed credentials.
pub async fn set_credentials(tx: &mut TenantTx, id: AccountId, credentials: &str, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update accounts set credentials = $3, updated_at = $4 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
        credentials,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the mark from the channel's primary account, so that another may get it.
pub async fn clear_primary(tx: &mut TenantTx, channel: Channel, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update accounts set is_primary = false, updated_at = $3 where tenant_id = $1 and channel = $2 and is_primary",
        tenant.uuid(),
        channel.as_str(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The account that is used on a channel when nobody names one.
pub async fn find_primary(tx: &mut TenantTx, channel: Channel) -> Result<Option<AccountId>> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!(
        r#"select id as "id: AccountId" from accounts where tenant_id = $1 and channel = $2 and is_primary"#,
        tenant.uuid(),
        channel.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id)
}

pub async fn find_by_external(tx: &mut TenantTx, provider: &str, external_id: &str) -> Result<Option<AccountId>> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!(
        r#"select id as "id: AccountId" from accounts where tenant_id = $1 and provider = $2 and external_id = $3"#,
        tenant.uuid(),
        provider,
        external_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id)
}

/// The sealed credentials, with the settings beside them.
pub async fn find_credentials(
    tx: &mut impl AnyTx,
    tenant: TenantId,
    id: AccountId,
) -> Result<Option<(String, BTreeMap<String, String>)>> {
    let row = sqlx::query!(
        r#"select credentials, settings as "settings: Json<BTreeMap<String, String>>" from accounts where tenant_id = $1 and id = $2"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.credentials, row.settings.0)))
}

/// The sealed credentials of one of several accounts.
#[derive(Debug)]
pub struct Sealed {
    pub tenant: TenantId,
    pub id: AccountId,
    pub sealed: String,
    pub settings: Json<BTreeMap<String, String>>,
}

/// The sealed credentials of accounts, without those that are not there.
pub async fn find_all_credentials(tx: &mut SystemTx, of: &[(TenantId, AccountId)]) -> Result<Vec<Sealed>> {
    let (tenants, ids) = crate::lanes::split(of);
    let found = sqlx::query_as!(
        Sealed,
        r#"
        select a.tenant_id as "tenant: TenantId", a.id as "id: AccountId", a.credentials as sealed,
               a.settings as "settings: Json<BTreeMap<String, String>>"
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        join   accounts a on a.tenant_id = x.tenant_id and a.id = x.id
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// The account, locked until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: AccountId) -> Result<Option<Account>> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select 1 as "one!" from accounts where tenant_id = $1 and id = $2 for no key update"#,
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    find(tx, id).await
}

pub async fn find(tx: &mut TenantTx, id: AccountId) -> Result<Option<Account>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        select a.id as "id: AccountId", a.provider, a.channel as "channel: Channel", a.external_id, a.display_name,
               a.status as "status: AccountStatus", a.status_reason, a.settings as "settings: Json<BTreeMap<String, String>>",
               a.rate_per_s, a.rate_burst, a.limit_key, a.limit_per_s, a.spacing_every_s, a.spacing_burst, a.time_zone, a.quiet_starts,
               a.quiet_ends, a.is_primary, l.accepted_at as "accepted_at?", l.heard_at as "heard_at?",
               l.silent_since as "silent_since?", l.silent_reason as "silence?: Silence", a.tell_read, a.created_at, a.updated_at, a.portfolio, p.people_max as "people_max?",
               p.people as "people?"
        from   accounts a
        left   join portfolios p on p.tenant_id = a.tenant_id and p.id = coalesce(a.portfolio, a.id::text)
        left   join account_pulses l on l.tenant_id = a.tenant_id and l.account_id = a.id
        where  a.tenant_id = $1 and a.id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Account::try_from).transpose()
}

/// Up to `limit` accounts after `after`, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<AccountId>, limit: i64) -> Result<Vec<Account>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select a.id as "id: AccountId", a.provider, a.channel as "channel: Channel", a.external_id, a.display_name,
               a.status as "status: AccountStatus", a.status_reason, a.settings as "settings: Json<BTreeMap<String, String>>",
               a.rate_per_s, a.rate_burst, a.limit_key, a.limit_per_s, a.spacing_every_s, a.spacing_burst, a.time_zone, a.quiet_starts,
               a.quiet_ends, a.is_primary, l.accepted_at as "accepted_at?", l.heard_at as "heard_at?",
               l.silent_since as "silent_since?", l.silent_reason as "silence?: Silence", a.tell_read, a.created_at, a.updated_at, a.portfolio, p.people_max as "people_max?",
               p.people as "people?"
        from   accounts a
        left   join portfolios p on p.tenant_id = a.tenant_id and p.id = coalesce(a.portfolio, a.id::text)
        left   join account_pulses l on l.tenant_id = a.tenant_id and l.account_id = a.id
        where  a.tenant_id = $1 and ($2::uuid is null or a.id > $2)
        order  by a.id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(AccountId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Wake-ups of every lane of the transaction's tenant. At most 10,000: more accounts have no tenant's name on them.
pub async fn wake_ups(tx: &mut TenantTx) -> Result<Vec<WakeLane>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select id as "id: AccountId", generation from lanes where tenant_id = $1 limit 10000"#,
        tenant.uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| WakeLane { tenant, account: row.id, generation: row.generation }).collect())
}

struct Row {
    id: AccountId,
    provider: String,
    channel: Channel,
    external_id: String,
    display_name: String,
    status: AccountStatus,
    status_reason: Option<String>,
    settings: Json<BTreeMap<String, String>>,
    rate_per_s: f64,
    rate_burst: i32,
    limit_key: Option<String>,
    limit_per_s: Option<f64>,
    spacing_every_s: Option<i32>,
    spacing_burst: Option<i32>,
    time_zone: Option<String>,
    quiet_starts: Option<NaiveTime>,
    quiet_ends: Option<NaiveTime>,
    is_primary: bool,
    accepted_at: Option<DateTime<Utc>>,
    heard_at: Option<DateTime<Utc>>,
    silent_since: Option<DateTime<Utc>>,
    silence: Option<Silence>,
    tell_read: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    portfolio: Option<String>,
    people_max: Option<i32>,
    people: Option<i32>,
}

impl TryFrom<Row> for Account {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let limits = Limits {
            pace: Pace { per_s: row.rate_per_s, burst: unsigned(row.rate_burst)? },
            spacing: match row.spacing_every_s.zip(row.spacing_burst) {
                Some((every, burst)) => Some(Spacing { every_s: unsigned(every)?, burst: unsigned(burst)? }),
                None => None,
            },
            shared: row.limit_key.zip(row.limit_per_s).map(|(key, per_s)| SharedLimit { key, per_s }),
        };
        let portfolio = Portfolio {
            id: row.portfolio,
            people_max: row.people_max.map(unsigned).transpose()?,
            people: row.people.map_or(Ok(0), unsigned)?,
        };
        Ok(Self {
            id: row.id,
            provider: row.provider,
            channel: row.channel,
            external_id: row.external_id,
            display_name: row.display_name,
            status: row.status,
            status_reason: row.status_reason,
            settings: row.settings.0,
            limits,
            portfolio,
            time_zone: row.time_zone,
            quiet_hours: row.quiet_starts.zip(row.quiet_ends).map(|(starts, ends)| QuietHours { starts, ends }),
            is_primary: row.is_primary,
            tell_read: row.tell_read,
            pulse: Pulse {
                accepted_at: row.accepted_at,
                heard_at: row.heard_at,
                silent: row.silent_since.zip(row.silence),
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Limits as columns.
struct Columns<'a> {
    rate_per_s: f64,
    rate_burst: i32,
    limit_key: Option<&'a str>,
    limit_per_s: Option<f64>,
    spacing_every_s: Option<i32>,
    spacing_burst: Option<i32>,
}

impl<'a> Columns<'a> {
    fn of(limits: &'a Limits) -> Result<Self> {
        Ok(Self {
            rate_per_s: limits.pace.per_s,
            rate_burst: signed(limits.pace.burst)?,
            limit_key: limits.shared.as_ref().map(|shared| shared.key.as_str()),
            limit_per_s: limits.shared.as_ref().map(|shared| shared.per_s),
            spacing_every_s: limits.spacing.map(|spacing| signed(spacing.every_s)).transpose()?,
            spacing_burst: limits.spacing.map(|spacing| signed(spacing.burst)).transpose()?,
        })
    }
}

fn unsigned(number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::Corrupt(format!("{number} is negative")))
}

fn signed(number: u32) -> Result<i32> {
    i32::try_from(number).map_err(|_| Error::Corrupt(format!("{number} is too large")))
}
