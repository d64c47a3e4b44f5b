//! Labels: words that conversations carry.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::labels::{self, Label as Stored, LabelError, Look};
use postroad_core::ids::LabelId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(update, delete))
}

/// What a label looks like.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LabelLook, examples(json!({"name": "Refund", "color": "#d97706"})))]
struct NewLook {
    /// No other label has it, whatever its case.
    #[schema(min_length = 1, max_length = 50)]
    name: String,
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    color: String,
}

impl From<NewLook> for Look {
    fn from(new: NewLook) -> Self {
        Self { name: new.name, color: new.color }
    }
}

/// A word that conversations carry.
#[derive(Serialize, ToSchema)]
struct Label {
    #[schema(pattern = "^lbl_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    color: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Label {
    fn of(stored: Stored) -> Self {
        let Stored { id, name, color, created_at, updated_at } = stored;
        Self { id: id.to_string(), name, color, created_at, updated_at }
    }
}

/// Make a label.
#[utoipa::path(
    post,
    path = "/v1/labels",
    tag = "labels",
    request_body = NewLook,
    responses((status = 201, description = "Made", body = Label), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewLook>,
) -> Result<(StatusCode, axum::Json<Label>), Problem> {
    let label = labels::create(&api.app, live::tenant(&caller)?, new.into()).await?;
    Ok((StatusCode::CREATED, axum::Json(Label::of(label))))
}

/// List labels, oldest first.
#[utoipa::path(
    get,
    path = "/v1/labels",
    tag = "labels",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Label>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Label>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = labels::list(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Label::of)))
}

/// Change how a label looks.
#[utoipa::path(
    patch,
    path = "/v1/labels/{id}",
    tag = "labels",
    params(("id" = String, Path, pattern = "^lbl_[0-9a-f]{32}$")),
    request_body = NewLook,
    responses((status = 200, description = "As it is now", body = Label), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<LabelId>,
    Json(new): Json<NewLook>,
) -> Result<axum::Json<Label>, Problem> {
    let label = labels::update(&api.app, live::tenant(&caller)?, id, new.into()).await?;
    Ok(axum::Json(Label::of(label)))
}

/// Take a label away, from every conversation too.
#[utoipa::path(
    delete,
    path = "/v1/labels/{id}",
    tag = "labels",
    params(("id" = String, Path, pattern = "^lbl_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<LabelId>,
) -> Result<StatusCode, Problem> {
    labels::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        match error {
            LabelError::NotFound => Self::not_found(),
            LabelError::Name => Self::invalid("invalid_name", error),
            LabelError::NameTaken => Self::conflict("name_taken", error),
            LabelError::Color => Self::invalid("invalid_color", error),
            LabelError::Store(error) => error.into(),
        }
    }
}
