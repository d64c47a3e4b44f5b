//! One execution of an automation, as a state machine.
//!
//! [`next`] takes a run by one step and says what to do about it. The caller does that and stores the new run in one
//! transaction, then asks again; from any stored run it goes on as if nothing had happened. Waits are instants, not timers.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Definition, Program,
    actions::{Action, Asked, Scene, StepResult},
    effect::Effect,
    explained::Explained,
    facts::Facts,
    place::Place,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub began_at: DateTime<Utc>,
    /// Runs that led to the event that began it, one by the other.
    pub causality_depth: u32,
    #[serde(flatten)]
    pub stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is decided yet; until then more messages of the person join.
    Gathering {
        until: DateTime<Utc>,
    },
    /// The step at `place` is the next.
    At {
        place: Place,
    },
    /// The step at `place` lets time pass.
    Waiting {
        place: Place,
        until: DateTime<Utc>,
    },
    Ended {
        outcome: Outcome,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    ConditionsDidNotHold,
    /// By a step of the automation.
    Stopped {
        reason: String,
    },
    /// The definition has no such step: it is not the one that the run began with.
    Lost,
}

impl Outcome {
    /// The word in its `outcome` field.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::ConditionsDidNotHold => "conditions_did_not_hold",
            Self::Stopped { .. } => "stopped",
            Self::Lost => "lost",
        }
    }

    /// Why a step ended it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Stopped { reason } => Some(reason),
            Self::Completed | Self::ConditionsDidNotHold | Self::Lost => None,
        }
    }
}

/// What to do about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Carry this out, once for this run and place, and ask again.
    Do {
        place: Place,
        effect: Effect,
    },
    /// Nothing but storing the run: ask again.
    GoOn,
    /// Ask again then.
    WaitUntil {
        at: DateTime<Utc>,
    },
    Done {
        outcome: Outcome,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// As it is to be stored.
    pub run: Run,
    pub turn: Turn,
    /// For the history. None: nothing was decided.
    pub explained: Option<Explained>,
}

impl Run {
    /// Of an event that was admitted.
    pub fn of(definition: &Definition, now: DateTime<Utc>, causality_depth: u32) -> Self {
        let until = now + TimeDelta::seconds(definition.trigger.debounce_s().into());
        Self { began_at: now, causality_depth, stage: Stage::Gathering { until } }
    }

    /// The depth of every event that its effects cause, at once or later: a message that is answered carries it too.
    pub const fn depth_of_effects(&self) -> u32 {
        self.causality_depth.saturating_add(1)
    }

    /// Another message may still become part of it.
    pub const fn is_gathering(&self) -> bool {
        matches!(self.stage, Stage::Gathering { .. })
    }

    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.stage {
            Stage::Ended { outcome } => Some(outcome),
            _ => None,
        }
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..*self }
    }

    fn before(&self, place: Option<Place>) -> Self {
        match place {
            Some(place) => self.at(Stage::At { place }),
            None => self.at(Stage::Ended { outcome: Outcome::Completed }),
        }
    }
}

/// Takes the run by one step. A run that has ended stays so, and one that waits for later is left as it is.
pub fn next(program: &Program, run: &Run, facts: &Facts) -> Next {
    match &run.stage {
        Stage::Gathering { until } | Stage::Waiting { until, .. } if *until > facts.now => {
            Next { run: run.clone(), turn: Turn::WaitUntil { at: *until }, explained: None }
        }
        Stage::Gathering { .. } => judge(program, run, facts),
        Stage::Waiting { place, .. } => resume(program, run, place, facts),
        Stage::At { place } => match place.find(&program.definition.actions) {
            Some(step) => take(program, run, (place, step), facts),
            None => Next::ending(run, Outcome::Lost, None),
        },
        Stage::Ended { outcome } => Next::ending(run, outcome.clone(), None),
    }
}

fn judge(program: &Program, run: &Run, facts: &Facts) -> Next {
    let judged = program.definition.conditions.judge(facts, &program.patterns);
    let holds = judged.holds;
    let (result, words) = if holds {
        (StepResult::Holds, "the conditions hold")
    } else {
        (StepResult::DoesNotHold, "the conditions do not hold")
    };
    let explained = Explained {
        at: facts.now,
        place: None,
        action: None,
        result,
        words: words.to_owned(),
        fact: judged.fact.clone(),
        judged: Some(judged),
    };
    if holds {
        Next::going_on(run.before(Some(Place::first())), explained)
    } else {
        Next::ending(run, Outcome::ConditionsDidNotHold, Some(explained))
    }
}

fn resume(program: &Program, run: &Run, place: &Place, facts: &Facts) -> Next {
    let steps = &program.definition.actions;
    let Some(step) = place.find(steps) else {
        return Next::ending(run, Outcome::Lost, None);
    };
    let asked = Asked::new(StepResult::WaitIsOver, "the wait is over");
    let explained = Explained::of((place, step), asked, facts);
    Next::going_on(run.before(place.clone().after(steps)), explained)
}

/// A step and where it stands.
type Placed<'a> = (&'a Place, &'a Action);

fn take(program: &Program, run: &Run, placed: Placed<'_>, facts: &Facts) -> Next {
    let steps = &program.definition.actions;
    let explained = Explained::of(placed, placed.1.ask(&Scene { facts, patterns: &program.patterns }), facts);
    let place = placed.0.clone();
    match explained.result.clone() {
        StepResult::Does { effect } => {
            let turn = Turn::Do { place: place.clone(), effect };
            Next { run: run.before(place.after(steps)), turn, explained: Some(explained) }
        }
        StepResult::Waits { until } => {
            let run = run.at(Stage::Waiting { place, until });
            Next { run, turn: Turn::WaitUntil { at: until }, explained: Some(explained) }
        }
        StepResult::Takes { arm } => {
            let within = place.clone().into_arm(arm);
            let inside = within.find(steps).is_some();
            Next::going_on(run.before(if inside { Some(within) } else { place.after(steps) }), explained)
        }
        StepResult::Stops { reason } => Next::ending(run, Outcome::Stopped { reason }, Some(explained)),
        StepResult::Skips { .. } | StepResult::WaitIsOver | StepResult::Holds | StepResult::DoesNotHold => {
            Next::going_on(run.before(place.after(steps)), explained)
        }
    }
}

impl Next {
    const fn going_on(run: Run, explained: Explained) -> Self {
        Self { run, turn: Turn::GoOn, explained: Some(explained) }
    }

    fn ending(run: &Run, outcome: Outcome, explained: Option<Explained>) -> Self {
        let run = run.at(Stage::Ended { outcome: outcome.clone() });
        Self { run, turn: Turn::Done { outcome }, explained }
    }
}

impl Explained {
    fn of((place, step): Placed<'_>, asked: Asked, facts: &Facts) -> Self {
        let Asked { result, words, fact, judged } = asked;
        Self { at: facts.now, place: Some(place.clone()), action: Some(step.kind()), result, words, fact, judged }
    }
}
