//! The business portfolio of an account: which one, and how many people it may write to within a day.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::GateName,
    ids::{AccountId, TenantId},
    limits::PORTFOLIO_PEOPLE_MAX,
};
use postroad_store::{Error, TenantTx, accounts, portfolios};

use super::{Account, AccountError};
use crate::{
    App,
    patch::Patch,
    text,
    waiting::{self, Waits},
};

/// What is said about the portfolio of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortfolioChange {
    /// The provider's id, 1 to 100 characters. Clear: not known, and the account is a portfolio by itself.
    pub id: Patch<String>,
    /// Of the portfolio, and so of all its accounts. Clear: as many people as there are.
    pub people_max: Patch<u32>,
}

impl PortfolioChange {
    pub(super) fn check(&self) -> Result<(), AccountError> {
        let id = self.id.value().is_none_or(|id| text::fits(id, 1..=100));
        let people = self.people_max.value().is_none_or(|people| (1..=PORTFOLIO_PEOPLE_MAX).contains(people));
        if id && people { Ok(()) } else { Err(AccountError::Portfolio) }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Before the account is locked.
    pub(super) async fn prepare(&self, tx: &mut TenantTx) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { portfolios::lock_all(tx).await }
    }

    /// Moves the account, with those it wrote to, and sets the limit. False: nothing was said. The account is to be written
    /// after that.
    pub(super) async fn apply(
        &self,
        tx: &mut TenantTx,
        account: &mut Account,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        if self.is_empty() {
            return Ok(false);
        }
        let (before, limit) = (key(account), signed(account.portfolio.people_max));
        self.id.clone().apply(&mut account.portfolio.id);
        let after = key(account);
        if before != after {
            portfolios::open(tx, &after, limit, now).await?;
            portfolios::absorb(tx, &before, &after, now).await?;
        }
        match self.people_max {
            Patch::Keep => {}
            Patch::Clear => drop(portfolios::set(tx, &after, None, now).await?),
            Patch::Set(people) => drop(portfolios::set(tx, &after, signed(Some(people)), now).await?),
        }
        Ok(true)
    }
}

/// The id under which the portfolio of an account is counted.
fn key(account: &Account) -> String {
    account.portfolio.id.clone().unwrap_or_else(|| account.id.uuid().to_string())
}

fn signed(people: Option<u32>) -> Option<i32> {
    people.and_then(|people| i32::try_from(people).ok())
}

/// Whoever waits for a place in the portfolio is looked at again.
pub(super) async fn release(app: &App, tenant: TenantId, account: &Account) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let lanes = portfolios::accounts(&mut tx, &key(account)).await?;
    drop(tx);
    for lane in lanes {
        waiting::release(app, tenant, Waits::Lane(lane, GateName::Credit)).await?;
    }
    Ok(())
}

/// The provider says how many people the account's portfolio may write to. False: it said so before.
pub async fn learn_quota(
    app: &App,
    tenant: TenantId,
    id: AccountId,
    people_max: Option<u32>,
) -> Result<bool, AccountError> {
    let people_max = people_max.map(|people| people.clamp(1, PORTFOLIO_PEOPLE_MAX));
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let account = accounts::find(&mut tx, id).await?.ok_or(AccountError::NotFound)?;
    if account.portfolio.people_max == people_max {
        return Ok(false);
    }
    portfolios::set(&mut tx, &key(&account), signed(people_max), app.clock.now()).await?;
    tx.commit().await?;
    release(app, tenant, &account).await?;
    tracing::info!(account.id = %id, people_max, "the provider changed how many people the portfolio may write to");
    Ok(true)
}
