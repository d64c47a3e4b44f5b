//! What a member does to a conversation.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::{
    conversations::{self, Assignment, Change, ConversationError, Labelling, Link as Linked, Read},
    patch::Patch,
};
use postroad_core::{
    conversation::{ConversationState, Holder, Priority},
    ids::{AutomationId, ConversationId, DepartmentId, LabelId, MemberId, MessageId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    by,
    view::{Conversation, Link},
};
use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::live,
    schema::{ConversationStateWord, PriorityWord},
};

/// What else of a conversation can be changed. What is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationChange, examples(json!({"priority": "high", "pinned": true})))]
pub(super) struct Changed {
    #[schema(value_type = Option<PriorityWord>)]
    priority: Option<Priority>,
    /// `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    subject: Patch<String>,
    pinned: Option<bool>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Change priority or subject, or pin a conversation.
#[utoipa::path(
    patch,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Changed,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn update(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<Changed>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, new.member_id)?;
    let subject = match new.subject {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(subject) => Some(Some(subject)),
    };
    let change = Change { priority: new.priority, subject, pinned: new.pinned };
    Ok(axum::Json(Conversation::of(conversations::change(&api.app, by, id, change).await?)))
}

/// Where a conversation is to stand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationMove, examples(json!({"state": "resolved"}),
                                         json!({"state": "snoozed", "snoozed_until": "2030-01-02T08:00:00Z"})))]
pub(super) struct Moved {
    #[schema(value_type = ConversationStateWord)]
    state: ConversationState,
    /// Needed with `snoozed`, at most 366 days ahead; absent otherwise.
    snoozed_until: Option<DateTime<Utc>>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Open, snooze, resolve, close or archive a conversation.
///
/// What the person says opens a pending, snoozed or resolved one again. After a closed one it begins another.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/status",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Moved,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn status(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<Moved>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, new.member_id)?;
    let moved = conversations::move_to(&api.app, by, id, new.state, new.snoozed_until).await?;
    Ok(axum::Json(Conversation::of(moved)))
}

/// To whom a conversation is given. Neither a member nor an automation: to nobody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationAssignment, examples(json!({"assignee_id": "mem_019f2b00000070008000000000000001"})))]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
pub(super) struct Assigned {
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    assignee_id: Option<MemberId>,
    /// Not together with `assignee_id`. One that is on, with the trigger `inbound_message`.
    #[schema(value_type = Option<String>, pattern = "^aut_[0-9a-f]{32}$")]
    automation_id: Option<AutomationId>,
    #[schema(value_type = Option<String>, pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<DepartmentId>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Give a conversation to a member, an automation, a department, or nobody.
///
/// An automation has it until somebody else is given it, a member answers, or it is resolved or closed. What the person says
/// meanwhile starts that automation and no other.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/assign",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Assigned,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn assign(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<Assigned>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, new.member_id)?;
    let to = Holder::of(new.assignee_id, new.automation_id).ok_or(ConversationError::TwoHolders)?;
    let to = Assignment { to, department: new.department_id };
    Ok(axum::Json(Conversation::of(conversations::assign(&api.app, by, id, to).await?)))
}

/// Labels to put on and to take off.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationLabels, examples(json!({"add": ["lbl_019f2b00000070008000000000000001"]})))]
pub(super) struct Labelled {
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    add: Vec<LabelId>,
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    remove: Vec<LabelId>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Put labels on a conversation, and take labels off.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/labels",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Labelled,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn labels(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<Labelled>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, new.member_id)?;
    let wanted = Labelling { add: new.add, remove: new.remove };
    Ok(axum::Json(Conversation::of(conversations::label(&api.app, by, id, &wanted).await?)))
}

/// What a member has seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationRead, examples(json!({"member_id": "mem_019f2b00000070008000000000000001"})))]
pub(super) struct Seen {
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: MemberId,
    /// Unread again from this message of the person on. Absent: everything is seen.
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    unread_from: Option<MessageId>,
}

/// Say how much of a conversation a member has seen.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/read",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Seen,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn read(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<Seen>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, Some(new.member_id))?;
    let read = new.unread_from.map_or(Read::All, Read::UnreadFrom);
    Ok(axum::Json(Conversation::of(conversations::read(&api.app, by, id, read).await?)))
}

/// A record elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewConversationLink, examples(json!({"kind": "order", "external_id": "4711", "title": "Order 4711",
                                                   "url": "https://shop.example/orders/4711"})))]
pub(super) struct NewLink {
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$")]
    kind: String,
    #[schema(min_length = 1, max_length = 200)]
    external_id: String,
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    #[schema(max_length = 2000, pattern = "^https://")]
    url: Option<String>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Records that a conversation is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConversationLinks)]
pub(super) struct Links {
    data: Vec<Link>,
}

/// Say that a conversation is about a record elsewhere.
///
/// The same record again has the newer title and address. A conversation has at most 50.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/link",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = NewLink,
    responses((status = 200, description = "As it is now", body = Conversation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn link(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<NewLink>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, new.member_id)?;
    let NewLink { kind, external_id, title, url, .. } = new;
    let link = Linked { kind, external_id, title, url, linked_at: api.app.clock.now() };
    Ok(axum::Json(Conversation::of(conversations::link(&api.app, by, id, link).await?)))
}

/// List the records that a conversation is about, oldest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/link",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    responses((status = 200, description = "All of them", body = Links), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn links(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
) -> Result<axum::Json<Links>, Problem> {
    let found = conversations::links(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Links { data: found.into_iter().map(Link::of).collect() }))
}

/// Which record.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    #[param(pattern = "^[a-z][a-z0-9_]{0,39}$")]
    kind: String,
    #[param(min_length = 1, max_length = 200)]
    external_id: String,
}

/// Say that a conversation is not about a record.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}/link",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), Which),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn unlink(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Query(which): Query<Which>,
) -> Result<StatusCode, Problem> {
    conversations::unlink(&api.app, by(&caller, None)?, id, &which.kind, &which.external_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
