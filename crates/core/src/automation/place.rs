//! Where a run stands: the way to one step, through the branches around it.
//!
//! With the run's id it is the key under which a step's effect happens once. Definitions are versioned and a run keeps its
//! version, so a place means the same step for as long as the run lasts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Action, actions::branch::Arm};
use crate::limits::{AUTOMATION_BRANCH_DEPTH_MAX, AUTOMATION_STEPS_MAX};

/// Written as `2`, or as `2.then.0` for the first step of an arm. Counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// The branches around the step and the arms that were taken, outermost first.
    around: Vec<(usize, Arm)>,
    at: usize,
}

/// Text that is not a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a place like 2 or 2.then.0")]
pub struct ParsePlaceError;

impl Place {
    pub(super) const fn first() -> Self {
        Self { around: Vec::new(), at: 0 }
    }

    /// The first step of an arm of the branch that stands here.
    pub(super) fn into_arm(mut self, arm: Arm) -> Self {
        self.around.push((self.at, arm));
        self.at = 0;
        self
    }

    /// The step that stands here.
    pub(super) fn find<'a>(&self, steps: &'a [Action]) -> Option<&'a Action> {
        self.list(steps)?.get(self.at)
    }

    /// The step that comes after it, in its arm or after the branches around it. None: it was the last.
    pub(super) fn after(mut self, steps: &[Action]) -> Option<Self> {
        loop {
            self.at += 1;
            if self.find(steps).is_some() {
                return Some(self);
            }
            (self.at, _) = self.around.pop()?;
        }
    }

    /// The list that the step stands in.
    fn list<'a>(&self, steps: &'a [Action]) -> Option<&'a [Action]> {
        self.around.iter().try_fold(steps, |list, (at, arm)| match list.get(*at)? {
            Action::Branch(branch) => Some(branch.arm(*arm)),
            _ => None,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arm) in &self.around {
            write!(f, "{at}.{arm}.")?;
        }
        write!(f, "{}", self.at)
    }
}

impl FromStr for Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('.').collect();
        let (last, before) = parts.split_last().ok_or(ParsePlaceError)?;
        if before.len() % 2 != 0 || before.len() / 2 > AUTOMATION_BRANCH_DEPTH_MAX {
            return Err(ParsePlaceError);
        }
        Ok(Self { around: before.chunks_exact(2).map(turn).collect::<Result<_, _>>()?, at: number(last)? })
    }
}

/// The place of a branch, and the arm that was taken.
fn turn(pair: &[&str]) -> Result<(usize, Arm), ParsePlaceError> {
    Ok((number(pair[0])?, pair[1].parse().map_err(|_| ParsePlaceError)?))
}

/// In its one spelling: a place is a key.
fn number(text: &str) -> Result<usize, ParsePlaceError> {
    let number: usize = text.parse().map_err(|_| ParsePlaceError)?;
    if number < AUTOMATION_STEPS_MAX && number.to_string() == text { Ok(number) } else { Err(ParsePlaceError) }
}

impl TryFrom<String> for Place {
    type Error = ParsePlaceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}
