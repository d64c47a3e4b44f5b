//! Conversations: what is said with one person through one account.

mod change;
mod merge;
mod notes;
mod thread;
mod typing;
mod view;
mod views;

use axum::{extract::State, response::Response};
use postroad_app::conversations::{self, Assigned, Beginning, By, ConversationError, Listed, Wish};
use postroad_core::{
    ids::{AccountId, ContactId, ConversationId, MemberId},
    limits::SEARCH_CHARS_MAX,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live, messages,
        page::{self, Page},
    },
    schema::{ChannelWord, ConversationStateWord, PriorityWord, TimelinessWord},
};

use view::Conversation;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, change::update))
        .routes(routes!(change::status))
        .routes(routes!(merge::merge))
        .routes(routes!(change::assign))
        .routes(routes!(change::labels))
        .routes(routes!(change::read))
        .routes(routes!(change::link, change::links, change::unlink))
        .routes(routes!(thread::reply, thread::list))
        .routes(routes!(thread::events))
        .routes(routes!(notes::add, notes::list))
        .routes(routes!(notes::edit, notes::remove))
        .merge(views::routes())
        .routes(routes!(typing::typing))
}

/// Who does it: the caller, in the name of a member if one is named.
pub(super) fn by<S>(caller: &Caller<S>, member: Option<MemberId>) -> Result<By, Problem> {
    Ok(By { tenant: live::tenant(caller)?, caller: caller.actor(), member: caller.speaks_for(member)? })
}

/// Which conversations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Conversations of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 100)]
    after: Option<String>,
    /// Absent: all but archived ones and those that were merged into another.
    #[param(value_type = Option<ConversationStateWord>)]
    state: Option<String>,
    /// A member's id, an automation's, `automation` for any of those, or `nobody`.
    #[param(pattern = "^(nobody|automation|(mem|aut)_[0-9a-f]{32})$")]
    assignee: Option<String>,
    #[param(pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<String>,
    #[param(pattern = "^lbl_[0-9a-f]{32}$")]
    label_id: Option<String>,
    #[param(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: Option<String>,
    #[param(value_type = Option<ChannelWord>)]
    channel: Option<String>,
    #[param(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: Option<String>,
    #[param(value_type = Option<PriorityWord>)]
    priority: Option<String>,
    pinned: Option<bool>,
    /// Whether somebody waits for an answer.
    waiting: Option<bool>,
    /// `due`: something is to be done in a time that the tenant has set; `missed`: it was not.
    #[param(value_type = Option<TimelinessWord>)]
    target: Option<String>,
    /// Whose `unread` is counted.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
    /// Only those of which the member has not seen everything. Needs `member_id`.
    unread: Option<bool>,
    /// Part of the contact's name, of the address, of the subject, or of a label.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
}

impl ListQuery {
    fn listed(&self) -> Result<Listed, Problem> {
        let member = page::parse("member_id", self.member_id.as_deref())?;
        let only_unread = self.unread.unwrap_or_default();
        if only_unread && member.is_none() {
            return Err(Problem::invalid("invalid_query", "unread: whose? name a member_id"));
        }
        Ok(Listed {
            only: None,
            states: page::parse("state", self.state.as_deref())?.into_iter().collect(),
            assigned: self.assigned()?,
            department: page::parse("department_id", self.department_id.as_deref())?,
            label: page::parse("label_id", self.label_id.as_deref())?,
            account: page::parse("account_id", self.account_id.as_deref())?,
            channel: page::parse("channel", self.channel.as_deref())?,
            contact: page::parse("contact_id", self.contact_id.as_deref())?,
            priority: page::parse("priority", self.priority.as_deref())?,
            pinned: self.pinned,
            waiting: self.waiting,
            target: page::parse("target", self.target.as_deref())?,
            member,
            only_unread,
            containing: self.q.as_deref().map(containing).transpose()?,
            before: self.after.as_deref().map(page::instant_and_id).transpose()?,
            limit: page::limit(self.limit)? + 1,
        })
    }

    fn assigned(&self) -> Result<Assigned, Problem> {
        match self.assignee.as_deref() {
            None => Ok(Assigned::Any),
            Some("nobody") => Ok(Assigned::Nobody),
            Some("automation") => Ok(Assigned::ToAnyAutomation),
            Some(automation) if automation.starts_with("aut_") => {
                Ok(page::parse("assignee", Some(automation))?.map_or(Assigned::Any, Assigned::ToAutomation))
            }
            member => Ok(page::parse("assignee", member)?.map_or(Assigned::Any, Assigned::To)),
        }
    }
}

