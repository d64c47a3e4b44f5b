//! People sign in, and work for the tenants whose members they are.
//!
//! A session is a row, and what opens it is 256 bits of chance that only the browser holds. Whoever guesses passwords waits
//! longer and longer, and only where they guess from: nobody can lock somebody else out. Strangers get the same answer as
//! those who mistyped, after the same time.

mod avatar;
mod identities;
mod invitations;
mod passwords;
mod profile;
mod recovery;
mod second_factor;
mod sessions;
mod superadmins;
mod told;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::Role,
    ids::{TenantId, UserId},
    mail::MailKind,
    media::MediaRefusal,
    sign_in::{Deed, FAILURES_KEPT, Token, TokenHash, may_try_at},
};
use postroad_store::{
    Doer, Error, SystemTx, sessions as stored,
    users::{self, Joining},
};
pub use postroad_store::{
    invitations::Invitation,
    sessions::{Session, SignedIn},
    users::{Membership, User},
};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};

pub use avatar::{Avatar, avatar, avatar_of, have_avatars, remove_avatar, set_avatar};
pub use identities::{
    Arrived, FirstTenant, Identity, Linked, ProvenAddress, Wish, arrive, come_back, prove_again, set_out, state,
    unlink, verifier,
};
pub use invitations::{Accepting, Invited, NewInvitation, accept, invitations, invite, revoke};
pub use passwords::{Busy, CHARS as PASSWORD_CHARS, Passwords, Verdict, Weak, check as check_password};
pub use profile::{Myself, ProfileChange, change_profile, me};
pub use recovery::{forget_password, reset_by_word, send_verification, verify_email};
pub use second_factor::{
    Begun, LoggedIn, begin as begin_second_factor, confirm as confirm_second_factor, end as end_second_factor, finish,
    is_required as requires_second_factor, require as require_second_factor, reset as reset_second_factor,
};
pub use sessions::{change_password, end, end_others, find, list, still, switch};
pub use superadmins::{set_superadmin, superadmins};

use told::{By, tell};

use crate::{
    App, mail,
    members::{self, MemberError},
    secrets::SecretError,
    tenants::{self, NewTenant, TenantError, check_new},
    text,
};

/// Why somebody is not signed in, or may not do what they want with it.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Also of somebody who does not exist, or was shut out.
    #[error("the address of mail or the password is wrong")]
    Wrong,
    #[error("too many wrong passwords came from here")]
    TooManyTries { until: DateTime<Utc> },
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Weak(#[from] Weak),
    #[error("the email is no address")]
    Email,
    #[error("a name has 1 to 200 characters")]
    Name,
    #[error("somebody signs in with this email already")]
    EmailTaken,
    #[error("this installation has people already; one of them can invite you")]
    SignUpClosed,
    #[error("there is no such invitation, or it was used, taken back, or is older than a week")]
    NoSuchInvitation,
    #[error("there is no such word, or it was used, or its time is over")]
    NoSuchWord,
    #[error("this installation sends no mail: POSTROAD_SMTP_URL is not set")]
    NoMail,
    #[error("the code is wrong, or was used")]
    WrongCode,
    #[error("a code of the second factor is needed too")]
    CodeNeeded,
    #[error("there is no second factor, or it is not confirmed")]
    NoSecondFactor,
    #[error("there is a second factor; switch it off first")]
    SecondFactorIsOn,
    /// The sealed secret does not open, or is none.
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("somebody was invited with this email already")]
    AlreadyInvited,
    #[error("they work for this tenant already")]
    AlreadyMember,
    #[error("another member, who signs in with another email, has this one")]
    SomebodyElse,
    #[error("there is no such department")]
    UnknownDepartment,
    #[error("you cannot give a role that may do more than your own")]
    RoleTooHigh,
    #[error("you did not set out from this browser in the last ten minutes, or came back already: begin again")]
    NoSuchJourney,
    #[error("nobody signs in here with this account: sign in with your password, and link it")]
    UnknownIdentity,
    #[error("the provider does not say that the invited address of mail is yours, or knows none that is")]
    UnprovenAddress,
    #[error("this account signs somebody in already, or another one of the same provider signs you in")]
    IdentityTaken,
    #[error("this is the only way in that is left: set a password first")]
    LastWayIn,
    #[error("say your password; if you have none, sign in again: the last time was more than ten minutes ago")]
    ProofNeeded,
    #[error("this is for people who signed in, and not for programs")]
    OnlyPeople,
    #[error("the picture is not taken ({0}): bring a JPEG, PNG or WebP")]
    Picture(MediaRefusal),
    #[error("there is nothing here that you may see")]
    NotFound,
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for SignInError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "users_by_email" => Self::EmailTaken,
            Error::Taken { constraint } if constraint == "invitations_open" => Self::AlreadyInvited,
            Error::Violated { constraint } if constraint.contains("department") => Self::UnknownDepartment,
            error => Self::Store(error),
        }
    }
}

