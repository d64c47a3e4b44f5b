//! Puts the conversation away for a while.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Act, Asked, Scene, SkipReason};
use crate::{
    automation::{check::Walk, effect::Effect, facts::Facts},
    limits::SNOOZE_MAX_S,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Snooze {
    /// Seconds: 60 to 366 days.
    ForS(u32),
    Until(DateTime<Utc>),
    /// Until the business opens next.
    UntilOpen,
}

impl Act for Snooze {
    fn check(&self, walk: &mut Walk, _depth: usize) {
        if let Self::ForS(seconds) = self {
            walk.number("for_s", *seconds, 60..=SNOOZE_MAX_S);
        }
    }

    fn ask(&self, scene: &Scene<'_>) -> Asked {
        let facts = scene.facts;
        match self.end(facts).filter(|until| *until > facts.now) {
            Some(until) => {
                let words = format!("snoozes the conversation until {}", until.format("%Y-%m-%d %H:%M UTC"));
                Asked::doing(Effect::Snooze { until }, words)
            }
            None => Asked::skipping(SkipReason::Past, "the snooze would be over already"),
        }
    }
}

impl Snooze {
    fn end(self, facts: &Facts) -> Option<DateTime<Utc>> {
        match self {
            Self::ForS(seconds) => facts.now.checked_add_signed(TimeDelta::seconds(seconds.into())),
            Self::Until(until) => Some(until),
            Self::UntilOpen => facts.business_hours.next_open(facts.now),
        }
    }
}
