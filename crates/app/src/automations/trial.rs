//! What an automation would do about something that was said: walked through without doing anything.

use postroad_core::{
    automation::{Explained, Program, dry_run},
    ids::{AutomationId, ConversationId, MessageId, TenantId},
};
use postroad_store::{TenantTx, automations as stored, contacts, conversations};
use serde_json::Value;

use super::{AutomationError, Result, all_exist, scene, sound};
use crate::App;

/// What is tried, on what.
#[derive(Debug, Clone)]
pub struct Trial {
    pub automation: AutomationId,
    /// Instead of the one that is kept: a change before it is made.
    pub definition: Option<Value>,
    pub conversation: ConversationId,
    /// What the person said there. None: nothing was said, as for a schedule.
    pub message: Option<MessageId>,
}

/// Every step in its order, with what was asked, what was looked at and what came out. Waits are over at once, and what a step
/// would change counts as changed for those behind it.
pub async fn trial(app: &App, tenant: TenantId, trial: &Trial) -> Result<Vec<Explained>> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let automation = stored::find(&mut tx, trial.automation).await?.ok_or(AutomationError::NotFound)?;
    let json = trial.definition.as_ref().unwrap_or(&automation.definition);
    let definition = sound(json)?;
    all_exist(&mut tx, &definition, json).await?;
    let conversation = conversations::find(&mut tx, trial.conversation, None).await?;
    let conversation = conversation.ok_or(AutomationError::UnknownConversation)?;
    let contact = contacts::find(&mut tx, conversation.contact).await?.ok_or(AutomationError::UnknownConversation)?;
    let messages: Vec<uuid::Uuid> = trial.message.iter().map(|message| message.uuid()).collect();
    if let Some(message) = trial.message {
        let number = conversations::number_of(&mut tx, conversation.id, message.uuid()).await?;
        number.ok_or(AutomationError::UnknownMessage(message))?;
    }
    let facts = scene::read(&mut tx, (&conversation, &contact), &messages, now).await?;
    let program = Program::new(definition).map_err(AutomationError::Faults)?;
    Ok(dry_run(&program, &facts))
}
