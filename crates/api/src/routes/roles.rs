//! Roles that a tenant makes.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::roles::{self, CustomRole, Grants, RoleError};
use postroad_core::{ids::RoleId, scope::Scope, sight::Sees};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, MembersRead, MembersWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    schema::{ScopeWord, SeesWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(update, delete))
}

/// What whoever has a role may do, and sees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleGrants, examples(json!({"name": "Night shift", "scopes": ["conversations:read", "conversations:write"], "sees": "department"})))]
struct New {
    /// No other role has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// All but `members:write`, `clients:write` and `tenant:write`, which are for owners and admins.
    #[schema(value_type = Vec<ScopeWord>, min_items = 1, max_items = 100)]
    scopes: Vec<Scope>,
    #[schema(value_type = SeesWord)]
    sees: Sees,
}

impl From<New> for Grants {
    fn from(New { name, scopes, sees }: New) -> Self {
        Self { name, scopes, sees }
    }
}

/// A role that the tenant made.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomRole)]
struct Made {
    #[schema(pattern = "^rol_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: Vec<String>,
    #[schema(value_type = SeesWord)]
    sees: Sees,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Made {
    fn of(stored: CustomRole) -> Self {
        let CustomRole { id, name, scopes, sees, created_at, updated_at } = stored;
        Self { id: id.to_string(), name, scopes, sees, created_at, updated_at }
    }
}

/// Make a role.
#[utoipa::path(
    post,
    path = "/v1/roles",
    tag = "members",
    request_body = New,
    responses((status = 201, description = "Made", body = Made), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Json(new): Json<New>,
) -> Result<(StatusCode, axum::Json<Made>), Problem> {
    let role = roles::create(&api.app, live::tenant(&caller)?, new.into()).await?;
    Ok((StatusCode::CREATED, axum::Json(Made::of(role))))
}

/// List the roles that the tenant made, oldest first.
#[utoipa::path(
    get,
    path = "/v1/roles",
    tag = "members",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Made>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Made>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = roles::list(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Made::of)))
}

/// Change a role: it counts from the next request of everybody who has it.
#[utoipa::path(
    put,
    path = "/v1/roles/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^rol_[0-9a-f]{32}$")),
    request_body = New,
    responses((status = 200, description = "As it is now", body = Made), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<RoleId>,
    Json(new): Json<New>,
) -> Result<axum::Json<Made>, Problem> {
    Ok(axum::Json(Made::of(roles::update(&api.app, live::tenant(&caller)?, id, new.into()).await?)))
}

/// Take a role away that nobody has.
#[utoipa::path(
    delete,
    path = "/v1/roles/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^rol_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<RoleId>,
) -> Result<StatusCode, Problem> {
    roles::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<RoleError> for Problem {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::NotFound => Self::not_found(),
            RoleError::Name => Self::invalid("invalid_name", error),
            RoleError::NameTaken => Self::conflict("name_taken", error),
            RoleError::Scopes | RoleError::ForAdmins(_) => Self::invalid("invalid_scopes", error),
            RoleError::TooMany => Self::conflict("too_many", error),
            RoleError::InUse => Self::conflict("in_use", error),
            RoleError::Store(error) => error.into(),
        }
    }
}
