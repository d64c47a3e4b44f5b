//! Carries out what a step asks for, in the transaction that stores the run after it.

use chrono::{DateTime, Utc};
use postroad_core::{
    automation::{Assignee, Effect},
    conversation::{ConversationState, EventKind, Holder},
    endpoint::EndpointEvent,
    gates::QuietPolicy,
    ids::{AccountId, EndpointId, MessageId, TemplateId},
    message::{Body, Class, Content, Source, TemplateUse},
    send::SendState,
    tag,
};
use postroad_store::{
    Error, TenantTx,
    automations::{facts, runs},
    contacts::Contact,
    endpoints as stored_endpoints, people, templates,
};
use serde_json::json;

use crate::{
    conversations::{self, Assignment, ConversationError, Happening, Labelling, NewNote, Work},
    credit::CreditError,
    endpoints,
    messages::{self, Saying, SubmitError},
};

/// What was done.
#[derive(Default)]
pub(crate) struct Done {
    /// What is told of it in the conversation.
    pub(crate) happened: Option<Happening>,
    /// What was said to the person, and the lane that has something to send.
    pub(crate) message: Option<MessageId>,
    pub(crate) lane: Option<AccountId>,
}

impl From<Happening> for Done {
    fn from(happening: Happening) -> Self {
        Self { happened: Some(happening), ..Self::default() }
    }
}

