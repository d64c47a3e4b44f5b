//! A second factor: codes of six digits that an app makes from a secret, and ten codes for the day on which the app is lost.
//!
//! The secret is sealed under the installation's own key. A code counts once, also within its thirty seconds; who guesses waits as
//! with passwords, wherever they guess from, because they know the password already.

use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use postroad_core::{
    ids::{MemberId, TenantId, UserId},
    mail::MailKind,
    sign_in::{Deed, FAILURES_KEPT, HALF_SIGNED_IN_LASTS, RECOVERY_CODES, Token, TokenHash, WordKind, may_try_at},
};
use postroad_store::{
    SystemTx, TenantTx,
    second_factors::{self as stored, SecondFactor},
    sessions::{self as tries, SignedIn},
    tenants, user_words,
    users::{self, User},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};

use super::{By, Opened, Passwords, Place, SignInError, prove_again, sessions, tell};
use crate::{
    App, mail,
    secrets::{self, SecretError},
};

/// What an app is told to make codes. Never printed.
pub struct Begun {
    /// In base32, for typing it in.
    pub secret: SecretString,
    /// `otpauth://…`, for a picture that is scanned.
    pub uri: SecretString,
}

/// What came of a right password.
pub enum LoggedIn {
    Whole(Box<Opened>),
    /// A code is needed too. The word stands for the password for five minutes, and opens nothing else.
    Half(Token),
}

/// Makes a secret for whoever knows their password. It protects nothing until it is confirmed.
pub async fn begin(
    app: &App,
    passwords: &Passwords,
    who: &SignedIn,
    password: Option<SecretString>,
    place: &Place,
) -> Result<Begun, SignInError> {
    let user = prove_again(app, passwords, who, password, place).await?;
    let now = app.clock.now();
    let own = app.keyring.own(&app.store, now).await?;
    let secret = SecretString::from(BASE32_NOPAD.encode(&rand::random::<[u8; SECRET_BYTES]>()));
    let codes = codes(&secret, &user.email, host(&app.public_url))?;
    let mut tx = SystemTx::begin(&app.store).await?;
    if !stored::begin(&mut tx, user.id, &own.seal(&lies(user.id), &secret), now).await? {
        return Err(SignInError::SecondFactorIsOn);
    }
    tx.commit().await?;
    let uri = codes.to_url().map_err(|_| SignInError::from(SecretError::Malformed))?.into();
    Ok(Begun { secret, uri })
}

/// As RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// Where the secret lies, and opens.
fn lies(user: UserId) -> secrets::Place {
    secrets::Place::new("second_factors", "sealed", user.uuid())
}

/// `messages.example` of `https://messages.example/app`: what the app calls us.
fn host(url: &str) -> &str {
    url.split("://").last().and_then(|rest| rest.split(['/', ':']).next()).unwrap_or(url)
}

fn codes(secret: &SecretString, account: &str, issuer: &str) -> Result<Totp, SignInError> {
    let bytes = BASE32_NOPAD
        .decode(secret.expose_secret().as_bytes())
        .map_err(|_| SignInError::from(SecretError::Malformed))?;
    // The colon parts issuer and account.
    let account = account.replace(':', " ");
    Builder::new()
        .with_secret(bytes)
        .with_account_name(account)
        .with_issuer(Some(issuer))
        .build()
        .map_err(|_| SignInError::from(SecretError::Malformed))
}

/// Switches it on, for whoever shows that they can make codes; ends their other sessions, which began without one. Returns the
/// codes for the day on which the app is lost: told this once.
pub async fn confirm(app: &App, who: &SignedIn, code: &str, place: &Place) -> Result<Vec<SecretString>, SignInError> {
    let now = app.clock.now();
    let own = app.keyring.own(&app.store, now).await?;
    begin_try(app, who.user, now).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    let factor = stored::find(&mut tx, who.user).await?.ok_or(SignInError::NoSecondFactor)?;
    if factor.confirmed_at.is_some() {
        return Err(SignInError::SecondFactorIsOn);
    }
    if !is_right(&mut tx, &own, (who.user, &factor), code, now).await? {
        return Err(SignInError::WrongCode);
    }
    stored::confirm(&mut tx, who.user, now).await?;
    let (shown, hashes) = recovery_codes(&own, who.user);
    stored::set_recovery_codes(&mut tx, who.user, &hashes).await?;
    tries::end_others(&mut tx, who.user, Some(who.session)).await?;
    tries::forgive(&mut tx, &guesser(who.user)).await?;
    tell(&mut tx, who.user, Some(place), Deed::SecondFactorOn, &json!({})).await?;
    mail::to_user(app, &mut tx, MailKind::SecondFactorOn, (who.user, &who.email), now).await?;
    tx.commit().await?;
    Ok(shown)
}

