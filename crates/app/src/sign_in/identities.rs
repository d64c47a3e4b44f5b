//! Google, Facebook and GitHub say who somebody is. Who that is to us, and what they may do with it, is decided here.
//!
//! What a browser keeps while its owner is away is one word. From it follow `state`, whose hash is the row of the journey, and
//! the verifier of RFC 7636, which is stored nowhere: nobody ends a journey that another browser began, or from a copy of
//! the database. Deliberately absent: the call to the provider, which the API makes between two transactions.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::UserId,
    mail::MailKind,
    sign_in::{Deed, IdentityProvider, JOURNEY_LASTS, RECENTLY, Token, TokenHash},
};
pub use postroad_store::identities::Linked;
use postroad_store::{
    Error, SystemTx,
    identities::{self as stored, Journey, Subject},
    sessions::{self as stored_sessions, SignedIn},
    users::{self, User},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    LoggedIn, Opened, Passwords, Place, SignInError, first, invitations, is_open, named, prove, second_factor,
    told::{By, tell},
};
use crate::{
    App, mail,
    tenants::{NewTenant, check_new},
};

/// Somebody, as a provider says. Never printed.
pub struct Identity {
    pub provider: IdentityProvider,
    /// Stays theirs, whatever their address becomes. 1 to 255 characters.
    pub subject: String,
    pub name: Option<String>,
    /// None: the provider knows none, or does not say that it is theirs.
    pub address: Option<ProvenAddress>,
}

/// An address of mail that a provider says is somebody's.
pub struct ProvenAddress {
    pub email: String,
    /// The provider runs the mailbox, so it knows whose it is today. Others only know who once read a mail there.
    pub is_hosted: bool,
}

impl Identity {
    fn subject(&self) -> Subject<'_> {
        Subject { provider: self.provider, id: &self.subject }
    }

    fn email(&self) -> Option<&str> {
        self.address.as_ref().map(|address| address.email.as_str())
    }

    /// Somebody who signs in by it for the first time, and has no password.
    fn user(&self, email: &str, now: DateTime<Utc>) -> Result<User, SignInError> {
        let email = super::address(email)?;
        let local = email.split('@').next().unwrap_or_default();
        let name = self.name.as_deref().and_then(|name| named(name).ok()).unwrap_or_else(|| local.to_owned());
        let is_hosted = self.address.as_ref().is_some_and(|one| one.is_hosted && same(&one.email, &email));
        let verified_at = is_hosted.then_some(now);
        Ok(User { id: UserId::new(now), email, name, password: None, disabled_at: None, verified_at, created_at: now })
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// What is to come of a journey.
pub enum Wish {
    SignIn,
    /// By it too, from now on.
    Link(UserId),
    /// The hash of the word of an invitation.
    Accept(TokenHash),
    SignUp(FirstTenant),
}

/// What the first person's tenant is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirstTenant {
    pub slug: String,
    pub name: String,
    /// None: as new tenants have it.
    pub time_zone: Option<String>,
}

impl From<FirstTenant> for NewTenant {
    fn from(FirstTenant { slug, name, time_zone }: FirstTenant) -> Self {
        Self { time_zone, ..Self::named(slug, name) }
    }
}

/// Somebody sets out to a provider. Returns what their browser keeps until they are back.
pub async fn set_out(app: &App, provider: IdentityProvider, wish: Wish) -> Result<Token, SignInError> {
    match &wish {
        Wish::SignIn | Wish::Link(_) => {}
        Wish::Accept(word) => drop(invitations::asked(app, word).await?),
        Wish::SignUp(tenant) => {
            check_new(&tenant.clone().into())?;
            if !is_open(app).await? {
                return Err(SignInError::SignUpClosed);
            }
        }
    }
    let word = Token::generate(&mut rand::rng());
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::set_out(&mut tx, &state(&word).hash(), &journey(provider, wish)?, app.clock.now() + JOURNEY_LASTS).await?;
    tx.commit().await?;
    Ok(word)
}

/// What comes back with them: it follows from the word, and the word does not follow from it.
pub fn state(word: &Token) -> Token {
    word.part("state")
}

/// The `code_verifier` of RFC 7636.
pub fn verifier(word: &Token) -> Token {
    word.part("verifier")
}