/// Why it was not done.
pub(crate) enum Undone {
    /// In words for the history: trying again would not help.
    Because(String),
    Store(Error),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        match error {
            error @ (Error::Violated { .. } | Error::Taken { .. }) => Self::Because(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl From<ConversationError> for Undone {
    fn from(error: ConversationError) -> Self {
        match error {
            ConversationError::Store(error) => error.into(),
            other => Self::Because(other.to_string()),
        }
    }
}

impl From<SubmitError> for Undone {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Store(error) | SubmitError::Credit(CreditError::Store(error)) => error.into(),
            other => Self::Because(other.to_string()),
        }
    }
}

pub(crate) async fn carry_out(
    work: &mut Work,
    person: &Contact,
    effect: &Effect,
    now: DateTime<Utc>,
) -> Result<Done, Undone> {
    Ok(match effect {
        Effect::Reply { text, quiet_hours } => {
            let content = Content::Text { body: text.clone(), preview_url: false };
            say(work, person, (content, *quiet_hours), now).await?
        }
        Effect::Template { template, variables, quiet_hours } => {
            let content = template_use(&mut work.tx, work.conversation.account, *template, variables).await?;
            say(work, person, (content, *quiet_hours), now).await?
        }
        Effect::Assign { to } => assign(work, *to, now).await?,
        Effect::Label { add, remove } => {
            let wanted = Labelling { add: add.clone(), remove: remove.clone() };
            conversations::labelled(work, &wanted).await?.into()
        }
        Effect::Note { text, mentions } => {
            let new = NewNote { body: text.0.clone(), mentions: mentions.clone() };
            conversations::noted(work, new).await?.1.into()
        }
        Effect::Status { to } => move_to(work, *to, None).await?,
        Effect::Snooze { until } => move_to(work, ConversationState::Snoozed, Some(*until)).await?,
        Effect::Tag { add, remove } => tag(work, person, (add, remove), now).await?,
        // Of runs only: see [`tell_endpoint`].
        Effect::Webhook { endpoint } => return Err(Undone::Because(format!("{endpoint} is told by automations"))),
    })
}

async fn say(
    work: &mut Work,
    person: &Contact,
    (content, quiet_hours): (Content, Option<QuietPolicy>),
    now: DateTime<Utc>,
) -> Result<Done, Undone> {
    let conversation = &work.conversation;
    if !conversation.state.is_live() {
        return Err(ConversationError::Done(conversation.state).into());
    }
    let id = conversation.id;
    let saying = Saying {
        account: conversation.account,
        channel: conversation.channel,
        contact: person.id,
        address: conversation.address,
        content,
        quiet_policy: quiet_hours.unwrap_or(QuietPolicy::default_for(Source::Automation, Class::Automation)),
        by: work.caller(),
    };
    let lane = saying.account;
    let message = messages::say(&mut work.tx, saying, now).await?;
    runs::adopt(&mut work.tx, message, id, now).await?;
    let happened = (EventKind::MessageQueued, json!({"state": SendState::Queued}));
    Ok(Done { happened: Some(happened), message: Some(message), lane: Some(lane) })
}

/// By its name at the provider. It belongs to an account: another one cannot send it.
async fn template_use(
    tx: &mut TenantTx,
    account: AccountId,
    id: TemplateId,
    variables: &[Body],
) -> Result<Content, Undone> {
    let template = templates::find(tx, id).await?;
    let template = template.ok_or_else(|| Undone::Because(format!("{id} does not exist any more")))?;
    if template.account != account {
        return Err(Undone::Because(format!("{id} belongs to another account than the conversation")));
    }
    Ok(Content::Template(TemplateUse {
        name: template.name,
        language: template.language,
        parameters: variables.to_vec(),
        header: None,
        button_payloads: Vec::new(),
    }))
}

async fn assign(work: &mut Work, to: Assignee, now: DateTime<Utc>) -> Result<Done, Undone> {
    let department = work.conversation.department;
    let to = match to {
        Assignee::Member(member) => Assignment { to: Holder::Member(member), department },
        Assignee::Department(department) => Assignment { to: Holder::Nobody, department: Some(department) },
        Assignee::Automation(automation) => Assignment { to: Holder::Automation(automation), department },
        Assignee::Nobody => Assignment { to: Holder::Nobody, department },
        Assignee::RoundRobin => {
            let next = facts::next_member(&mut work.tx, department, now).await?;
            let member = next.ok_or_else(|| Undone::Because("no member who works has room for it".to_owned()))?;
            Assignment { to: Holder::Member(member), department }
        }
    };
    Ok(conversations::assigned(work, to).await?.into())
}

/// Where it is already, nothing happens.
async fn move_to(work: &mut Work, to: ConversationState, until: Option<DateTime<Utc>>) -> Result<Done, Undone> {
    if work.conversation.state == to && until == work.conversation.snoozed_until {
        return Ok(Done::default());
    }
    Ok(conversations::moved(work, to, until).await?.into())
}

async fn tag(
    work: &mut Work,
    person: &Contact,
    (add, remove): (&[String], &[String]),
    now: DateTime<Utc>,
) -> Result<Done, Undone> {
    let spelled = |tags: &[String]| tag::normalise(tags.iter().map(String::as_str));
    let because = |error: tag::TagError| Undone::Because(error.to_string());
    let change = people::TagChange { add: spelled(add).map_err(because)?, remove: spelled(remove).map_err(because)? };
    people::tag(&mut work.tx, &[person.id], &change, now).await?;
    Ok(Done::default())
}

/// Writes what an endpoint is told of a run: ids, and nothing of what was said.
pub(super) async fn tell_endpoint(
    work: &mut Work,
    person: &Contact,
    endpoint: EndpointId,
    due: &runs::Due,
    now: DateTime<Utc>,
) -> Result<Done, Undone> {
    let messages: Vec<MessageId> = due.messages.iter().map(|id| MessageId::from_uuid(*id)).collect();
    let data = json!({
        "automation_id": due.automation,
        "run_id": due.id,
        "conversation_id": due.conversation,
        "contact_id": person.id,
        "message_ids": messages,
    });
    let told = endpoints::tell(&mut work.tx, endpoint, (EndpointEvent::Automation.as_str(), data), now).await?;
    if told.is_some() {
        return Ok(Done::default());
    }
    let found = stored_endpoints::find(&mut work.tx, endpoint).await?;
    let why = if found.is_some() { "is switched off" } else { "does not exist any more" };
    Err(Undone::Because(format!("{endpoint} {why}")))
}
