//! What is said to the person: accepted like any message, and counted in the conversation in the same transaction.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    consent::Purpose,
    conversation::{ConversationState, EventKind, Holder, Priority},
    gates::QuietPolicy,
    ids::{AddressId, ContactId, ConversationId, MessageId},
    message::{Class, Content, Source},
};
use postroad_store::{
    TenantTx, contacts,
    conversations::{self as stored, Conversation, thread},
    events, messages as sent, texts,
};
use serde::Serialize;
use serde_json::json;

use super::{
    Assignment, Beginning, By, ConversationError, Happening, Result,
    change::{fitting, given},
    know,
};
use crate::{
    App,
    messages::{self, Accepted, Adapters, Draft},
    requests::{self, Answer, Call, Opened},
    telling,
};

/// Longest time in which a member may take a message back before it leaves, in seconds.
const UNDO_S_MAX: u32 = 60;

/// What a member says.
#[derive(Debug, Clone)]
pub struct Reply {
    pub content: Content,
    /// The message of this conversation that it answers.
    pub reply_to: Option<MessageId>,
    /// Seconds for which it is held back, so that it can be cancelled: 0 to 60.
    pub undo_s: u32,
}

/// Accepts an answer, once per request id.
pub async fn reply<A: Serialize>(
    (app, adapters): (&App, Adapters),
    (call, by): (&Call, By),
    id: ConversationId,
    reply: Reply,
    answer: impl FnOnce(&Accepted) -> A + Send,
) -> Result<Answer> {
    if reply.undo_s > UNDO_S_MAX {
        return Err(ConversationError::Undo(UNDO_S_MAX));
    }
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let conversation = stored::lock(&mut open.tx, id).await?.ok_or(ConversationError::NotFound)?;
    open.tx.lift().await?;
    know(&mut open.tx, by.member.as_slice()).await?;
    conversation.merged_into.map_or(Ok(()), |into| Err(ConversationError::Merged(into)))?;
    if !conversation.state.is_live() {
        return Err(ConversationError::Done(conversation.state));
    }
    let to = address_of(&mut open.tx, &conversation).await?;
    let draft = draft(&conversation, to, reply, open.now);
    let (accepted, lane) = messages::place(app, adapters, &mut open, call, draft).await?;
    thread::adopt(&mut open.tx, accepted.id, id, by.member).await?;
    texts::add(&mut open.tx, &[(by.tenant, accepted.id)]).await?;
    let takeover = takeover(&conversation, by);
    stored::answered(&mut open.tx, id, takeover.as_ref().and(by.member), open.now).await?;
    let event = |kind, message, data| events::Event { kind, conversation: id, message, actor: by.actor(), data };
    let taken = takeover.map(|(kind, data)| event(kind, None, data));
    let said = event(EventKind::MessageQueued, Some(accepted.id), json!({"state": accepted.state}));
    let told: Vec<_> = taken.into_iter().chain([said]).map(|event| (by.tenant, event)).collect();
    let now = open.now;
    telling::tell(&mut open.tx, &told, now).await?;
    let answer = open.close(messages::ACCEPTED, &answer(&accepted)).await?;
    app.live.told([by.tenant]);
    app.nudges.nudge(by.tenant, lane);
    Ok(answer)
}

/// A member who answers where an automation did takes the conversation from it.
fn takeover(conversation: &Conversation, by: By) -> Option<Happening> {
    let member = by.member.filter(|_| conversation.automation.is_some())?;
    let department = conversation.department;
    let was = Assignment { to: conversation.holder(), department };
    Some(given(was, Assignment { to: Holder::Member(member), department }))
}

pub(super) async fn address_of(tx: &mut TenantTx, conversation: &Conversation) -> Result<String> {
    let addresses = contacts::addresses(tx, &[conversation.contact]).await?;
    let address = addresses.into_iter().find(|address| address.id == conversation.address);
    Ok(address.ok_or(ConversationError::Unreachable(conversation.contact))?.address)
}

pub(super) fn draft(conversation: &Conversation, to: String, reply: Reply, now: DateTime<Utc>) -> Draft {
    Draft {
        to,
        channel: Some(conversation.channel),
        account: Some(conversation.account),
        content: reply.content,
        class: Class::AgentReply,
        purpose: Purpose::Conversational,
        quiet_policy: Some(QuietPolicy::default_for(Source::Agent, Class::AgentReply)),
        send_at: (reply.undo_s > 0).then(|| now + TimeDelta::seconds(reply.undo_s.into())),
        not_after: None,
        reply_to: reply.reply_to,
    }
}

/// Begins a conversation with somebody whom we know, before anything is said.
pub async fn open<A: Serialize>(
    app: &App,
    (call, by): (&Call, By),
    new: Beginning,
    answer: impl FnOnce(&Conversation) -> A + Send,
) -> Result<Answer> {
    let mut open = match requests::open(app, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    know(&mut open.tx, by.member.as_slice()).await?;
    let sender = sent::sender(&mut open.tx, new.account).await?.ok_or(ConversationError::UnknownAccount)?;
    let addresses = contacts::addresses(&mut open.tx, &[new.contact]).await?;
    let address = addresses.into_iter().find(|address| address.channel == sender.channel);
    let address = address.ok_or(ConversationError::Unreachable(new.contact))?;
    let keeps = open.tx.sight().cloned();
    open.tx.lift().await?;
    let id = ConversationId::new(open.now);
    let subject = new.subject.map(|subject| fitting("subject", &subject, 200)).transpose()?;
    let mut conversation = blank(id, &sender, (address.id, new.contact), subject, open.now);
    if let Some(sight) = &keeps {
        let kept = sight.keeps(sender.account).ok_or(ConversationError::UnknownAccount)?;
        conversation.department = kept.department;
        conversation.assignee = kept.assignee;
    }
    stored::insert(&mut open.tx, &conversation).await?;
    if keeps.is_some() {
        stored::update(&mut open.tx, &conversation, open.now).await?;
    }
    let actor = by.actor();
    let event = events::Event { kind: EventKind::Opened, conversation: id, message: None, actor, data: json!({}) };
    let conversation = stored::find(&mut open.tx, id, by.member).await?.ok_or(ConversationError::NotFound)?;
    let now = open.now;
    telling::tell(&mut open.tx, &[(by.tenant, event)], now).await?;
    let answer = open.close(CREATED, &answer(&conversation)).await?;
    app.live.told([by.tenant]);
    Ok(answer)
}

/// Of HTTP.
const CREATED: u16 = 201;

fn blank(
    id: ConversationId,
    sender: &sent::Sender,
    (address, contact): (AddressId, ContactId),
    subject: Option<String>,
    now: DateTime<Utc>,
) -> Conversation {
    Conversation {
        id,
        account: sender.account,
        channel: sender.channel,
        address,
        contact,
        state: ConversationState::Open,
        priority: Priority::Normal,
        subject,
        assignee: None,
        automation: None,
        department: None,
        pinned_at: None,
        snoozed_until: None,
        window_closes_at: None,
        inbound: 0,
        outbound: 0,
        last_message_at: now,
        last_inbound_at: None,
        last_outbound_at: None,
        waiting_since: None,
        first_response_s: None,
        resolved_at: None,
        resolution_s: None,
        response_due_at: None,
        resolution_due_at: None,
        response_missed_at: None,
        resolution_missed_at: None,
        rating: None,
        rated_at: None,
        merged_into: None,
        labels: Vec::new(),
        unread: 0,
        created_at: now,
        updated_at: now,
    }
}
