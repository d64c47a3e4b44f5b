//! Whether an event may start a run: against loops, and against two runs at once.
//!
//! Pure, like a gate, so that a refusal is stored with its facts and can be shown. The caller asks and writes the run in one
//! transaction, under a lock on the conversation.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Definition,
    mail::{MailHeaders, Robot},
    run::Run,
    trigger::{Event, Trigger},
};
use crate::{
    ids::AutomationId,
    limits::{AUTOMATED_PER_HOUR_MAX, CAUSALITY_DEPTH_MAX, RUN_MESSAGES_MAX},
    words::words,
};

/// What is known when an event meets an automation that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerFacts {
    pub now: DateTime<Utc>,
    pub event: Event,
    /// Runs that led to the event, one by the other. 0: a person or a provider did it.
    pub causality_depth: u32,
    /// Automated messages in the conversation within the last hour.
    pub automated_within_hour: u32,
    /// Of an inbound mail.
    pub mail: Option<MailHeaders>,
    /// The message comes from the address of one of the tenant's own accounts.
    pub from_own_address: bool,
    /// Another automation has the conversation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_to_another: bool,
    /// The automation's run in this conversation that has not ended.
    pub unfinished: Option<Unfinished>,
    /// When a run of the automation in this conversation last began whose conditions held.
    pub acted_last_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// See [`super::Run::is_gathering`].
    pub gathering: bool,
    /// Messages that it is about.
    pub messages: usize,
}

/// How much automations may do by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// An event of this depth starts nothing any more.
    pub causality_depth_max: u32,
    /// Automated messages in one conversation within an hour. None: the automation says nothing to the contact.
    pub automated_per_hour_max: Option<u32>,
    /// Seconds between two runs that act in one conversation.
    pub cooldown_s: u32,
}

impl Caps {
    /// The usual ones for an automation.
    pub fn of(definition: &Definition) -> Self {
        Self {
            causality_depth_max: CAUSALITY_DEPTH_MAX,
            automated_per_hour_max: definition.speaks().then_some(AUTOMATED_PER_HOUR_MAX),
            cooldown_s: definition.cooldown_s,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "admission", rename_all = "snake_case")]
pub enum Admission {
    /// A run begins.
    Admit,
    /// The message becomes part of the run that has not begun to act.
    Join,
    Refuse {
        reason: RefusalReason,
    },
}

words! {
    /// Why an event starts no run. A contract of the public API: words are added, never changed.
    RefusalReason {
        OwnAddress = "own_address",
        AutoSubmitted = "auto_submitted",
        Precedence = "precedence",
        AutoResponseSuppress = "auto_response_suppress",
        EmptyReturnPath = "empty_return_path",
        CausalityDepth = "causality_depth",
        ThreadCap = "thread_cap",
        GivenToAnother = "given_to_another",
        RunInProgress = "run_in_progress",
        Cooldown = "cooldown",
    }
}

impl From<Robot> for RefusalReason {
    fn from(robot: Robot) -> Self {
        match robot {
            Robot::AutoSubmitted => Self::AutoSubmitted,
            Robot::Precedence => Self::Precedence,
            Robot::AutoResponseSuppress => Self::AutoResponseSuppress,
            Robot::EmptyReturnPath => Self::EmptyReturnPath,
        }
    }
}

impl RefusalReason {
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OwnAddress => "the message comes from one of your own accounts",
            Self::AutoSubmitted => "the mail says that a machine wrote it",
            Self::Precedence => "the mail went to many",
            Self::AutoResponseSuppress => "the mail asks for no automatic answer",
            Self::EmptyReturnPath => "the mail has no address to return to",
            Self::CausalityDepth => "automations have set off one another too often since a person did something",
            Self::ThreadCap => "the conversation had its automated messages for this hour",
            Self::GivenToAnother => "another automation has the conversation",
            Self::RunInProgress => "the automation is at work in this conversation",
            Self::Cooldown => "the automation acted in this conversation a moment ago",
        }
    }
}

/// The first reason that holds, in the order of [`RefusalReason`], refuses. Whoever is not answered joins no run either.
pub fn admit(facts: &TriggerFacts, caps: &Caps) -> Admission {
    match (refusal(facts, caps), facts.unfinished) {
        (Some(reason), _) => Admission::Refuse { reason },
        (None, None) if facts.rests(caps) => Admission::Refuse { reason: RefusalReason::Cooldown },
        (None, None) => Admission::Admit,
        (None, Some(run)) if facts.may_join(run) => Admission::Join,
        (None, Some(_)) => Admission::Refuse { reason: RefusalReason::RunInProgress },
    }
}

/// What speaks against the event itself.
fn refusal(facts: &TriggerFacts, caps: &Caps) -> Option<RefusalReason> {
    if facts.from_own_address {
        return Some(RefusalReason::OwnAddress);
    }
    if let Some(robot) = facts.mail.as_ref().and_then(MailHeaders::robot) {
        return Some(robot.into());
    }
    if facts.causality_depth >= caps.causality_depth_max {
        return Some(RefusalReason::CausalityDepth);
    }
    let full = caps.automated_per_hour_max.is_some_and(|max| facts.automated_within_hour >= max);
    if full {
        return Some(RefusalReason::ThreadCap);
    }
    let stands_aside = facts.given_to_another && matches!(facts.event, Event::Inbound { .. });
    stands_aside.then_some(RefusalReason::GivenToAnother)
}

/// Whose a conversation is, as one automation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    AnotherAutomations,
    /// Nobody's, or a member's.
    NoAutomations,
}

impl Whose {
    pub fn of(holder: Option<AutomationId>, automation: AutomationId) -> Self {
        match holder {
            None => Self::NoAutomations,
            Some(holder) if holder == automation => Self::Ours,
            Some(_) => Self::AnotherAutomations,
        }
    }
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    On,
    /// It was about to answer what is for another automation to answer.
    StandsAside,
    /// The conversation was taken from the automation while it was at work there.
    Taken,
}

/// Judged before each step, because a conversation is given and taken while runs wait. `given`: the automation had it at the step
/// before. What its own step gave away was not taken from it.
pub const fn going(run: &Run, trigger: &Trigger, given: bool, whose: Whose) -> Going {
    match whose {
        Whose::Ours => Going::On,
        _ if given => Going::Taken,
        Whose::AnotherAutomations if run.is_gathering() && trigger.is_answer() => Going::StandsAside,
        Whose::AnotherAutomations | Whose::NoAutomations => Going::On,
    }
}

impl TriggerFacts {
    fn may_join(&self, run: Unfinished) -> bool {
        matches!(self.event, Event::Inbound { .. }) && run.gathering && run.messages < RUN_MESSAGES_MAX
    }

    fn rests(&self, caps: &Caps) -> bool {
        let rest = TimeDelta::seconds(caps.cooldown_s.into());
        self.acted_last_at.is_some_and(|acted_at| self.now < acted_at + rest)
    }
}
