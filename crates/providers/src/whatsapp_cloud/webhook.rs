//! The envelope of a webhook: entries of business accounts, with changes of fields.
//!
//! A body is read when it is an envelope of WhatsApp whose entries say whose they are, and holds at most
//! [`WEBHOOK_EVENTS_MAX`] events; then everything in it becomes an event, if only an ignored one. Anything else is
//! unreadable as a whole, and stays in the journal.

use chrono::{DateTime, Utc};
use postroad_core::{
    limits::WEBHOOK_EVENTS_MAX,
    provider::{Event, EventKind, Unreadable},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    field::{array, id, instant, text},
    inbound, notices, statuses,
};

const OBJECT: &str = "whatsapp_business_account";

/// One change of one field, and the account it concerns.
pub(super) struct Change<'a> {
    account_ref: String,
    field: &'a str,
    /// `value` of the change, or the whole entry when it has no changes.
    pub(super) value: &'a Value,
    /// When Meta sent it; part of the identity of changes that have no id of their own.
    pub(super) sent_at: DateTime<Utc>,
    entry_time: &'a Value,
    pub(super) received_at: DateTime<Utc>,
}

/// The phone number id of each change, or the business account's where a change concerns no one number.
pub(super) fn accounts_in(body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let envelope = envelope(body)?;
    let mut accounts: Vec<String> = Vec::new();
    for change in changes(&envelope, DateTime::UNIX_EPOCH)? {
        if !accounts.contains(&change.account_ref) {
            accounts.push(change.account_ref);
        }
    }
    Ok(accounts)
}

pub(super) fn events(body: &[u8], received_at: DateTime<Utc>) -> Result<Vec<Event>, Unreadable> {
    let envelope = envelope(body)?;
    let mut events = Vec::new();
    for change in changes(&envelope, received_at)? {
        events.extend(change.events());
        if events.len() > WEBHOOK_EVENTS_MAX {
            return Err(too_many());
        }
    }
    Ok(events)
}

fn too_many() -> Unreadable {
    Unreadable(format!("more than {WEBHOOK_EVENTS_MAX} events in one body"))
}

fn envelope(body: &[u8]) -> Result<Value, Unreadable> {
    let envelope: Value = serde_json::from_slice(body).map_err(|error| Unreadable(format!("not JSON: {error}")))?;
    if text(&envelope, "/object") != Some(OBJECT) {
        return Err(Unreadable(format!("the object is not {OBJECT}")));
    }
    if !envelope["entry"].is_array() {
        return Err(Unreadable("there is no list of entries".to_owned()));
    }
    Ok(envelope)
}

fn changes(envelope: &Value, received_at: DateTime<Utc>) -> Result<Vec<Change<'_>>, Unreadable> {
    let mut found = Vec::new();
    for entry in array(envelope, "/entry") {
        let business = id(entry, "/id").ok_or_else(|| Unreadable("an entry does not say whose it is".to_owned()))?;
        let changes = array(entry, "/changes");
        let whole_entry = changes.is_empty().then_some(entry);
        found
            .extend(changes.iter().chain(whole_entry).map(|change| Change::new(entry, &business, change, received_at)));
        if found.len() > WEBHOOK_EVENTS_MAX {
            return Err(too_many());
        }
    }
    Ok(found)
}

impl<'a> Change<'a> {
    fn new(entry: &'a Value, business: &str, change: &'a Value, received_at: DateTime<Utc>) -> Self {
        let value = change.get("value").unwrap_or(change);
        Self {
            account_ref: id(value, "/metadata/phone_number_id").unwrap_or_else(|| business.to_owned()),
            field: text(change, "/field").unwrap_or("no field"),
            value,
            sent_at: instant(entry, "/time", received_at),
            entry_time: entry.get("time").unwrap_or(&Value::Null),
            received_at,
        }
    }

    fn events(&self) -> Vec<Event> {
        match self.field {
            "messages" => self.conversation(),
            "user_preferences" => notices::preferences(self),
            "message_template_status_update" => vec![notices::template_status(self)],
            "template_category_update" => vec![notices::template_category(self)],
            "account_alerts"
            | "account_review_update"
            | "account_update"
            | "business_capability_update"
            | "message_template_components_update"
            | "message_template_quality_update"
            | "phone_number_name_update"
            | "phone_number_quality_update"
            | "security" => vec![notices::account(self, self.field)],
            other => vec![self.ignored(other, self.value)],
        }
    }

    fn conversation(&self) -> Vec<Event> {
        let said = array(self.value, "/messages").iter().map(|message| inbound::event(self, message));
        let became = array(self.value, "/statuses").iter().map(|status| statuses::event(self, status));
        let failed = array(self.value, "/errors").iter().map(|error| notices::error(self, error));
        let events: Vec<Event> = said.chain(became).chain(failed).collect();
        if events.is_empty() { vec![self.ignored("messages without messages", self.value)] } else { events }
    }

    pub(super) fn event(&self, key: String, at: DateTime<Utc>, kind: EventKind) -> Event {
        Event { account_ref: self.account_ref.clone(), key, at, kind }
    }

    /// Kept and counted, not acted on.
    pub(super) fn ignored(&self, what: &str, part: &Value) -> Event {
        let what = what.chars().take(80).filter(|c| *c != '\0').collect();
        self.event(self.key_of(part), self.sent_at, EventKind::Ignored { what })
    }

    /// The identity of something that carries no id: what it says, and when Meta said it. Meta repeats bodies unchanged.
    pub(super) fn key_of(&self, part: &Value) -> String {
        let said = format!("{}\n{}\n{part}", self.field, self.entry_time);
        let digest = Sha256::digest(said.as_bytes());
        format!("digest|{}", data_encoding::HEXLOWER.encode(&digest[..16]))
    }
}
