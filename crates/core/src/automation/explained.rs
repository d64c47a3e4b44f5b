//! What a run did and why, step by step: for its history, and for a test run that does nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Program,
    actions::{ActionKind, StepResult},
    condition::{Fact, Judged},
    facts::Facts,
    place::Place,
    run::{Run, Turn, next},
};

/// One step of a run, in words and as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    pub at: DateTime<Utc>,
    /// None: the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What was asked. None: whether the conditions hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionKind>,
    /// What came out.
    pub result: StepResult,
    /// A sentence without anything that the contact said or is.
    pub words: String,
    /// What was looked at.
    #[serde(default)]
    pub fact: Fact,
    /// Of conditions and branches: each part of what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// What a run would do, as if nothing happened in between: waits are over at once, and what a step changes is changed for
/// the steps after it.
pub fn dry_run(program: &Program, facts: &Facts) -> Vec<Explained> {
    let mut run = Run::of(program.definition(), facts.now, 0);
    let mut facts = facts.clone();
    let mut steps = Vec::new();
    loop {
        let step = next(program, &run, &facts);
        run = step.run;
        steps.extend(step.explained);
        match step.turn {
            Turn::Do { effect, .. } => facts = facts.after(&effect),
            Turn::WaitUntil { at } => facts.now = at,
            Turn::GoOn => {}
            Turn::Done { .. } => return steps,
        }
    }
}
