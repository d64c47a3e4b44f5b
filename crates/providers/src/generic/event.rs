//! What one post says, in our words. Whatever is not in them is refused: a word that is spelt wrong must not be lost in silence.

use chrono::{DateTime, Utc};
use postroad_core::{
    message::{Body, Content},
    opt_out::asks_to_stop,
    provider::{Event, EventKind, Fault, FaultClass, Inbound, Receipt, Told, Unreadable},
    send::SendState,
};
use serde::Deserialize;

use super::place::{ID_CHARS_MAX, address, is_id};

/// Characters of what somebody says.
const TEXT_CHARS_MAX: usize = 16_384;
/// Characters of a name, of the word for a kind, of a code.
const LINE_CHARS_MAX: usize = 200;
/// The year 2000: before it no platform existed that posts.
const EARLIEST_S: i64 = 946_684_800;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Post {
    Message(Message),
    Receipt(Report),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    id: String,
    at: DateTime<Utc>,
    from: Person,
    text: Option<String>,
    other: Option<Other>,
    reply_to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    id: String,
    name: Option<String>,
}

/// Something that is no text: a picture, a place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    kind: String,
    summary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    message_id: String,
    state: State,
    at: DateTime<Utc>,
    code: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Sent,
    Delivered,
    Read,
    Failed,
}

pub(super) fn read(told: &Told<'_>, platform: &str) -> Result<Event, Unreadable> {
    let post = serde_json::from_slice(told.body).map_err(|error| Unreadable(error.to_string()))?;
    let (key, at, kind) = match post {
        Post::Message(message) => (format!("message|{}", message.id), message.at, message.into_kind(platform)?),
        Post::Receipt(report) => (report.key(), report.at, report.into_kind()?),
    };
    check(at.timestamp() >= EARLIEST_S, "at lies before the year 2000")?;
    Ok(Event { account_ref: told.account.to_owned(), key, at, kind })
}

fn check(holds: bool, otherwise: &str) -> Result<(), Unreadable> {
    if holds { Ok(()) } else { Err(Unreadable(otherwise.to_owned())) }
}

fn check_id(what: &str, id: &str) -> Result<(), Unreadable> {
    let otherwise = format!("{what} does not have 1 to {ID_CHARS_MAX} characters without blanks");
    check(is_id(id), &otherwise)
}

fn check_line(what: &str, text: &str) -> Result<(), Unreadable> {
    let good = (1..=LINE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    check(good, &format!("{what} does not have 1 to {LINE_CHARS_MAX} characters in one line"))
}

fn check_text(what: &str, text: &str) -> Result<(), Unreadable> {
    let good = (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
    check(good, &format!("{what} does not have 1 to {TEXT_CHARS_MAX} characters without U+0000"))
}

impl Message {
    fn into_kind(self, platform: &str) -> Result<EventKind, Unreadable> {
        check_id("id", &self.id)?;
        check_id("from.id", &self.from.id)?;
        self.from.name.as_deref().map_or(Ok(()), |name| check_line("from.name", name))?;
        self.reply_to.as_deref().map_or(Ok(()), |id| check_id("reply_to", id))?;
        let content = content(self.text, self.other)?;
        Ok(EventKind::Inbound(Inbound {
            provider_ref: self.id,
            phone: None,
            scoped_id: Some(address(platform, &self.from.id)),
            profile_name: self.from.name,
            reply_to: self.reply_to,
            opts_out: matches!(&content, Content::Text { body, .. } if asks_to_stop(&body.0)),
            opens_session: false,
            content,
        }))
    }
}

fn content(text: Option<String>, other: Option<Other>) -> Result<Content, Unreadable> {
    match (text, other) {
        (Some(text), None) => {
            check_text("text", &text)?;
            Ok(Content::Text { body: Body(text), preview_url: false })
        }
        (None, Some(Other { kind, summary })) => {
            check_line("other.kind", &kind)?;
            // These two words change what was said before, which nobody asked for here.
            check(!matches!(kind.as_str(), "edit" | "revoke"), "other.kind is neither edit nor revoke")?;
            summary.as_deref().map_or(Ok(()), |summary| check_text("other.summary", summary))?;
            Ok(Content::Other { kind, summary: summary.map(Body) })
        }
        _ => Err(Unreadable("a message has either text or other".to_owned())),
    }
}

impl Report {
    fn key(&self) -> String {
        format!("receipt|{}|{}", self.message_id, self.state.into_state())
    }

    fn into_kind(self) -> Result<EventKind, Unreadable> {
        check_id("message_id", &self.message_id)?;
        self.code.as_deref().map_or(Ok(()), |code| check_line("code", code))?;
        let state = self.state.into_state();
        let fault = (state == SendState::Failed).then(|| Fault {
            code: self.code.unwrap_or_else(|| "no_code".to_owned()),
            class: FaultClass::Unrecognised,
        });
        let (provider_ref, price_category) = (self.message_id, None);
        Ok(EventKind::Receipt(Receipt { provider_ref, correlation: None, state, fault, price_category }))
    }
}

impl State {
    const fn into_state(self) -> SendState {
        match self {
            Self::Sent => SendState::Sent,
            Self::Delivered => SendState::Delivered,
            Self::Read => SendState::Read,
            Self::Failed => SendState::Failed,
        }
    }
}
