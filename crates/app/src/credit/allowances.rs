//! What members may still spend.

use postroad_core::{
    conversation::Role,
    ids::{MemberId, TenantId},
    limits::CREDITS_MAX,
};
use postroad_store::{
    Result, TenantTx,
    credit::allowances::{self, Allowance},
};

use super::WalletError;
use crate::App;

/// Who says what a member may spend.
#[derive(Debug, Clone, Copy)]
pub struct Giver {
    /// None: a program or the operator.
    pub member: Option<MemberId>,
    pub role: Option<Role>,
}

/// A page of all members, oldest first.
pub async fn allowances(app: &App, tenant: TenantId, after: Option<MemberId>, limit: i64) -> Result<Vec<Allowance>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    allowances::list(&mut tx, after, limit).await
}

/// Says what a member may still spend from now on; what is reserved already comes back on top of it, if it is not sent. None:
/// as much as there is.
pub async fn set_allowance(
    app: &App,
    tenant: TenantId,
    giver: Giver,
    member: MemberId,
    credits: Option<i64>,
) -> Result<Allowance, WalletError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let before = allowances::find(&mut tx, member).await?.ok_or(WalletError::NotFound)?;
    may_give(giver, &before)?;
    match credits {
        Some(credits) if !(0..=CREDITS_MAX).contains(&credits) => return Err(WalletError::Amount),
        Some(credits) => allowances::set(&mut tx, member, credits, app.clock.now()).await?,
        None => allowances::lift(&mut tx, member).await?,
    }
    let after = allowances::find(&mut tx, member).await?.ok_or(WalletError::NotFound)?;
    tx.commit().await?;
    Ok(after)
}

/// An owner decides about everybody; others about those who may do no more than they, and not about themselves.
fn may_give(giver: Giver, to: &Allowance) -> Result<(), WalletError> {
    match giver.role {
        None | Some(Role::Owner) => Ok(()),
        Some(_) if giver.member == Some(to.member) => Err(WalletError::OwnAllowance),
        Some(role) if role.may_give(to.role) => Ok(()),
        Some(_) => Err(WalletError::RoleTooHigh),
    }
}

/// Whether owners and admins need no allowance, even if they have one.
pub async fn set_admins_free(app: &App, tenant: TenantId, free: bool) -> Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    allowances::set_admins_free(&mut tx, free).await?;
    tx.commit().await
}
