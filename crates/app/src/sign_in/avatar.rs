//! How people look: a picture of oneself, drawn anew and small, which is read by whoever works where they do.

use bytes::Bytes;
use postroad_core::ids::{MemberId, TenantId, UserId};
pub use postroad_store::avatars::Avatar;
use postroad_store::{SystemTx, avatars};

use super::SignInError;
use crate::{App, media::Trouble};

/// `declared`: what they say it is. It only has to agree.
pub async fn set_avatar(app: &App, user: UserId, declared: Option<String>, bytes: Bytes) -> Result<(), SignInError> {
    let face = app.media.face(declared, bytes).await.map_err(|trouble| match trouble {
        Trouble::Refused(refusal) => SignInError::Picture(refusal),
        Trouble::Lost { .. } | Trouble::Later { .. } => SignInError::NotFound,
    })?;
    let mut tx = SystemTx::begin(&app.store).await?;
    avatars::set(&mut tx, user, (face.media_type, &face.bytes), app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

pub async fn remove_avatar(app: &App, user: UserId) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    if !avatars::remove(&mut tx, user).await? {
        return Err(SignInError::NotFound);
    }
    tx.commit().await?;
    Ok(())
}

/// One's own.
pub async fn avatar(app: &App, user: UserId) -> Result<Avatar, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    avatars::find(&mut tx, user).await?.ok_or(SignInError::NotFound)
}

/// Of a member of the tenant.
pub async fn avatar_of(app: &App, tenant: TenantId, member: MemberId) -> Result<Avatar, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    avatars::of_member(&mut tx, tenant, member).await?.ok_or(SignInError::NotFound)
}

/// Which of these members of the tenant have one.
pub async fn have_avatars(app: &App, tenant: TenantId, members: &[MemberId]) -> Result<Vec<MemberId>, SignInError> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(avatars::among(&mut tx, tenant, members).await?)
}
