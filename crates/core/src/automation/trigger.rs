//! What an automation waits for.
//!
//! To add a trigger: a variant of [`Trigger`] with its settings, what happens as a variant of [`Event`], its bounds in
//! `check.rs` and its example in the guide.

use std::iter::successors;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::check::{FaultCode, Walk};
use crate::{
    conversation::ConversationState,
    ids::{CampaignId, LabelId, SegmentId},
    limits::{AUTOMATION_SCHEDULE_EVERY_MIN, AUTOMATION_WAIT_MAX_S, DEBOUNCE_DEFAULT_S, DEBOUNCE_MAX_S, IDLE_MIN_S},
    schedule::Schedule,
    words::words,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    InboundMessage(Inbound),
    ConversationOpened(Opened),
    Idle(Idle),
    Status(StatusChange),
    Label(LabelChange),
    CampaignReply(CampaignReply),
    Schedule(Timetable),
}

/// The contact wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// Seconds in which more messages join the same run. 0 to 60, default 2.
    #[serde(default = "default_debounce_s")]
    pub debounce_s: u32,
}

/// A conversation began, or came back from being resolved, closed or archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {}

/// Nobody said anything for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idle {
    /// Seconds since the last message. 60 to 30 days.
    pub after_s: u32,
    pub waiting_for: Awaited,
}

words! {
    /// Whose turn it is to say something.
    Awaited {
        Contact = "contact",
        Us = "us",
    }
}

/// The conversation got one of these statuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    pub to: Vec<ConversationState>,
}

/// One of these labels was put on the conversation, or taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelChange {
    pub was: LabelMove,
    pub any_of: Vec<LabelId>,
}

words! {
    LabelMove {
        Added = "added",
        Removed = "removed",
    }
}

/// The contact wrote after a campaign had written to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignReply {
    /// None: whichever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// Seconds in which more messages join the same run. 0 to 60, default 2.
    #[serde(default = "default_debounce_s")]
    pub debounce_s: u32,
}

/// At each of these times, for every conversation that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timetable {
    /// Five fields, or `@daily` and its like: see [`Schedule`]. At most every 5 minutes.
    pub cron: String,
    pub time_zone: Tz,
    /// Conversations that stand so.
    pub statuses: Vec<ConversationState>,
    /// Only those with its contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
}

const fn default_debounce_s() -> u32 {
    DEBOUNCE_DEFAULT_S
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// `campaign`: the one that this answers.
    Inbound {
        campaign: Option<CampaignId>,
    },
    ConversationOpened,
    /// Seconds since the last message.
    Idle {
        for_s: u32,
        waiting_for: Awaited,
    },
    Status {
        to: ConversationState,
    },
    Label {
        was: LabelMove,
        label: LabelId,
    },
    /// The automation's own time has come.
    Schedule,
}

impl Trigger {
    /// Its word in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::InboundMessage(_) => "inbound_message",
            Self::ConversationOpened(_) => "conversation_opened",
            Self::Idle(_) => "idle",
            Self::Status(_) => "status",
            Self::Label(_) => "label",
            Self::CampaignReply(_) => "campaign_reply",
            Self::Schedule(_) => "schedule",
        }
    }

    pub fn fires(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::InboundMessage(_), Event::Inbound { .. })
            | (Self::ConversationOpened(_), Event::ConversationOpened)
            | (Self::Schedule(_), Event::Schedule) => true,
            (Self::CampaignReply(reply), Event::Inbound { campaign: Some(id) }) => {
                reply.campaign.is_none_or(|wanted| wanted == *id)
            }
            (Self::Idle(idle), Event::Idle { for_s, waiting_for }) => {
                idle.waiting_for == *waiting_for && *for_s >= idle.after_s
            }
            (Self::Status(change), Event::Status { to }) => change.to.contains(to),
            (Self::Label(change), Event::Label { was, label }) => change.was == *was && change.any_of.contains(label),
            _ => false,
        }
    }

    /// Seconds in which more messages join a run.
    pub const fn debounce_s(&self) -> u32 {
        match self {
            Self::InboundMessage(inbound) => inbound.debounce_s,
            Self::CampaignReply(reply) => reply.debounce_s,
            _ => 0,
        }
    }

    /// A person's message is what a run answers.
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::InboundMessage(_) | Self::CampaignReply(_))
    }

    pub(super) fn check(&self, walk: &mut Walk) {
        match self {
            Self::InboundMessage(inbound) => walk.at("inbound_message", |walk| debounce(walk, inbound.debounce_s)),
            Self::ConversationOpened(_) => {}
            Self::Idle(idle) => walk.at("idle", |walk| idle.check(walk)),
            Self::Status(change) => walk.at("status", |walk| walk.some("to", &change.to)),
            Self::Label(change) => walk.at("label", |walk| walk.some("any_of", &change.any_of)),
            Self::CampaignReply(reply) => walk.at("campaign_reply", |walk| debounce(walk, reply.debounce_s)),
            Self::Schedule(timetable) => walk.at("schedule", |walk| timetable.check(walk)),
        }
    }
}

impl Idle {
    fn check(&self, walk: &mut Walk) {
        walk.number("after_s", self.after_s, IDLE_MIN_S..=AUTOMATION_WAIT_MAX_S);
    }
}

impl Timetable {
    fn check(&self, walk: &mut Walk) {
        walk.some("statuses", &self.statuses);
        walk.at("cron", |walk| match self.cron.parse::<Schedule>() {
            Err(error) => walk.fault(FaultCode::Cron, error.to_string()),
            Ok(_) if self.cron.split_whitespace().count() > 5 => {
                walk.fault(FaultCode::CronSeconds, "name no seconds and no year: five fields");
            }
            Ok(schedule) if fires_too_often(&schedule) => {
                let minutes = AUTOMATION_SCHEDULE_EVERY_MIN.num_minutes();
                walk.fault(FaultCode::CronTooOften, format!("leave at least {minutes} minutes between two fires"));
            }
            Ok(_) => {}
        });
    }
}

/// Without seconds, the minutes of an hour are the same in each: an hour's worth of fires shows every distance.
fn fires_too_often(schedule: &Schedule) -> bool {
    let first = schedule.next_after(DateTime::UNIX_EPOCH, Tz::UTC);
    let fires = successors(first, |at| schedule.next_after(*at, Tz::UTC));
    let fires: Vec<DateTime<Utc>> = fires.take(61).collect();
    fires.windows(2).any(|pair| pair[1] - pair[0] < AUTOMATION_SCHEDULE_EVERY_MIN)
}

fn debounce(walk: &mut Walk, seconds: u32) {
    walk.number("debounce_s", seconds, 0..=DEBOUNCE_MAX_S);
}
