//! Members: people who work for a tenant; and departments, in which they see the same conversations.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::{
    members::{self, Department as StoredDepartment, Member as Stored, MemberChange, MemberError, NewMember},
    patch::Patch,
    sign_in,
};
use postroad_core::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId, RoleId, TenantId},
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
        auth::served_avatar,
        live,
        page::{self, Page, PageQuery},
    },
    schema::RoleWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update))
        .routes(routes!(avatar))
        .routes(routes!(create_department, departments))
        .routes(routes!(rename_department))
}

/// Somebody who is to work for the tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Ada Obi", "email": "ada@shop.example", "role": "agent"})))]
struct New {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(min_length = 3, max_length = 320)]
    email: Option<String>,
    #[schema(value_type = RoleWord)]
    role: Role,
    #[schema(value_type = Option<String>, pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<DepartmentId>,
}

/// Somebody who works for the tenant.
#[derive(Serialize, ToSchema)]
struct Member {
    #[schema(pattern = "^mem_[0-9a-f]{32}$")]
    id: String,
    name: String,
    email: Option<String>,
    #[schema(value_type = RoleWord)]
    role: Role,
    /// A role that the tenant made, in the place of what `role` says.
    #[schema(pattern = "^rol_[0-9a-f]{32}$")]
    role_id: Option<String>,
    active: bool,
    department_id: Option<String>,
    /// How many conversations that are not done are enough for rules that give them by turns. Null: any number.
    #[schema(minimum = 0, maximum = 10_000)]
    capacity: Option<i32>,
    /// The accounts whose conversations they see. Null: all.
    account_ids: Option<Vec<String>>,
    /// Where their picture is read. Null: there is none.
    avatar: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Member {
    /// `faces`: who has a picture.
    fn of(stored: Stored, faces: &[MemberId]) -> Self {
        let has_face = faces.contains(&stored.id);
        Self {
            id: stored.id.to_string(),
            name: stored.name,
            email: stored.email,
            role: stored.role,
            role_id: stored.custom_role.map(|id| id.to_string()),
            active: stored.active,
            department_id: stored.department.map(|id| id.to_string()),
            capacity: stored.capacity,
            account_ids: stored.accounts.map(|ids| ids.iter().map(ToString::to_string).collect()),
            avatar: has_face.then(|| format!("/v1/members/{}/avatar", stored.id)),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

async fn shown(api: &ApiState, tenant: TenantId, stored: Stored) -> Result<axum::Json<Member>, Problem> {
    let faces = sign_in::have_avatars(&api.app, tenant, &[stored.id]).await?;
    Ok(axum::Json(Member::of(stored, &faces)))
}

/// Make a member.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "members",
    request_body = New,
    responses((status = 201, description = "Made", body = Member), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Json(new): Json<New>,
) -> Result<(StatusCode, axum::Json<Member>), Problem> {
    let New { name, email, role, department_id: department } = new;
    let made =
        members::create(&api.app, live::tenant(&caller)?, caller.role(), NewMember { name, email, role, department })
            .await?;
    Ok((StatusCode::CREATED, axum::Json(Member::of(made, &[]))))
}

/// List members, oldest first.
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "members",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Member>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Member>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let tenant = live::tenant(&caller)?;
    let rows = members::list(&api.app, tenant, after, limit + 1).await?;
    let faces = sign_in::have_avatars(&api.app, tenant, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), |row| Member::of(row, &faces))))
}

/// One member.
#[utoipa::path(
    get,
    path = "/v1/members/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^mem_[0-9a-f]{32}$")),
    responses((status = 200, description = "The member", body = Member), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Path(id): Path<MemberId>,
) -> Result<axum::Json<Member>, Problem> {
    let tenant = live::tenant(&caller)?;
    shown(&api, tenant, members::get(&api.app, tenant, id).await?).await
}

