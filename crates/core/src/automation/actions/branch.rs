//! Goes one way or the other. Afterwards the run goes on behind the branch, whichever way it took.

use serde::{Deserialize, Serialize};

use super::{Act, Action, Asked, Scene, StepResult};
use crate::{
    automation::{
        check::{FaultCode, Walk},
        condition::Condition,
    },
    words::words,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    pub condition: Condition,
    #[serde(default)]
    pub then: Vec<Action>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Action>,
}

words! {
    Arm {
        Then = "then",
        Otherwise = "otherwise",
    }
}

impl Branch {
    pub fn arm(&self, arm: Arm) -> &[Action] {
        match arm {
            Arm::Then => &self.then,
            Arm::Otherwise => &self.otherwise,
        }
    }
}

impl Act for Branch {
    fn check(&self, walk: &mut Walk, depth: usize) {
        if self.then.is_empty() && self.otherwise.is_empty() {
            walk.fault(FaultCode::Empty, "name an action for one of the two ways");
        }
        walk.at("condition", |walk| self.condition.check_whole(walk));
        for arm in Arm::ALL {
            walk.at(arm, |walk| walk.steps(self.arm(*arm), depth + 1));
        }
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        let judged = self.condition.judge(scene.facts, scene.patterns);
        let (arm, words) = if judged.holds {
            (Arm::Then, "the condition holds")
        } else {
            (Arm::Otherwise, "the condition does not hold")
        };
        let words = if self.arm(arm).is_empty() { format!("{words}: nothing to do") } else { words.to_owned() };
        Asked { judged: Some(judged), ..Asked::new(StepResult::Takes { arm }, words) }
    }
}
