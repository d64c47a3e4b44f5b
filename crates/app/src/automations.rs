//! Automations as people and programs manage them. What one means is checked as a whole before it is kept; a change is a new
//! version, and a run keeps the version that it began with.

mod drive;
mod effects;
mod fire;
mod follow;
mod holding;
mod hours;
mod programs;
mod scene;
mod start;
mod trial;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    actor::Actor,
    automation::{Definition, Fault, Program, Trigger, check, read},
    ids::{AutomationId, MessageId, RunId, TenantId},
    schedule::Schedule,
};
pub use postroad_store::automations::{
    Automation,
    runs::{Filter as RunFilter, Shown, Step},
};
use postroad_store::{
    Error, TenantTx,
    automations::{self as stored, Written, runs},
};
use serde_json::Value;

pub use drive::{Driven, drive};
pub(crate) use effects::{Undone, carry_out};
pub use fire::{Firing, fire};
pub use follow::{Followed, follow};
pub use holding::sweep as sweep_given;
pub(crate) use hours::hours_of;
pub use hours::{hours, set_hours};
pub use programs::Programs;
pub(crate) use scene::read as scene;
pub use trial::{Trial, trial};

use crate::{App, text};

/// Automations of one tenant that are on.
pub const ENABLED_MAX: i64 = 200;
/// Between two looks for conversations in which nobody says anything.
const IDLE_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Steps of one run that its history shows: more than any run takes.
const STEPS_SHOWN_MAX: i64 = 500;

/// Why something is not done to an automation.
#[derive(Debug, thiserror::Error)]
pub enum AutomationError {
    #[error("there is no such automation")]
    NotFound,
    #[error("there is no such run")]
    UnknownRun,
    #[error("there is no such conversation")]
    UnknownConversation,
    #[error("the message {0} is none that the person said in the conversation")]
    UnknownMessage(MessageId),
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another automation has this name")]
    NameTaken,
    #[error("{}", faults(.0))]
    Faults(Vec<Fault>),
    #[error("{ENABLED_MAX} automations are on, and that is the most: switch one off first")]
    TooManyEnabled,
    #[error("the hours name no time of any day, or more than 6 stretches of one; to be open always, switch them off")]
    Hours,
    #[error(transparent)]
    Store(Error),
}

fn faults(faults: &[Fault]) -> String {
    let first = faults.first().map(ToString::to_string).unwrap_or_default();
    match faults.len() {
        0 | 1 => first,
        more => format!("{first} (and {} more)", more - 1),
    }
}

impl From<Error> for AutomationError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "automations_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

type Result<T, E = AutomationError> = std::result::Result<T, E>;

/// An automation to be made.
#[derive(Debug, Clone)]
pub struct NewAutomation {
    /// 1 to 100 characters, unique whatever its case.
    pub name: String,
    pub definition: Value,
    pub enabled: bool,
}

pub async fn create(app: &App, by: Actor, tenant: TenantId, new: NewAutomation) -> Result<Automation> {
    let name = fitting(&new.name)?;
    let definition = sound(&new.definition)?;
    let now = app.clock.now();
    let id = AutomationId::new(now);
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    all_exist(&mut tx, &definition, &new.definition).await?;
    let fires_at = first_fire(&definition, new.enabled, now);
    let trigger = definition.trigger.word();
    let written = Written { id, name, enabled: new.enabled, version: 1, trigger, fires_at };
    stored::insert(&mut tx, &written, now).await?;
    stored::insert_version(&mut tx, id, 1, &new.definition, &by.to_string(), now).await?;
    keep(tx, id).await
}

/// What changes of one.
#[derive(Debug, Clone, Default)]
pub struct AutomationChange {
    pub name: Option<String>,
    pub definition: Option<Value>,
    pub enabled: Option<bool>,
}

/// Changes it. Runs go on with the version that they began with; switched off, it ends those that have not ended.
pub async fn update(
    app: &App,
    by: Actor,
    (tenant, id): (TenantId, AutomationId),
    change: AutomationChange,
) -> Result<Automation> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let was = stored::lock(&mut tx, id).await?.ok_or(AutomationError::NotFound)?;
    let json = change.definition.unwrap_or_else(|| was.definition.clone());
    let is_new = json != was.definition;
    let definition = sound(&json)?;
    let enabled = change.enabled.unwrap_or(was.enabled);
    if is_new || (enabled && !was.enabled) {
        all_exist(&mut tx, &definition, &json).await?;
    }
    let version = was.version + i32::from(is_new);
    if is_new {
        stored::insert_version(&mut tx, id, version, &json, &by.to_string(), now).await?;
    }
    let name = fitting(change.name.as_deref().unwrap_or(&was.name))?;
    let stays = was.enabled == enabled && !is_new;
    let fires_at = if stays { was.fires_at } else { first_fire(&definition, enabled, now) };
    let written = Written { id, name, enabled, version, trigger: definition.trigger.word(), fires_at };
    stored::update(&mut tx, &written, now).await?;
    if was.enabled && !enabled {
        runs::stop_all(&mut tx, id, "the automation was switched off", now).await?;
    }
    let listens = matches!(definition.trigger, Trigger::InboundMessage(_));
    if was.enabled && !(enabled && listens) {
        holding::give_back(&mut tx, by, now).await?;
    }
    let kept = keep(tx, id).await?;
    app.live.told([tenant]);
    Ok(kept)
}

