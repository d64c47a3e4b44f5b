//! Connecting numbers, pages, bots and mailboxes, and holding their secrets.
//!
//! What a provider needs and how fast it may be used, the caller knows: this room names no provider. An account is never
//! deleted, because messages point to it; a removed one holds no secrets any more.

mod check;
pub mod own_secret;
mod portfolio;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
pub use portfolio::{PortfolioChange, learn_quota};
use postroad_core::{
    account::{AccountStatus, Channel},
    gates::GateName,
    ids::{AccountId, TenantId},
    jobs::Maintain,
    provider::Credentials,
    quiet_hours::QuietHours,
};
use postroad_store::{AnyTx, Error, SystemTx, TenantTx, accounts, lanes, queue};
pub use postroad_store::{
    accounts::{Account, Limits, Portfolio, SharedLimit},
    pulses::Pulse,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    App,
    patch::Patch,
    secrets::{Place, SecretError},
    waiting::{self, Waits},
    zone::UnknownZone,
};

/// A reason that only [`remove`] gives.
const REMOVED: &str = "removed";

/// Secrets by the names that the adapter knows them by.
pub type NamedSecrets = Vec<(String, SecretString)>;

/// An account to be connected.
pub struct NewAccount {
    pub provider: String,
    pub channel: Channel,
    /// The provider's id of the number, page, bot or mailbox. 1 to 200 characters.
    pub external_id: String,
    /// 1 to 200 characters.
    pub display_name: String,
    pub credentials: NamedSecrets,
    /// Named values that are no secrets.
    pub settings: BTreeMap<String, String>,
    pub limits: Limits,
    /// Absent parts: what is known of the portfolio already.
    pub portfolio: PortfolioChange,
    pub time_zone: Option<String>,
    pub quiet_hours: Option<QuietHours>,
    /// Takes the mark from another account of the channel. The first of a channel has it anyway.
    pub is_primary: bool,
}

/// What changes of an account; all of it takes effect at the next step of its lane.
#[derive(Debug, Default)]
pub struct AccountChange {
    pub display_name: Option<String>,
    pub limits: Option<Limits>,
    pub portfolio: PortfolioChange,
    pub time_zone: Patch<String>,
    pub quiet_hours: Patch<QuietHours>,
    /// None: stays.
    pub tell_read: Option<bool>,
    /// True takes the mark from the channel's other account; it can only be handed on, not dropped.
    pub make_primary: bool,
}

/// Why an account cannot be connected or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("this {provider} account is connected already")]
    AlreadyConnected { provider: String },
    #[error("the external id does not have 1 to 200 characters")]
    ExternalId,
    #[error("the display name does not have 1 to 200 characters")]
    DisplayName,
    #[error("{0}")]
    Limits(&'static str),
    #[error("a portfolio has an id of 1 to 100 characters and 1 to 10,000,000 people")]
    Portfolio,
    #[error("there are more than 20 settings or secrets, or one has more than 8,000 characters")]
    TooMuch,
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    #[error("a reason has 1 to 200 characters")]
    Reason,
    #[error("a former secret holds for at most a week")]
    FormerTooLong,
    #[error(
        "the secret before this one holds until {until}: end it first, by asking for a new one with former_for_s 0"
    )]
    FormerHolds { until: DateTime<Utc> },
    #[error("there is no such account")]
    NotFound,
    #[error("the account was removed; connect it again")]
    Removed,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why an account's secrets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("there is no such account")]
    NotFound,
    #[error("the account has no credentials that can be read")]
    Unreadable,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Connects an account: its row, its sealed secrets, its lane. One that was removed comes back under its old id. A worker asks
