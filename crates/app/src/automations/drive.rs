//! Goes on with runs: one step, and what it does, in one transaction with the run as it is after it. So a crash at any point
//! repeats nothing and leaves nothing out.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    actor::Actor,
    automation::{
        Explained, Facts, Outcome, Program, RefusalReason, Run, Turn,
        admission::{Going, Whose, going},
        effect::Effect,
        next,
        run::Stage,
    },
    ids::{AccountId, ContactId, TenantId},
};
use postroad_store::{
    Error, TenantTx,
    automations::{
        self as stored,
        runs::{self, Due, Step, Stored},
    },
    contacts::{self, Contact},
    queue,
};

use super::{
    effects::{self, Done, Undone},
    holding, scene,
    start::go_on,
};
use crate::{
    App,
    conversations::{By, Work},
    telling,
};

/// What came of looking for something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driven {
    /// No run about the contact is due.
    Nothing,
    /// A run was taken by a step.
    Step,
    /// A run ended.
    Ended { outcome: &'static str },
}

/// Waits shorter than this are kept by a job of their own; a sweep sees the others.
const WAIT_BY_JOB: TimeDelta = TimeDelta::seconds(60);

/// Takes the oldest run about a contact that is due by one step. What a step asks for and cannot be done is told in its
/// history, and the run goes on. A run that cannot go on at all ends.
pub async fn drive(app: &App, tenant: TenantId, contact: ContactId) -> Result<Driven, Error> {
    match attempt(app, tenant, contact, None).await {
        Ok(driven) => Ok(driven),
        Err(Stuck::Undone(failure)) => match attempt(app, tenant, contact, Some(failure)).await {
            Ok(driven) => Ok(driven),
            Err(Stuck::Undone(again)) => Err(Error::Corrupt(again)),
            Err(Stuck::Store(error)) => Err(error),
        },
        Err(Stuck::Store(error)) if error.is_unavailable() => Err(error),
        Err(Stuck::Store(error)) => give_up(app, tenant, contact, &error).await,
    }
}

/// Why a step was not taken.
enum Stuck {
    /// The effect cannot be carried out, and will not be by trying again.
    Undone(String),
    Store(Error),
}

impl From<Error> for Stuck {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Undone> for Stuck {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Because(words) => Self::Undone(words),
            Undone::Store(error) => Self::Store(error),
        }
    }
}

impl From<super::AutomationError> for Stuck {
    fn from(error: super::AutomationError) -> Self {
        match error {
            super::AutomationError::Store(error) => Self::Store(error),
            other => Self::Store(Error::Corrupt(other.to_string())),
        }
    }
}

/// A run that is due, with everything about it.
struct Scene {
    due: Due,
    run: Run,
    program: Arc<Program>,
    facts: Facts,
}

async fn attempt(app: &App, tenant: TenantId, contact: ContactId, failure: Option<String>) -> Result<Driven, Stuck> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    // Runs about one person go on one after the other, whichever worker has the job.
    let Some(person) = contacts::lock(&mut tx, contact).await? else { return Ok(Driven::Nothing) };
    let Some(due) = runs::next_due(&mut tx, contact, now).await? else { return Ok(Driven::Nothing) };
    let run: Run = serde_json::from_value(due.run.clone()).map_err(Error::from)?;
    let by = By { tenant, caller: Actor::Run(due.id), member: None };
    let work = Work::within(app, tx, by, due.conversation).await;
    let mut work = work.map_err(|error| Error::Corrupt(error.to_string()))?;
    let program = program(app, &mut work.tx, &due).await?;
    let whose = Whose::of(holding::holder(&mut work, due.automation).await?, due.automation);
    match going(&run, &program.definition().trigger, due.given, whose) {
        Going::On => {}
        Going::StandsAside => return Ok(leave(work, &due, STANDS_ASIDE, now).await?),
        Going::Taken => return Ok(leave(work, &due, TAKEN, now).await?),
    }
    let facts = scene::read(&mut work.tx, (&work.conversation, &person), &due.messages, now).await?;
    let scene = Scene { due, run, program, facts };
    take(app, work, &person, &scene, failure).await
}

async fn program(app: &App, tx: &mut TenantTx, due: &Due) -> Result<Arc<Program>, Error> {
    let version = (due.automation, due.version);
    if let Some(program) = app.programs.find(version) {
        return Ok(program);
    }
    let definition = stored::definition(tx, due.automation, due.version).await?;
    let program = definition.and_then(|definition| app.programs.get(version, &definition));
    program.ok_or_else(|| Error::Corrupt("this build cannot run the automation".to_owned()))
}

/// A walk to the next effect, wait or end.
struct Walk {
    run: Run,
    turn: Turn,
    explained: Vec<Explained>,
    /// The conditions were found to hold.
    acts: bool,
}

fn walk(scene: &Scene) -> Walk {
    let began = scene.run.is_gathering();
    let mut walk = Walk { run: scene.run.clone(), turn: Turn::GoOn, explained: Vec::new(), acts: false };
    while walk.turn == Turn::GoOn {
        let step = next(&scene.program, &walk.run, &scene.facts);
        walk.explained.extend(step.explained);
        (walk.run, walk.turn) = (step.run, step.turn);
    }
    let stays = walk.run.is_gathering() || walk.run.outcome() == Some(&Outcome::ConditionsDidNotHold);
    walk.acts = began && !stays;
    walk
}

