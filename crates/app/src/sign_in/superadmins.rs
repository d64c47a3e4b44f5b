//! Superadmins: people of whoever runs the installation.
//!
//! They see a tenant's data by working for it, as an owner whom everybody there sees: in the list of members, in histories
//! and in the audit. There is no other way in.

use postroad_core::{
    conversation::Role,
    ids::{TenantId, UserId},
};
use postroad_store::{
    SystemTx, tenants,
    users::{self, Joining},
};

use super::{Place, SignInError, become_member};
use crate::App;

/// People shown at once: nobody has more of them.
const SUPERADMINS_MAX: i64 = 200;

/// Makes somebody a superadmin, or one no longer; by the operator.
pub async fn set_superadmin(app: &App, user: UserId, superadmin: bool) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    if !users::set_superadmin(&mut tx, user, superadmin, app.clock.now()).await? {
        return Err(SignInError::NotFound);
    }
    tx.commit().await?;
    Ok(())
}

/// Who they are.
pub async fn superadmins(app: &App) -> Result<Vec<UserId>, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(users::superadmins(&mut tx, SUPERADMINS_MAX).await?)
}

/// Makes a superadmin a member of a tenant that they do not work for.
pub(super) async fn enter(
    app: &App,
    tx: &mut SystemTx,
    user: UserId,
    tenant: TenantId,
    place: &Place,
) -> Result<(), SignInError> {
    tenants::find(tx, tenant).await?.ok_or(SignInError::NotFound)?;
    let user = users::find(tx, user).await?.ok_or(SignInError::NotFound)?;
    tx.is_done_by(&place.doer(user.id)).await?;
    become_member(tx, &user, Joining { tenant, role: Role::Owner, department: None }, app.clock.now()).await?;
    Ok(users::takes_no_turns(tx, tenant, user.id).await?)
}