/// the provider how many people it may write to.
pub async fn connect(app: &App, tenant: TenantId, new: NewAccount) -> Result<AccountId, AccountError> {
    check::new_account(&new)?;
    let now = app.clock.now();
    let portfolio = new.portfolio.clone();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    accounts::one_at_a_time(&mut tx).await?;
    portfolio.prepare(&mut tx).await?;
    let known = accounts::find_by_external(&mut tx, &new.provider, &new.external_id).await?;
    let id = known.unwrap_or_else(|| AccountId::new(now));
    let mark = mark_primary(&mut tx, new.channel, new.is_primary, now).await?;
    let sealed = seal(app, &mut tx, id, &new.credentials, now).await?;
    if known.is_some() {
        reconnect(&mut tx, id, new, mark, now).await?;
        accounts::set_credentials(&mut tx, id, &sealed, now).await?;
    } else {
        insert(&mut tx, &new.into_account(id, mark, now), &sealed).await?;
    }
    let mut account = accounts::find(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    if portfolio.apply(&mut tx, &mut account, now).await? {
        accounts::update(&mut tx, &account, now).await?;
    }
    queue::push(&mut tx, &Maintain::LearnQuota { tenant, account: id, asked: now.timestamp() }, now).await?;
    tx.commit().await?;
    Ok(id)
}

async fn insert(tx: &mut TenantTx, account: &Account, sealed: &str) -> Result<(), AccountError> {
    match accounts::insert(tx, account, sealed).await {
        Err(Error::Taken { constraint }) if constraint.contains("external_id") => {
            Err(AccountError::AlreadyConnected { provider: account.provider.clone() })
        }
        Err(other) => Err(other.into()),
        Ok(()) => Ok(lanes::insert(tx, account.id).await?),
    }
}

async fn reconnect(
    tx: &mut TenantTx,
    id: AccountId,
    new: NewAccount,
    mark: bool,
    now: DateTime<Utc>,
) -> Result<(), AccountError> {
    let old = accounts::lock(tx, id).await?.ok_or(AccountError::NotFound)?;
    if old.status_reason.as_deref() != Some(REMOVED) {
        return Err(AccountError::AlreadyConnected { provider: new.provider });
    }
    let account = Account { portfolio: old.portfolio, tell_read: old.tell_read, ..new.into_account(id, mark, now) };
    accounts::update(tx, &account, now).await?;
    Ok(())
}

/// Whether the account gets the mark; if it is wanted, the channel's other account loses it.
async fn mark_primary(tx: &mut TenantTx, channel: Channel, wanted: bool, now: DateTime<Utc>) -> Result<bool, Error> {
    if wanted {
        accounts::clear_primary(tx, channel, now).await?;
        return Ok(true);
    }
    Ok(accounts::find_primary(tx, channel).await?.is_none())
}

impl NewAccount {
    fn into_account(self, id: AccountId, is_primary: bool, now: DateTime<Utc>) -> Account {
        Account {
            id,
            provider: self.provider,
            channel: self.channel,
            external_id: self.external_id,
            display_name: self.display_name,
            status: AccountStatus::Active,
            status_reason: None,
            settings: self.settings,
            limits: self.limits,
            portfolio: Portfolio::default(),
            time_zone: self.time_zone,
            quiet_hours: self.quiet_hours,
            is_primary,
            tell_read: true,
            pulse: Pulse::default(),
            created_at: now,
            updated_at: now,
        }
    }
}

pub async fn get(app: &App, tenant: TenantId, id: AccountId) -> Result<Account, AccountError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    accounts::find(&mut tx, id).await?.ok_or(AccountError::NotFound)
}

/// A page, oldest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, AccountError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(accounts::list(&mut tx, after, limit).await?)
}

