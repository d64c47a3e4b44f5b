//! Where a conversation stands, whose it is, and what is noted with it.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    conversation::{ConversationState, EventKind, Holder, Priority, seconds_between},
    ids::{AutomationId, ConversationId, DepartmentId, LabelId, MessageId, TenantId},
};
use postroad_store::{
    TenantTx,
    automations::holding,
    conversations::{self as stored, Conversation, Link},
    labels,
};
use serde_json::json;

use super::{By, ConversationError, Happening, Result, Work, know};
use crate::{App, messages::is_https, reads, targets, text};

/// Longest time out of sight.
const SNOOZE_MAX: TimeDelta = TimeDelta::days(366);
/// Labels of one conversation.
pub(super) const LABELS_MAX: usize = 20;
/// Records that a conversation is about.
pub(super) const LINKS_MAX: usize = 50;

/// Moves it. `snoozed_until`: when a snoozed one comes back.
pub async fn move_to(
    app: &App,
    by: By,
    id: ConversationId,
    to: ConversationState,
    snoozed_until: Option<DateTime<Utc>>,
) -> Result<Conversation> {
    let mut work = Work::begin(app, by, id).await?;
    let happening = moved(&mut work, to, snoozed_until).await?;
    work.tell(happening).await
}

pub(crate) async fn moved(
    work: &mut Work,
    to: ConversationState,
    snoozed_until: Option<DateTime<Utc>>,
) -> Result<Happening> {
    let from = work.conversation.state;
    if !from.may_become(to) {
        return Err(ConversationError::MayNotBecome { from, to });
    }
    check_snooze(to, snoozed_until, work.now)?;
    let had = work.conversation.automation;
    settle(&mut work.conversation, to, work.now);
    work.conversation.snoozed_until = snoozed_until;
    stored::update(&mut work.tx, &work.conversation, work.now).await?;
    targets::follow(&mut work.tx, &[(work.by.tenant, work.conversation.id)], work.now).await?;
    let mut data = json!({"was": from, "is": to, "snoozed_until": snoozed_until});
    if let Some(automation) = had.filter(|_| work.conversation.automation.is_none()) {
        data["was_automation"] = json!(automation);
    }
    Ok((EventKind::StateChanged, data))
}

fn check_snooze(to: ConversationState, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    let fits = match (to, until) {
        (ConversationState::Snoozed, Some(until)) => until > now && until <= now + SNOOZE_MAX,
        (ConversationState::Snoozed, None) => false,
        (_, until) => until.is_none(),
    };
    fits.then_some(()).ok_or(ConversationError::SnoozedUntil)
}

/// What is done was resolved once; what is opened again was not.
fn settle(conversation: &mut Conversation, to: ConversationState, now: DateTime<Utc>) {
    if !to.is_done() {
        conversation.resolved_at = None;
        conversation.resolution_s = None;
    } else if !conversation.state.is_done() {
        conversation.resolved_at = Some(now);
        conversation.resolution_s = Some(seconds_between(conversation.created_at, now));
        conversation.waiting_since = None;
    }
    conversation.state = to;
    conversation.hold(conversation.holder().once(to));
}

/// What else of it can be changed. None: stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub priority: Option<Priority>,
    /// `Some(None)`: it has none any more.
    pub subject: Option<Option<String>>,
    pub pinned: Option<bool>,
}

pub async fn change(app: &App, by: By, id: ConversationId, change: Change) -> Result<Conversation> {
    let mut work = Work::begin(app, by, id).await?;
    let was = work.conversation.priority;
    let one = &mut work.conversation;
    one.priority = change.priority.unwrap_or(was);
    if let Some(subject) = change.subject {
        one.subject = subject.map(|subject| fitting("subject", &subject, 200)).transpose()?;
    }
    if let Some(pinned) = change.pinned {
        one.pinned_at = pinned.then(|| one.pinned_at.unwrap_or(work.now));
    }
    let is = one.priority;
    stored::update(&mut work.tx, &work.conversation, work.now).await?;
    if is == was {
        work.tell((EventKind::Edited, json!({}))).await
    } else {
        targets::follow(&mut work.tx, &[(by.tenant, id)], work.now).await?;
        work.tell((EventKind::PriorityChanged, json!({"was": was, "is": is}))).await
    }
}

pub(super) fn fitting(what: &'static str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    text::fits(text, 1..=max).then(|| text.to_owned()).ok_or(ConversationError::Text(what))
}

/// To whom it is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Assignment {
    pub to: Holder,
    pub department: Option<DepartmentId>,
}

pub async fn assign(app: &App, by: By, id: ConversationId, to: Assignment) -> Result<Conversation> {
    let mut work = Work::begin(app, by, id).await?;
    let happening = assigned(&mut work, to).await?;
    work.tell(happening).await
}

pub(crate) async fn assigned(work: &mut Work, to: Assignment) -> Result<Happening> {
    match to.to {
        Holder::Nobody => {}
        Holder::Member(member) => know(&mut work.tx, &[member]).await?,
        Holder::Automation(automation) => takes(work, automation).await?,
    }
    let was = Assignment { to: work.conversation.holder(), department: work.conversation.department };
    work.conversation.hold(to.to);
    work.conversation.department = to.department;
    stored::update(&mut work.tx, &work.conversation, work.now).await?;
    Ok(given(was, to))
}

