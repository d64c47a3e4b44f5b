//! What a step asks for. The worker carries it out once; here it is only said.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    conversation::{ConversationState, HolderKind},
    gates::QuietPolicy,
    ids::{AutomationId, DepartmentId, EndpointId, LabelId, MemberId, TemplateId},
    message::Body,
};

/// Done in the transaction that stores the run after it, with the run's id and the step's place as its key: so it happens
/// once, although a crash repeats the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Says a text to the contact. The gates decide when it leaves.
    Reply {
        text: Body,
        /// None: they hold it.
        quiet_hours: Option<QuietPolicy>,
    },
    /// Sends a template to the contact. The gates decide when it leaves.
    Template {
        template: TemplateId,
        /// The first is for `{{1}}`.
        variables: Vec<Body>,
        quiet_hours: Option<QuietPolicy>,
    },
    Assign {
        to: Assignee,
    },
    Label {
        add: Vec<LabelId>,
        remove: Vec<LabelId>,
    },
    /// For members only.
    Note {
        text: Body,
        mentions: Vec<MemberId>,
    },
    Status {
        to: ConversationState,
    },
    Snooze {
        until: DateTime<Utc>,
    },
    /// Sends the run's event to a tenant's endpoint.
    Webhook {
        endpoint: EndpointId,
    },
    /// Of the contact.
    Tag {
        add: Vec<String>,
        remove: Vec<String>,
    },
}

/// Who looks after a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Assignee {
    Member(MemberId),
    Department(DepartmentId),
    /// One that starts on what the contact says.
    Automation(AutomationId),
    /// The next member whose turn it is.
    RoundRobin,
    Nobody,
}

impl Assignee {
    /// Who has it then.
    pub const fn becomes(self) -> HolderKind {
        match self {
            Self::Member(_) | Self::RoundRobin => HolderKind::Member,
            Self::Automation(_) => HolderKind::Automation,
            Self::Department(_) | Self::Nobody => HolderKind::Nobody,
        }
    }
}

impl Effect {
    /// Something is said to the contact, so it counts for the cap of the conversation.
    pub const fn is_message(&self) -> bool {
        matches!(self, Self::Reply { .. } | Self::Template { .. })
    }
}
