//! Mail of the installation itself: invitations, ways to a new password, proofs of an address. Not messages to contacts.
//!
//! A mail is a row that is written with what it tells of, and a job that says "look here". What it says is found when it is sent, so
//! a row holds no text and no secret: its word follows from its id and the installation's own key. Deliberately absent: SMTP,
//! which is the worker's. Without a server nothing is written and nobody is told.

mod texts;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::{MailId, UserId},
    jobs::SendMail,
    mail::{MAIL_LEASE, MAIL_TRIED_FOR, MailKind, MailState, again_at},
    sign_in::{RESET_LASTS, Token, VERIFY_LASTS, WordKind},
};
pub use postroad_store::mails::Shown;
use postroad_store::{
    AnyTx, Error, SystemTx, TenantTx,
    invitations::{self, Invitation},
    mails::{self as stored, Mail, New},
    queue, system, user_words,
    users::{self, User},
};
use secrecy::SecretString;

use crate::{
    App,
    secrets::{OwnKey, SecretError},
    text,
};

/// Which server sends, and as whom.
pub struct Mailing {
    /// `POSTROAD_SMTP_URL`
    pub url: SecretString,
    /// `POSTROAD_MAIL_FROM`: `Postroad <postroad@shop.example>`
    pub from: String,
}

/// None: nothing is mailed.
pub type Mails = Option<Arc<Mailing>>;

/// Mails to somebody who signs in, in the transaction of what it tells of.
pub(crate) async fn to_user(
    app: &App,
    tx: &mut SystemTx,
    kind: MailKind,
    (user, email): (UserId, &str),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let new =
        New { id: MailId::new(now), kind, email, user: Some(user), invitation: None, ends_at: now + MAIL_TRIED_FOR };
    write(app, tx, new, now).await
}

/// A way to a new password, for whoever has this address. Nobody looks whether there is one before it is sent.
pub(crate) async fn to_whoever_forgot(
    app: &App,
    tx: &mut SystemTx,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (id, kind) = (MailId::new(now), MailKind::Reset);
    write(app, tx, New { id, kind, email, user: None, invitation: None, ends_at: now + RESET_LASTS }, now).await
}

/// An invitation, with a word of its own.
pub(crate) async fn to_invited(
    app: &App,
    tx: &mut TenantTx,
    invitation: &Invitation,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (id, kind, email) = (MailId::new(now), MailKind::Invitation, invitation.email.as_str());
    let about = Some((tx.tenant(), invitation.id));
    write(app, tx, New { id, kind, email, user: None, invitation: about, ends_at: now + MAIL_TRIED_FOR }, now).await
}

async fn write(app: &App, tx: &mut impl AnyTx, new: New<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    if app.mail.is_none() {
        return Ok(());
    }
    stored::insert(tx, new, now).await?;
    queue::push(tx, &SendMail { mail: new.id }, now).await
}

/// A mail as it is sent. Never printed: whoever reads it can use its word.
pub struct Letter {
    pub id: MailId,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// When it was written: its date stays the same, however often it is tried.
    pub at: DateTime<Utc>,
    attempts: i32,
    ends_at: DateTime<Utc>,
}

/// What there is to do about a mail.
pub enum Taking {
    /// It was sent, it failed, or nobody is to get it.
    Over,
    /// Somebody is sending it, or it was tried lately.
    Resting {
        until: DateTime<Utc>,
    },
    Letter(Box<Letter>),
}

/// Takes a mail that is due. Whoever takes it settles it before the lease ends.
pub async fn take(app: &App, id: MailId) -> Result<Taking, SecretError> {
    let now = app.clock.now();
    let own = app.keyring.own(&app.store, now).await?;
    let mut tx = SystemTx::begin(&app.store).await?;
    let Some(mail) = stored::take(&mut tx, id, now + MAIL_LEASE, now).await? else {
        let waits = stored::due_at(&mut tx, id).await?;
        return Ok(waits.map_or(Taking::Over, |until| Taking::Resting { until }));
    };
    let letter = if mail.ends_at <= now { Err(late(&mail)) } else { compose(app, &mut tx, &own, &mail, now).await? };
    let taking = match letter {
        Ok(letter) => Taking::Letter(Box::new(letter)),
        Err(end) => {
            stored::end(&mut tx, id, end, now).await?;
            Taking::Over
        }
    };
    tx.commit().await?;
    Ok(taking)
}

