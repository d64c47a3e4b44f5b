//! What Meta tells about templates, accounts and people's wishes.

use postroad_core::{
    provider::{Event, EventKind, Preference, TemplateChange},
    template::{TemplateCategory, TemplateStatus},
};
use serde_json::Value;

use super::{
    address::{is_scoped_id, phone_of_wa_id},
    field::{array, cut_line, id, instant, line, text},
    webhook::Change,
};

pub(super) fn template_status(change: &Change<'_>) -> Event {
    let value = change.value;
    let Some(event) = text(value, "/event") else { return change.ignored("template update without event", value) };
    let status = standing(event);
    // A standing that is not ours to keep is told in words: `FLAGGED`, `LOCKED`.
    let unnamed = status.is_none().then(|| event.to_owned());
    let reasons = ["/reason", "/rejection_info/reason", "/other_info/title", "/other_info/description"];
    let told = reasons.into_iter().filter_map(|pointer| line(value, pointer)).filter(|reason| reason != "NONE");
    let reason = cut_line(&unnamed.into_iter().chain(told).collect::<Vec<_>>().join(": "));
    template(change, TemplateFacts { status, category: category(value, "/message_template_category"), reason })
}

pub(super) fn template_category(change: &Change<'_>) -> Event {
    let value = change.value;
    let reason = line(value, "/correct_category").map(|next| format!("becomes {next} within a day"));
    template(change, TemplateFacts { status: None, category: category(value, "/new_category"), reason })
}

struct TemplateFacts {
    status: Option<TemplateStatus>,
    category: Option<TemplateCategory>,
    reason: Option<String>,
}

fn template(change: &Change<'_>, facts: TemplateFacts) -> Event {
    let value = change.value;
    let (Some(name), Some(language)) =
        (text(value, "/message_template_name"), text(value, "/message_template_language"))
    else {
        return change.ignored("template update without template", value);
    };
    let kind = EventKind::Template(TemplateChange {
        name: name.to_owned(),
        // Meta's webhooks write `en-US` for what its API calls `en_US`.
        language: language.replace('-', "_"),
        status: facts.status,
        category: facts.category,
        reason: facts.reason,
    });
    change.event(change.key_of(value), change.sent_at, kind)
}

/// What a status of Meta's means here, in its answers and in its webhooks.
pub(super) fn standing(event: &str) -> Option<TemplateStatus> {
    match event {
        "APPROVED" | "REINSTATED" | "UNARCHIVED" => Some(TemplateStatus::Approved),
        "PENDING" | "IN_APPEAL" => Some(TemplateStatus::Submitted),
        "REJECTED" => Some(TemplateStatus::Rejected),
        "PAUSED" => Some(TemplateStatus::Paused),
        "DISABLED" | "ARCHIVED" => Some(TemplateStatus::Disabled),
        "PENDING_DELETION" | "DELETED" => Some(TemplateStatus::Deleted),
        _ => None,
    }
}

pub(super) fn category(value: &Value, pointer: &str) -> Option<TemplateCategory> {
    text(value, pointer)?.to_lowercase().parse().ok()
}

/// `stop` and `resume` in WhatsApp's own "Offers and announcements".
pub(super) fn preferences(change: &Change<'_>) -> Vec<Event> {
    let wishes = array(change.value, "/user_preferences");
    if wishes.is_empty() {
        return vec![change.ignored("preferences without preferences", change.value)];
    }
    wishes.iter().map(|wish| preference(change, wish)).collect()
}

fn preference(change: &Change<'_>, wish: &Value) -> Event {
    let wants_marketing = match (text(wish, "/category"), text(wish, "/value")) {
        (Some("marketing_messages"), Some("stop")) => false,
        (Some("marketing_messages"), Some("resume")) => true,
        _ => return change.ignored("unknown preference", wish),
    };
    let contact = contact_of(change.value, wish);
    let wa_ids = [text(wish, "/wa_id"), text(contact, "/wa_id")];
    let ids = [text(wish, "/user_id"), text(contact, "/user_id")];
    let phone = wa_ids.into_iter().flatten().find_map(phone_of_wa_id);
    let scoped_id = ids.into_iter().flatten().find(|id| is_scoped_id(id)).map(str::to_owned);
    if phone.is_none() && scoped_id.is_none() {
        return change.ignored("preference of nobody", wish);
    }
    let at = instant(wish, "/timestamp", change.received_at);
    change.event(change.key_of(wish), at, EventKind::Preference(Preference { phone, scoped_id, wants_marketing }))
}

/// The contact whose wish it is: the one of the same id, or the only one.
fn contact_of<'a>(value: &'a Value, wish: &Value) -> &'a Value {
    let contacts = array(value, "/contacts");
    let same = |contact: &&Value| text(wish, "/wa_id").is_some_and(|wa_id| text(contact, "/wa_id") == Some(wa_id));
    let only = if let [only] = contacts { Some(only) } else { None };
    contacts.iter().find(same).or(only).unwrap_or(&Value::Null)
}

pub(super) fn account(change: &Change<'_>, field: &str) -> Event {
    let kind = EventKind::Account { what: field.to_owned(), detail: told(change.value) };
    change.event(change.key_of(change.value), change.sent_at, kind)
}

/// A fault that concerns no single message.
pub(super) fn error(change: &Change<'_>, error: &Value) -> Event {
    let what = format!("error {}", id(error, "/code").unwrap_or_else(|| "without code".to_owned()));
    let words = ["/title", "/error_data/details"].into_iter().filter_map(|pointer| line(error, pointer));
    let detail = cut_line(&words.collect::<Vec<_>>().join(": ")).unwrap_or_default();
    change.event(change.key_of(error), change.sent_at, EventKind::Account { what, detail })
}

/// `event: DISABLED_UPDATE, ban_info: {"waba_ban_state":"DISABLE"}`.
fn told(value: &Value) -> String {
    let Some(object) = value.as_object() else { return String::new() };
    let parts = object.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    });
    cut_line(&parts.collect::<Vec<_>>().join(", ")).unwrap_or_default()
}