fn journey(provider: IdentityProvider, wish: Wish) -> Result<Journey, Error> {
    let none = Journey { provider, wish: "sign_in".to_owned(), user: None, invitation_hash: None, tenant: None };
    Ok(match wish {
        Wish::SignIn => none,
        Wish::Link(user) => Journey { wish: "link".to_owned(), user: Some(user), ..none },
        Wish::Accept(word) => Journey { wish: "accept".to_owned(), invitation_hash: Some(word.to_vec()), ..none },
        Wish::SignUp(tenant) => {
            Journey { wish: "sign_up".to_owned(), tenant: Some(serde_json::to_value(tenant)?), ..none }
        }
    })
}

fn wish(journey: Journey) -> Option<Wish> {
    match journey.wish.as_str() {
        "sign_in" => Some(Wish::SignIn),
        "link" => journey.user.map(Wish::Link),
        "accept" => journey.invitation_hash?.try_into().ok().map(Wish::Accept),
        "sign_up" => serde_json::from_value(journey.tenant?).ok().map(Wish::SignUp),
        _ => None,
    }
}

/// Somebody is back, in the browser in which they set out; once, whatever comes of it.
pub async fn come_back(app: &App, provider: IdentityProvider, word: &Token, said: &str) -> Result<Wish, SignInError> {
    let state = state(word).hash();
    if Token::parse(said).is_none_or(|said| said.hash() != state) {
        return Err(SignInError::NoSuchJourney);
    }
    let mut tx = SystemTx::begin(&app.store).await?;
    let journey = stored::come_back(&mut tx, &state, provider, app.clock.now()).await?;
    tx.commit().await?;
    journey.and_then(wish).ok_or(SignInError::NoSuchJourney)
}

/// What came of a journey.
pub enum Arrived {
    In(LoggedIn),
    /// It is theirs from now on.
    Linked,
}

/// Does what somebody wished, now that it is known who they are. `who`: signed in, in this browser. `code`: of a second factor, for
/// an invitation of somebody who has one.
pub async fn arrive(
    app: &App,
    identity: &Identity,
    wish: Wish,
    (who, code): (Option<&SignedIn>, Option<&str>),
    place: &Place,
) -> Result<Arrived, SignInError> {
    let whole = |opened| Arrived::In(LoggedIn::Whole(Box::new(opened)));
    match wish {
        Wish::SignIn => Ok(Arrived::In(sign_in(app, identity, place).await?)),
        Wish::Accept(word) => Ok(whole(accept(app, identity, &word, code, place).await?)),
        Wish::SignUp(tenant) => Ok(whole(sign_up(app, identity, &tenant.into(), place).await?)),
        Wish::Link(user) => {
            let who = who.filter(|who| who.user == user).ok_or(SignInError::NoSuchJourney)?;
            link(app, who, identity, place).await?;
            Ok(Arrived::Linked)
        }
    }
}

async fn sign_in(app: &App, identity: &Identity, place: &Place) -> Result<LoggedIn, SignInError> {
    let user = known(app, identity, place).await?.ok_or(SignInError::UnknownIdentity)?;
    second_factor::enter(app, &user, By::Provider(identity.provider), place).await
}

/// Whom it signs in, if they may.
async fn known(app: &App, identity: &Identity, place: &Place) -> Result<Option<User>, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let user = match stored::use_one(&mut tx, identity.subject(), now).await? {
        Some(user) => users::find(&mut tx, user).await?.filter(|user| user.disabled_at.is_none()),
        None => by_address(app, &mut tx, identity, place, now).await?,
    };
    if user.is_some() {
        tx.commit().await?;
    }
    Ok(user)
}

