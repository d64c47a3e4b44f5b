//! What an automation does, one file each.
//!
//! An action has settings, checks their bounds, and says what it asks for; the worker carries it out. To add one: write
//! `actions/<name>.rs` with a type that implements `Act`, then add its `mod` line and its line to the registry below. A new [`Effect`] stops
//! the worker compiling until it is carried out.

pub mod assign;
pub mod branch;
pub mod label;
pub mod note;
pub mod reply;
pub mod snooze;
pub mod status;
pub mod stop;
pub mod tag;
pub mod template;
pub mod wait;
pub mod webhook;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    check::Walk,
    condition::{Fact, Judged, Patterns},
    effect::Effect,
    facts::Facts,
};
use crate::words::words;
use branch::Arm;

/// What all actions have.
pub(super) trait Act {
    /// Bounds. `depth`: branches around the step.
    fn check(&self, walk: &mut Walk, depth: usize);

    fn ask(&self, scene: &Scene<'_>) -> Asked;
}

/// What a step sees.
pub(super) struct Scene<'a> {
    pub(super) facts: &'a Facts,
    pub(super) patterns: &'a Patterns,
}

/// What a step asks for, and why.
pub(super) struct Asked {
    pub(super) result: StepResult,
    pub(super) words: String,
    pub(super) fact: Fact,
    pub(super) judged: Option<Judged>,
}

impl Asked {
    pub(super) fn new(result: StepResult, words: impl Into<String>) -> Self {
        Self { result, words: words.into(), fact: Fact::default(), judged: None }
    }

    fn doing(effect: Effect, words: impl Into<String>) -> Self {
        Self::new(StepResult::Does { effect }, words)
    }

    fn skipping(reason: SkipReason, words: impl Into<String>) -> Self {
        Self::new(StepResult::Skips { reason }, words)
    }

    fn because(mut self, fact: Fact) -> Self {
        self.fact = fact;
        self
    }
}

/// What came out of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum StepResult {
    Does {
        effect: Effect,
    },
    /// Nothing is done, and the run goes on.
    Skips {
        reason: SkipReason,
    },
    Waits {
        until: DateTime<Utc>,
    },
    WaitIsOver,
    Takes {
        arm: Arm,
    },
    Stops {
        reason: String,
    },
    /// Of the conditions.
    Holds,
    /// Of the conditions: the run ends.
    DoesNotHold,
}

words! {
    /// Why a step does nothing. A contract of the public API: words are added, never changed.
    SkipReason {
        /// Free text may not be sent now, and the step names no template instead.
        WindowClosed = "window_closed",
        /// The conversation had its automated messages for this hour.
        ThreadCap = "thread_cap",
        /// The time until which it should last has passed.
        Past = "past",
    }
}

/// Lists the actions: each is a module, its settings, and its word in JSON.
macro_rules! actions {
    ($($module:ident::$settings:ident = $word:literal),+ $(,)?) => {
        words! {
            /// What a step does.
            ActionKind { $($settings = $word),+ }
        }

        /// One step.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum Action {
            $(#[serde(rename = $word)] $settings($module::$settings),)+
        }

        impl Action {
            pub const fn kind(&self) -> ActionKind {
                match self { $(Self::$settings(_) => ActionKind::$settings,)+ }
            }

            fn act(&self) -> &dyn Act {
                match self { $(Self::$settings(settings) => settings,)+ }
            }
        }

        $(impl From<$module::$settings> for Action {
            fn from(settings: $module::$settings) -> Self {
                Self::$settings(settings)
            }
        })+
    };
}

actions! {
    reply::Reply = "reply",
    template::Template = "template",
    assign::Assign = "assign",
    label::Label = "label",
    note::Note = "note",
    status::Status = "status",
    snooze::Snooze = "snooze",
    webhook::Webhook = "webhook",
    tag::Tag = "tag",
    wait::Wait = "wait",
    branch::Branch = "branch",
    stop::Stop = "stop",
}

impl Action {
    pub(super) fn check(&self, walk: &mut Walk, depth: usize) {
        self.act().check(walk, depth);
    }

    pub(super) fn ask(&self, scene: &Scene<'_>) -> Asked {
        self.act().ask(scene)
    }
}

/// A message that the conversation's cap does not let pass.
fn capped(facts: &Facts) -> Option<Asked> {
    let automated = facts.automated;
    (automated.within_hour >= automated.per_hour_max).then(|| {
        let words = format!("the conversation had {} automated messages within an hour", automated.within_hour);
        let fact = Fact(serde_json::json!({ "within_hour": automated.within_hour, "max": automated.per_hour_max }));
        Asked::skipping(SkipReason::ThreadCap, words).because(fact)
    })
}