/// Takes it away, and ends its runs that have not ended. Its history stays for as long as any.
pub async fn delete(app: &App, by: Actor, (tenant, id): (TenantId, AutomationId)) -> Result<()> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !stored::delete(&mut tx, id, now).await? {
        return Err(AutomationError::NotFound);
    }
    runs::stop_all(&mut tx, id, "the automation was deleted", now).await?;
    stored::follow(&mut tx).await?;
    holding::give_back(&mut tx, by, now).await?;
    tx.commit().await?;
    app.live.told([tenant]);
    Ok(())
}

async fn keep(mut tx: TenantTx, id: AutomationId) -> Result<Automation> {
    if stored::count_enabled(&mut tx).await? > ENABLED_MAX {
        return Err(AutomationError::TooManyEnabled);
    }
    stored::follow(&mut tx).await?;
    let automation = stored::find(&mut tx, id).await?.ok_or(AutomationError::NotFound)?;
    tx.commit().await?;
    Ok(automation)
}

pub async fn get(app: &App, tenant: TenantId, id: AutomationId) -> Result<Automation> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(AutomationError::NotFound)
}

/// A page, oldest first: in this order they answer the same event.
pub async fn list(app: &App, tenant: TenantId, after: Option<AutomationId>, limit: i64) -> Result<Vec<Automation>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, after, limit).await?)
}

/// Runs, and events that started none, newest first.
pub async fn list_runs(app: &App, tenant: TenantId, filter: &RunFilter) -> Result<Vec<Shown>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if let Some(id) = filter.automation {
        stored::find(&mut tx, id).await?.ok_or(AutomationError::NotFound)?;
    }
    Ok(runs::list(&mut tx, filter).await?)
}

/// A run with all its steps.
pub async fn get_run(app: &App, tenant: TenantId, id: RunId) -> Result<(Shown, Vec<Step>)> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let one = RunFilter { only: Some(id), limit: 1, ..RunFilter::default() };
    let run = runs::list(&mut tx, &one).await?.pop().ok_or(AutomationError::UnknownRun)?;
    let steps = runs::steps(&mut tx, id, STEPS_SHOWN_MAX).await?;
    Ok((run, steps))
}

fn fitting(name: &str) -> Result<&str> {
    let name = name.trim();
    text::fits(name, 1..=100).then_some(name).ok_or(AutomationError::Name)
}

/// Some step says something to people. False for what is no definition: that is refused.
pub fn speaks(json: &Value) -> bool {
    read(json).is_ok_and(|definition| definition.speaks())
}

fn sound(json: &Value) -> Result<Definition> {
    let definition = read(json).map_err(AutomationError::Faults)?;
    check(&definition).map_err(AutomationError::Faults)?;
    Ok(definition)
}

/// Whatever the definition names is there.
pub(crate) async fn all_exist(tx: &mut TenantTx, definition: &Definition, json: &Value) -> Result<()> {
    let missing = stored::missing(tx, &definition.references()).await?;
    let faults: Vec<Fault> = missing.iter().map(|id| Fault::missing(json, id)).collect();
    if faults.is_empty() { Ok(()) } else { Err(AutomationError::Faults(faults)) }
}

/// When an automation that waits for no event is looked at first.
fn first_fire(definition: &Definition, enabled: bool, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if enabled { next_fire(&definition.trigger, now) } else { None }
}

fn next_fire(trigger: &Trigger, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match trigger {
        Trigger::Schedule(timetable) => {
            let schedule: Schedule = timetable.cron.parse().ok()?;
            schedule.next_after(now, timetable.time_zone)
        }
        Trigger::Idle(_) => Some(now + IDLE_EVERY),
        _ => None,
    }
}

/// A stored definition, ready to be run.
fn program(json: &Value) -> Result<Program, Vec<Fault>> {
    Program::new(read(json)?)
}
