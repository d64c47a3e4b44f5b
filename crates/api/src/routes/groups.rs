//! Groups: people whom somebody put together.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::groups::{self, Group as Stored, GroupError, Member as StoredMember, People as Joining};
use postroad_core::ids::{ContactId, GroupId, SegmentId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live, messages,
        page::{self, Page, PageQuery},
    },
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update, delete))
        .routes(routes!(members, add))
        .routes(routes!(remove))
}

/// What a group is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupName, examples(json!({"name": "Press"})))]
struct Named {
    /// No other group has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// People whom somebody put together.
#[derive(Serialize, ToSchema)]
struct Group {
    #[schema(pattern = "^grp_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(minimum = 0)]
    members: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Group {
    fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            name: stored.name,
            members: stored.members,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// Make an empty group.
#[utoipa::path(
    post,
    path = "/v1/groups",
    tag = "groups",
    request_body = Named,
    responses((status = 201, description = "Made", body = Group), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<Named>,
) -> Result<Response, Problem> {
    live::tenant(&caller)?;
    let answer = groups::create_once(&api.app, caller.call(), &new.name, Group::of).await?;
    Ok(messages::answered(answer))
}

/// List groups, oldest first.
#[utoipa::path(
    get,
    path = "/v1/groups",
    tag = "groups",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Group>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Group>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<GroupId> = page::parse("after", query.after.as_deref())?;
    let rows = groups::list(&api.app, tenant, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Group::of)))
}

/// One group.
#[utoipa::path(
    get,
    path = "/v1/groups/{id}",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The group", body = Group), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
) -> Result<axum::Json<Group>, Problem> {
    let group = groups::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Group::of(group)))
}

/// Call a group something else.
#[utoipa::path(
    patch,
    path = "/v1/groups/{id}",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$")),
    request_body = Named,
    responses((status = 200, description = "As it is now", body = Group), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
    Json(change): Json<Named>,
) -> Result<axum::Json<Group>, Problem> {
    let group = groups::rename(&api.app, live::tenant(&caller)?, id, &change.name).await?;
    Ok(axum::Json(Group::of(group)))
}

/// Take a group away, unless a segment or a campaign names it. Its members stay contacts.
#[utoipa::path(
    delete,
    path = "/v1/groups/{id}",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
) -> Result<StatusCode, Problem> {
    groups::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupMember)]
struct Member {
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    added_at: DateTime<Utc>,
}

impl Member {
    fn of(stored: StoredMember) -> Self {
        Self { contact_id: stored.contact.to_string(), added_at: stored.added_at }
    }
}

/// List members, by the ids of their contacts.
#[utoipa::path(
    get,
    path = "/v1/groups/{id}/members",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Member>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn members(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Member>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<ContactId> = page::parse("after", query.after.as_deref())?;
    let rows = groups::members(&api.app, tenant, id, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.contact.to_string(), Member::of)))
}

/// Who joins or leaves: exactly one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupPeople, examples(json!({"segment_id": "seg_019f2b00000070008000000000000001"})))]
struct People {
    /// Who does not exist is left out.
    #[schema(value_type = Option<Vec<String>>, max_items = 1000)]
    contact_ids: Option<Vec<ContactId>>,
    /// Whom it means at this moment, up to 100,000 people.
    #[schema(value_type = Option<String>, pattern = "^seg_[0-9a-f]{32}$")]
    segment_id: Option<SegmentId>,
}

impl People {
    fn into_joining(self) -> Result<Joining, Problem> {
        match (self.contact_ids, self.segment_id) {
            (Some(ids), None) => Ok(Joining::Contacts(ids)),
            (None, Some(id)) => Ok(Joining::Segment(id)),
            _ => Err(Problem::invalid("invalid_audience", "name either contact_ids or a segment_id")),
        }
    }
}

/// How many memberships there are more, or fewer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupChanged)]
struct Changed {
    #[schema(minimum = 0)]
    changed: u64,
}

/// Make people members. Who is one already stays one.
#[utoipa::path(
    post,
    path = "/v1/groups/{id}/members",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$")),
    request_body = People,
    responses((status = 200, description = "How many joined", body = Changed), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn add(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
    Json(people): Json<People>,
) -> Result<axum::Json<Changed>, Problem> {
    let changed = groups::add(&api.app, live::tenant(&caller)?, id, &people.into_joining()?).await?;
    Ok(axum::Json(Changed { changed }))
}

/// End memberships.
#[utoipa::path(
    post,
    path = "/v1/groups/{id}/members/remove",
    tag = "groups",
    params(("id" = String, Path, pattern = "^grp_[0-9a-f]{32}$")),
    request_body = People,
    responses((status = 200, description = "How many left", body = Changed), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn remove(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<GroupId>,
    Json(people): Json<People>,
) -> Result<axum::Json<Changed>, Problem> {
    let changed = groups::remove(&api.app, live::tenant(&caller)?, id, &people.into_joining()?).await?;
    Ok(axum::Json(Changed { changed }))
}

impl From<GroupError> for Problem {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::NotFound => Self::not_found(),
            GroupError::Name => Self::invalid("invalid_name", error),
            GroupError::NameTaken => Self::conflict("name_taken", error),
            GroupError::InUse => Self::conflict("in_use", error),
            GroupError::TooMany => Self::invalid("batch_size", error),
            GroupError::SegmentTooLarge { .. } => Self::invalid("segment_too_large", error),
            GroupError::Audience(error) => error.into(),
            GroupError::Once(error) => error.into(),
            GroupError::Store(error) => error.into(),
        }
    }
}
