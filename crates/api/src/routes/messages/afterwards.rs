//! What is done with messages that were said already.

use axum::{extract::State, response::Response};
use postroad_app::conversations::{self, Reaction, Wish};
use postroad_core::ids::{MemberId, MessageId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answered, view::Accepted};
use crate::{
    ApiState,
    caller::{Caller, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{conversations::by, page},
    state::adapter,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(react, take_back)).routes(routes!(edit, delete))
}

/// What somebody feels about it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"emoji": "👍"})))]
struct NewReaction {
    #[schema(min_length = 1, max_length = 20)]
    emoji: String,
    /// Who reacts.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// React to what a person said.
///
/// The reaction is a message of the conversation and goes the way of all messages; the person sees it on theirs. Another one
/// takes its place. It is no answer: whoever waits for one still does. `channel_cannot_react`: this channel has no reactions.
#[utoipa::path(
    post,
    path = "/v1/messages/{id}/reactions",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    request_body = NewReaction,
    responses((status = 202, description = "Accepted", body = Accepted), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn react(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
    Json(new): Json<NewReaction>,
) -> Result<Response, Problem> {
    let by = by(&caller, new.member_id)?;
    let reaction = Reaction::Put(new.emoji);
    let answer = conversations::react((&api.app, adapter), (caller.call(), by), id, reaction, Accepted::of).await?;
    Ok(answered(answer))
}

/// In whose name.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct InNameOf {
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
}

/// Take our reaction back.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}/reactions",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$"), InNameOf),
    responses((status = 202, description = "Accepted", body = Accepted), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn take_back(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
    Query(query): Query<InNameOf>,
) -> Result<Response, Problem> {
    let by = by(&caller, page::parse("member_id", query.member_id.as_deref())?)?;
    let call = (caller.call(), by);
    let answer = conversations::react((&api.app, adapter), call, id, Reaction::TakeBack, Accepted::of).await?;
    Ok(answered(answer))
}

/// What it should say instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageEdit {
    #[serde(rename = "text")]
    #[schema(min_length = 1, max_length = 4096)]
    _text: String,
}

/// Change what was said.
///
/// No channel that can be connected today lets a business do that: the answer is `channel_cannot_edit`. What has not left yet is
/// cancelled, and said anew.
#[utoipa::path(
    patch,
    path = "/v1/messages/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    request_body = MessageEdit,
    responses(Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn edit(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
    Json(_edit): Json<MessageEdit>,
) -> Result<Response, Problem> {
    let by = by(&caller, None)?;
    Err(conversations::refuse(&api.app, by, id, Wish::Edit).await.into())
}

/// Delete what was said, for both sides.
///
/// No channel that can be connected today lets a business do that: the answer is `channel_cannot_delete`. What has not left yet
/// is cancelled.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    responses(Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
) -> Result<Response, Problem> {
    let by = by(&caller, None)?;
    Err(conversations::refuse(&api.app, by, id, Wish::Delete).await.into())
}
