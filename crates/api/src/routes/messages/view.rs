//! Messages as a caller sees them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_app::{
    media::{self, Links},
    messages::{self as app, Hold, Refused},
};
use postroad_core::{
    account::Channel,
    gates::QuietPolicy,
    ids::{MessageId, TenantId},
    message::Content,
    send::SendState,
};
use postroad_store::{
    attachments as stored,
    messages::{self as stored_messages, MessageRow},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals;
use crate::{
    ApiState,
    problem::{BatchError, Problem},
    routes::{attachments::Attachment, page::Page},
    schema::{ChannelWord, GateWord, PurposeWord, QuietPolicyWord, ReasonWord, StateWord},
};

/// A message that will be sent once nothing holds it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Accepted {
    #[schema(pattern = "^msg_[0-9a-f]{32}$")]
    id: String,
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// The gate that holds it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<HeldBy>,
    /// Parts an SMS takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
    /// What it costs, where the tenant pays from a wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_estimate: Option<Price>,
    /// Credits that the wallet has left, where the tenant pays from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Price {
    credits: i64,
}

/// What holds a message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct HeldBy {
    #[schema(value_type = GateWord)]
    gate: &'static str,
    #[schema(value_type = ReasonWord)]
    reason: &'static str,
    /// The next look at it. Absent: the gate refuses it for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
}

impl HeldBy {
    fn of(hold: &Hold) -> Self {
        Self { gate: hold.gate.as_str(), reason: hold.reason.as_str(), until: hold.until }
    }
}

impl Accepted {
    pub(in crate::routes) fn of(accepted: &app::Accepted) -> Self {
        Self {
            id: accepted.id.to_string(),
            state: accepted.state.as_str(),
            held_by: accepted.held_by.as_ref().map(HeldBy::of),
            segments: accepted.segments,
            price_estimate: accepted.price.map(|credits| Price { credits }),
            balance: accepted.balance,
        }
    }
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// How many were accepted.
    accepted: usize,
    /// Credits that the wallet has left, where the tenant pays from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    /// By place: each message, or why it cannot be sent.
    results: Vec<BatchResult>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchResult {
    Accepted(Accepted),
    Refused { error: BatchError },
}

impl BatchAnswer {
    pub(super) fn of(outcomes: &[Result<app::Accepted, Refused>]) -> Self {
        let results = outcomes.iter().enumerate().map(|(index, outcome)| match outcome {
            Ok(accepted) => BatchResult::Accepted(Accepted { balance: None, ..Accepted::of(accepted) }),
            Err(refused) => BatchResult::Refused { error: refusals::of_batch(index, refused) },
        });
        let balance = outcomes.iter().flatten().find_map(|accepted| accepted.balance);
        Self { accepted: outcomes.iter().flatten().count(), balance, results: results.collect() }
    }
}

/// A message, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Message {
    #[schema(pattern = "^msg_[0-9a-f]{32}$")]
    id: String,
    /// `outbound` or `inbound`.
    direction: &'static str,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// Whom it goes to, or who said it.
    address: String,
    /// Who made it: `api`, `agent`, `automation`, `campaign`, `contact`.
    source: String,
    class: &'static str,
    #[schema(value_type = PurposeWord)]
    purpose: &'static str,
    #[schema(value_type = QuietPolicyWord)]
    quiet_policy: QuietPolicy,
    /// What is said; `type` tells the shape.
    #[schema(value_type = Object)]
    content: Content,
    /// The file that a person sent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<Attachment>,
    /// The provider's id of the message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    /// The member who said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<String>,
    /// Under which it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The last reaction of each side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Reaction>,
    created_at: DateTime<Utc>,
    /// When the person last changed it; `content` is as it reads now.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<DateTime<Utc>>,
    /// When the person took it back; what was said stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<DateTime<Utc>>,
    /// Absent for inbound messages, like all that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StateWord>)]
    state: Option<&'static str>,
    /// The same in five words: queued, sent, delivered, read, failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_at: Option<DateTime<Utc>>,
    /// When it is due, while it has not left.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<DateTime<Utc>>,
    /// Calls so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<HeldBy>,
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_ref: Option<String>,
    /// Why it failed, in the provider's word and in ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageReaction)]
pub(super) struct Reaction {
    /// `contact` or `us`.
    by: Side,
    emoji: String,
    at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReactionSide)]
