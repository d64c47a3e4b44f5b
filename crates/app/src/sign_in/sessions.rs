//! Sessions: begun, found, renewed and ended.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{SessionId, TenantId, UserId},
    mail::MailKind,
    sign_in::{Deed, IDLE_MAX, SEEN_EVERY, SESSION_MAX, SESSIONS_MAX, Token, TokenHash},
};
use postroad_store::{
    SystemTx,
    sessions::{self as stored, New, Session, SignedIn},
    users,
};
use secrecy::SecretString;
use serde_json::json;

use super::{Opened, Passwords, Place, SignInError, passwords, prove_again, superadmins, tell};
use crate::{App, mail};

const AGENT_CHARS: usize = 300;

/// Begins a session. Somebody with very many loses the oldest.
pub(super) async fn open(
    tx: &mut SystemTx,
    user: UserId,
    works_for: Option<TenantId>,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Opened, SignInError> {
    let token = Token::generate(&mut rand::rng());
    let (ip, agent) = (place.ip.to_string(), place.agent.chars().take(AGENT_CHARS).collect::<String>());
    let new = New { user, works_for, ip: &ip, agent: &agent, ends_at: now + SESSION_MAX };
    stored::insert(tx, &token.hash(), SessionId::new(now), new, now).await?;
    stored::end_oldest(tx, user, SESSIONS_MAX).await?;
    opened(tx, token, now).await
}

async fn opened(tx: &mut SystemTx, token: Token, now: DateTime<Utc>) -> Result<Opened, SignInError> {
    let found = stored::find(tx, &token.hash(), now - IDLE_MAX, now).await?;
    let signed_in = found.ok_or(SignInError::Wrong)?;
    Ok(Opened { token, signed_in })
}

/// Who is signed in by what a cookie holds. None: nobody, or not any more. Counts as use.
pub async fn find(app: &App, token: &TokenHash) -> Result<Option<SignedIn>, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let found = stored::find(&mut tx, token, now - IDLE_MAX, now).await?;
    if let Some(signed_in) = found.as_ref().filter(|signed_in| signed_in.seen_at + SEEN_EVERY <= now) {
        stored::touch(&mut tx, signed_in.session, now).await?;
    }
    tx.commit().await?;
    Ok(found)
}

/// The same without counting as use: whoever only follows what happens does not keep a session alive.
pub async fn still(app: &App, token: &TokenHash) -> Result<Option<SignedIn>, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(stored::find(&mut tx, token, now - IDLE_MAX, now).await?)
}

/// Works for another tenant from now on, a superadmin for any; what opens the session is another word then.
pub async fn switch(app: &App, signed_in: &SignedIn, tenant: TenantId, place: &Place) -> Result<Opened, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let works_there = users::memberships(&mut tx, signed_in.user).await?.iter().any(|one| one.tenant == tenant);
    match (works_there, signed_in.superadmin) {
        (true, _) => {}
        (false, true) => superadmins::enter(app, &mut tx, signed_in.user, tenant, place).await?,
        (false, false) => return Err(SignInError::NotFound),
    }
    let opened = renew(&mut tx, signed_in, Some(tenant), now).await?;
    tx.commit().await?;
    Ok(opened)
}

async fn renew(
    tx: &mut SystemTx,
    signed_in: &SignedIn,
    works_for: Option<TenantId>,
    now: DateTime<Utc>,
) -> Result<Opened, SignInError> {
    let token = Token::generate(&mut rand::rng());
    if !stored::renew(tx, signed_in.session, &token.hash(), works_for, now).await? {
        return Err(SignInError::NotFound);
    }
    opened(tx, token, now).await
}

/// Takes a new password from whoever knows the old one, or has none, and ends all other sessions.
pub async fn change_password(
    app: &App,
    passwords: &Passwords,
    signed_in: &SignedIn,
    (old, new): (Option<SecretString>, SecretString),
    place: &Place,
) -> Result<Opened, SignInError> {
    passwords::check(&new, &[&signed_in.email, &signed_in.name])?;
    prove_again(app, passwords, signed_in, old, place).await?;
    let hash = passwords.hash(new).await?;
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    users::set_password(&mut tx, signed_in.user, &hash, now).await?;
    stored::end_others(&mut tx, signed_in.user, Some(signed_in.session)).await?;
    let opened = renew(&mut tx, signed_in, signed_in.works_for, now).await?;
    tell(&mut tx, signed_in.user, Some(place), Deed::PasswordChanged, &json!({})).await?;
    mail::to_user(app, &mut tx, MailKind::PasswordChanged, (signed_in.user, &signed_in.email), now).await?;
    tx.commit().await?;
    Ok(opened)
}

/// Where somebody is signed in, the newest first.
pub async fn list(app: &App, user: UserId) -> Result<Vec<Session>, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(stored::list(&mut tx, user, now - IDLE_MAX, now, SESSIONS_MAX).await?)
}

/// Ends one session of somebody.
pub async fn end(app: &App, user: UserId, session: SessionId, place: &Place) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    if !stored::end(&mut tx, user, session).await? {
        return Err(SignInError::NotFound);
    }
    tell(&mut tx, user, Some(place), Deed::SignedOut, &json!({"sessions": 1})).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends every session of somebody but this one; returns how many.
pub async fn end_others(app: &App, signed_in: &SignedIn, place: &Place) -> Result<u64, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let ended = stored::end_others(&mut tx, signed_in.user, Some(signed_in.session)).await?;
    if ended > 0 {
        tell(&mut tx, signed_in.user, Some(place), Deed::SignedOut, &json!({"sessions": ended})).await?;
    }
    tx.commit().await?;
    Ok(ended)
}
