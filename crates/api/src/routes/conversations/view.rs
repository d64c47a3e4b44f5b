//! Conversations as a caller sees them.

use chrono::{DateTime, Utc};
use postroad_app::conversations as app;
use postroad_core::{
    account::Channel,
    conversation::{ConversationState, Priority},
    ids::{LabelId, MemberId},
};
use postroad_store::events::Told;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{ChannelWord, ConversationStateWord, PriorityWord};

/// What is said with one person through one account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conversation {
    #[schema(pattern = "^cnv_[0-9a-f]{32}$")]
    id: String,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[schema(value_type = ConversationStateWord)]
    state: ConversationState,
    #[schema(value_type = PriorityWord)]
    priority: Priority,
    subject: Option<String>,
    assignee_id: Option<String>,
    /// The automation that has it. Never beside a member.
    #[schema(pattern = "^aut_[0-9a-f]{32}$")]
    automation_id: Option<String>,
    department_id: Option<String>,
    label_ids: Vec<String>,
    pinned_at: Option<DateTime<Utc>>,
    /// When a snoozed one comes back.
    snoozed_until: Option<DateTime<Utc>>,
    /// Free text may be sent until then; absent where the provider has no such window.
    window_closes_at: Option<DateTime<Utc>>,
    /// Messages of the person.
    #[schema(minimum = 0)]
    inbound: i32,
    /// Answers.
    #[schema(minimum = 0)]
    outbound: i32,
    /// Messages of the person that the member of the query has not seen; 0 if none is named.
    #[schema(minimum = 0)]
    unread: i32,
    last_message_at: DateTime<Utc>,
    last_inbound_at: Option<DateTime<Utc>>,
    last_outbound_at: Option<DateTime<Utc>>,
    /// The oldest message of the person that nobody answered.
    waiting_since: Option<DateTime<Utc>>,
    /// From the first unanswered message to the first answer, in seconds.
    first_response_s: Option<i64>,
    resolved_at: Option<DateTime<Utc>>,
    /// From its beginning until it was resolved, in seconds.
    resolution_s: Option<i64>,
    /// Until then somebody should answer; absent where nobody waits, or the tenant has set no such target.
    response_due_at: Option<DateTime<Utc>>,
    /// Until then it should be resolved; absent while it is not our turn.
    resolution_due_at: Option<DateTime<Utc>>,
    /// When it was found that the answer is late. Stays until somebody waits anew.
    response_missed_at: Option<DateTime<Utc>>,
    /// When it was found that the end is late. Stays until what is done is opened again.
    resolution_missed_at: Option<DateTime<Utc>>,
    /// What the person said of it last.
    #[schema(minimum = 1, maximum = 5)]
    rating: Option<i16>,
    rated_at: Option<DateTime<Utc>>,
    /// The conversation that this one became a part of: its messages are there, and it stays closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^cnv_[0-9a-f]{32}$")]
    merged_into: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Conversation {
    pub(super) fn of(stored: app::Conversation) -> Self {
        Self {
            id: stored.id.to_string(),
            account_id: stored.account.to_string(),
            channel: stored.channel,
            contact_id: stored.contact.to_string(),
            state: stored.state,
            priority: stored.priority,
            subject: stored.subject,
            assignee_id: stored.assignee.map(|id| id.to_string()),
            automation_id: stored.automation.map(|id| id.to_string()),
            department_id: stored.department.map(|id| id.to_string()),
            label_ids: stored.labels.into_iter().map(|id| LabelId::from_uuid(id).to_string()).collect(),
            pinned_at: stored.pinned_at,
            snoozed_until: stored.snoozed_until,
            window_closes_at: stored.window_closes_at,
            inbound: stored.inbound,
            outbound: stored.outbound,
            unread: stored.unread,
            last_message_at: stored.last_message_at,
            last_inbound_at: stored.last_inbound_at,
            last_outbound_at: stored.last_outbound_at,
            waiting_since: stored.waiting_since,
            first_response_s: stored.first_response_s,
            resolved_at: stored.resolved_at,
            resolution_s: stored.resolution_s,
            response_due_at: stored.response_due_at,
            resolution_due_at: stored.resolution_due_at,
            response_missed_at: stored.response_missed_at,
            resolution_missed_at: stored.resolution_missed_at,
            rating: stored.rating,
            rated_at: stored.rated_at,
            merged_into: stored.merged_into.map(|id| id.to_string()),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// Something elsewhere that a conversation is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConversationLink)]
pub(super) struct Link {
    kind: String,
    external_id: String,
    title: String,
    url: Option<String>,
    linked_at: DateTime<Utc>,
}

impl Link {
    pub(super) fn of(stored: app::Link) -> Self {
        let app::Link { kind, external_id, title, url, linked_at } = stored;
        Self { kind, external_id, title, url, linked_at }
    }
}

/// What members say to each other. Never sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Note {
    #[schema(pattern = "^not_[0-9a-f]{32}$")]
    id: String,
    /// A member or an API client.
    #[schema(pattern = "^(mem|cli)_[0-9a-f]{32}$")]
    author: String,
    body: String,
    /// Members whom it names.
    mentions: Vec<String>,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
}

impl Note {
    pub(super) fn of(stored: app::Note) -> Self {
        Self {
            id: stored.id.to_string(),
            author: stored.author,
            body: stored.body,
            mentions: stored.mentions.into_iter().map(|id| MemberId::from_uuid(id).to_string()).collect(),
            created_at: stored.created_at,
            edited_at: stored.edited_at,
        }
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConversationEvent)]
pub(super) struct Event {
    /// Rises with each event of the tenant.
    #[schema(minimum = 1)]
    seq: i64,
    #[schema(example = "conversation.assigned")]
    kind: &'static str,
    message_id: Option<String>,
    /// A member, an API client, `operator` or `system`.
    actor: String,
    /// What changed, without what was said.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    at: DateTime<Utc>,
}

impl Event {
    pub(super) fn of(told: Told) -> Self {
        Self {
            seq: told.seq,
            kind: told.kind.as_str(),
            message_id: told.message.map(|id| id.to_string()),
            actor: told.actor,
            data: told.data,
            at: told.at,
        }
    }
}
