//! The story of a message, in words.

use chrono::{DateTime, Utc};
use postroad_app::explain::{Decided, Moment as Told, Standing as Holds, Story, WallClock};
use postroad_core::gates::{GateName, Reason, Verdict as Said};
use postroad_store::explain::{AttemptRow, ReportRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::Message;
use crate::schema::{GateWord, ReasonWord, StateWord};

/// A message, what happened to it, and what holds it now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explained {
    message: Message,
    /// Oldest first; of each kind the newest hundred.
    timeline: Vec<Moment>,
    /// Absent: nothing holds it, or it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
}

/// What holds a message now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Standing {
    #[schema(value_type = GateWord)]
    gate: &'static str,
    #[schema(value_type = ReasonWord)]
    reason: &'static str,
    /// The next look at it. Absent: it will not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<Local>,
}

/// The clock on the person's wall.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Local {
    #[schema(example = "Asia/Jakarta")]
    time_zone: String,
    /// Whose zone it is: `contact`, `account` or `tenant`.
    zone_of: &'static str,
    #[schema(example = "2026-03-02 22:14")]
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Moment {
    Created {
        at: DateTime<Utc>,
        sentence: String,
    },
    Decided(Box<Decision>),
    Attempted {
        at: DateTime<Utc>,
        finished_at: DateTime<Utc>,
        attempt: i32,
        /// `accepted`, `retry`, `rejected`, `unknown` or `not_sent`.
        result: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        http_status: Option<i16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fault_class: Option<String>,
        sentence: String,
    },
    Reported {
        at: DateTime<Utc>,
        /// The provider's time.
        provider_at: DateTime<Utc>,
        #[schema(value_type = StateWord)]
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fault_class: Option<String>,
        sentence: String,
    },
}

/// A decision of all gates together.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decision {
    at: DateTime<Utc>,
    /// The last time the same was decided.
    checked_at: DateTime<Utc>,
    /// `send`, `wait` or `refuse`.
    #[serde(rename = "decision")]
    word: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<GateWord>)]
    gate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    sentence: String,
    /// What each gate says of the facts that were known then.
    verdicts: Vec<Verdict>,
    /// False: the gates have other rules by now, and `verdicts` follow the new ones.
    same_rules: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verdict {
    #[schema(value_type = GateWord)]
    gate: &'static str,
    /// `pass`, `wait` or `refuse`.
    #[serde(rename = "verdict")]
    word: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
}

impl Explained {
    pub(super) fn of(story: Story) -> Self {
        let created = Moment::Created {
            at: story.message.created_at,
            sentence: format!("it was accepted from: {}", story.message.source),
        };
        Self {
            timeline: std::iter::once(created).chain(story.moments.into_iter().map(moment)).collect(),
            standing: story.standing.map(standing),
            message: Message::of(story.message),
        }
    }
}

fn moment(told: Told) -> Moment {
    match told {
        Told::Decided(decided) => Moment::Decided(Box::new(decision(*decided))),
        Told::Attempted(attempt) => attempted(attempt),
        Told::Reported(report) => reported(report),
    }
}

fn decision(decided: Decided) -> Decision {
    Decision {
        at: decided.at,
        checked_at: decided.checked_at,
        sentence: decided.sentence.unwrap_or_else(|| "nothing held it: it might leave".to_owned()),
        verdicts: decided.verdicts.into_iter().map(|(gate, said)| verdict(gate.as_str(), &said)).collect(),
        same_rules: decided.same_rules,
        word: decided.decision,
        gate: decided.gate.map(GateName::as_str),
        reason: decided.reason.map(Reason::as_str),
        until: decided.until,
    }
}

fn verdict(gate: &'static str, said: &Said) -> Verdict {
    let (word, reason, until) = match said {
        Said::Pass => ("pass", None, None),
        Said::Wait { until, reason } => ("wait", Some(reason.as_str()), Some(*until)),
        Said::Refuse { reason } => ("refuse", Some(reason.as_str()), None),
    };
    Verdict { gate, word, reason, until }
}

fn attempted(row: AttemptRow) -> Moment {
    let ended = match row.result.as_str() {
        "accepted" => "the provider took it",
        "retry" => "the provider said not now",
        "rejected" => "the provider refused it",
        "unknown" => "nobody knows whether it was carried out",
        _ => "it never left",
    };
    Moment::Attempted {
        at: row.started_at,
        finished_at: row.finished_at,
        attempt: row.attempt,
        result: row.result.as_str(),
        http_status: row.http_status,
        sentence: format!("attempt {}: {ended}", row.attempt),
        code: row.code,
        fault_class: row.fault_class,
    }
}

fn reported(row: ReportRow) -> Moment {
    Moment::Reported {
        at: row.received_at,
        provider_at: row.provider_at,
        state: row.kind.as_str(),
        sentence: format!("the provider reported: {}", row.kind),
        code: row.code,
        fault_class: row.fault_class,
    }
}

fn standing(holds: Holds) -> Standing {
    Standing {
        gate: holds.gate.as_str(),
        reason: holds.reason.as_str(),
        until: holds.until,
        sentence: holds.sentence,
        local: holds.clock.as_ref().map(local),
    }
}

fn local(clock: &WallClock) -> Local {
    let shown = |at: &chrono::NaiveDateTime| at.format("%Y-%m-%d %H:%M").to_string();
    Local {
        time_zone: clock.zone.to_string(),
        zone_of: clock.zone_of.as_str(),
        now: shown(&clock.now),
        until: clock.until.as_ref().map(shown),
    }
}
