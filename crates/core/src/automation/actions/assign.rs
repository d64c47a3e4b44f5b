//! Gives the conversation to somebody.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene};
use crate::automation::{
    check::Walk,
    effect::{Assignee, Effect},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    pub to: Assignee,
}

impl Act for Assign {
    fn check(&self, _walk: &mut Walk, _depth: usize) {}

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        let words = match self.to {
            Assignee::Member(member) => format!("assigns the conversation to {member}"),
            Assignee::Department(department) => format!("moves the conversation to {department}"),
            Assignee::Automation(automation) => format!("gives the conversation to {automation}"),
            Assignee::RoundRobin => "assigns the conversation to whoever is next".to_owned(),
            Assignee::Nobody => "takes the conversation from whoever has it".to_owned(),
        };
        Asked::doing(Effect::Assign { to: self.to }, words)
    }
}
