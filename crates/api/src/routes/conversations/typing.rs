//! Who writes something.

use axum::{extract::State, http::StatusCode};
use postroad_app::live::{self as updates, Typing};
use postroad_core::ids::{ConversationId, MemberId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    ApiState,
    caller::{Caller, ConversationsWrite, InPart},
    extract::{Json, Path},
    problem::{Problem, Refusals},
    routes::live,
};

/// That a member types, or does not any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TypingWord, examples(json!({"member_id": "mem_019f2b00000070008000000000000003", "typing": true})))]
pub(super) struct Said {
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: MemberId,
    typing: bool,
}

/// Say that a member types.
///
/// Streams that follow are told, except the member's own. It holds for three seconds; the same word within a second is told
/// once.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/typing",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Said,
    responses((status = 204, description = "Told"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn typing(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(said): Json<Said>,
) -> Result<StatusCode, Problem> {
    let typing = if said.typing { Typing::On } else { Typing::Off };
    updates::typing(&api.app, live::tenant(&caller)?, id, caller.speaks_as(said.member_id)?, typing).await?;
    Ok(StatusCode::NO_CONTENT)
}
