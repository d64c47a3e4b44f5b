//! Conversations, as members and programs work in them. Each action is one transaction that ends with what it tells.

mod change;
mod merge;
mod notes;
mod reactions;
mod reply;

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    conversation::{ConversationState, EventKind},
    ids::{AccountId, AutomationId, ContactId, ConversationId, MemberId, MessageId, NoteId, TenantId},
    sight::Sight,
};
pub use postroad_store::conversations::{Assigned, Conversation, Link, Listed};
use postroad_store::{
    Error, TenantTx, conversations as stored,
    events::{self, Event, Told},
    members,
};
use serde_json::Value;

pub use change::{Assignment, Change, Labelling, Read, assign, change, label, link, links, move_to, read, unlink};
pub(crate) use change::{assigned, given, labelled, moved};
pub use merge::merge;
pub(crate) use notes::noted;
pub use notes::{NewNote, Note, add_note, delete_note, edit_note, notes};
pub use reactions::{Reaction, Wish, react, refuse};
pub use reply::{Reply, open, reply};

use crate::{App, live::Live, messages::SubmitError, requests::OnceError, telling};

/// Why something is not done to a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    #[error("there is no such conversation")]
    NotFound,
    #[error("there is no such member, or they do not work any more")]
    UnknownMember,
    #[error("there is no such department")]
    UnknownDepartment,
    #[error("a member and an automation cannot both have a conversation: name one of them")]
    TwoHolders,
    #[error("there is no such automation")]
    UnknownAutomation,
    #[error("the automation {0} is off: switch it on before you give it a conversation")]
    SwitchedOff(AutomationId),
    #[error(
        "the automation {0} does not start on what people say: give the conversation to one whose trigger is inbound_message"
    )]
    DoesNotListen(AutomationId),
    #[error("there is no such label")]
    UnknownLabel,
    #[error("there is no note {0} of this author")]
    UnknownNote(NoteId),
    #[error("a conversation that is {from} cannot be {to}")]
    MayNotBecome { from: ConversationState, to: ConversationState },
    #[error(
        "a snoozed conversation comes back at a time between now and a year from now, and no other one has such a time"
    )]
    SnoozedUntil,
    #[error("another conversation with this person through this account is live; work in that one")]
    AnotherIsLive,
    #[error("the conversation is part of {0} now; work in that one")]
    Merged(ConversationId),
    #[error("the other conversation is part of {0} already")]
    OtherMerged(ConversationId),
    #[error("a conversation cannot be merged into itself")]
    Same,
    #[error("there is no conversation {0} to merge into")]
    UnknownOther(ConversationId),
    #[error(
        "the conversations are with different contacts: if they are one person, merge the contacts first, by POST /v1/contacts/{0}/merge"
    )]
    DifferentContacts(ContactId),
    #[error("the conversation is {0}; open it first")]
    Done(ConversationState),
    #[error("the {0} has too few or too many characters")]
    Text(&'static str),
    #[error("a conversation has at most {0} of these")]
    TooMany(usize),
    #[error("the message is none that this person said here")]
    UnknownMessage,
    #[error("the contact {0} has no address on the channel of the account")]
    Unreachable(ContactId),
    #[error("there is no such account")]
    UnknownAccount,
    #[error("only what a person said in a conversation can be reacted to")]
    NotTheirs,
    #[error("we do not react to this message")]
    NoReaction,
    #[error("a reaction is one emoji")]
    Emoji,
    #[error("what is said through {provider} cannot be {what}")]
    ChannelCannot { provider: String, what: Wish },
    #[error("a message can be held back for 0 to {0} seconds")]
    Undo(u32),
    #[error(transparent)]
    Submit(Box<SubmitError>),
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for ConversationError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "conversations_live" => Self::AnotherIsLive,
            Error::Violated { constraint } if constraint.contains("department") => Self::UnknownDepartment,
            Error::Violated { constraint } if constraint == "conversations_automation" => Self::UnknownAutomation,
            Error::Violated { constraint } if constraint.contains("label") => Self::UnknownLabel,
            error => Self::Store(error),
        }
    }
}

impl From<SubmitError> for ConversationError {
    fn from(error: SubmitError) -> Self {
        Self::Submit(Box::new(error))
    }
}

type Result<T, E = ConversationError> = std::result::Result<T, E>;

/// Who does it, for whom.
#[derive(Debug, Clone, Copy)]
pub struct By {
    pub tenant: TenantId,
    /// A program, or the operator.
    pub caller: Actor,
    /// The member in whose name it is done.
    pub member: Option<MemberId>,
}

impl By {
    /// As histories name them.
    pub fn actor(&self) -> Actor {
        self.member.map_or(self.caller, Actor::Member)
    }
}

