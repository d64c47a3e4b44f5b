//! What people say, and who they are.

use postroad_core::{
    message::Content,
    opt_out::asks_to_stop,
    provider::{Event, EventKind, Inbound},
};
use serde_json::Value;

use super::{
    address::{is_scoped_id, phone_of_wa_id},
    field::{array, instant, line, text},
    webhook::Change,
};

mod content;

/// Who wrote. At least one of the two names is known: a person with a username may hide the number.
struct Sender {
    phone: Option<String>,
    scoped_id: Option<String>,
    profile_name: Option<String>,
}

pub(super) fn event(change: &Change<'_>, message: &Value) -> Event {
    let Some(message_id) = text(message, "/id") else { return change.ignored("message without id", message) };
    if message.get("group_id").is_some() {
        return change.ignored("group message", message);
    }
    let Some(sender) = sender(change.value, message) else { return change.ignored("message without sender", message) };
    let content = content::read(message);
    let inbound = Inbound {
        provider_ref: message_id.to_owned(),
        phone: sender.phone,
        scoped_id: sender.scoped_id,
        profile_name: sender.profile_name,
        reply_to: answered(message).map(str::to_owned),
        opts_out: opts_out(&content),
        opens_session: speaks(text(message, "/type"), &content),
        content,
    };
    let at = instant(message, "/timestamp", change.received_at);
    change.event(format!("message|{message_id}"), at, EventKind::Inbound(inbound))
}

/// The message that this one answers, changes or takes back.
fn answered(message: &Value) -> Option<&str> {
    ["/context/id", "/edit/original_message_id", "/revoke/original_message_id"]
        .iter()
        .find_map(|pointer| text(message, pointer))
}

/// Something was said, and not only changed, taken back or noted by the system.
fn speaks(kind: Option<&str>, content: &Content) -> bool {
    match content {
        Content::Reaction { emoji, .. } => !emoji.is_empty(),
        _ => !matches!(kind, Some("edit" | "revoke" | "system")),
    }
}

fn opts_out(content: &Content) -> bool {
    match content {
        Content::Text { body, .. } => asks_to_stop(&body.0),
        Content::Reply { body, id } => asks_to_stop(&body.0) || asks_to_stop(id),
        Content::Other { kind, summary: Some(corrected) } if kind == "edit" => asks_to_stop(&corrected.0),
        _ => false,
    }
}

fn sender(value: &Value, message: &Value) -> Option<Sender> {
    let contact = contact_of(value, message).unwrap_or(&Value::Null);
    let phones = [text(message, "/from"), text(contact, "/wa_id")];
    let ids = [text(message, "/from_user_id"), text(contact, "/user_id"), text(message, "/from")];
    let sender = Sender {
        phone: phones.into_iter().flatten().find_map(phone_of_wa_id),
        scoped_id: ids.into_iter().flatten().find(|id| is_scoped_id(id)).map(str::to_owned),
        profile_name: line(contact, "/profile/name"),
    };
    (sender.phone.is_some() || sender.scoped_id.is_some()).then_some(sender)
}

/// The entry of `contacts` that describes the sender. A lone one does, even when its id is spelt differently.
fn contact_of<'a>(value: &'a Value, message: &Value) -> Option<&'a Value> {
    let contacts = array(value, "/contacts");
    let same = |contact: &&Value, theirs, ours| text(contact, theirs).is_some_and(|id| text(message, ours) == Some(id));
    let named =
        contacts.iter().find(|contact| same(contact, "/user_id", "/from_user_id") || same(contact, "/wa_id", "/from"));
    named.or(if let [only] = contacts { Some(only) } else { None })
}