fn containing(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = (1..=SEARCH_CHARS_MAX).contains(&text.chars().count());
    fits.then(|| text.to_owned()).ok_or_else(|| Problem::invalid("invalid_query", "q: expected 1 to 200 characters"))
}

/// List conversations, latest message first.
#[utoipa::path(
    get,
    path = "/v1/conversations",
    tag = "conversations",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Conversation>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Conversation>>, Problem> {
    let listed = query.listed()?;
    let rows = conversations::list(&api.app, live::tenant(&caller)?, &listed).await?;
    let key = |row: &conversations::Conversation| format!("{}.{}", row.last_message_at.timestamp_micros(), row.id);
    Ok(axum::Json(Page::of(rows, listed.limit - 1, key, Conversation::of)))
}

/// For whom something is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ForMember {
    /// Whose `unread` is counted.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
}

/// One conversation.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), ForMember),
    responses((status = 200, description = "The conversation", body = Conversation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Query(query): Query<ForMember>,
) -> Result<axum::Json<Conversation>, Problem> {
    let member = page::parse("member_id", query.member_id.as_deref())?;
    let found = conversations::get(&api.app, live::tenant(&caller)?, id, member).await?;
    Ok(axum::Json(Conversation::of(found)))
}

/// With whom a conversation begins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"account_id": "acc_019f2b00000070008000000000000001",
                         "contact_id": "con_019f2b00000070008000000000000002", "subject": "Your order 4711"})))]
struct NewConversation {
    #[schema(value_type = String, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: AccountId,
    /// Must have an address on the account's channel.
    #[schema(value_type = String, pattern = "^con_[0-9a-f]{32}$")]
    contact_id: ContactId,
    #[schema(min_length = 1, max_length = 200)]
    subject: Option<String>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Begin a conversation.
///
/// Nothing is said by that: the first message is a reply to it.
#[utoipa::path(
    post,
    path = "/v1/conversations",
    tag = "conversations",
    request_body = NewConversation,
    responses((status = 201, description = "Begun", body = Conversation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewConversation>,
) -> Result<Response, Problem> {
    let by = by(&caller, new.member_id)?;
    let beginning = Beginning { account: new.account_id, contact: new.contact_id, subject: new.subject };
    let show = |made: &conversations::Conversation| Conversation::of(made.clone());
    let answer = conversations::open(&api.app, (caller.call(), by), beginning, show).await?;
    Ok(messages::answered(answer))
}

impl From<ConversationError> for Problem {
    fn from(error: ConversationError) -> Self {
        use ConversationError as E;
        match error {
            E::NotFound | E::UnknownNote(_) => Self::not_found(),
            E::UnknownMember => Self::invalid("unknown_member", error),
            E::UnknownDepartment => Self::invalid("unknown_department", error),
            E::TwoHolders => Self::invalid("two_holders", error),
            E::UnknownAutomation => Self::invalid("unknown_automation", error),
            E::SwitchedOff(_) => Self::invalid("automation_off", error),
            E::DoesNotListen(_) => Self::invalid("automation_does_not_listen", error),
            E::UnknownLabel => Self::invalid("unknown_label", error),
            E::UnknownMessage => Self::invalid("unknown_message", error),
            E::UnknownAccount => Self::invalid("unknown_account", error),
            E::Unreachable(_) => Self::invalid("invalid_address", error),
            E::MayNotBecome { .. } | E::Done(_) => Self::conflict("wrong_state", error),
            E::Merged(_) => Self::conflict("conversation_merged", error),
            E::OtherMerged(_) => Self::conflict("other_merged", error),
            E::DifferentContacts(_) => Self::conflict("different_contacts", error),
            E::Same => Self::invalid("same_conversation", error),
            E::UnknownOther(_) => Self::invalid("unknown_conversation", error),
            E::NotTheirs => Self::invalid("not_theirs", error),
            E::Emoji => Self::invalid("invalid_emoji", error),
            E::NoReaction => Self::conflict("no_reaction", error),
            E::ChannelCannot { what: Wish::React, .. } => Self::conflict("channel_cannot_react", error),
            E::ChannelCannot { what: Wish::Edit, .. } => Self::conflict("channel_cannot_edit", error),
            E::ChannelCannot { what: Wish::Delete, .. } => Self::conflict("channel_cannot_delete", error),
            E::AnotherIsLive => Self::conflict("another_is_live", error),
            E::SnoozedUntil => Self::invalid("invalid_snooze", error),
            E::Text(_) => Self::invalid("invalid_text", error),
            E::TooMany(_) => Self::invalid("too_many", error),
            E::Undo(_) => Self::invalid("invalid_undo", error),
            E::Submit(error) => (*error).into(),
            E::Once(error) => error.into(),
            E::Store(error) => error.into(),
        }
    }
}