async fn take(
    app: &App,
    mut work: Work,
    person: &Contact,
    scene: &Scene,
    failure: Option<String>,
) -> Result<Driven, Stuck> {
    let now = scene.facts.now;
    let walked = walk(scene);
    let done = match (&walked.turn, &failure) {
        (Turn::Do { effect, .. }, None) => carry_out(&mut work, person, (effect, &scene.due), now).await?,
        _ => Done::default(),
    };
    let steps = steps(&scene.due, &walked.explained, &done, failure.as_deref(), now)?;
    runs::insert_steps(&mut work.tx, scene.due.id, &steps).await?;
    let driven = store(&mut work, scene, &walked, (steps.len(), person.id)).await?;
    let told: Vec<_> = done.happened.into_iter().map(|happened| work.event(done.message, happened)).collect();
    telling::tell(&mut work.tx, &told, now).await?;
    let tenant = work.tx.tenant();
    work.tx.commit().await?;
    app.live.told(telling::tenants(&told));
    nudge(app, tenant, done.lane);
    Ok(driven)
}

async fn carry_out(
    work: &mut Work,
    person: &Contact,
    (effect, due): (&Effect, &Due),
    now: DateTime<Utc>,
) -> Result<Done, Stuck> {
    Ok(match effect {
        Effect::Webhook { endpoint } => effects::tell_endpoint(work, person, *endpoint, due, now).await?,
        effect => effects::carry_out(work, person, effect, now).await?,
    })
}

fn nudge(app: &App, tenant: TenantId, lane: Option<AccountId>) {
    if let Some(lane) = lane {
        app.nudges.nudge(tenant, lane);
    }
}

/// For the history: what was decided on the way, and of the last what became of it.
fn steps(
    due: &Due,
    explained: &[Explained],
    done: &Done,
    failure: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<Step>, Error> {
    let last = explained.len().saturating_sub(1);
    let step = |(place, explained): (usize, &Explained)| {
        let is_last = place == last;
        Ok(Step {
            n: due.steps + i32::try_from(place).unwrap_or(i32::MAX) + 1,
            explained: serde_json::to_value(explained)?,
            message: done.message.filter(|_| is_last),
            failure: failure.filter(|_| is_last).map(str::to_owned),
            at: now,
        })
    };
    explained.iter().enumerate().map(step).collect()
}

async fn store(
    work: &mut Work,
    scene: &Scene,
    walked: &Walk,
    (steps, contact): (usize, ContactId),
) -> Result<Driven, Error> {
    let now = scene.facts.now;
    let (state, due_at) = match &walked.run.stage {
        Stage::Gathering { until } => ("gathering", Some(*until)),
        Stage::At { .. } => ("running", Some(now)),
        Stage::Waiting { until, .. } => ("waiting", Some(*until)),
        Stage::Ended { .. } => ("ended", None),
    };
    let outcome = walked.run.outcome();
    let stored = Stored {
        id: scene.due.id,
        state,
        run: serde_json::to_value(&walked.run)?,
        due_at,
        steps: scene.due.steps + i32::try_from(steps).unwrap_or(i32::MAX),
        outcome: outcome.map(Outcome::word),
        reason: outcome.and_then(Outcome::reason),
        acts: walked.acts,
        given: work.conversation.automation == Some(scene.due.automation),
    };
    let tx = &mut work.tx;
    runs::store(tx, &stored, now).await?;
    if let Some(at) = due_at.filter(|at| *at > now && *at <= now + WAIT_BY_JOB) {
        let tenant = tx.tenant();
        queue::push(tx, &go_on(tenant, contact, scene.due.id, at), at).await?;
    }
    Ok(outcome.map_or(Driven::Step, |outcome| Driven::Ended { outcome: outcome.word() }))
}

/// How a run ends that has nothing more to do in a conversation: its state, its outcome, and why.
type Leaving = (&'static str, &'static str, &'static str);

const STANDS_ASIDE: Leaving = ("refused", "refused", RefusalReason::GivenToAnother.as_str());
const TAKEN: Leaving = ("ended", "stopped", "the conversation was taken from the automation");

async fn leave(
    mut work: Work,
    due: &Due,
    (state, outcome, reason): Leaving,
    now: DateTime<Utc>,
) -> Result<Driven, Error> {
    let run = due.run.clone();
    let stored = Stored {
        id: due.id,
        state,
        run,
        due_at: None,
        steps: due.steps,
        outcome: Some(outcome),
        reason: Some(reason),
        acts: false,
        given: false,
    };
    runs::store(&mut work.tx, &stored, now).await?;
    work.tx.commit().await?;
    Ok(Driven::Ended { outcome })
}

/// What is broken must not keep the person's other runs waiting.
async fn give_up(app: &App, tenant: TenantId, contact: ContactId, error: &Error) -> Result<Driven, Error> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(due) = runs::next_due(&mut tx, contact, now).await? else { return Ok(Driven::Nothing) };
    tracing::error!(run.id = %due.id, %error, "a run cannot go on");
    let stored = Stored {
        id: due.id,
        state: "ended",
        run: due.run,
        due_at: None,
        steps: due.steps,
        outcome: Some(BROKEN),
        reason: Some("the run could not go on; the log of the worker says why"),
        acts: false,
        given: due.given,
    };
    runs::store(&mut tx, &stored, now).await?;
    tx.commit().await?;
    Ok(Driven::Ended { outcome: BROKEN })
}

/// The outcome of a run that could not go on.
const BROKEN: &str = "broken";