/// Ten times 80 bits, and by what they are known.
fn recovery_codes(own: &secrets::OwnKey, user: UserId) -> (Vec<SecretString>, Vec<TokenHash>) {
    let one = |_| {
        let code = BASE32_NOPAD.encode(&rand::random::<[u8; RECOVERY_BYTES]>());
        let parts: Vec<&str> = [0, 4, 8, 12].iter().map(|at| &code[*at..at + 4]).collect();
        (SecretString::from(parts.join("-")), recovery_hash(own, user, &code))
    };
    (0..RECOVERY_CODES).map(one).unzip()
}

const RECOVERY_BYTES: usize = 10;

/// Keyed: whoever has the database alone cannot guess.
fn recovery_hash(own: &secrets::OwnKey, user: UserId, code: &str) -> TokenHash {
    own.word("recovery code", &format!("{}|{code}", user.uuid())).hash()
}

/// Whether it is the code of this moment, or one for the day on which the app is lost. It counts no more then.
async fn is_right(
    tx: &mut SystemTx,
    own: &secrets::OwnKey,
    (user, factor): (UserId, &SecondFactor),
    code: &str,
    now: DateTime<Utc>,
) -> Result<bool, SignInError> {
    let said: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).take(40).collect();
    if said.len() == DIGITS && said.bytes().all(|b| b.is_ascii_digit()) {
        let secret = own.open(&lies(user), &factor.sealed)?;
        let step = codes(&secret, "", "")?.check(&said, now.timestamp().unsigned_abs());
        let Some(step) = step.and_then(|step| i64::try_from(step).ok()) else { return Ok(false) };
        return Ok(stored::use_step(tx, user, step).await?);
    }
    if factor.confirmed_at.is_none() {
        return Ok(false);
    }
    let hash = recovery_hash(own, user, &said.to_ascii_uppercase());
    Ok(stored::use_recovery_code(tx, user, &hash, now).await?)
}

const DIGITS: usize = 6;

/// A try counts as wrong until it is right, as with passwords.
async fn begin_try(app: &App, user: UserId, now: DateTime<Utc>) -> Result<(), SignInError> {
    let who = guesser(user);
    let mut tx = SystemTx::begin(&app.store).await?;
    tries::hold(&mut tx, &who).await?;
    let failed = tries::failures(&mut tx, &who).await?;
    if let Some(until) = failed.map(|(failures, at)| may_try_at(failures, at)).filter(|until| *until > now) {
        return Err(SignInError::TooManyTries { until });
    }
    tries::fail(&mut tx, &who, now - FAILURES_KEPT, now).await?;
    tx.commit().await?;
    Ok(())
}

fn guesser(user: UserId) -> TokenHash {
    let mut hash = Sha256::new();
    hash.update(b"second factor");
    hash.update([0]);
    hash.update(user.uuid().as_bytes());
    hash.finalize().into()
}

/// A session for whoever said their password, or the word that stands for it.
pub(super) async fn enter(app: &App, user: &User, by: By, place: &Place) -> Result<LoggedIn, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if !stored::is_on(&mut tx, user.id).await? {
        let opened = open(&mut tx, user.id, by, place, now).await?;
        tx.commit().await?;
        return Ok(LoggedIn::Whole(Box::new(opened)));
    }
    let word = Token::generate(&mut rand::rng());
    let ends_at = now + HALF_SIGNED_IN_LASTS;
    let new = user_words::New { user: user.id, kind: WordKind::SecondFactor, email: &user.email, ends_at };
    user_words::insert(&mut tx, &word.hash(), new, now).await?;
    tx.commit().await?;
    Ok(LoggedIn::Half(word))
}

/// They work for the tenant that they worked for first.
async fn open(
    tx: &mut SystemTx,
    user: UserId,
    by: By,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Opened, SignInError> {
    tell(tx, user, Some(place), Deed::SignedIn, &by.told()).await?;
    let works_for = users::memberships(tx, user).await?.first().map(|membership| membership.tenant);
    sessions::open(tx, user, works_for, place, now).await
}

/// Begins a session for whoever said their password, and says a code now.
pub async fn finish(app: &App, word: &Token, code: &str, place: &Place) -> Result<Opened, SignInError> {
    let now = app.clock.now();
    let user = half_signed_in(app, word, now).await?;
    prove_code(app, user, code, place).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    user_words::take(&mut tx, &word.hash(), WordKind::SecondFactor, now).await?.ok_or(SignInError::NoSuchWord)?;
    let opened = open(&mut tx, user, By::Code, place, now).await?;
    tx.commit().await?;
    Ok(opened)
}

async fn half_signed_in(app: &App, word: &Token, now: DateTime<Utc>) -> Result<UserId, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let whose = user_words::find(&mut tx, &word.hash(), WordKind::SecondFactor, now).await?;
    let user = whose.ok_or(SignInError::NoSuchWord)?.user;
    let known = users::find(&mut tx, user).await?.filter(|user| user.disabled_at.is_none());
    Ok(known.ok_or(SignInError::NoSuchWord)?.id)
}