/// From where somebody calls.
#[derive(Debug, Clone)]
pub struct Place {
    pub ip: IpAddr,
    /// The browser, as it calls itself.
    pub agent: String,
}

impl Place {
    /// Somebody who is not known as a member yet, as the audit names them.
    pub fn doer(&self, user: UserId) -> Doer {
        Doer { actor: user.to_string(), ip: Some(self.ip.to_string()), request_id: None }
    }
}

/// A session that was just begun or renewed, and what opens it.
pub struct Opened {
    pub token: Token,
    pub signed_in: SignedIn,
}

/// Who is to sign in.
pub struct NewUser {
    pub email: String,
    /// 1 to 200 characters.
    pub name: String,
    pub password: SecretString,
}

/// The first person of an installation, who is its superadmin: makes them, and the tenant that is theirs. Everybody else is
/// invited.
pub async fn sign_up(
    app: &App,
    passwords: &Passwords,
    new: NewUser,
    tenant: NewTenant,
    place: &Place,
) -> Result<Opened, SignInError> {
    check_new(&tenant)?;
    if !is_open(app).await? {
        return Err(SignInError::SignUpClosed);
    }
    let user = hashed(app, passwords, new).await?;
    first(app, &user, None, &tenant, place).await
}

/// `identity`: by what they sign in, instead of a password.
async fn first(
    app: &App,
    user: &User,
    identity: Option<&Identity>,
    new: &NewTenant,
    place: &Place,
) -> Result<Opened, SignInError> {
    let now = app.clock.now();
    let tenant = TenantId::new(now);
    let mut tx = SystemTx::begin(&app.store).await?;
    tx.is_done_by(&place.doer(user.id)).await?;
    users::lock(&mut tx).await?;
    if users::any(&mut tx).await? {
        return Err(SignInError::SignUpClosed);
    }
    tenants::insert(app, &mut tx, tenant, new, now).await?;
    insert(app, &mut tx, user, identity).await?;
    users::set_superadmin(&mut tx, user.id, true, now).await?;
    become_member(&mut tx, user, Joining { tenant, role: Role::Owner, department: None }, now).await?;
    let by = identity.map_or(By::Password, |identity| By::Provider(identity.provider));
    tell(&mut tx, user.id, Some(place), Deed::SignedIn, &by.told()).await?;
    let opened = sessions::open(&mut tx, user.id, Some(tenant), place, now).await?;
    tx.commit().await?;
    Ok(opened)
}

/// Whether the first person can still sign up.
pub async fn is_open(app: &App) -> Result<bool, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(!users::any(&mut tx).await?)
}

/// Somebody who can sign in and works for a tenant; made by the operator.
pub async fn create(
    app: &App,
    passwords: &Passwords,
    new: NewUser,
    (tenant, role): (TenantId, Role),
) -> Result<User, SignInError> {
    let user = hashed(app, passwords, new).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    insert(app, &mut tx, &user, None).await?;
    become_member(&mut tx, &user, Joining { tenant, role, department: None }, user.created_at).await?;
    tx.commit().await?;
    Ok(user)
}

/// Whoever is not known to read mail at their address is asked.
async fn insert(app: &App, tx: &mut SystemTx, user: &User, identity: Option<&Identity>) -> Result<(), SignInError> {
    users::insert(tx, user).await?;
    if let Some(identity) = identity {
        identities::keep(tx, user, identity, user.created_at).await?;
    }
    if user.verified_at.is_none() {
        mail::to_user(app, tx, MailKind::Verify, (user.id, &user.email), user.created_at).await?;
    }
    Ok(())
}

async fn hashed(app: &App, passwords: &Passwords, new: NewUser) -> Result<User, SignInError> {
    let email = address(&new.email)?;
    let name = named(&new.name)?;
    passwords::check(&new.password, &[&email, &name])?;
    let password = Some(passwords.hash(new.password).await?);
    let now = app.clock.now();
    Ok(User { id: UserId::new(now), email, name, password, disabled_at: None, verified_at: None, created_at: now })
}

fn address(email: &str) -> Result<String, SignInError> {
    members::reached(email).map_err(|_: MemberError| SignInError::Email)
}

fn named(name: &str) -> Result<String, SignInError> {
    let name = name.trim();
    text::fits(name, 1..=200).then(|| name.to_owned()).ok_or(SignInError::Name)
}

/// Begins a session for whoever knows the password, or half of one, if a code is needed too. They work for the tenant that they
/// worked for first.
pub async fn log_in(
    app: &App,
    passwords: &Passwords,
    email: &str,
    password: SecretString,
    place: &Place,
) -> Result<LoggedIn, SignInError> {
    let user = prove(app, passwords, email, password, place).await?;
    second_factor::enter(app, &user, By::Password, place).await
}

