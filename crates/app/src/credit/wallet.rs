//! What there is, what went in and out, and what things cost.

use chrono::NaiveDate;
use postroad_core::{
    actor::Actor,
    credit::{EntryKind, Priced},
    ids::{MemberId, TenantId},
    limits::{CREDITS_MAX, USAGE_DAYS_MAX},
};
use postroad_store::{
    TenantTx,
    credit::{
        self as stored, allowances,
        entries::{self, Entry, Listed, Usage},
        prices as priced,
    },
    tenants,
};

use super::{CreditError, any_slot, draw, reserving::blank};
use crate::{App, text};

/// The dearest message, or part of one.
const PRICE_MAX: i64 = 1_000_000;

/// Why nothing was changed or told.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    #[error("an amount is a whole number of credits from 1 to {CREDITS_MAX}; a correction may be negative")]
    Amount,
    #[error("a note has 1 to 500 characters")]
    Note,
    #[error("a price is 0 to {PRICE_MAX} credits")]
    Price,
    #[error("the wallet has {balance}, and cannot have less than nothing")]
    BelowZero { balance: i64 },
    #[error("there is no such member")]
    NotFound,
    #[error("you cannot change the allowance of somebody who may do more than you")]
    RoleTooHigh,
    #[error("your own allowance is somebody else's business")]
    OwnAllowance,
    #[error("a look goes over 1 to {USAGE_DAYS_MAX} days, from the first to the last")]
    Days,
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

impl From<CreditError> for WalletError {
    fn from(error: CreditError) -> Self {
        match error {
            CreditError::Insufficient { balance, .. } | CreditError::Allowance { balance, .. } => {
                Self::BelowZero { balance }
            }
            CreditError::Store(error) => Self::Store(error),
        }
    }
}

/// Who puts something into a wallet or takes it out, and what for: it stands in the statement.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub by: Actor,
    /// 1 to 500 characters.
    pub note: &'a str,
}

/// Adds credit and tells the new balance.
pub async fn top_up(app: &App, tenant: TenantId, credits: u32, said: Said<'_>) -> Result<i64, WalletError> {
    change(app, tenant, EntryKind::TopUp, credits.into(), said).await
}

/// Puts something right, in either direction, and tells the new balance. A wallet never has less than nothing.
pub async fn correct(app: &App, tenant: TenantId, credits: i64, said: Said<'_>) -> Result<i64, WalletError> {
    change(app, tenant, EntryKind::Correction, credits, said).await
}

async fn change(
    app: &App,
    tenant: TenantId,
    kind: EntryKind,
    credits: i64,
    said: Said<'_>,
) -> Result<i64, WalletError> {
    if credits == 0 || !(-CREDITS_MAX..=CREDITS_MAX).contains(&credits) {
        return Err(WalletError::Amount);
    }
    if !text::fits(said.note, 1..=500) {
        return Err(WalletError::Note);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if credits > 0 {
        stored::add(&mut tx, credits, any_slot()).await?;
    } else {
        draw(&mut tx, -credits).await?;
    }
    let line = Entry {
        credits,
        made_by: said.by.to_string(),
        note: Some(said.note.to_owned()),
        ..blank(kind, app.clock.now())
    };
    entries::insert(&mut tx, &[line]).await?;
    let balance = stored::balance(&mut tx).await?;
    tx.commit().await?;
    Ok(balance)
}

pub async fn balance(app: &App, tenant: TenantId) -> postroad_store::Result<i64> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::balance(&mut tx).await
}

/// A wallet at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    /// Messages cost credit.
    pub is_enforced: bool,
    pub balance: i64,
    /// Taken from the wallet for messages that have not ended.
    pub reserved: i64,
    /// Owners and admins need no allowance.
    pub admins_are_free: bool,
    /// What whoever asks may still spend. None: as much as there is.
    pub allowance: Option<i64>,
}

pub async fn wallet(app: &App, tenant: TenantId, asks: Option<MemberId>) -> Result<Wallet, WalletError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let is_enforced = tenants::find(&mut tx, tenant).await?.is_some_and(|tenant| tenant.credit_enforced);
    let allowance = match asks {
        Some(member) => allowances::find(&mut tx, member).await?.and_then(|found| found.limit()),
        None => None,
    };
    Ok(Wallet {
        is_enforced,
        balance: stored::balance(&mut tx).await?,
        reserved: stored::reserved(&mut tx).await?,
        admins_are_free: allowances::admins_are_free(&mut tx).await?,
        allowance,
    })
}

/// Up to `limit` lines, newest first.
pub async fn statement(app: &App, tenant: TenantId, listed: &Listed, limit: i64) -> postroad_store::Result<Vec<Entry>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    entries::list(&mut tx, listed, limit).await
}

/// What was spent, by the tenant's own days. The last one is included.
pub async fn usage(app: &App, tenant: TenantId, from: NaiveDate, to: NaiveDate) -> Result<Vec<Usage>, WalletError> {
    if !(0..USAGE_DAYS_MAX).contains(&(to - from).num_days()) {
        return Err(WalletError::Days);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = tenants::find(&mut tx, tenant).await?.ok_or(WalletError::NotFound)?;
    Ok(entries::usage(&mut tx, &found.time_zone, from, to).await?)
}

/// What has a price of its own. The rest costs one credit.
pub async fn prices(app: &App, tenant: TenantId) -> postroad_store::Result<Vec<(Priced, i64)>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    priced::list(&mut tx).await
}

/// From the next message on; what is reserved stays as it is. None: one credit again.
pub async fn set_price(app: &App, tenant: TenantId, what: Priced, credits: Option<i64>) -> Result<(), WalletError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    match credits {
        Some(credits) if !(0..=PRICE_MAX).contains(&credits) => return Err(WalletError::Price),
        Some(credits) => priced::set(&mut tx, what, credits).await?,
        None => {
            priced::unset(&mut tx, what).await?;
        }
    }
    Ok(tx.commit().await?)
}
