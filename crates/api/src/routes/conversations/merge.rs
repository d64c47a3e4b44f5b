//! Two conversations of one person become one.

use axum::extract::State;
use postroad_app::conversations;
use postroad_core::ids::{ConversationId, MemberId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{by, view::Conversation};
use crate::{
    ApiState,
    caller::{Caller, ConversationsWrite, InPart},
    extract::{Json, Path},
    problem::{Conflicts, Problem, Refusals},
};

/// What a conversation is to be a part of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConversationMerge, examples(json!({"into": "cnv_019f2b00000070008000000000000001"})))]
pub(super) struct Merge {
    /// A conversation with the same contact that is neither closed nor archived.
    #[schema(value_type = String, pattern = "^cnv_[0-9a-f]{32}$")]
    into: ConversationId,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// Make a conversation a part of another one with the same contact. There is no way back.
///
/// Its messages, notes, labels and links move, and it stays closed, with `merged_into`. What the person says where it was goes on in the
/// other one. The same request again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/merge",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = Merge,
    responses((status = 200, description = "The other one, as it is now", body = Conversation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn merge(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(wanted): Json<Merge>,
) -> Result<axum::Json<Conversation>, Problem> {
    let by = by(&caller, wanted.member_id)?;
    Ok(axum::Json(Conversation::of(conversations::merge(&api.app, by, id, wanted.into).await?)))
}