/// Links an identity to the person who has its address, where both sides are sure of it today; else nobody.
///
/// An address is no name: whoever made an account here with somebody else's address, and waits for them to come by their
/// provider, would share it with them (classic-federated merge: Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security
/// 2022). So the person's own address must be proven. And a provider that lets anybody claim an address, or that saw a mail read
/// there years ago, would let in whoever had the address once (its non-verifying provider, and addresses that were given
/// to others). So only a provider that runs the mailbox is believed: its owner could ask for a new password there as well,
/// and the second factor is asked for all the same. Everybody else says their password once, and links what they like.
async fn by_address(
    app: &App,
    tx: &mut SystemTx,
    identity: &Identity,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Option<User>, SignInError> {
    let Some(address) = identity.address.as_ref().filter(|address| address.is_hosted) else { return Ok(None) };
    let found = users::find_by_email(tx, address.email.trim()).await?;
    let Some(user) = found.filter(|user| user.disabled_at.is_none() && user.verified_at.is_some()) else {
        return Ok(None);
    };
    if !stored::insert(tx, identity.subject(), (user.id, identity.email()), now).await? {
        return Ok(None);
    }
    tell_linked(app, tx, (user.id, &user.email), identity.provider, place).await?;
    Ok(Some(user))
}

async fn tell_linked(
    app: &App,
    tx: &mut SystemTx,
    (user, email): (UserId, &str),
    provider: IdentityProvider,
    place: &Place,
) -> Result<(), Error> {
    tell(tx, user, Some(place), Deed::IdentityLinked, &json!({"provider": provider})).await?;
    mail::to_user(app, tx, MailKind::IdentityLinked, (user, email), app.clock.now()).await
}

/// Whoever accepts is known by it already, and was invited; or nobody here, whose address the provider says is the invited one.
async fn accept(
    app: &App,
    identity: &Identity,
    word: &TokenHash,
    code: Option<&str>,
    place: &Place,
) -> Result<Opened, SignInError> {
    let asked = invitations::asked(app, word).await?;
    let by = By::Provider(identity.provider);
    if let Some(user) = known(app, identity, place).await? {
        if !same(&user.email, &asked.email) {
            return Err(SignInError::UnprovenAddress);
        }
        second_factor::prove_code_if_on(app, user.id, code, place).await?;
        return invitations::enter(app, &user, (word, by), None, place).await;
    }
    if !identity.email().is_some_and(|email| same(email, &asked.email)) {
        return Err(SignInError::UnprovenAddress);
    }
    if super::find_user(app, &asked.email).await?.is_some() {
        return Err(SignInError::UnknownIdentity);
    }
    let user = identity.user(&asked.email, app.clock.now())?;
    invitations::enter(app, &user, (word, by), Some(identity), place).await
}

async fn sign_up(app: &App, identity: &Identity, tenant: &NewTenant, place: &Place) -> Result<Opened, SignInError> {
    let email = identity.email().ok_or(SignInError::UnprovenAddress)?;
    let user = identity.user(email, app.clock.now())?;
    first(app, &user, Some(identity), tenant, place).await
}

/// The first thing by which somebody signs in.
pub(super) async fn keep(
    tx: &mut SystemTx,
    user: &User,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<(), SignInError> {
    let is_new = stored::insert(tx, identity.subject(), (user.id, identity.email()), now).await?;
    is_new.then_some(()).ok_or(SignInError::IdentityTaken)
}

async fn link(app: &App, who: &SignedIn, identity: &Identity, place: &Place) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    if !stored::insert(&mut tx, identity.subject(), (who.user, identity.email()), app.clock.now()).await? {
        return Err(SignInError::IdentityTaken);
    }
    tell_linked(app, &mut tx, (who.user, &who.email), identity.provider, place).await?;
    tx.commit().await?;
    Ok(())
}

/// Whoever changes how they sign in says their password again; who has none has just signed in.
pub async fn prove_again(
    app: &App,
    passwords: &Passwords,
    who: &SignedIn,
    password: Option<SecretString>,
    place: &Place,
) -> Result<User, SignInError> {
    if let Some(password) = password {
        return prove(app, passwords, &who.email, password, place).await;
    }
    let mut tx = SystemTx::begin(&app.store).await?;
    let user = users::find(&mut tx, who.user).await?.ok_or(SignInError::NotFound)?;
    let is_proven = user.password.is_none() && app.clock.now() < who.created_at + RECENTLY;
    is_proven.then_some(user).ok_or(SignInError::ProofNeeded)
}

/// Takes a way in from somebody, and ends their other sessions, which may have begun by it. The last one stays.
pub async fn unlink(
    app: &App,
    passwords: &Passwords,
    who: &SignedIn,
    (provider, password): (IdentityProvider, Option<SecretString>),
    place: &Place,
) -> Result<(), SignInError> {
    prove_again(app, passwords, who, password, place).await?;
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    users::hold(&mut tx, who.user).await?;
    let user = users::find(&mut tx, who.user).await?.ok_or(SignInError::NotFound)?;
    let linked = stored::list(&mut tx, who.user).await?;
    if user.password.is_none() && linked.iter().all(|one| one.provider == provider) {
        return Err(SignInError::LastWayIn);
    }
    if !stored::remove(&mut tx, who.user, provider).await? {
        return Err(SignInError::NotFound);
    }
    stored_sessions::end_others(&mut tx, who.user, Some(who.session)).await?;
    tell(&mut tx, who.user, Some(place), Deed::IdentityUnlinked, &json!({"provider": provider})).await?;
    mail::to_user(app, &mut tx, MailKind::IdentityUnlinked, (who.user, &who.email), now).await?;
    tx.commit().await?;
    Ok(())
}
