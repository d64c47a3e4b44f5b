//! Views: questions about conversations that are kept, with how many there are now.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::{
    conversations,
    patch::Patch,
    views::{self, NewView as New, View as Stored, ViewChange, ViewError},
};
use postroad_core::ids::{MemberId, ViewId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ListQuery;
use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(get, update, delete))
}

/// Conversations that are counted. Beyond, there are more.
const COUNTED_MAX: i64 = 200;

/// A question to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Urgent and waiting", "filter": {"priority": "urgent", "waiting": true}})))]
struct NewView {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whose it is. Absent: everybody's.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
    /// The parameters of the list of conversations, without `limit` and `after`.
    #[schema(value_type = Object)]
    filter: Value,
}

/// A question about conversations.
#[derive(Serialize, ToSchema)]
struct View {
    #[schema(pattern = "^viw_[0-9a-f]{32}$")]
    id: String,
    name: String,
    /// Whose it is. Null: everybody's.
    member_id: Option<String>,
    #[schema(value_type = Object)]
    filter: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// With a single view: how many conversations there are now, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    /// With a single view: there are more than 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<bool>,
}

impl View {
    fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            name: stored.name,
            member_id: stored.member.map(|member| member.to_string()),
            filter: stored.filter,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            count: None,
            more: None,
        }
    }

    fn counted(self, found: usize) -> Self {
        let most = usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX);
        Self { count: Some(found.min(most)), more: Some(found > most), ..self }
    }
}

/// A filter that the list of conversations understands.
fn question(filter: &Value) -> Result<ListQuery, Problem> {
    let invalid = |why: &dyn std::fmt::Display| Problem::invalid("invalid_filter", why);
    let query = ListQuery::deserialize(filter).map_err(|error| invalid(&error))?;
    if query.limit.is_some() || query.after.is_some() {
        return Err(invalid(&"a view has no page: leave limit and after out"));
    }
    query.listed()?;
    Ok(query)
}

/// Keep a question about conversations.
#[utoipa::path(
    post,
    path = "/v1/views",
    tag = "conversations",
    request_body = NewView,
    responses((status = 201, description = "Made", body = View), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewView>,
) -> Result<(StatusCode, axum::Json<View>), Problem> {
    let tenant = live::tenant(&caller)?;
    question(&new.filter)?;
    let member = new.member_id.map(|member| caller.speaks_as(member)).transpose()?;
    let new = New { name: new.name, member, filter: new.filter };
    Ok((StatusCode::CREATED, axum::Json(View::of(views::create(&api.app, tenant, new).await?))))
}

/// Which views.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ViewQuery {
    /// Rows of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
    /// Only this member's own and everybody's.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
}

/// List views, oldest first.
#[utoipa::path(
    get,
    path = "/v1/views",
    tag = "conversations",
    params(ViewQuery),
    responses((status = 200, description = "A page", body = Page<View>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ViewQuery>,
) -> Result<axum::Json<Page<View>>, Problem> {
    let limit = page::limit(query.limit)?;
    let of = caller.speaks_for(page::parse("member_id", query.member_id.as_deref())?)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = views::list(&api.app, live::tenant(&caller)?, of, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), View::of)))
}

/// Show a view, with how many conversations there are now.
#[utoipa::path(
    get,
    path = "/v1/views/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^viw_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is", body = View), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ViewId>,
) -> Result<axum::Json<View>, Problem> {
    let tenant = live::tenant(&caller)?;
    let view = views::get(&api.app, tenant, caller.speaks_for(None)?, id).await?;
    let mut listed = question(&view.filter)?.listed()?;
    listed.limit = COUNTED_MAX + 1;
    let found = conversations::list(&api.app, tenant, &listed).await?.len();
    Ok(axum::Json(View::of(view).counted(found)))
}

/// What changes of a view. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ViewChange, examples(json!({"name": "Waiting"})))]
struct Changed {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `null`: everybody's.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Patch<MemberId>,
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
}

/// Change a view.
#[utoipa::path(
    patch,
    path = "/v1/views/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^viw_[0-9a-f]{32}$")),
    request_body = Changed,
    responses((status = 200, description = "As it is now", body = View), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ViewId>,
    Json(wanted): Json<Changed>,
) -> Result<axum::Json<View>, Problem> {
    let tenant = live::tenant(&caller)?;
    if let Some(filter) = &wanted.filter {
        question(filter)?;
    }
    if let Some(member) = wanted.member_id.value() {
        caller.speaks_as(*member)?;
    }
    let change = ViewChange { name: wanted.name, member: wanted.member_id, filter: wanted.filter };
    Ok(axum::Json(View::of(views::update(&api.app, tenant, caller.speaks_for(None)?, id, change).await?)))
}

/// Take a view away.
#[utoipa::path(
    delete,
    path = "/v1/views/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^viw_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ViewId>,
) -> Result<StatusCode, Problem> {
    views::delete(&api.app, live::tenant(&caller)?, caller.speaks_for(None)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::NotFound => Self::not_found(),
            ViewError::Name => Self::invalid("invalid_name", error),
            ViewError::UnknownMember => Self::invalid("unknown_member", error),
            ViewError::Store(error) => error.into(),
        }
    }
}
