//! Quick replies: texts that members answer with often.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::quick_replies::{self, Listed, QuickReply as Stored, QuickReplyError, Saying};
use postroad_core::ids::{AttachmentId, DepartmentId, QuickReplyId};
use serde::{Deserialize, Serialize};
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
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(get, update, delete)).routes(routes!(preview))
}

/// What a quick reply says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"shortcut": "refund", "body": "Hello {{contact.first_name|there}}, your refund is on its way."})))]
struct NewQuickReply {
    /// By which members find it; no other quick reply has it.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,49}$")]
    shortcut: String,
    /// Placeholders: `{{contact.first_name}}`, `{{contact.name}}`, `{{contact.language}}`, `{{contact.attribute.NAME}}`, each with
    /// an optional fallback behind a bar.
    #[schema(min_length = 1, max_length = 4096)]
    body: String,
    /// Whose it is. Absent: everybody's.
    #[schema(value_type = Option<String>, pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<DepartmentId>,
    /// A stored file that goes with it.
    #[schema(value_type = Option<String>, pattern = "^att_[0-9a-f]{32}$")]
    attachment_id: Option<AttachmentId>,
}

impl From<NewQuickReply> for Saying {
    fn from(new: NewQuickReply) -> Self {
        let NewQuickReply { shortcut, body, department_id, attachment_id } = new;
        Self { shortcut, body, department: department_id, attachment: attachment_id }
    }
}

/// A text that members answer with often.
#[derive(Serialize, ToSchema)]
struct QuickReply {
    #[schema(pattern = "^qrp_[0-9a-f]{32}$")]
    id: String,
    shortcut: String,
    body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    department_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl QuickReply {
    fn of(stored: Stored) -> Self {
        let Stored { id, shortcut, body, department, attachment, created_at, updated_at } = stored;
        Self {
            id: id.to_string(),
            shortcut,
            body,
            department_id: department.map(|id| id.to_string()),
            attachment_id: attachment.map(|id| id.to_string()),
            created_at,
            updated_at,
        }
    }
}

/// Make a quick reply.
#[utoipa::path(
    post,
    path = "/v1/quick-replies",
    tag = "quick-replies",
    request_body = NewQuickReply,
    responses((status = 201, description = "Made", body = QuickReply), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewQuickReply>,
) -> Result<(StatusCode, axum::Json<QuickReply>), Problem> {
    let made = quick_replies::create(&api.app, live::tenant(&caller)?, new.into()).await?;
    Ok((StatusCode::CREATED, axum::Json(QuickReply::of(made))))
}

/// Which quick replies.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Quick replies of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 50)]
    after: Option<String>,
    /// Shortcuts that begin so: what a member has typed.
    #[param(max_length = 50)]
    shortcut: Option<String>,
    /// Those of the department, and everybody's.
    #[param(pattern = "^dep_[0-9a-f]{32}$")]
    department_id: Option<String>,
}

/// List quick replies, by shortcut.
#[utoipa::path(
    get,
    path = "/v1/quick-replies",
    tag = "quick-replies",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<QuickReply>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<QuickReply>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let department = page::parse("department_id", query.department_id.as_deref())?;
    let wanted = Listed { only: None, beginning: query.shortcut, department, after: query.after, limit: limit + 1 };
    let rows = quick_replies::list(&api.app, tenant, &wanted).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.shortcut.clone(), QuickReply::of)))
}

/// One quick reply.
#[utoipa::path(
    get,
    path = "/v1/quick-replies/{id}",
    tag = "quick-replies",
    params(("id" = String, Path, pattern = "^qrp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The quick reply", body = QuickReply), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<QuickReplyId>,
) -> Result<axum::Json<QuickReply>, Problem> {
    Ok(axum::Json(QuickReply::of(quick_replies::get(&api.app, live::tenant(&caller)?, id).await?)))
}

/// Replace what a quick reply says.
#[utoipa::path(
    put,
    path = "/v1/quick-replies/{id}",
    tag = "quick-replies",
    params(("id" = String, Path, pattern = "^qrp_[0-9a-f]{32}$")),
    request_body = NewQuickReply,
    responses((status = 200, description = "As it is now", body = QuickReply), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<QuickReplyId>,
    Json(new): Json<NewQuickReply>,
) -> Result<axum::Json<QuickReply>, Problem> {
    let changed = quick_replies::update(&api.app, live::tenant(&caller)?, id, new.into()).await?;
    Ok(axum::Json(QuickReply::of(changed)))
}

/// Take a quick reply away.
#[utoipa::path(
    delete,
    path = "/v1/quick-replies/{id}",
    tag = "quick-replies",
    params(("id" = String, Path, pattern = "^qrp_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<QuickReplyId>,
) -> Result<StatusCode, Problem> {
    quick_replies::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// For whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    /// The conversation whose person would read it.
    #[param(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation: String,
}

/// A quick reply as one person would read it.
#[derive(Serialize, ToSchema)]
struct FilledQuickReply {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<String>,
}

/// See a quick reply as the person of a conversation would read it. Nothing is sent.
#[utoipa::path(
    get,
    path = "/v1/quick-replies/{id}/preview",
    tag = "quick-replies",
    params(("id" = String, Path, pattern = "^qrp_[0-9a-f]{32}$"), PreviewQuery),
    responses((status = 200, description = "The text", body = FilledQuickReply), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<QuickReplyId>,
    Query(query): Query<PreviewQuery>,
) -> Result<axum::Json<FilledQuickReply>, Problem> {
    let tenant = live::tenant(&caller)?;
    let conversation = page::parse("conversation", Some(&query.conversation))?.ok_or_else(Problem::not_found)?;
    let (reply, text) = quick_replies::preview(&api.app, tenant, id, conversation).await?;
    Ok(axum::Json(FilledQuickReply { text, attachment_id: reply.attachment.map(|id| id.to_string()) }))
}

impl From<QuickReplyError> for Problem {
    fn from(error: QuickReplyError) -> Self {
        use QuickReplyError as E;
        match error {
            E::NotFound => Self::not_found(),
            E::UnknownConversation => Self::invalid("unknown_conversation", error),
            E::Shortcut => Self::invalid("invalid_shortcut", error),
            E::ShortcutTaken => Self::conflict("shortcut_taken", error),
            E::Body => Self::invalid("invalid_text", error),
            E::Placeholder(_) => Self::invalid("invalid_placeholder", error),
            E::UnknownDepartment => Self::invalid("unknown_department", error),
            E::UnknownAttachment => Self::invalid("unknown_attachment", error),
            E::TooMany => Self::conflict("too_many", error),
            E::Store(error) => error.into(),
        }
    }
}
