//! Notes: what members say to each other.

use axum::{extract::State, http::StatusCode};
use postroad_app::conversations::{self, NewNote as Written};
use postroad_core::ids::{ConversationId, MemberId, NoteId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{by, view::Note};
use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
};

/// A note. Never sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"body": "She called; the parcel is lost.", "mentions": ["mem_019f2b00000070008000000000000001"]})))]
pub(super) struct NewNote {
    #[schema(min_length = 1, max_length = 10000)]
    body: String,
    /// Members whom it names.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    mentions: Vec<MemberId>,
    /// Who writes it. Absent: the API client.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

impl NewNote {
    fn split(self) -> (Option<MemberId>, Written) {
        (self.member_id, Written { body: self.body, mentions: self.mentions })
    }
}

/// Write a note.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/notes",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = NewNote,
    responses((status = 201, description = "Written", body = Note), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn add(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, axum::Json<Note>), Problem> {
    let (member, new) = new.split();
    let note = conversations::add_note(&api.app, by(&caller, member)?, id, new).await?;
    Ok((StatusCode::CREATED, axum::Json(Note::of(note))))
}

/// List notes, newest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/notes",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Note>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Note>>, Problem> {
    let limit = page::limit(query.limit)?;
    let before: Option<NoteId> = page::parse("after", query.after.as_deref())?;
    let rows = conversations::notes(&api.app, live::tenant(&caller)?, id, before, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Note::of)))
}

/// Write a note anew. Only its author can.
#[utoipa::path(
    patch,
    path = "/v1/conversations/{id}/notes/{note}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), ("note" = String, Path, pattern = "^not_[0-9a-f]{32}$")),
    request_body = NewNote,
    responses((status = 200, description = "As it is now", body = Note), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn edit(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path((id, note)): Path<(ConversationId, NoteId)>,
    Json(new): Json<NewNote>,
) -> Result<axum::Json<Note>, Problem> {
    let (member, new) = new.split();
    let note = conversations::edit_note(&api.app, by(&caller, member)?, id, note, new).await?;
    Ok(axum::Json(Note::of(note)))
}

/// Whose note.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Absent: the API client's.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
}

/// Take a note away. Only its author can.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}/notes/{note}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), ("note" = String, Path, pattern = "^not_[0-9a-f]{32}$"),
           Whose),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn remove(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path((id, note)): Path<(ConversationId, NoteId)>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, Problem> {
    let member = page::parse("member_id", whose.member_id.as_deref())?;
    conversations::delete_note(&api.app, by(&caller, member)?, id, note).await?;
    Ok(StatusCode::NO_CONTENT)
}
