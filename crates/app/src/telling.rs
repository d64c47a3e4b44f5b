//! Tells what happened, and whom it concerns: who works in a conversation is told of what others did there, in the
//! transaction that did it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    actor::Actor,
    conversation::{ConversationState, EventKind},
    ids::{ConversationId, MemberId, MessageId, TenantId},
    notification::NotificationKind,
};
use postroad_store::{
    AnyTx, Result,
    events::{self, Event, Notice},
    notifications::{self, Added, Wanted, Whom},
};
use serde_json::{Value, json};

/// Tells what happened, with the notifications that follow from it. The last thing a transaction does before it commits;
/// after the commit, [`crate::live::Live::told`].
pub(crate) async fn tell(tx: &mut impl AnyTx, happened: &[(TenantId, Event)], now: DateTime<Utc>) -> Result<()> {
    let wanted = wanted(happened);
    let added = if wanted.is_empty() { Vec::new() } else { notifications::add(tx, &wanted, now).await? };
    let notices: Vec<(TenantId, Notice)> = added.iter().map(notice).collect();
    events::tell_all(tx, happened, &notices, now).await
}

/// What is told of messages that moved. Those that belong to no conversation are not told of.
pub(crate) async fn moved(
    tx: &mut impl AnyTx,
    messages: &[(TenantId, MessageId)],
    actor: Actor,
) -> Result<Vec<(TenantId, Event)>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let found = events::of_messages(tx, messages).await?;
    let told = found.into_iter().filter_map(|(tenant, conversation, message, state)| {
        let kind = EventKind::of_message(state)?;
        let data = json!({"state": state});
        Some((tenant, Event { kind, conversation, message: Some(message), actor, data }))
    });
    Ok(told.collect())
}

/// Whose events these are, once each.
pub(crate) fn tenants(happened: &[(TenantId, Event)]) -> Vec<TenantId> {
    let mut tenants: Vec<TenantId> = happened.iter().map(|(tenant, _)| *tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}

fn notice(added: &Added) -> (TenantId, Notice) {
    let data = json!({"id": added.id, "kind": added.kind, "count": added.count, "title": added.kind.title()});
    let kind = EventKind::NotificationAdded;
    (added.tenant, Notice { kind, member: added.member, conversation: added.conversation, actor: Actor::System, data })
}

fn wanted(happened: &[(TenantId, Event)]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = happened.iter().flat_map(|(tenant, event)| of_event(*tenant, event)).collect();
    wanted.extend(of_messages(happened));
    wanted
}

fn of_event(tenant: TenantId, event: &Event) -> Vec<Wanted> {
    let one = |kind, whom, data| {
        let by = if let Actor::Member(member) = event.actor { Some(member) } else { None };
        let (actor, conversation) = (event.actor.to_string(), Some(event.conversation));
        Wanted { tenant, whom, kind, conversation, actor, by, data, count: 1 }
    };
    match event.kind {
        EventKind::Assigned if event.data["was"] != event.data["is"] => {
            let member = member(&event.data["is"]);
            member
                .map(|id| one(NotificationKind::ConversationAssigned, Whom::Member(id), json!({})))
                .into_iter()
                .collect()
        }
        EventKind::NoteAdded => {
            let named = event.data["mentions"].as_array().into_iter().flatten().filter_map(member);
            let data = json!({"note": event.data["note"]});
            named.map(|id| one(NotificationKind::Mention, Whom::Member(id), data.clone())).collect()
        }
        EventKind::StateChanged if state(&event.data["is"]) == Some(ConversationState::Resolved) => {
            vec![one(NotificationKind::ConversationResolved, Whom::Assignee, json!({}))]
        }
        EventKind::TargetMissed => {
            let data = json!({"target": event.data["target"]});
            let named = event.data["members"].as_array().into_iter().flatten().filter_map(member);
            let whom = std::iter::once(Whom::Assignee).chain(named.map(Whom::Member));
            whom.map(|whom| one(NotificationKind::TargetMissed, whom, data.clone())).collect()
        }
        _ => Vec::new(),
    }
}

fn member(value: &Value) -> Option<MemberId> {
    value.as_str()?.parse().ok()
}

fn state(value: &Value) -> Option<ConversationState> {
    value.as_str()?.parse().ok()
}

/// However much was said in a conversation, one notification.
fn of_messages(happened: &[(TenantId, Event)]) -> Vec<Wanted> {
    let mut said: BTreeMap<(TenantId, ConversationId), (i32, Option<MessageId>)> = BTreeMap::new();
    for (tenant, event) in happened.iter().filter(|(_, event)| event.kind == EventKind::MessageReceived) {
        let (count, last) = said.entry((*tenant, event.conversation)).or_default();
        *count += 1;
        *last = event.message;
    }
    let wanted = said.into_iter().map(|((tenant, conversation), (count, last))| Wanted {
        tenant,
        whom: Whom::Assignee,
        kind: NotificationKind::NewMessage,
        conversation: Some(conversation),
        actor: Actor::System.to_string(),
        by: None,
        data: json!({"message": last}),
        count,
    });
    wanted.collect()
}
