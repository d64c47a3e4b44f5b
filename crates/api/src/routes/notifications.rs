//! What members are told of in the application.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::notifications::{self, Listed, Mark, Notification as Stored, NotificationError};
use postroad_core::{
    ids::{ConversationId, MemberId, NotificationId},
    notification::NotificationKind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::NotificationKindWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read_all))
        .routes(routes!(preferences, prefer))
        .routes(routes!(mark, delete))
}

/// Whose notifications.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
    /// Only those that nobody looked at.
    unread: Option<bool>,
    /// Notifications of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
}

fn member(text: &str) -> Result<MemberId, Problem> {
    text.parse().map_err(|error| Problem::invalid("invalid_query", format_args!("member_id: {error}")))
}

/// Something that a member was told of.
#[derive(Serialize, ToSchema)]
struct Notification {
    #[schema(pattern = "^ntf_[0-9a-f]{32}$")]
    id: String,
    #[schema(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
    #[schema(value_type = NotificationKindWord)]
    kind: NotificationKind,
    /// What it says, without anything that somebody wrote.
    title: String,
    #[schema(value_type = Option<String>, pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: Option<ConversationId>,
    /// Who did it: `system`, `operator`, or the id of a member or of an API client.
    actor: String,
    data: Value,
    /// Where it leads, as a path of this API.
    action: Option<String>,
    /// How many things of its kind it stands for.
    #[schema(minimum = 1)]
    count: i32,
    created_at: DateTime<Utc>,
    /// When the last of them happened.
    last_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

impl Notification {
    fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            member_id: stored.member.to_string(),
            kind: stored.kind,
            title: stored.title,
            conversation_id: stored.conversation,
            actor: stored.actor,
            data: stored.data,
            action: stored.action,
            count: stored.count,
            created_at: stored.created_at,
            last_at: stored.last_at,
            read_at: stored.read_at,
        }
    }
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
struct Notifications {
    #[serde(flatten)]
    page: Page<Notification>,
    /// How many the member has not looked at; 1000 stands for that many or more.
    #[schema(minimum = 0, maximum = 1000)]
    unread: i64,
}

/// List what a member was told of, newest first.
#[utoipa::path(
    get,
    path = "/v1/notifications",
    tag = "notifications",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Notifications), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Notifications>, Problem> {
    let limit = page::limit(query.limit)?;
    let wanted = Listed {
        member: caller.speaks_as(member(&query.member_id)?)?,
        only_unread: query.unread.unwrap_or_default(),
        before: page::parse("after", query.after.as_deref())?,
        limit: limit + 1,
    };
    let (rows, unread) = notifications::list(&api.app, live::tenant(&caller)?, wanted).await?;
    let page = Page::of(rows, limit, |row| row.id.to_string(), Notification::of);
    Ok(axum::Json(Notifications { page, unread }))
}

/// What the member made of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationMark, examples(json!({"read": true})))]
struct Marked {
    read: bool,
}

/// Mark a notification as read or unread.
#[utoipa::path(
    patch,
    path = "/v1/notifications/{id}",
    tag = "notifications",
    params(("id" = String, Path, pattern = "^ntf_[0-9a-f]{32}$")),
    request_body = Marked,
    responses((status = 200, description = "As it is now", body = Notification), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn mark(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<NotificationId>,
    Json(new): Json<Marked>,
) -> Result<axum::Json<Notification>, Problem> {
    let mark = if new.read { Mark::Read } else { Mark::Unread };
    let marked = notifications::mark(&api.app, live::tenant(&caller)?, (caller.speaks_for(None)?, id), mark).await?;
    Ok(axum::Json(Notification::of(marked)))
}

/// Up to where a member has looked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationsRead, examples(json!({"member_id": "mem_019f2b00000070008000000000000003",
                                                 "up_to": "ntf_019f2b00000070008000000000000004"})))]
struct UpTo {
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: MemberId,
    /// The newest that the member has seen: what came since stays unread.
    #[schema(value_type = String, pattern = "^ntf_[0-9a-f]{32}$")]
    up_to: NotificationId,
}