/// Changes what is named, and returns the account as it is then.
pub async fn update(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    change: AccountChange,
) -> Result<Account, AccountError> {
    check::change(&change)?;
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    change.portfolio.prepare(&mut tx).await?;
    let mut account = lock_connected(&mut tx, id).await?;
    let is_moved = change.portfolio.apply(&mut tx, &mut account, now).await?;
    if change.make_primary && !account.is_primary {
        account.is_primary = mark_primary(&mut tx, account.channel, true, now).await?;
    }
    account.display_name = change.display_name.unwrap_or(account.display_name);
    account.limits = change.limits.unwrap_or(account.limits);
    account.tell_read = change.tell_read.unwrap_or(account.tell_read);
    change.time_zone.apply(&mut account.time_zone);
    change.quiet_hours.apply(&mut account.quiet_hours);
    accounts::update(&mut tx, &account, now).await?;
    let account = accounts::find(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    tx.commit().await?;
    if is_moved {
        portfolio::release(app, tenant, &account).await?;
    }
    Ok(account)
}

/// The kill switch of one account: takes effect at the next intent of its lane.
pub async fn pause(app: &App, tenant: TenantId, id: AccountId, reason: &str) -> Result<(), AccountError> {
    check::reason(reason)?;
    set_status(app, tenant, id, AccountStatus::Paused, Some(reason)).await
}

/// A person says that the account works: after a pause, a restriction or a disconnection.
pub async fn resume(app: &App, tenant: TenantId, id: AccountId) -> Result<(), AccountError> {
    set_status(app, tenant, id, AccountStatus::Active, None).await?;
    Ok(waiting::release(app, tenant, Waits::Lane(id, GateName::AccountHealth)).await?)
}

async fn set_status(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    status: AccountStatus,
    reason: Option<&str>,
) -> Result<(), AccountError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let account = lock_connected(&mut tx, id).await?;
    let account = Account { status, status_reason: reason.map(str::to_owned), ..account };
    accounts::update(&mut tx, &account, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// Replaces the secrets. An account that was disconnected for the old ones sends again.
pub async fn rotate(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    credentials: &NamedSecrets,
) -> Result<(), AccountError> {
    check::secrets(credentials)?;
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let account = lock_connected(&mut tx, id).await?;
    let sealed = seal(app, &mut tx, id, credentials, now).await?;
    accounts::set_credentials(&mut tx, id, &sealed, now).await?;
    tx.commit().await?;
    if account.status == AccountStatus::Disconnected {
        resume(app, tenant, id).await?;
    }
    Ok(())
}

/// Disconnects for good and forgets the secrets. Messages and their account stay.
pub async fn remove(app: &App, tenant: TenantId, id: AccountId) -> Result<(), AccountError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let account = lock_connected(&mut tx, id).await?;
    let account = Account {
        status: AccountStatus::Disconnected,
        status_reason: Some(REMOVED.to_owned()),
        is_primary: false,
        ..account
    };
    accounts::update(&mut tx, &account, now).await?;
    let nothing = seal(app, &mut tx, id, &Vec::new(), now).await?;
    accounts::set_credentials(&mut tx, id, &nothing, now).await?;
    Ok(tx.commit().await?)
}

async fn lock_connected(tx: &mut TenantTx, id: AccountId) -> Result<Account, AccountError> {
    let account = accounts::lock(tx, id).await?.ok_or(AccountError::NotFound)?;
    if account.status_reason.as_deref() == Some(REMOVED) { Err(AccountError::Removed) } else { Ok(account) }
}

/// What opening an account gave.
pub type Opened = Result<Credentials, ConnectionError>;

/// The secrets and settings of accounts as their adapters name them, for the worker. Accounts that are not there are left
/// out.
pub async fn credentials(app: &App, of: &[(TenantId, AccountId)]) -> postroad_store::Result<Vec<(AccountId, Opened)>> {
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let mut all = Vec::new();
    for found in accounts::find_all_credentials(&mut tx, of).await? {
        let opened = open(app, &mut tx, found.tenant, found.id, &found.sealed, found.settings.0).await;
        all.push((found.id, opened));
    }
    Ok(all)
}

/// The same of one account, within a transaction of the caller.
pub async fn connection(app: &App, tx: &mut impl AnyTx, tenant: TenantId, id: AccountId) -> Opened {
    let stored = accounts::find_credentials(tx, tenant, id).await?;
    let (sealed, settings) = stored.ok_or(ConnectionError::NotFound)?;
    open(app, tx, tenant, id, &sealed, settings).await
}

#[expect(clippy::too_many_arguments, reason = "a row, and what opens it")]
async fn open(
    app: &App,
    tx: &mut impl AnyTx,
    tenant: TenantId,
    id: AccountId,
    sealed: &str,
    settings: BTreeMap<String, String>,
) -> Opened {
    let opened = app.keyring.open(tx, tenant, &place(id), sealed).await?;
    let secrets: BTreeMap<String, String> =
        serde_json::from_str(opened.expose_secret()).map_err(|_| ConnectionError::Unreadable)?;
    // Looked up from the front: a setting never stands in for a secret of the same name.
    let named = secrets.into_iter().chain(settings).map(|(name, value)| (name, SecretString::from(value)));
    Ok(Credentials::new(named.collect()))
}

async fn seal(
    app: &App,
    tx: &mut TenantTx,
    id: AccountId,
    secrets: &NamedSecrets,
    now: DateTime<Utc>,
) -> Result<String, SecretError> {
    let named: BTreeMap<&str, &str> =
        secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect();
    let json = serde_json::to_string(&named).expect("a map of texts is JSON");
    app.keyring.seal(tx, &place(id), &SecretString::from(json), now).await
}

fn place(id: AccountId) -> Place {
    Place::new("accounts", "credentials", id.uuid())
}
