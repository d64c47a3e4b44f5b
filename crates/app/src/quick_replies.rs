//! Texts that members answer with often, filled for whom they talk to.

use postroad_core::{
    automation::{facts::ContactFacts, text as placeholders},
    ids::{AttachmentId, ConversationId, DepartmentId, QuickReplyId, TenantId},
    limits::{BODY_CHARS_MAX, QUICK_REPLIES_MAX},
    media::MediaState,
    message::Body,
};
pub use postroad_store::quick_replies::{Listed, QuickReply};
use postroad_store::{
    Error, TenantTx,
    attachments::{self, Wanted},
    contacts::{self, Contact},
    conversations, quick_replies as stored,
};

use crate::{App, text};

#[derive(Debug, thiserror::Error)]
pub enum QuickReplyError {
    #[error("there is no such quick reply")]
    NotFound,
    #[error("there is no such conversation")]
    UnknownConversation,
    #[error("a shortcut has 1 to 50 of a-z, 0-9, _ and -, and begins with a letter or digit")]
    Shortcut,
    #[error("another quick reply has this shortcut")]
    ShortcutTaken,
    #[error("the body does not have 1 to {BODY_CHARS_MAX} characters")]
    Body,
    #[error("{0}")]
    Placeholder(String),
    #[error("there is no such department")]
    UnknownDepartment,
    #[error("there is no such file that can be sent: upload it, and wait until it is stored")]
    UnknownAttachment,
    #[error("there are {QUICK_REPLIES_MAX} quick replies, and that is the most")]
    TooMany,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for QuickReplyError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "quick_replies_by_shortcut" => Self::ShortcutTaken,
            Error::Violated { constraint } if constraint.contains("department") => Self::UnknownDepartment,
            Error::Violated { constraint } if constraint.contains("attachment") => Self::UnknownAttachment,
            error => Self::Store(error),
        }
    }
}

type Result<T, E = QuickReplyError> = std::result::Result<T, E>;

/// What a quick reply says.
#[derive(Debug, Clone)]
pub struct Saying {
    /// Unique in the tenant.
    pub shortcut: String,
    /// With placeholders: `{{contact.first_name|there}}`.
    pub body: String,
    /// None: everybody's.
    pub department: Option<DepartmentId>,
    pub attachment: Option<AttachmentId>,
}

impl Saying {
    fn check(&self) -> Result<()> {
        let mut letters = self.shortcut.bytes();
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins = letters.next().is_some_and(is_word);
        if !begins || self.shortcut.len() > 50 || !letters.all(|byte| is_word(byte) || matches!(byte, b'_' | b'-')) {
            return Err(QuickReplyError::Shortcut);
        }
        if self.body.trim().is_empty() || !text::fits(&self.body, 1..=BODY_CHARS_MAX) {
            return Err(QuickReplyError::Body);
        }
        placeholders::fault_in(&self.body).map_or(Ok(()), |fix| Err(QuickReplyError::Placeholder(fix)))
    }
}

/// A file that is not there would be missed in front of the person.
async fn know(tx: &mut TenantTx, attachment: Option<AttachmentId>) -> Result<()> {
    let Some(id) = attachment else { return Ok(()) };
    let found = attachments::find(tx, Wanted::These(&[id])).await?.pop();
    let is_there = found.is_some_and(|file| file.state == MediaState::Stored);
    is_there.then_some(()).ok_or(QuickReplyError::UnknownAttachment)
}

pub async fn create(app: &App, tenant: TenantId, saying: Saying) -> Result<QuickReply> {
    saying.check()?;
    let now = app.clock.now();
    let Saying { shortcut, body, department, attachment } = saying;
    let id = QuickReplyId::new(now);
    let new = QuickReply { id, shortcut, body, department, attachment, created_at: now, updated_at: now };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    know(&mut tx, attachment).await?;
    if !stored::insert(&mut tx, &new, QUICK_REPLIES_MAX).await? {
        return Err(QuickReplyError::TooMany);
    }
    tx.commit().await?;
    Ok(new)
}

/// A page, by shortcut.
pub async fn list(app: &App, tenant: TenantId, wanted: &Listed) -> Result<Vec<QuickReply>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, wanted).await?)
}

pub async fn get(app: &App, tenant: TenantId, id: QuickReplyId) -> Result<QuickReply> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(QuickReplyError::NotFound)
}

/// Says something else from now on.
pub async fn update(app: &App, tenant: TenantId, id: QuickReplyId, saying: Saying) -> Result<QuickReply> {
    saying.check()?;
    let Saying { shortcut, body, department, attachment } = saying;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = stored::find(&mut tx, id).await?.ok_or(QuickReplyError::NotFound)?;
    know(&mut tx, attachment).await?;
    let changed = QuickReply { shortcut, body, department, attachment, updated_at: app.clock.now(), ..found };
    if !stored::update(&mut tx, &changed).await? {
        return Err(QuickReplyError::NotFound);
    }
    tx.commit().await?;
    Ok(changed)
}

pub async fn delete(app: &App, tenant: TenantId, id: QuickReplyId) -> Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !stored::delete(&mut tx, id).await? {
        return Err(QuickReplyError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// A quick reply as the person of this conversation would read it.
pub async fn preview(
    app: &App,
    tenant: TenantId,
    id: QuickReplyId,
    conversation: ConversationId,
) -> Result<(QuickReply, String)> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let reply = stored::find(&mut tx, id).await?.ok_or(QuickReplyError::NotFound)?;
    let conversation = conversations::find(&mut tx, conversation, None).await?;
    let conversation = conversation.ok_or(QuickReplyError::UnknownConversation)?;
    let contact = contacts::find(&mut tx, conversation.contact).await?.ok_or(QuickReplyError::UnknownConversation)?;
    let body = placeholders::filled_for(&reply.body, &facts(contact));
    Ok((reply, body))
}

fn facts(contact: Contact) -> ContactFacts {
    ContactFacts {
        display_name: contact.display_name.map(Body),
        language: contact.language,
        time_zone: contact.time_zone.and_then(|zone| zone.parse().ok()),
        tags: contact.tags,
        attributes: contact.attributes.into_iter().map(|(name, value)| (name, Body(value))).collect(),
    }
}
