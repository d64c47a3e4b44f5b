//! Who somebody is, as they say themselves.

use postroad_core::{ids::UserId, profile::Preferences};
use postroad_store::{
    Error, SystemTx, avatars, identities, second_factors,
    users::{self, Membership, User},
};

use super::{Linked, SignInError, named};
use crate::App;

/// Somebody as they are shown themselves.
pub struct Myself {
    pub user: User,
    pub has_second_factor: bool,
    pub has_avatar: bool,
    /// By what they sign in beside a password.
    pub linked: Vec<Linked>,
    pub preferences: Preferences,
    /// Where they work, the first tenant first.
    pub memberships: Vec<Membership>,
}

pub async fn me(app: &App, user: UserId) -> Result<Myself, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let preferences = users::preferences(&mut tx, user).await?.ok_or(SignInError::NotFound)?;
    Ok(Myself {
        user: users::find(&mut tx, user).await?.ok_or(SignInError::NotFound)?,
        has_second_factor: second_factors::is_on(&mut tx, user).await?,
        has_avatar: avatars::is_there(&mut tx, user).await?,
        linked: identities::list(&mut tx, user).await?,
        preferences: serde_json::from_value(preferences).map_err(Error::from)?,
        memberships: users::memberships(&mut tx, user).await?,
    })
}

/// What is to be another. None: stays.
#[derive(Debug, Clone)]
pub struct ProfileChange {
    /// 1 to 200 characters.
    pub name: Option<String>,
    pub preferences: Option<Preferences>,
}

/// Their members change their name with them, but for those that somebody named otherwise.
pub async fn change_profile(app: &App, user: UserId, change: ProfileChange) -> Result<(), SignInError> {
    let name = change.name.as_deref().map(named).transpose()?;
    let preferences = change.preferences.map(serde_json::to_value).transpose().map_err(Error::from)?;
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if let Some(name) = name {
        users::rename(&mut tx, user, &name, now).await?;
    }
    if let Some(preferences) = preferences {
        users::set_preferences(&mut tx, user, &preferences, now).await?;
    }
    tx.commit().await?;
    Ok(())
}
