//! Follows what was told of a tenant, event by event and without leaving one out: a cursor moves over the numbers in the
//! transaction that begins the runs, so an event starts what it starts once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    automation::trigger::{Event, LabelMove, Trigger},
    conversation::{ConversationState, EventKind},
    ids::{CampaignId, LabelId, MessageId, RunId, TenantId},
};
use postroad_store::{
    Result, TenantTx,
    automations::{
        self as stored,
        starting::{self, Cursor},
    },
    events::{self, Told},
};
use serde::Deserialize;

use super::{
    ENABLED_MAX,
    start::{Happened, Ready, start},
};
use crate::App;

/// Events one transaction looks at.
const PAGE: i64 = 500;

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// There was nothing new, or nobody waits for anything.
    Nothing,
    /// Somebody else is looking.
    Busy,
    /// So many runs began; there may be more to look at.
    Looked { runs: usize, more: bool },
}

/// Looks at the next events of a tenant.
pub async fn follow(app: &App, tenant: TenantId) -> Result<Followed> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let after = match starting::take_cursor(&mut tx).await? {
        Cursor::Nobody => return Ok(Followed::Nothing),
        Cursor::Busy => return Ok(Followed::Busy),
        Cursor::At(seq) => seq,
    };
    let told = events::list(&mut tx, after, None, PAGE).await?;
    let Some(last) = told.last() else { return Ok(Followed::Nothing) };
    let ready = ready(app, &mut tx).await?;
    let runs = start_runs(&mut tx, &told, &ready, now).await?;
    starting::move_cursor(&mut tx, last.seq).await?;
    tx.commit().await?;
    Ok(Followed::Looked { runs, more: told.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX) })
}

async fn ready(app: &App, tx: &mut TenantTx) -> Result<Vec<Ready>> {
    let enabled = stored::enabled(tx, ENABLED_MAX).await?;
    Ok(enabled.iter().filter_map(|one| Ready::of(&app.programs, one)).collect())
}

async fn start_runs(tx: &mut TenantTx, told: &[Told], ready: &[Ready], now: DateTime<Utc>) -> Result<usize> {
    let causes: Vec<RunId> = told.iter().filter_map(cause).collect();
    let depths = if causes.is_empty() { HashMap::new() } else { starting::depths(tx, &causes).await? };
    let answered = answered(tx, told, ready).await?;
    let mut happened = Vec::new();
    for one in told {
        let Some(conversation) = one.conversation else { continue };
        let depth = cause(one).map_or(0, |run| depths.get(&run).map_or(0, |depth| depth + 1));
        let message = (one.kind == EventKind::MessageReceived).then_some(one.message).flatten();
        let events = meanings(one, &answered);
        for to in ready {
            let fires = |event: &&Event| to.program.definition().trigger.fires(event);
            if let Some(event) = events.iter().find(fires) {
                happened.push(Happened { to, event: event.clone(), conversation, message, depth });
            }
        }
    }
    start(tx, &happened, now).await
}

/// The run that did it.
fn cause(told: &Told) -> Option<RunId> {
    told.actor.parse().ok()
}

type Answered = HashMap<MessageId, CampaignId>;

/// The campaigns that messages answer, if somebody wants to know.
async fn answered(tx: &mut TenantTx, told: &[Told], ready: &[Ready]) -> Result<Answered> {
    let is_wanted = ready.iter().any(|one| matches!(one.program.definition().trigger, Trigger::CampaignReply(_)));
    let received = told.iter().filter(|one| one.kind == EventKind::MessageReceived);
    let messages: Vec<MessageId> = received.filter_map(|one| one.message).collect();
    if is_wanted && !messages.is_empty() { starting::answered(tx, &messages).await } else { Ok(Answered::new()) }
}

/// What an event is to automations; nothing for most.
fn meanings(told: &Told, answered: &Answered) -> Vec<Event> {
    match told.kind {
        EventKind::MessageReceived => {
            let campaign = told.message.and_then(|message| answered.get(&message).copied());
            vec![Event::Inbound { campaign }]
        }
        EventKind::Opened => vec![Event::ConversationOpened],
        EventKind::Reopened => moved(told, Some(ConversationState::Open)),
        EventKind::StateChanged => moved(told, None),
        EventKind::Labelled => labelled(told),
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Moved {
    was: ConversationState,
    #[serde(default)]
    is: Option<ConversationState>,
}

/// It has another status, and was opened if nobody had to do with it before.
fn moved(told: &Told, is: Option<ConversationState>) -> Vec<Event> {
    let Ok(moved) = Moved::deserialize(&told.data) else { return Vec::new() };
    let Some(to) = moved.is.or(is) else { return Vec::new() };
    let opened = moved.was.is_done() && !to.is_done();
    [Event::Status { to }].into_iter().chain(opened.then_some(Event::ConversationOpened)).collect()
}

#[derive(Deserialize)]
struct Labels {
    added: Vec<LabelId>,
    removed: Vec<LabelId>,
}

fn labelled(told: &Told) -> Vec<Event> {
    let Ok(labels) = Labels::deserialize(&told.data) else { return Vec::new() };
    let event = |was| move |label| Event::Label { was, label };
    let added = labels.added.into_iter().map(event(LabelMove::Added));
    added.chain(labels.removed.into_iter().map(event(LabelMove::Removed))).collect()
}