/// How a mail ends without being sent.
type Unsent = (MailState, Option<&'static str>);

const UNWANTED: Unsent = (MailState::Dropped, None);

fn late(mail: &Mail) -> Unsent {
    // What was wrong the last time says more.
    (MailState::Failed, (mail.attempts <= 1).then_some("nobody sent it before its time was over"))
}

async fn compose(
    app: &App,
    tx: &mut SystemTx,
    own: &OwnKey,
    mail: &Mail,
    now: DateTime<Utc>,
) -> Result<Result<Letter, Unsent>, Error> {
    let word = own.word("mail", &mail.id.uuid().simple().to_string());
    let said = match mail.kind {
        MailKind::Reset => reset(app, tx, mail, &word, now).await?,
        MailKind::Verify => verify(app, tx, mail, &word, now).await?,
        MailKind::Invitation => invitation(app, tx, mail, &word, now).await?,
        MailKind::PasswordChanged
        | MailKind::SecondFactorOn
        | MailKind::SecondFactorOff
        | MailKind::IdentityLinked
        | MailKind::IdentityUnlinked => {
            whom(tx, mail).await?.map(|user| texts::changed(&user.name, mail.kind, mail.created_at))
        }
    };
    let Some(said) = said else { return Ok(Err(UNWANTED)) };
    let system = system::get(tx).await?;
    let said = said.signed(system.name.as_deref(), system.support_email.as_deref());
    let (text, html) = (said.plain(), said.html());
    let Mail { id, attempts, ends_at, created_at: at, .. } = *mail;
    Ok(Ok(Letter { id, to: mail.email.clone(), subject: said.subject, text, html, at, attempts, ends_at }))
}

/// Whoever has the address now, while they may sign in.
async fn reset(
    app: &App,
    tx: &mut SystemTx,
    mail: &Mail,
    word: &Token,
    now: DateTime<Utc>,
) -> Result<Option<texts::Said>, Error> {
    let found = users::find_by_email(tx, &mail.email).await?;
    let Some(user) = found.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
    let new = user_words::New { user: user.id, kind: WordKind::Reset, email: &user.email, ends_at: mail.ends_at };
    user_words::insert(tx, &word.hash(), new, now).await?;
    Ok(Some(texts::reset(&user.name, &link(app, "reset-password", word), mail.ends_at)))
}

async fn verify(
    app: &App,
    tx: &mut SystemTx,
    mail: &Mail,
    word: &Token,
    now: DateTime<Utc>,
) -> Result<Option<texts::Said>, Error> {
    let Some(user) = whom(tx, mail).await?.filter(|user| user.verified_at.is_none()) else { return Ok(None) };
    let ends_at = mail.created_at + VERIFY_LASTS;
    let new = user_words::New { user: user.id, kind: WordKind::Verify, email: &mail.email, ends_at };
    user_words::insert(tx, &word.hash(), new, now).await?;
    Ok(Some(texts::verify(&user.name, &link(app, "verify-email", word), ends_at)))
}

async fn invitation(
    app: &App,
    tx: &mut SystemTx,
    mail: &Mail,
    word: &Token,
    now: DateTime<Utc>,
) -> Result<Option<texts::Said>, Error> {
    let Some(about) = mail.invited_to.zip(mail.invitation) else { return Ok(None) };
    let asked = invitations::set_mailed(tx, about, &word.hash(), now).await?;
    Ok(asked.map(|asked| texts::invitation(&asked.tenant_name, &link(app, "accept-invitation", word), asked.ends_at)))
}

/// Whom a mail is about, while they may sign in and have the address that it goes to.
async fn whom(tx: &mut SystemTx, mail: &Mail) -> Result<Option<User>, Error> {
    let Some(user) = mail.user else { return Ok(None) };
    let found = users::find(tx, user).await?;
    Ok(found.filter(|user| user.disabled_at.is_none() && user.email.eq_ignore_ascii_case(&mail.email)))
}

/// Behind `#`, which browsers send to no server: the word stands in no log.
fn link(app: &App, page: &str, word: &Token) -> String {
    format!("{}/{page}#{}", app.public_url, word.reveal())
}

/// What came of an attempt. What the server says may hold the address: it stays in the row.
pub enum Sent {
    Accepted,
    /// Not now.
    Later(String),
    /// Never.
    Refused(String),
}

/// Characters of a reason.
const REASON_CHARS: usize = 500;

/// Writes down what came of an attempt. Returns when it is tried again, if it is.
pub async fn settle(app: &App, letter: &Letter, sent: Sent) -> Result<Option<DateTime<Utc>>, Error> {
    let now = app.clock.now();
    let again = again_at(u32::try_from(letter.attempts).unwrap_or_default(), now);
    let mut tx = SystemTx::begin(&app.store).await?;
    let until = match sent {
        Sent::Later(reason) if again < letter.ends_at => {
            stored::rest(&mut tx, letter.id, again, &kept(&reason)).await?.then_some(again)
        }
        Sent::Accepted => ended(&mut tx, letter, (MailState::Sent, None), now).await?,
        Sent::Later(reason) | Sent::Refused(reason) => {
            ended(&mut tx, letter, (MailState::Failed, Some(&kept(&reason))), now).await?
        }
    };
    tx.commit().await?;
    Ok(until)
}

async fn ended(
    tx: &mut SystemTx,
    letter: &Letter,
    end: (MailState, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    stored::end(tx, letter.id, end, now).await?;
    Ok(None)
}

fn kept(reason: &str) -> String {
    text::cut(&reason.replace('\0', ""), REASON_CHARS)
}

/// Mails that were due so long ago have lost their job.
const LATE: TimeDelta = TimeDelta::minutes(1);
/// Mails one sweep looks at.
const SWEPT_MAX: i64 = 1_000;

/// Queues whoever sends mails that nobody sends.
pub async fn wake(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let late = stored::late(&mut tx, now - LATE, SWEPT_MAX).await?;
    if late.is_empty() {
        return Ok(());
    }
    let jobs: Vec<SendMail> = late.into_iter().map(|mail| SendMail { mail }).collect();
    queue::revive_all(&mut tx, &jobs, now).await?;
    tx.commit().await
}

/// The newest mails, for an operator.
pub async fn list(app: &App, limit: i64) -> Result<Vec<Shown>, Error> {
    let mut tx = SystemTx::begin(&app.store).await?;
    stored::list(&mut tx, limit).await
}
