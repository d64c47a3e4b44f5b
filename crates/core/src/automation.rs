//! Automations: rules that act on events in conversations.
//!
//! A [`Definition`] is JSON that people and programs write, so it is read strictly and checked before it becomes a
//! [`Program`]. A [`Run`] is one execution of a program: a state machine that says what to do next and never does it, so
//! that a crash at any step loses and repeats nothing. [`admit`] decides whether an event may start a run at all: automations
//! must not answer machines, one another, or one person in two runs at once.
//!
//! Deliberately absent: greetings and away messages of their own kind ([`ready_made`] writes them as definitions), and
//! quiet hours, consent and pace of what is sent, which are for the gates. To add an action: see [`actions`].

pub mod actions;
pub mod admission;
pub mod check;
pub mod condition;
pub mod effect;
pub mod explained;
pub mod facts;
pub mod hours;
pub mod mail;
pub mod place;
mod read;
pub mod ready_made;
pub mod references;
pub mod run;
pub mod text;
pub mod trigger;

use serde::{Deserialize, Serialize};

pub use actions::Action;
pub use admission::{Admission, Caps, RefusalReason, TriggerFacts, admit};
pub use check::{Fault, FaultCode, check};
pub use condition::Condition;
pub use effect::{Assignee, Effect};
pub use explained::{Explained, dry_run};
pub use facts::Facts;
pub use hours::BusinessHours;
pub use place::Place;
pub use read::read;
pub use references::References;
pub use run::{Next, Outcome, Run, Turn, next};
pub use trigger::{Event, Trigger};

use condition::Patterns;

/// What an automation waits for, what must hold then, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub trigger: Trigger,
    /// Seconds after a run that acted in which the automation rests in the same conversation. 0 to 30 days.
    #[serde(default)]
    pub cooldown_s: u32,
    /// Judged when the run begins.
    #[serde(default)]
    pub conditions: Condition,
    /// In this order. 1 to 100, those of all branches together.
    pub actions: Vec<Action>,
}

impl Definition {
    /// Some step says something to the contact.
    pub fn speaks(&self) -> bool {
        any_speaks(&self.actions)
    }
}

fn any_speaks(steps: &[Action]) -> bool {
    steps.iter().any(|step| match step {
        Action::Reply(_) | Action::Template(_) => true,
        Action::Branch(branch) => any_speaks(&branch.then) || any_speaks(&branch.otherwise),
        _ => false,
    })
}

/// A definition that is sound, with its patterns compiled. Worth keeping: compiling may take milliseconds.
#[derive(Debug, Clone)]
pub struct Program {
    definition: Definition,
    patterns: Patterns,
}

impl Program {
    pub fn new(definition: Definition) -> Result<Self, Vec<Fault>> {
        let patterns = check::compile(&definition)?;
        Ok(Self { definition, patterns })
    }

    pub const fn definition(&self) -> &Definition {
        &self.definition
    }
}