pub(super) enum Side {
    Contact,
    Us,
}

impl Reaction {
    fn of(reaction: stored_messages::Reaction) -> Self {
        let by = if reaction.is_ours { Side::Us } else { Side::Contact };
        Self { by, emoji: reaction.emoji, at: reaction.at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    /// The provider's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
}

impl Message {
    pub(in crate::routes) fn of(row: MessageRow) -> Self {
        let open = row.state.filter(|state| !state.is_final());
        Self {
            id: row.id.to_string(),
            direction: row.direction.as_str(),
            account_id: row.account.to_string(),
            contact_id: row.contact.to_string(),
            channel: row.channel,
            address: row.address.clone(),
            source: row.source.clone(),
            class: row.class.as_str(),
            purpose: row.purpose.as_str(),
            quiet_policy: row.quiet_policy,
            reply_to: row.reply_to.clone(),
            campaign_id: row.campaign.map(|id| id.to_string()),
            client_id: row.client.map(|id| id.to_string()),
            conversation_id: row.conversation.map(|id| id.to_string()),
            member_id: row.member.map(|id| id.to_string()),
            request_id: row.request_id.clone(),
            created_at: row.created_at,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            state: row.state.map(SendState::as_str),
            group: row.state.map(SendState::group),
            state_at: row.state_at,
            due_at: open.and(row.run_at),
            not_after: row.not_after,
            attempts: row.attempt,
            held_by: held_by(&row),
            provider_ref: row.provider_ref.clone(),
            error: fault(&row),
            reactions: row.reactions.map(|all| all.0.into_iter().map(Reaction::of).collect()).unwrap_or_default(),
            content: row.content.0.into_said(),
            attachment: None,
        }
    }

    /// The same, with the files that people sent.
    pub(in crate::routes) async fn page_of(
        api: &ApiState,
        tenant: TenantId,
        rows: Vec<MessageRow>,
        limit: i64,
    ) -> Result<Page<Self>, Problem> {
        let files = media::of_messages(&api.app, tenant, &with_files(&rows)).await?;
        let mut page = Page::of(rows, limit, |row| row.id.to_string(), Self::of);
        page.data.iter_mut().for_each(|message| message.attach(&files));
        Ok(page)
    }

    fn attach(&mut self, files: &HashMap<MessageId, (stored::Attachment, Option<Links>)>) {
        let found = self.id.parse().ok().and_then(|id: MessageId| files.get(&id)).cloned();
        self.attachment = found.map(|(file, links)| Attachment::of(file, links));
    }

    pub(in crate::routes) async fn whole(api: &ApiState, tenant: TenantId, row: MessageRow) -> Result<Self, Problem> {
        let files = media::of_messages(&api.app, tenant, &with_files(std::slice::from_ref(&row))).await?;
        let mut message = Self::of(row);
        message.attach(&files);
        Ok(message)
    }
}

fn with_files(rows: &[MessageRow]) -> Vec<MessageId> {
    rows.iter().filter(|row| matches!(row.content.0.said(), Content::InboundMedia(_))).map(|row| row.id).collect()
}

/// What the ledger says; the explanation asks the gates anew.
fn held_by(row: &MessageRow) -> Option<HeldBy> {
    let (gate, reason) = row.gate.zip(row.reason)?;
    let until = row.run_at.filter(|_| row.state == Some(SendState::Waiting));
    Some(HeldBy { gate: gate.as_str(), reason: reason.as_str(), until })
}

fn fault(row: &MessageRow) -> Option<Fault> {
    let (code, class) = (row.provider_code.clone(), row.fault_class.clone());
    (code.is_some() || class.is_some()).then_some(Fault { code, class })
}
