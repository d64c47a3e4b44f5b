//! Macros: steps of automations that a member takes by hand, on one conversation or on many. All of them are taken, or none.

use postroad_core::{
    automation::{Action, Explained, Program, actions::StepResult, dry_run, read},
    ids::{ConversationId, MacroId, TenantId},
};
pub use postroad_store::macros::Macro;
use postroad_store::{Error, TenantTx, contacts, macros as stored};
use serde_json::{Value, json};

use crate::{
    App,
    automations::{self, AutomationError, Undone},
    conversations::{By, ConversationError, Work},
    telling, text,
};

/// Conversations that one call changes.
pub const BULK_MAX: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum MacroError {
    #[error("there is no such macro")]
    NotFound,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another macro has this name")]
    NameTaken,
    #[error("{0} is not for macros, which are done at once and say nothing to the person")]
    NotInMacros(&'static str),
    #[error("step {step} cannot be done, so none was: {words}")]
    Undone { step: usize, words: String },
    #[error("1 to {BULK_MAX} conversations can be changed at once, not {0}")]
    TooMany(usize),
    #[error(transparent)]
    Automation(#[from] AutomationError),
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for MacroError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "macros_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

type Result<T, E = MacroError> = std::result::Result<T, E>;

/// A macro to be made.
#[derive(Debug, Clone)]
pub struct NewMacro {
    /// 1 to 100 characters, unique whatever its case.
    pub name: String,
    /// Actions of automations.
    pub actions: Value,
}

pub async fn create(app: &App, tenant: TenantId, new: NewMacro) -> Result<Macro> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    steps(&mut tx, &new.actions).await?;
    let made = Macro {
        id: MacroId::new(now),
        name: fitting(&new.name)?,
        actions: new.actions,
        created_at: now,
        updated_at: now,
    };
    stored::insert(&mut tx, &made).await?;
    tx.commit().await?;
    Ok(made)
}

/// What changes of one. None: stays.
#[derive(Debug, Clone, Default)]
pub struct MacroChange {
    pub name: Option<String>,
    pub actions: Option<Value>,
}

pub async fn update(app: &App, tenant: TenantId, id: MacroId, change: MacroChange) -> Result<Macro> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let mut one = stored::find(&mut tx, id).await?.ok_or(MacroError::NotFound)?;
    if let Some(name) = change.name {
        one.name = fitting(&name)?;
    }
    if let Some(actions) = change.actions {
        steps(&mut tx, &actions).await?;
        one.actions = actions;
    }
    one.updated_at = app.clock.now();
    stored::update(&mut tx, &one).await?;
    tx.commit().await?;
    Ok(one)
}

pub async fn delete(app: &App, tenant: TenantId, id: MacroId) -> Result<()> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !stored::delete(&mut tx, id).await? {
        return Err(MacroError::NotFound);
    }
    Ok(tx.commit().await?)
}

pub async fn get(app: &App, tenant: TenantId, id: MacroId) -> Result<Macro> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id).await?.ok_or(MacroError::NotFound)
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, after: Option<MacroId>, limit: i64) -> Result<Vec<Macro>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, after, limit).await?)
}

fn fitting(name: &str) -> Result<String> {
    let name = name.trim();
    text::fits(name, 1..=100).then(|| name.to_owned()).ok_or(MacroError::Name)
}

/// Steps, checked as those of automations are, and as macros may have them.
async fn steps(tx: &mut TenantTx, actions: &Value) -> Result<Program> {
    let json = json!({"trigger": {"conversation_opened": {}}, "actions": actions});
    let definition = read(&json).map_err(AutomationError::Faults)?;
    allowed(&definition.actions)?;
    automations::all_exist(tx, &definition, &json).await?;
    Ok(Program::new(definition).map_err(AutomationError::Faults)?)
}

fn allowed(steps: &[Action]) -> Result<()> {
    steps.iter().try_for_each(|step| match step {
        Action::Reply(_) | Action::Template(_) | Action::Wait(_) | Action::Webhook(_) => {
            Err(MacroError::NotInMacros(step.kind().as_str()))
        }
        Action::Branch(branch) => allowed(&branch.then).and_then(|()| allowed(&branch.otherwise)),
        _ => Ok(()),
    })
}

/// What is done: a macro that is kept, or steps that are named here.
#[derive(Debug, Clone)]
pub enum Wanted {
    Kept(MacroId),
    Steps(Value),
}

/// Takes the steps on each of these conversations, each in a transaction of its own. By place: what was done, or why nothing was.
pub async fn apply(
    app: &App,
    by: By,
    wanted: &Wanted,
    conversations: &[ConversationId],
) -> Result<Vec<Result<Vec<Explained>>>> {
    if conversations.is_empty() || conversations.len() > BULK_MAX {
        return Err(MacroError::TooMany(conversations.len()));
    }
    let program = prepare(app, by.tenant, wanted).await?;
    let mut outcomes = Vec::with_capacity(conversations.len());
    for id in conversations {
        outcomes.push(apply_to(app, by, &program, *id).await);
    }
    Ok(outcomes)
}

async fn prepare(app: &App, tenant: TenantId, wanted: &Wanted) -> Result<Program> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    match wanted {
        Wanted::Kept(id) => {
            let kept = stored::find(&mut tx, *id).await?.ok_or(MacroError::NotFound)?;
            steps(&mut tx, &kept.actions).await
        }
        Wanted::Steps(actions) => steps(&mut tx, actions).await,
    }
}

async fn apply_to(app: &App, by: By, program: &Program, id: ConversationId) -> Result<Vec<Explained>> {
    let now = app.clock.now();
    let mut work = Work::begin(app, by, id).await?;
    let contact = contacts::find(&mut work.tx, work.conversation.contact).await?.ok_or(ConversationError::NotFound)?;
    let facts = automations::scene(&mut work.tx, (&work.conversation, &contact), &[], now).await?;
    let explained = dry_run(program, &facts);
    let mut told = Vec::new();
    for (step, one) in (1..).zip(explained.iter().filter(|one| one.place.is_some())) {
        let StepResult::Does { effect } = &one.result else { continue };
        let done = automations::carry_out(&mut work, &contact, effect, now).await;
        let done = done.map_err(|undone| match undone {
            Undone::Because(words) => MacroError::Undone { step, words },
            Undone::Store(error) => error.into(),
        })?;
        told.extend(done.happened.map(|happened| work.event(None, happened)));
    }
    telling::tell(&mut work.tx, &told, now).await?;
    work.tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(explained)
}