/// Takes a code from somebody whose second factor is on.
async fn prove_code(app: &App, user: UserId, code: &str, place: &Place) -> Result<(), SignInError> {
    let now = app.clock.now();
    let own = app.keyring.own(&app.store, now).await?;
    begin_try(app, user, now).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    let factor = stored::find(&mut tx, user).await?.filter(|factor| factor.confirmed_at.is_some());
    let factor = factor.ok_or(SignInError::NoSecondFactor)?;
    if !is_right(&mut tx, &own, (user, &factor), code, now).await? {
        tell(&mut tx, user, Some(place), Deed::CodeRefused, &json!({})).await?;
        tx.commit().await?;
        return Err(SignInError::WrongCode);
    }
    tries::forgive(&mut tx, &guesser(user)).await?;
    tx.commit().await?;
    Ok(())
}

/// The same of somebody who may have none: then nothing is needed.
pub(super) async fn prove_code_if_on(
    app: &App,
    user: UserId,
    code: Option<&str>,
    place: &Place,
) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let is_on = stored::is_on(&mut tx, user).await?;
    drop(tx);
    match (is_on, code) {
        (false, _) => Ok(()),
        (true, None) => Err(SignInError::CodeNeeded),
        (true, Some(code)) => prove_code(app, user, code, place).await,
    }
}

/// Switches it off, for whoever has both.
pub async fn end(
    app: &App,
    passwords: &Passwords,
    who: &SignedIn,
    (password, code): (Option<SecretString>, &str),
    place: &Place,
) -> Result<(), SignInError> {
    prove_again(app, passwords, who, password, place).await?;
    prove_code(app, who.user, code, place).await?;
    take_away(app, (who.user, &who.email), Some(place)).await
}

/// The same, of somebody who lost everything; by the operator.
pub async fn reset(app: &App, user: &User) -> Result<(), SignInError> {
    take_away(app, (user.id, &user.email), None).await
}

async fn take_away(app: &App, (user, email): (UserId, &str), place: Option<&Place>) -> Result<(), SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if !stored::remove(&mut tx, user).await? {
        return Err(SignInError::NoSecondFactor);
    }
    user_words::end_all(&mut tx, user, WordKind::SecondFactor, now).await?;
    tries::forgive(&mut tx, &guesser(user)).await?;
    tell(&mut tx, user, place, Deed::SecondFactorOff, &json!({})).await?;
    mail::to_user(app, &mut tx, MailKind::SecondFactorOff, (user, email), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether members of a tenant need one.
pub async fn is_required(app: &App, tenant: TenantId) -> Result<bool, SignInError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(tenants::requires_second_factor(&mut tx).await?)
}

/// Requires one of all members, or no longer. Whoever requires it is somebody who has one: nobody shuts themselves out.
pub async fn require(app: &App, tenant: TenantId, by: Option<MemberId>, required: bool) -> Result<(), SignInError> {
    let member = by.ok_or(SignInError::OnlyPeople)?;
    if required && !stored::is_on_for(&mut SystemTx::begin(&app.store).await?, tenant, member).await? {
        return Err(SignInError::NoSecondFactor);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    tenants::set_requires_second_factor(&mut tx, required, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard_and_an_app_is_told_whose_they_are() {
        // RFC 6238, appendix B: the last six of its eight digits.
        let secret = SecretString::from(BASE32_NOPAD.encode(b"12345678901234567890"));
        let codes = codes(&secret, "ada@shop.example", host("https://messages.example:8443/app")).unwrap();
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(codes.check(code, at), Some(at / 30));
            assert_eq!(codes.check(code, at + 60), None, "a minute later it is over");
        }
        let uri = codes.to_url().unwrap();
        assert!(uri.starts_with("otpauth://totp/messages.example:ada%40shop.example?secret=GEZDGNBVGY3TQOJQ"), "{uri}");
        assert!(uri.contains("issuer=messages.example"), "{uri}");
    }
}
