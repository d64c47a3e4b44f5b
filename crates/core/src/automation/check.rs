//! Whether a definition may run: within its bounds, and meaning something. All that is wrong is told together.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Definition,
    condition::{Pattern, Patterns},
};
use crate::{
    limits::{
        AUTOMATION_BRANCH_DEPTH_MAX, AUTOMATION_CONDITIONS_MAX, AUTOMATION_FAULTS_MAX, AUTOMATION_LIST_MAX,
        AUTOMATION_STEPS_MAX, AUTOMATION_WAIT_MAX_S, PATTERNS_MAX,
    },
    words::words,
};

words! {
    /// What is wrong. A contract of the public API: words are added, never changed.
    FaultCode {
        /// A word that is not known, is missing, or has a value of another kind.
        Unreadable = "unreadable",
        /// Names nothing, and would never do anything.
        Empty = "empty",
        TooMany = "too_many",
        TooManySteps = "too_many_steps",
        TooManyConditions = "too_many_conditions",
        TooManyPatterns = "too_many_patterns",
        TooDeep = "too_deep",
        /// Outside of its range.
        Number = "number",
        /// Too short, too long, or with U+0000.
        Text = "text",
        Keyword = "keyword",
        Pattern = "pattern",
        Placeholder = "placeholder",
        Language = "language",
        Tag = "tag",
        Attribute = "attribute",
        Cron = "cron",
        CronSeconds = "cron_seconds",
        CronTooOften = "cron_too_often",
        Hours = "hours",
        /// The same thing is added and removed.
        Contradiction = "contradiction",
        /// Quiet hours are not for an automation to ignore.
        QuietHours = "quiet_hours",
        /// Another action does this.
        Status = "status",
        /// A step after the end of the run.
        Unreachable = "unreachable",
        /// An id of nothing that exists.
        Missing = "missing",
    }
}

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A JSON pointer into the definition: `/actions/2/reply/text`.
    pub path: String,
    pub code: FaultCode,
    /// What to do about it.
    pub fix: String,
}

impl Fault {
    /// An id that the definition names is that of nothing that exists.
    pub fn missing(definition: &Value, id: &str) -> Self {
        let path = pointer_to(definition, id).unwrap_or_default();
        Self { path, code: FaultCode::Missing, fix: format!("{id} does not exist; name one that does") }
    }
}