/// One conversation; `member`: with how much of it they have not seen.
pub async fn get(app: &App, tenant: TenantId, id: ConversationId, member: Option<MemberId>) -> Result<Conversation> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id, member).await?.ok_or(ConversationError::NotFound)
}

/// A page, latest message first.
pub async fn list(app: &App, tenant: TenantId, wanted: &Listed) -> Result<Vec<Conversation>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(member) = tx.sight().and_then(Sight::only_of) else {
        return Ok(stored::list(&mut tx, wanted).await?);
    };
    // Found by whose they are, not by looking through all of them for what is not kept back.
    let mine = Assigned::To(member);
    match wanted.assigned {
        Assigned::Any => Ok(stored::list(&mut tx, &Listed { assigned: mine, ..wanted.clone() }).await?),
        one if one == mine => Ok(stored::list(&mut tx, wanted).await?),
        _ => Ok(Vec::new()),
    }
}

/// What happened in a conversation, oldest first.
pub async fn history(app: &App, tenant: TenantId, id: ConversationId, after: i64, limit: i64) -> Result<Vec<Told>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id, None).await?.ok_or(ConversationError::NotFound)?;
    Ok(events::list(&mut tx, after, Some(id), limit).await?)
}

/// A conversation that is being changed: nobody else changes it until it is told.
pub(crate) struct Work {
    pub(crate) tx: TenantTx,
    live: Live,
    by: By,
    now: DateTime<Utc>,
    pub(crate) conversation: Conversation,
}

/// What is told of a change.
pub(crate) type Happening = (EventKind, Value);

impl Work {
    /// Whoever asked for it, in whose name it may be: they pay.
    pub(crate) const fn caller(&self) -> Actor {
        self.by.caller
    }

    pub(crate) async fn begin(app: &App, by: By, id: ConversationId) -> Result<Self> {
        let mut tx = TenantTx::begin(&app.store, by.tenant).await?;
        let conversation = stored::lock(&mut tx, id).await?.ok_or(ConversationError::NotFound)?;
        tx.lift().await?;
        conversation.merged_into.map_or(Ok(()), |into| Err(ConversationError::Merged(into)))?;
        let mut work = Self::of(app, tx, by, conversation);
        know(&mut work.tx, by.member.as_slice()).await?;
        Ok(work)
    }

    /// As a part of a transaction that does more, and that whoever calls commits. Nobody waits for the answer, so what was merged
    /// meanwhile is no obstacle: it is done to the survivor.
    pub(crate) async fn within(app: &App, mut tx: TenantTx, by: By, id: ConversationId) -> Result<Self> {
        let conversation = survivor(&mut tx, id).await?;
        tx.lift().await?;
        Ok(Self::of(app, tx, by, conversation))
    }

    fn of(app: &App, tx: TenantTx, by: By, conversation: Conversation) -> Self {
        Self { tx, live: app.live.clone(), by, now: app.clock.now(), conversation }
    }

    pub(crate) fn event(&self, message: Option<MessageId>, (kind, data): Happening) -> (TenantId, Event) {
        let conversation = self.conversation.id;
        (self.by.tenant, Event { kind, conversation, message, actor: self.by.actor(), data })
    }

    /// Commits, and returns the conversation as it is now.
    async fn tell(mut self, happening: Happening) -> Result<Conversation> {
        let event = self.event(None, happening);
        let conversation = stored::find(&mut self.tx, self.conversation.id, self.by.member).await?;
        telling::tell(&mut self.tx, &[event], self.now).await?;
        self.tx.commit().await?;
        self.live.told([self.by.tenant]);
        conversation.ok_or(ConversationError::NotFound)
    }
}

/// A conversation or what it is a part of, held. A survivor may be merged while we wait for it; more than a few times in a row is
/// somebody's mistake.
async fn survivor(tx: &mut TenantTx, id: ConversationId) -> Result<Conversation> {
    let mut wanted = id;
    for _ in 0..3 {
        let held = stored::lock(tx, wanted).await?.ok_or(ConversationError::NotFound)?;
        match held.merged_into {
            None => return Ok(held),
            Some(into) => wanted = into,
        }
    }
    Err(ConversationError::Merged(wanted))
}

/// All of them are members who work.
async fn know(tx: &mut TenantTx, ids: &[MemberId]) -> Result<()> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let known = ids.is_empty() || members::count_active(tx, &ids).await? == ids.len();
    known.then_some(()).ok_or(ConversationError::UnknownMember)
}

/// A person and the account through which one writes to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    pub account: AccountId,
    pub contact: ContactId,
    pub subject: Option<String>,
}