/// Who they are, if the password is theirs. A hash of an older kind is replaced.
async fn prove(
    app: &App,
    passwords: &Passwords,
    email: &str,
    password: SecretString,
    place: &Place,
) -> Result<User, SignInError> {
    let who = who(email, place.ip);
    let user = begin_try(app, &who, email).await?;
    let verdict = passwords.verify(password, user.as_ref().and_then(|user| user.password.clone())).await?;
    if verdict == Verdict::Wrong {
        refused(app, &who, user.as_ref().map(|user| user.id), place).await?;
    }
    let user = user.filter(|_| verdict != Verdict::Wrong).ok_or(SignInError::Wrong)?;
    let mut tx = SystemTx::begin(&app.store).await?;
    if let Verdict::Outdated(password) = verdict {
        users::set_password(&mut tx, user.id, &password, app.clock.now()).await?;
    }
    stored::forgive(&mut tx, &who).await?;
    tx.commit().await?;
    Ok(user)
}

/// A try counts as wrong until it is right: of a hundred at once, no more are looked at than of a hundred one after the other.
async fn begin_try(app: &App, who: &TokenHash, email: &str) -> Result<Option<User>, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::hold(&mut tx, who).await?;
    let failed = stored::failures(&mut tx, who).await?;
    if let Some(until) = failed.map(|(failures, at)| may_try_at(failures, at)).filter(|until| *until > now) {
        return Err(SignInError::TooManyTries { until });
    }
    stored::fail(&mut tx, who, now - FAILURES_KEPT, now).await?;
    let user = users::find_by_email(&mut tx, email.trim()).await?.filter(|user| user.disabled_at.is_none());
    tx.commit().await?;
    Ok(user)
}

/// Tells of it whoever runs their tenants. Of strangers nobody is told, after the same work: no clock says who signs in here.
async fn refused(app: &App, who: &TokenHash, user: Option<UserId>, place: &Place) -> Result<(), SignInError> {
    let user = user.unwrap_or(UserId::from_uuid(uuid::Uuid::nil()));
    let mut tx = SystemTx::begin(&app.store).await?;
    tell(&mut tx, user, Some(place), Deed::PasswordRefused, &json!({})).await?;
    stored::touch_failures(&mut tx, who).await?;
    tx.commit().await?;
    Ok(())
}

/// Whoever tries this address of mail from this network. A stranger counts like anybody else: to count shows nothing.
fn who(email: &str, ip: IpAddr) -> TokenHash {
    let mut hash = Sha256::new();
    hash.update(email.trim().to_lowercase());
    hash.update([0]);
    hash.update(network(ip));
    hash.finalize().into()
}

/// The /24 or /56: what one household or one rented machine has.
fn network(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets()[..3].to_vec(),
        IpAddr::V6(v6) => v6.octets()[..7].to_vec(),
    }
}

/// Somebody who signs in, by their address of mail.
pub async fn find_user(app: &App, email: &str) -> Result<Option<User>, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(users::find_by_email(&mut tx, email.trim()).await?)
}

/// A page of everybody who can sign in, oldest first.
pub async fn users(app: &App, after: Option<UserId>, limit: i64) -> Result<Vec<User>, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    Ok(users::list(&mut tx, after, limit).await?)
}

/// Shuts somebody out of everything at once, or lets them in again.
pub async fn set_disabled(app: &App, user: UserId, disabled: bool) -> Result<(), SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    if !users::set_disabled(&mut tx, user, disabled.then_some(now), now).await? {
        return Err(SignInError::NotFound);
    }
    if disabled {
        stored::end_others(&mut tx, user, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Gives somebody who forgot theirs a new password, and ends all their sessions; by the operator.
pub async fn reset_password(
    app: &App,
    passwords: &Passwords,
    user: &User,
    password: SecretString,
) -> Result<(), SignInError> {
    passwords::check(&password, &[&user.email, &user.name])?;
    let hash = passwords.hash(password).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    let now = app.clock.now();
    users::set_password(&mut tx, user.id, &hash, now).await?;
    stored::end_others(&mut tx, user.id, None).await?;
    tell(&mut tx, user.id, None, Deed::PasswordChanged, &json!({})).await?;
    mail::to_user(app, &mut tx, MailKind::PasswordChanged, (user.id, &user.email), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Makes somebody a member of a tenant, or changes their role there; by the operator.
pub async fn join(app: &App, user: &User, tenant: TenantId, role: Role) -> Result<(), SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    become_member(&mut tx, user, Joining { tenant, role, department: None }, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn become_member(
    tx: &mut SystemTx,
    user: &User,
    joining: Joining,
    now: DateTime<Utc>,
) -> Result<(), SignInError> {
    let joined = users::join(tx, user, &joining, now).await?;
    joined.then_some(()).ok_or(SignInError::SomebodyElse)
}
