//! Ends the run.

use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene, StepResult};
use crate::{automation::check::Walk, limits::STOP_REASON_CHARS_MAX};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// For the run's history. 1 to 200 characters.
    pub reason: String,
}

impl Act for Stop {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        walk.text("reason", &self.reason, STOP_REASON_CHARS_MAX);
    }

    fn ask(&self, _scene: &Scene<'_>) -> Asked {
        Asked::new(StepResult::Stops { reason: self.reason.clone() }, format!("ends the run: {}", self.reason))
    }
}