/// What is told of it: who had it, and who has it.
pub(crate) fn given(was: Assignment, is: Assignment) -> Happening {
    let data = json!({
        "was": was.to.member(),
        "is": is.to.member(),
        "was_department": was.department,
        "department": is.department,
        "was_automation": was.to.automation(),
        "automation": is.to.automation(),
    });
    (EventKind::Assigned, data)
}

/// An automation can only have what it will do something about.
async fn takes(work: &mut Work, automation: AutomationId) -> Result<()> {
    if work.conversation.state.is_done() {
        return Err(ConversationError::Done(work.conversation.state));
    }
    let taker = holding::taker(&mut work.tx, automation).await?.ok_or(ConversationError::UnknownAutomation)?;
    if !taker.listens {
        return Err(ConversationError::DoesNotListen(automation));
    }
    taker.enabled.then_some(()).ok_or(ConversationError::SwitchedOff(automation))
}

/// Labels to put on and to take off.
#[derive(Debug, Clone, Default)]
pub struct Labelling {
    pub add: Vec<LabelId>,
    pub remove: Vec<LabelId>,
}

pub async fn label(app: &App, by: By, id: ConversationId, wanted: &Labelling) -> Result<Conversation> {
    if wanted.add.len().max(wanted.remove.len()) > LABELS_MAX {
        return Err(ConversationError::TooMany(LABELS_MAX));
    }
    let mut work = Work::begin(app, by, id).await?;
    let happening = labelled(&mut work, wanted).await?;
    work.tell(happening).await
}

pub(crate) async fn labelled(work: &mut Work, wanted: &Labelling) -> Result<Happening> {
    let id = work.conversation.id;
    labels::take(&mut work.tx, id, &wanted.remove).await?;
    labels::put(&mut work.tx, id, &wanted.add, work.now).await?;
    let now_on = stored::find(&mut work.tx, id, None).await?.ok_or(ConversationError::NotFound)?.labels;
    if now_on.len() > LABELS_MAX {
        return Err(ConversationError::TooMany(LABELS_MAX));
    }
    Ok((EventKind::Labelled, json!({"added": wanted.add, "removed": wanted.remove})))
}

/// How much of it a member has seen.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    All,
    /// Nothing from this message of the person on.
    UnreadFrom(MessageId),
}

pub async fn read(app: &App, by: By, id: ConversationId, read: Read) -> Result<Conversation> {
    let member = by.member.ok_or(ConversationError::UnknownMember)?;
    let mut work = Work::begin(app, by, id).await?;
    let seen = match read {
        Read::All => work.conversation.inbound,
        Read::UnreadFrom(message) => {
            let number = stored::number_of(&mut work.tx, id, message.uuid()).await?;
            number.ok_or(ConversationError::UnknownMessage)? - 1
        }
    };
    stored::set_seen(&mut work.tx, id, member, seen, work.now).await?;
    if matches!(read, Read::All) {
        reads::want(&mut work.tx, id, work.now).await?;
    }
    work.tell((EventKind::Read, json!({"member": member, "seen": seen}))).await
}

/// Records that it is about, oldest first.
pub async fn links(app: &App, tenant: TenantId, id: ConversationId) -> Result<Vec<Link>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id, None).await?.ok_or(ConversationError::NotFound)?;
    Ok(stored::links(&mut tx, id, most(LINKS_MAX)).await?)
}

fn most(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// Says that it is about a record elsewhere. The same record again has the newer title and address.
pub async fn link(app: &App, by: By, id: ConversationId, link: Link) -> Result<Conversation> {
    let link = Link {
        title: fitting("title", &link.title, 200)?,
        external_id: fitting("external_id", &link.external_id, 200)?,
        ..link
    };
    check_link(&link)?;
    let mut work = Work::begin(app, by, id).await?;
    stored::link(&mut work.tx, id, &link).await?;
    if stored::links(&mut work.tx, id, most(LINKS_MAX) + 1).await?.len() > LINKS_MAX {
        return Err(ConversationError::TooMany(LINKS_MAX));
    }
    work.tell((EventKind::Linked, json!({"kind": link.kind, "external_id": link.external_id}))).await
}

/// A kind is a word; an address is one of the web.
fn check_link(link: &Link) -> Result<()> {
    let is_word = |kind: &str| {
        let mut chars = kind.chars();
        chars.next().is_some_and(|first| first.is_ascii_lowercase())
            && kind.len() <= 40
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let opens = |url: &String| url.len() <= 2_000 && is_https(url);
    if !is_word(&link.kind) {
        return Err(ConversationError::Text("kind"));
    }
    link.url.as_ref().is_none_or(opens).then_some(()).ok_or(ConversationError::Text("url"))
}

pub async fn unlink(app: &App, by: By, id: ConversationId, kind: &str, external_id: &str) -> Result<Conversation> {
    let mut work = Work::begin(app, by, id).await?;
    if !stored::unlink(&mut work.tx, id, kind, external_id).await? {
        return Err(ConversationError::NotFound);
    }
    work.tell((EventKind::Linked, json!({"kind": kind, "removed": external_id}))).await
}
