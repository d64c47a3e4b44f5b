//! Automations and their runs, as callers see them.

use chrono::{DateTime, Utc};
use postroad_app::automations::{Automation as Stored, Shown, Step as StoredStep};
use postroad_core::{automation::Explained, ids::MessageId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A rule.
#[derive(Serialize, ToSchema)]
pub(super) struct Automation {
    #[schema(pattern = "^aut_[0-9a-f]{32}$")]
    id: String,
    name: String,
    enabled: bool,
    /// Raised by every change of the definition.
    #[schema(minimum = 1)]
    version: i32,
    #[schema(value_type = Object)]
    definition: Value,
    /// Of those that wait for no event: when it is looked at next.
    fires_at: Option<DateTime<Utc>>,
    last_run_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Automation {
    pub(super) fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            name: stored.name,
            enabled: stored.enabled,
            version: stored.version,
            definition: stored.definition,
            fires_at: stored.fires_at,
            last_run_at: stored.last_run_at,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// What an automation would do.
#[derive(Serialize, ToSchema)]
pub(super) struct Tried {
    /// Each with what was asked, what was looked at, what came out, and a sentence.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Explained>,
}

impl Tried {
    pub(super) const fn of(steps: Vec<Explained>) -> Self {
        Self { steps }
    }
}

/// One execution of an automation, or an event that started none.
#[derive(Serialize, ToSchema)]
pub(super) struct AutomationRun {
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    id: String,
    #[schema(pattern = "^aut_[0-9a-f]{32}$")]
    automation_id: String,
    version: i32,
    #[schema(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: String,
    /// What set it off.
    #[schema(value_type = Object)]
    event: Value,
    /// Runs that led to the event, one by the other.
    #[schema(minimum = 0)]
    causality_depth: i32,
    /// What the person said that it is about, oldest first.
    #[schema(inline)]
    message_ids: Vec<String>,
    /// `gathering`, `running`, `waiting`, `ended` or `refused`.
    state: String,
    /// When it goes on.
    due_at: Option<DateTime<Utc>>,
    /// Of one that ended: `completed`, `conditions_did_not_hold`, `stopped`, `lost`, `broken` or `refused`.
    outcome: Option<String>,
    /// Why it was refused or stopped.
    reason: Option<String>,
    began_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    /// With a single run: what it did and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<RunStep>>,
}

/// One step of a run.
#[derive(Serialize, ToSchema)]
struct RunStep {
    #[schema(minimum = 1)]
    n: i32,
    at: DateTime<Utc>,
    /// What was asked, what was looked at, what came out, and a sentence.
    #[schema(value_type = Object)]
    explained: Value,
    /// What it said to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    message_id: Option<MessageId>,
    /// Why what was asked was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl AutomationRun {
    pub(super) fn of(stored: Shown) -> Self {
        let message = |id: uuid::Uuid| MessageId::from_uuid(id).to_string();
        Self {
            id: stored.id.to_string(),
            automation_id: stored.automation.to_string(),
            version: stored.version,
            conversation_id: stored.conversation.to_string(),
            event: stored.event,
            causality_depth: stored.depth,
            message_ids: stored.messages.into_iter().map(message).collect(),
            state: stored.state,
            due_at: stored.due_at,
            outcome: stored.outcome,
            reason: stored.reason,
            began_at: stored.began_at,
            ended_at: stored.ended_at,
            steps: None,
        }
    }

    pub(super) fn with_steps(self, steps: Vec<StoredStep>) -> Self {
        let step = |step: StoredStep| RunStep {
            n: step.n,
            at: step.at,
            explained: step.explained,
            message_id: step.message,
            failure: step.failure,
        };
        Self { steps: Some(steps.into_iter().map(step).collect()), ..self }
    }
}
