//! Invitations: people who are asked to work for the tenant.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::sign_in::{self, Invitation as Stored, Invited, NewInvitation};
use postroad_core::{
    conversation::Role,
    ids::{DepartmentId, InvitationId},
};
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
    schema::RoleWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(revoke))
}

/// Somebody who is to work for the tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvitation, examples(json!({"email": "bo@shop.example", "role": "agent"})))]
struct New {
    #[schema(min_length = 3, max_length = 320)]
    email: String,
    /// A person gives none that may do more than their own; only owners and admins give any.
    #[schema(value_type = RoleWord)]
    role: Role,
    #[schema(value_type = Option<String>, pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<DepartmentId>,
}

/// Somebody who was asked.
#[derive(Serialize, ToSchema)]
struct Invitation {
    #[schema(pattern = "^inv_[0-9a-f]{32}$")]
    id: String,
    email: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    department_id: Option<String>,
    /// Who asked: a member, a program, or the operator.
    invited_by: String,
    /// `open`, `accepted` or `revoked`. An open one whose time is over counts no more.
    #[schema(pattern = "^(open|accepted|revoked)$")]
    state: String,
    created_at: DateTime<Utc>,
    /// A week later.
    ends_at: DateTime<Utc>,
}

impl Invitation {
    fn of(stored: Stored) -> Self {
        let Stored { id, email, role, department, invited_by, state, created_at, ends_at } = stored;
        let department_id = department.map(|id| id.to_string());
        Self { id: id.to_string(), email, role, department_id, invited_by, state, created_at, ends_at }
    }
}

/// An invitation with its word.
#[derive(Serialize, ToSchema)]
struct Told {
    #[serde(flatten)]
    invitation: Invitation,
    /// What `POST /v1/auth/accept-invitation` takes. Told this once: give it to the person, and to nobody else.
    #[schema(min_length = 43, max_length = 43)]
    token: String,
    /// They are sent a mail with a link of its own.
    mailed: bool,
}

/// Invite somebody.
#[utoipa::path(
    post,
    path = "/v1/invitations",
    tag = "members",
    request_body = New,
    responses((status = 201, description = "Invited", body = Told), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = []), ("session" = [])),
)]
async fn create(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Json(new): Json<New>,
) -> Result<(StatusCode, axum::Json<Told>), Problem> {
    let New { email, role, department_id: department } = new;
    let new = NewInvitation { email, role, department };
    let tenant = live::tenant(&caller)?;
    let invited = sign_in::invite(&api.app, tenant, caller.actor(), caller.role(), new).await?;
    let Invited { invitation, token, is_mailed: mailed } = invited;
    let told = Told { invitation: Invitation::of(invitation), token: token.reveal(), mailed };
    Ok((StatusCode::CREATED, axum::Json(told)))
}

/// List invitations, newest first.
#[utoipa::path(
    get,
    path = "/v1/invitations",
    tag = "members",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Invitation>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = []), ("session" = [])),
)]
async fn list(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Invitation>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = sign_in::invitations(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Invitation::of)))
}

/// Take an invitation back.
#[utoipa::path(
    delete,
    path = "/v1/invitations/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^inv_[0-9a-f]{32}$")),
    responses((status = 204, description = "Its word leads nowhere any more"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = []), ("session" = [])),
)]
async fn revoke(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, Problem> {
    sign_in::revoke(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
