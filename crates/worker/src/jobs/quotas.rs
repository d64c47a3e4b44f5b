//! How many people an account's portfolio may write to, as its provider says.

use postroad_app::accounts::{self, AccountError};
use postroad_core::ids::{AccountId, TenantId};

use super::{Ctx, Done, Failure, tend_templates::later};
use crate::desk::{Desk, Trouble};

/// For an account that was connected just now: a limit that is not known is none.
pub(super) async fn ask(ctx: &Ctx, tenant: TenantId, id: AccountId) -> Result<Done, Failure> {
    let account = match accounts::get(&ctx.app, tenant, id).await {
        Ok(account) => account,
        Err(AccountError::Store(error)) => return Err(error.into()),
        Err(_) => return Ok(Done::Skipped { why: "the account is gone" }),
    };
    let known = postroad_providers::find(&account.provider);
    if known.is_none_or(|provider| provider.templates().is_none()) {
        return Ok(Done::Skipped { why: "the provider has no such limit" });
    }
    let learnt = match Desk::open(ctx, tenant, &account).await {
        Ok(desk) => learn(ctx, tenant, id, &desk).await,
        Err(trouble) => Err(trouble),
    };
    match learnt {
        Ok(()) => Ok(Done::Completed),
        Err(Trouble::Later { words, after }) => later(ctx, words, after),
        Err(other) => {
            tracing::warn!(account.id = %id, error = %other, "the provider does not tell the portfolio's limit");
            Ok(Done::Completed)
        }
    }
}

/// Asks, and keeps what is answered.
pub(super) async fn learn(ctx: &Ctx, tenant: TenantId, account: AccountId, desk: &Desk) -> Result<(), Trouble> {
    let Some(quota) = desk.quota().await? else { return Ok(()) };
    match accounts::learn_quota(&ctx.app, tenant, account, quota.people_max).await {
        Err(AccountError::Store(error)) => Err(error.into()),
        // It was removed meanwhile.
        _ => Ok(()),
    }
}
