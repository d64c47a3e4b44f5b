//! Lets some time pass.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene, StepResult};
use crate::{automation::check::Walk, limits::AUTOMATION_WAIT_MAX_S};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// 1 to 30 days.
    pub seconds: u32,
}

impl Act for Wait {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        walk.number("seconds", self.seconds, 1..=AUTOMATION_WAIT_MAX_S);
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        let until = scene.facts.now + TimeDelta::seconds(self.seconds.into());
        Asked::new(StepResult::Waits { until }, format!("waits {} seconds", self.seconds))
    }
}