/// A member's picture of themselves.
#[utoipa::path(
    get,
    path = "/v1/members/{id}/avatar",
    tag = "members",
    params(("id" = String, Path, pattern = "^mem_[0-9a-f]{32}$")),
    responses((status = 200, description = "The picture", body = String, content_type = "image/jpeg"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn avatar(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Path(id): Path<MemberId>,
) -> Result<Response, Problem> {
    Ok(served_avatar(sign_in::avatar_of(&api.app, live::tenant(&caller)?, id).await?))
}

/// What of a member is to change. What is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange, examples(json!({"active": false})))]
struct Changed {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 3, max_length = 320)]
    email: Patch<String>,
    #[schema(value_type = Option<RoleWord>)]
    role: Option<Role>,
    /// A role that the tenant made, in the place of what `role` says; owners and admins have none. `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^rol_[0-9a-f]{32}$")]
    role_id: Patch<RoleId>,
    /// Who is not active keeps what they did, and gets nothing new.
    active: Option<bool>,
    /// `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Patch<DepartmentId>,
    /// `null`: any number.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 10_000)]
    capacity: Patch<i32>,
    /// They see the conversations that come through these. `null`: through any.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 100)]
    account_ids: Patch<Vec<AccountId>>,
}

/// Change a member.
#[utoipa::path(
    patch,
    path = "/v1/members/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^mem_[0-9a-f]{32}$")),
    request_body = Changed,
    responses((status = 200, description = "As they are now", body = Member), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<MemberId>,
    Json(new): Json<Changed>,
) -> Result<axum::Json<Member>, Problem> {
    let Changed { name, email, role, role_id, active, department_id, capacity, account_ids } = new;
    let (custom_role, department, accounts) = (role_id, department_id, account_ids);
    let change = MemberChange { name, email, role, custom_role, active, department, capacity, accounts };
    let tenant = live::tenant(&caller)?;
    shown(&api, tenant, members::update(&api.app, tenant, caller.role(), id, change).await?).await
}

/// What a department is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DepartmentName, examples(json!({"name": "Returns"})))]
struct Named {
    /// No other department has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Members who see the same conversations.
#[derive(Serialize, ToSchema)]
struct Department {
    #[schema(pattern = "^dep_[0-9a-f]{32}$")]
    id: String,
    name: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Department {
    fn of(stored: StoredDepartment) -> Self {
        let StoredDepartment { id, name, created_at, updated_at } = stored;
        Self { id: id.to_string(), name, created_at, updated_at }
    }
}

/// Make a department.
#[utoipa::path(
    post,
    path = "/v1/departments",
    tag = "members",
    request_body = Named,
    responses((status = 201, description = "Made", body = Department), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create_department(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Json(new): Json<Named>,
) -> Result<(StatusCode, axum::Json<Department>), Problem> {
    let made = members::create_department(&api.app, live::tenant(&caller)?, &new.name).await?;
    Ok((StatusCode::CREATED, axum::Json(Department::of(made))))
}

/// List departments, oldest first.
#[utoipa::path(
    get,
    path = "/v1/departments",
    tag = "members",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Department>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn departments(
    caller: Caller<MembersRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Department>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = members::departments(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Department::of)))
}

/// Call a department something else.
#[utoipa::path(
    patch,
    path = "/v1/departments/{id}",
    tag = "members",
    params(("id" = String, Path, pattern = "^dep_[0-9a-f]{32}$")),
    request_body = Named,
    responses((status = 200, description = "As it is now", body = Department), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn rename_department(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<DepartmentId>,
    Json(new): Json<Named>,
) -> Result<axum::Json<Department>, Problem> {
    let renamed = members::rename_department(&api.app, live::tenant(&caller)?, id, &new.name).await?;
    Ok(axum::Json(Department::of(renamed)))
}

impl From<MemberError> for Problem {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotFound => Self::not_found(),
            MemberError::UnknownDepartment => Self::invalid("unknown_department", error),
            MemberError::Name => Self::invalid("invalid_name", error),
            MemberError::NameTaken => Self::conflict("name_taken", error),
            MemberError::RoleTooHigh => Self::new(StatusCode::FORBIDDEN, "role_too_high", "Not allowed", error),
            MemberError::Capacity | MemberError::Accounts => Self::invalid("out_of_range", error),
            MemberError::UnknownRole => Self::invalid("unknown_role", error),
            MemberError::MayDoEverything => Self::conflict("may_do_everything", error),
            MemberError::UnknownAccount(_) => Self::invalid("unknown_account", error),
            MemberError::Email => Self::invalid("invalid_email", error),
            MemberError::EmailTaken => Self::conflict("email_taken", error),
            MemberError::Store(error) => error.into(),
        }
    }
}