/// How many were marked.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationsMarked)]
struct Count {
    #[schema(minimum = 0, maximum = 10000)]
    marked: u64,
}

/// Mark everything up to one notification as read.
///
/// At most 10,000; `marked` below that says that it was all.
#[utoipa::path(
    post,
    path = "/v1/notifications/read-all",
    tag = "notifications",
    request_body = UpTo,
    responses((status = 200, description = "Marked", body = Count), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn read_all(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<UpTo>,
) -> Result<axum::Json<Count>, Problem> {
    let tenant = live::tenant(&caller)?;
    let marked = notifications::mark_all(&api.app, tenant, caller.speaks_as(new.member_id)?, new.up_to).await?;
    Ok(axum::Json(Count { marked }))
}

/// Take a notification away.
#[utoipa::path(
    delete,
    path = "/v1/notifications/{id}",
    tag = "notifications",
    params(("id" = String, Path, pattern = "^ntf_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<NotificationId>,
) -> Result<StatusCode, Problem> {
    notifications::delete(&api.app, live::tenant(&caller)?, (caller.speaks_for(None)?, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a member wants to be told of a kind.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationPreference)]
struct Preference {
    #[schema(value_type = NotificationKindWord)]
    kind: NotificationKind,
    in_app: bool,
}

/// What a member wants to be told of.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationPreferences)]
struct Preferences {
    /// Every kind.
    preferences: Vec<Preference>,
}

impl Preferences {
    fn of(preferences: Vec<(NotificationKind, bool)>) -> axum::Json<Self> {
        let preferences = preferences.into_iter().map(|(kind, in_app)| Preference { kind, in_app }).collect();
        axum::Json(Self { preferences })
    }
}

/// Whose preferences.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
}

/// What a member wants to be told of.
#[utoipa::path(
    get,
    path = "/v1/notifications/preferences",
    tag = "notifications",
    params(Whose),
    responses((status = 200, description = "Every kind", body = Preferences), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preferences(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<Whose>,
) -> Result<axum::Json<Preferences>, Problem> {
    let member = caller.speaks_as(member(&query.member_id)?)?;
    Ok(Preferences::of(notifications::preferences(&api.app, live::tenant(&caller)?, member).await?))
}

/// What a member wants from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationWishes, examples(json!({"member_id": "mem_019f2b00000070008000000000000003",
                                                  "preferences": [{"kind": "new_message", "in_app": false}]})))]
struct Wishes {
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: MemberId,
    /// Kinds that are not named stay as they were.
    #[schema(max_items = 6)]
    preferences: Vec<Preference>,
}

/// Say what a member wants to be told of.
#[utoipa::path(
    put,
    path = "/v1/notifications/preferences",
    tag = "notifications",
    request_body = Wishes,
    responses((status = 200, description = "Every kind, as it is now", body = Preferences), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn prefer(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<Wishes>,
) -> Result<axum::Json<Preferences>, Problem> {
    let tenant = live::tenant(&caller)?;
    let wanted = wishes(&new.preferences)?;
    Ok(Preferences::of(notifications::prefer(&api.app, tenant, caller.speaks_as(new.member_id)?, &wanted).await?))
}

/// Each kind once: what would the second word mean?
fn wishes(said: &[Preference]) -> Result<Vec<(NotificationKind, bool)>, Problem> {
    let mut wanted: Vec<(NotificationKind, bool)> = said.iter().map(|one| (one.kind, one.in_app)).collect();
    wanted.sort_unstable();
    match wanted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(twice) => Err(Problem::invalid("named_twice", format_args!("{} is named twice", twice[0].0))),
        None => Ok(wanted),
    }
}

impl From<NotificationError> for Problem {
    fn from(error: NotificationError) -> Self {
        match error {
            NotificationError::NotFound => Self::not_found(),
            NotificationError::UnknownMember => Self::invalid("unknown_member", error),
            NotificationError::NewerThere => Self::conflict("newer_there", error),
            NotificationError::Store(error) => error.into(),
        }
    }
}