/// Where a text stands first.
fn pointer_to(json: &Value, text: &str) -> Option<String> {
    match json {
        Value::String(found) => (found == text).then(String::new),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .find_map(|(place, value)| pointer_to(value, text).map(|rest| format!("/{place}{rest}"))),
        Value::Object(fields) => {
            fields.iter().find_map(|(name, value)| pointer_to(value, text).map(|rest| format!("/{name}{rest}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.fix)
    }
}

/// Everything that is wrong, up to a number of faults.
pub fn check(definition: &Definition) -> Result<(), Vec<Fault>> {
    compile(definition).map(|_| ())
}

/// The definition's patterns, if nothing is wrong with it.
pub(super) fn compile(definition: &Definition) -> Result<Patterns, Vec<Fault>> {
    let mut walk = Walk::default();
    walk.at("trigger", |walk| definition.trigger.check(walk));
    walk.number("cooldown_s", definition.cooldown_s, 0..=AUTOMATION_WAIT_MAX_S);
    walk.at("conditions", |walk| definition.conditions.check_whole(walk));
    walk.at("actions", |walk| walk.steps(&definition.actions, 0));
    if definition.actions.is_empty() {
        walk.at("actions", |walk| walk.fault(FaultCode::Empty, "name at least one action"));
    }
    if walk.faults.is_empty() { Ok(walk.patterns) } else { Err(walk.faults) }
}

/// Where the check stands, and what it has counted and found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    path: Vec<String>,
    faults: Vec<Fault>,
    steps: usize,
    conditions: usize,
    patterns: Patterns,
}

impl Walk {
    pub(super) fn at(&mut self, step: impl fmt::Display, check: impl FnOnce(&mut Self)) {
        self.path.push(step.to_string());
        check(self);
        self.path.pop();
    }

    pub(super) fn fault(&mut self, code: FaultCode, fix: impl Into<String>) {
        if self.faults.len() < AUTOMATION_FAULTS_MAX {
            let path = self.path.iter().flat_map(|step| ["/", step]).collect();
            self.faults.push(Fault { path, code, fix: fix.into() });
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u32, range: RangeInclusive<u32>) {
        if !range.contains(&number) {
            let fix = format!("{number} does not lie in {} to {}", range.start(), range.end());
            self.at(name, |walk| walk.fault(FaultCode::Number, fix));
        }
    }

    pub(super) fn text(&mut self, name: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() || text.chars().count() > chars_max || text.contains('\0') {
            let fix = format!("write 1 to {chars_max} characters, none of them U+0000");
            self.at(name, |walk| walk.fault(FaultCode::Text, fix));
        }
    }

    /// At least one, and not too many.
    pub(super) fn some<T>(&mut self, name: &str, list: &[T]) {
        if list.is_empty() {
            self.at(name, |walk| walk.fault(FaultCode::Empty, "name at least one"));
        }
        self.not_too_many(name, list, AUTOMATION_LIST_MAX);
    }

    pub(super) fn not_too_many<T>(&mut self, name: &str, list: &[T], max: usize) {
        if list.len() > max {
            let fix = format!("{} are named, and {max} is the most", list.len());
            self.at(name, |walk| walk.fault(FaultCode::TooMany, fix));
        }
    }

    /// For lists of which one says what is added and one what is removed.
    pub(super) fn change<T: PartialEq>(&mut self, add: &[T], remove: &[T]) {
        if add.is_empty() && remove.is_empty() {
            self.fault(FaultCode::Empty, "name something to add or to remove");
        }
        if add.iter().any(|one| remove.contains(one)) {
            self.fault(FaultCode::Contradiction, "do not add and remove the same");
        }
        self.not_too_many("add", add, AUTOMATION_LIST_MAX);
        self.not_too_many("remove", remove, AUTOMATION_LIST_MAX);
    }

    /// `depth`: branches around these steps.
    pub(super) fn steps(&mut self, steps: &[Action], depth: usize) {
        if depth > AUTOMATION_BRANCH_DEPTH_MAX {
            let fix =
                format!("branches stand more than {AUTOMATION_BRANCH_DEPTH_MAX} deep in one another; flatten them");
            return self.fault(FaultCode::TooDeep, fix);
        }
        for (position, step) in steps.iter().enumerate() {
            self.steps += 1;
            if self.steps > AUTOMATION_STEPS_MAX {
                // Told once: the rest is not looked at.
                if self.steps == AUTOMATION_STEPS_MAX + 1 {
                    let fix = format!("there are more than {AUTOMATION_STEPS_MAX} steps; use a second automation");
                    self.fault(FaultCode::TooManySteps, fix);
                }
                return;
            }
            let ended = position > 0 && matches!(steps[position - 1], Action::Stop(_));
            self.at(position, |walk| walk.step(step, depth, ended));
        }
    }

    fn step(&mut self, step: &Action, depth: usize, ended: bool) {
        if ended {
            self.fault(FaultCode::Unreachable, "the step before ends the run: take one of the two away");
        }
        self.at(step.kind(), |walk| step.check(walk, depth));
    }

    /// Counts one condition. False: there are too many, and this one is not looked at.
    pub(super) fn counts_condition(&mut self) -> bool {
        self.conditions += 1;
        if self.conditions == AUTOMATION_CONDITIONS_MAX + 1 {
            let fix = format!("there are more than {AUTOMATION_CONDITIONS_MAX} conditions; use a second automation");
            self.fault(FaultCode::TooManyConditions, fix);
        }
        self.conditions <= AUTOMATION_CONDITIONS_MAX
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        if self.patterns.len() == PATTERNS_MAX && !self.patterns.has(pattern) {
            let fix = format!("there are more than {PATTERNS_MAX} different patterns; join some of them with |");
            return self.fault(FaultCode::TooManyPatterns, fix);
        }
        if let Err(fix) = self.patterns.add(pattern) {
            self.fault(FaultCode::Pattern, fix);
        }
    }
}
