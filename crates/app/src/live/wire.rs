//! How things go over the wire: server-sent events, written once for all streams of a process.

use std::fmt::{Display, Write};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::EventKind,
    ids::{ConversationId, MemberId},
    live::{Kind, Passing},
    sight::{Sight, Standing},
};
use postroad_store::events::Told;
use serde_json::{Value, json};

/// One event as it goes over the wire, and what decides who gets it.
#[derive(Debug, Clone)]
pub struct Line {
    /// None: it passes, and is kept nowhere.
    pub seq: Option<i64>,
    pub kind: Kind,
    pub conversation: Option<ConversationId>,
    /// Only this member is told.
    pub to: Option<MemberId>,
    /// Who did it: what passes is not told to themselves.
    pub of: Option<MemberId>,
    /// Where its conversation stands.
    pub stands: Option<Standing>,
    /// Where it stood before it was handed on.
    pub stood: Option<Standing>,
    pub at: DateTime<Utc>,
    pub frame: Bytes,
}

impl Line {
    pub(super) fn of_told(told: &Told) -> Self {
        let mut data =
            json!({"seq": told.seq, "kind": told.kind, "at": told.at, "actor": told.actor, "data": told.data});
        set(&mut data, "conversation_id", told.conversation);
        set(&mut data, "message_id", told.message);
        set(&mut data, "member_id", told.member);
        Self {
            seq: Some(told.seq),
            kind: Kind::Told(told.kind),
            conversation: told.conversation,
            to: told.member,
            of: None,
            stands: told.standing(),
            stood: stood(told),
            at: told.at,
            frame: frame(Some(told.seq), told.kind.as_str(), &data),
        }
    }

    /// What passes, of a member.
    pub(super) fn passing(
        kind: Passing,
        of: MemberId,
        (conversation, stands): (Option<ConversationId>, Option<Standing>),
        at: DateTime<Utc>,
        mut data: Value,
    ) -> Self {
        data["kind"] = json!(kind);
        data["member_id"] = json!(of);
        data["at"] = json!(at);
        set(&mut data, "conversation_id", conversation);
        let frame = frame(None, kind.as_str(), &data);
        let kind = Kind::Passing(kind);
        Self { seq: None, kind, conversation, to: None, of: Some(of), stands, stood: None, at, frame }
    }

    /// Whether it is in somebody's sight: what is told to one member alone, or of no conversation, always is.
    pub fn is_in(&self, sight: &Sight) -> bool {
        let is_of_all = self.conversation.is_none() || self.to.is_some();
        is_of_all || self.stands.iter().chain(&self.stood).any(|standing| sight.covers(standing))
    }
}

/// Whoever had it learns that it went.
fn stood(told: &Told) -> Option<Standing> {
    let id = |name: &str| told.data[name].as_str();
    let account = told.account.filter(|_| told.kind == EventKind::Assigned)?;
    // Older ones do not tell of which department it was.
    told.data.get("was_department")?;
    let (assignee, department) = (id("was"), id("was_department"));
    Some(Standing {
        assignee: assignee.and_then(|id| id.parse().ok()),
        department: department.and_then(|id| id.parse().ok()),
        account,
    })
}

fn set(data: &mut Value, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        data[name] = json!(value);
    }
}

/// JSON has no line breaks, so one line of data is the whole of it.
fn frame(id: Option<i64>, kind: &str, data: &Value) -> Bytes {
    let mut text = String::with_capacity(256);
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
    Bytes::from(text)
}

/// What one stream is told of itself: `hello`, `reset`, `resume`, `bye`.
pub fn told_to_one(id: Option<i64>, kind: &str, data: &Value) -> Bytes {
    frame(id, kind, data)
}

/// Says that the stream lives, and moves the number from which it resumes if it has moved.
pub fn comment(id: Option<i64>, text: impl Display) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n\n")).unwrap_or_default();
    Bytes::from(format!("{id}: {text}\n\n"))
}
