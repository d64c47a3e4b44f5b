//! Forgotten passwords, and addresses of mail that are proven: by words that were mailed.

use chrono::{DateTime, Utc};
use postroad_core::{
    mail::MailKind,
    sign_in::{Deed, FAILURES_KEPT, Token, TokenHash, WordKind, may_ask_at},
};
use postroad_store::{
    SystemTx,
    sessions::{self as stored, SignedIn},
    user_words::{self, Whose},
    users::{self, User},
};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Passwords, Place, SignInError, address, passwords, tell};
use crate::{App, mail};

/// Mails a way to a new password to whoever has this address. Does the same for everybody and for nobody: who it is, is looked
/// up when the mail is sent.
pub async fn forget_password(app: &App, email: &str) -> Result<(), SignInError> {
    let (email, now) = (address(email)?, app.clock.now());
    let mut tx = SystemTx::begin(&app.store).await?;
    if may_ask(&mut tx, "reset", &email, now).await? {
        mail::to_whoever_forgot(app, &mut tx, &email, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Counts what is asked for, for an address. False: it was asked for a moment ago.
async fn may_ask(tx: &mut SystemTx, what: &str, email: &str, now: DateTime<Utc>) -> Result<bool, SignInError> {
    let who = asker(what, email);
    stored::hold(tx, &who).await?;
    let asked = stored::failures(tx, &who).await?;
    if asked.is_some_and(|(times, at)| may_ask_at(times, at) > now) {
        return Ok(false);
    }
    stored::fail(tx, &who, now - FAILURES_KEPT, now).await?;
    Ok(true)
}

/// Counted beside wrong passwords, whose hashes end with a network.
fn asker(what: &str, email: &str) -> TokenHash {
    let mut hash = Sha256::new();
    hash.update(email.trim().to_lowercase());
    hash.update([0]);
    hash.update(what);
    hash.finalize().into()
}

/// Takes a new password from whoever has the word, and ends all sessions: whoever knew the old one is out.
pub async fn reset_by_word(
    app: &App,
    passwords: &Passwords,
    word: &Token,
    password: SecretString,
    place: &Place,
) -> Result<(), SignInError> {
    let user = whose_reset(app, word).await?;
    passwords::check(&password, &[&user.email, &user.name])?;
    let hash = passwords.hash(password).await?;
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    // Somebody else may have used it while the password was hashed.
    let Whose { user, email } = take(&mut tx, word, WordKind::Reset, now).await?;
    user_words::end_all(&mut tx, user, WordKind::Reset, now).await?;
    users::set_password(&mut tx, user, &hash, now).await?;
    users::set_verified(&mut tx, user, &email, now).await?;
    stored::end_others(&mut tx, user, None).await?;
    tell(&mut tx, user, Some(place), Deed::PasswordChanged, &json!({"by": "mail"})).await?;
    mail::to_user(app, &mut tx, MailKind::PasswordChanged, (user, &email), now).await?;
    tx.commit().await?;
    Ok(())
}

async fn whose_reset(app: &App, word: &Token) -> Result<User, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let whose = user_words::find(&mut tx, &word.hash(), WordKind::Reset, now).await?;
    let whose = whose.ok_or(SignInError::NoSuchWord)?;
    let user = users::find(&mut tx, whose.user).await?.filter(|user| user.disabled_at.is_none());
    user.ok_or(SignInError::NoSuchWord)
}

async fn take(tx: &mut SystemTx, word: &Token, kind: WordKind, now: DateTime<Utc>) -> Result<Whose, SignInError> {
    user_words::take(tx, &word.hash(), kind, now).await?.ok_or(SignInError::NoSuchWord)
}

/// Whoever has the word reads mail at the address that it was sent to.
pub async fn verify_email(app: &App, word: &Token) -> Result<(), SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let Whose { user, email } = take(&mut tx, word, WordKind::Verify, now).await?;
    users::set_verified(&mut tx, user, &email, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Mails another word for proving one's address. Nothing, if it is proven.
pub async fn send_verification(app: &App, who: &SignedIn) -> Result<(), SignInError> {
    if app.mail.is_none() {
        return Err(SignInError::NoMail);
    }
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let user = users::find(&mut tx, who.user).await?.ok_or(SignInError::NotFound)?;
    if user.verified_at.is_none() && may_ask(&mut tx, "verify", &user.email, now).await? {
        mail::to_user(app, &mut tx, MailKind::Verify, (user.id, &user.email), now).await?;
    }
    tx.commit().await?;
    Ok(())
}
