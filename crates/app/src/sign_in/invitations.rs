//! Invitations: a word that is told once makes whoever has it a member. The one that is mailed is another: it proves the address.

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    conversation::Role,
    ids::{DepartmentId, InvitationId, TenantId},
    sign_in::{Deed, INVITATION_LASTS, Token, TokenHash},
};
use postroad_store::{
    SystemTx, TenantTx,
    invitations::{self as stored, Asked, Invitation},
    members,
    users::{self, Joining, User},
};
use secrecy::SecretString;

use super::{
    By, Identity, NewUser, Opened, Passwords, Place, SignInError, hashed, prove, second_factor, sessions, tell,
};
use crate::{App, mail};

/// Whom to ask.
pub struct NewInvitation {
    pub email: String,
    pub role: Role,
    pub department: Option<DepartmentId>,
}

/// An invitation, and the word that nobody can show again.
pub struct Invited {
    pub invitation: Invitation,
    pub token: Token,
    /// They get a mail with a word of its own.
    pub is_mailed: bool,
}

/// Asks somebody to work for a tenant. `giver`: the role of whoever asks; none of a program, which may give any.
pub async fn invite(
    app: &App,
    tenant: TenantId,
    by: Actor,
    giver: Option<Role>,
    new: NewInvitation,
) -> Result<Invited, SignInError> {
    if giver.is_some_and(|giver| !giver.may_give(new.role)) {
        return Err(SignInError::RoleTooHigh);
    }
    let now = app.clock.now();
    let invitation = Invitation {
        id: InvitationId::new(now),
        email: super::address(&new.email)?,
        role: new.role,
        department: new.department,
        invited_by: by.to_string(),
        state: "open".to_owned(),
        created_at: now,
        ends_at: now + INVITATION_LASTS,
    };
    let token = Token::generate(&mut rand::rng());
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if members::signs_in(&mut tx, &invitation.email).await? {
        return Err(SignInError::AlreadyMember);
    }
    stored::end_late(&mut tx, &invitation.email, now).await?;
    stored::insert(&mut tx, &invitation, &token.hash()).await?;
    mail::to_invited(app, &mut tx, &invitation, now).await?;
    tx.commit().await?;
    Ok(Invited { invitation, token, is_mailed: app.mail.is_some() })
}

/// A page, newest first.
pub async fn invitations(
    app: &App,
    tenant: TenantId,
    after: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Invitation>, SignInError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, after, limit).await?)
}

/// Takes an open invitation back.
pub async fn revoke(app: &App, tenant: TenantId, id: InvitationId) -> Result<(), SignInError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !stored::revoke(&mut tx, id, app.clock.now()).await? {
        return Err(SignInError::NotFound);
    }
    tx.commit().await?;
    Ok(())
}

/// What somebody says who accepts.
pub struct Accepting {
    pub token: Token,
    /// Of whoever signs in for the first time. Somebody who is known already keeps theirs.
    pub name: Option<String>,
    /// A new one, or that of somebody who is known already.
    pub password: SecretString,
    /// Of whoever is known already and has a second factor.
    pub code: Option<String>,
}

/// Makes whoever holds the word a member, and signs them in.
pub async fn accept(
    app: &App,
    passwords: &Passwords,
    accepting: Accepting,
    place: &Place,
) -> Result<Opened, SignInError> {
    let Accepting { token, name, password, code } = accepting;
    let word = token.hash();
    let asked = asked(app, &word).await?;
    let known = super::find_user(app, &asked.email).await?;
    let user = match known {
        Some(_) => {
            let user = prove(app, passwords, &asked.email, password, place).await?;
            second_factor::prove_code_if_on(app, user.id, code.as_deref(), place).await?;
            user
        }
        None => {
            let name = name.ok_or(SignInError::Name)?;
            hashed(app, passwords, NewUser { email: asked.email.clone(), name, password }).await?
        }
    };
    enter(app, &user, (&word, By::Password), None, place).await
}

pub(super) async fn asked(app: &App, word: &TokenHash) -> Result<Asked, SignInError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    open_one(&mut tx, word, app.clock.now()).await
}

async fn open_one(tx: &mut SystemTx, word: &TokenHash, now: DateTime<Utc>) -> Result<Asked, SignInError> {
    stored::find_open(tx, word, now).await?.ok_or(SignInError::NoSuchInvitation)
}

/// The word is looked at again: while a password was hashed, somebody else may have used it.
/// `identity`: by what somebody new signs in, instead of a password.
pub(super) async fn enter(
    app: &App,
    user: &User,
    (word, by): (&TokenHash, By),
    identity: Option<&Identity>,
    place: &Place,
) -> Result<Opened, SignInError> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    tx.is_done_by(&place.doer(user.id)).await?;
    let asked = open_one(&mut tx, word, now).await?;
    if users::find(&mut tx, user.id).await?.is_none() {
        let verified_at = user.verified_at.or(asked.was_mailed.then_some(now));
        super::insert(app, &mut tx, &User { verified_at, ..user.clone() }, identity).await?;
    } else if asked.was_mailed {
        users::set_verified(&mut tx, user.id, &asked.email, now).await?;
    }
    let joining =
        Joining { tenant: asked.tenant, role: asked.role, department: asked.department.map(DepartmentId::uuid) };
    super::become_member(&mut tx, user, joining, now).await?;
    stored::accept(&mut tx, &asked, now).await?;
    tell(&mut tx, user.id, Some(place), Deed::SignedIn, &by.told()).await?;
    let opened = sessions::open(&mut tx, user.id, Some(asked.tenant), place, now).await?;
    tx.commit().await?;
    Ok(opened)
}
