//! Macros: steps that a member takes with one move, on one conversation or on many.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::macros::{self, Macro as Stored, MacroChange, MacroError, NewMacro as New, Wanted};
use postroad_core::{
    automation::Explained,
    ids::{ConversationId, MacroId, MemberId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        conversations, live,
        page::{self, Page, PageQuery},
    },
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(get, update, delete)).routes(routes!(bulk))
}

/// Steps to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Refund is done", "actions": [{"tag": {"add": ["refunded"]}}, {"status": {"to": "resolved"}}]})))]
struct NewMacro {
    /// No other macro has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Actions of automations, but for those that wait or say something to the person.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 100)]
    actions: Value,
}

/// Steps that a member takes with one move.
#[derive(Serialize, ToSchema)]
struct Macro {
    #[schema(pattern = "^mac_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(value_type = Vec<Object>)]
    actions: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Macro {
    fn of(stored: Stored) -> Self {
        let Stored { id, name, actions, created_at, updated_at } = stored;
        Self { id: id.to_string(), name, actions, created_at, updated_at }
    }
}

/// Keep steps under a name.
#[utoipa::path(
    post,
    path = "/v1/macros",
    tag = "conversations",
    request_body = NewMacro,
    responses((status = 201, description = "Made", body = Macro), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewMacro>,
) -> Result<(StatusCode, axum::Json<Macro>), Problem> {
    let new = New { name: new.name, actions: new.actions };
    let made = macros::create(&api.app, live::tenant(&caller)?, new).await?;
    Ok((StatusCode::CREATED, axum::Json(Macro::of(made))))
}

/// List macros, oldest first.
#[utoipa::path(
    get,
    path = "/v1/macros",
    tag = "conversations",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Macro>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Macro>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = macros::list(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Macro::of)))
}

/// Show a macro.
#[utoipa::path(
    get,
    path = "/v1/macros/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^mac_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is", body = Macro), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<MacroId>,
) -> Result<axum::Json<Macro>, Problem> {
    Ok(axum::Json(Macro::of(macros::get(&api.app, live::tenant(&caller)?, id).await?)))
}

/// What changes of a macro. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MacroChange, examples(json!({"name": "Refunded"})))]
struct Changed {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(value_type = Option<Vec<Object>>, min_items = 1, max_items = 100)]
    actions: Option<Value>,
}

/// Change a macro.
#[utoipa::path(
    patch,
    path = "/v1/macros/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^mac_[0-9a-f]{32}$")),
    request_body = Changed,
    responses((status = 200, description = "As it is now", body = Macro), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MacroId>,
    Json(wanted): Json<Changed>,
) -> Result<axum::Json<Macro>, Problem> {
    let change = MacroChange { name: wanted.name, actions: wanted.actions };
    Ok(axum::Json(Macro::of(macros::update(&api.app, live::tenant(&caller)?, id, change).await?)))
}

/// Take a macro away.
#[utoipa::path(
    delete,
    path = "/v1/macros/{id}",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^mac_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<MacroId>,
) -> Result<StatusCode, Problem> {
    macros::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is done to which conversations: a macro, or steps that are named here.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"conversation_ids": ["cnv_019f2b00000070008000000000000001"], "actions": [{"status": {"to": "resolved"}}]})))]
struct BulkAction {
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 200)]
    conversation_ids: Vec<ConversationId>,
    #[schema(value_type = Option<String>, pattern = "^mac_[0-9a-f]{32}$")]
    macro_id: Option<MacroId>,
    #[schema(value_type = Option<Vec<Object>>, min_items = 1, max_items = 100)]
    actions: Option<Value>,
    /// In whose name.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

/// What became of each conversation, in the order of the request.
#[derive(Serialize, ToSchema)]
struct BulkDone {
    done: usize,
    failed: usize,
    results: Vec<BulkResult>,
}

/// What became of one conversation: all steps were taken, or none.
#[derive(Serialize, ToSchema)]
struct BulkResult {
    #[schema(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: String,
    /// Of those that were taken: each with a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    steps: Option<Vec<Explained>>,
    /// Why none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[a-z][a-z0-9_]*$")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl BulkResult {
    fn of(id: ConversationId, outcome: Result<Vec<Explained>, MacroError>) -> Self {
        let conversation_id = id.to_string();
        match outcome {
            Ok(steps) => Self { conversation_id, steps: Some(steps), code: None, detail: None },
            Err(error) => {
                let detail = error.to_string();
                let code = Problem::from(error).code();
                Self { conversation_id, steps: None, code: Some(code), detail: Some(detail) }
            }
        }
    }
}

/// Take the steps of a macro, or others, on up to 200 conversations.
///
/// On each conversation all of them are taken, or none; one that fails keeps no other from it.
#[utoipa::path(
    post,
    path = "/v1/conversations/bulk",
    tag = "conversations",
    request_body = BulkAction,
    responses((status = 200, description = "What became of each", body = BulkDone), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn bulk(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(wanted): Json<BulkAction>,
) -> Result<axum::Json<BulkDone>, Problem> {
    let by = conversations::by(&caller, wanted.member_id)?;
    let steps = match (wanted.macro_id, wanted.actions) {
        (Some(id), None) => Wanted::Kept(id),
        (None, Some(actions)) => Wanted::Steps(actions),
        _ => return Err(Problem::invalid("invalid_bulk", "name either a macro_id or actions")),
    };
    let outcomes = macros::apply(&api.app, by, &steps, &wanted.conversation_ids).await?;
    let results: Vec<BulkResult> =
        wanted.conversation_ids.iter().zip(outcomes).map(|(id, outcome)| BulkResult::of(*id, outcome)).collect();
    let done = results.iter().filter(|result| result.code.is_none()).count();
    Ok(axum::Json(BulkDone { done, failed: results.len() - done, results }))
}

impl From<MacroError> for Problem {
    fn from(error: MacroError) -> Self {
        match error {
            MacroError::NotFound => Self::not_found(),
            MacroError::Name => Self::invalid("invalid_name", error),
            MacroError::NameTaken => Self::conflict("name_taken", error),
            MacroError::NotInMacros(_) => Self::invalid("not_in_macros", error),
            MacroError::Undone { .. } => Self::conflict("step_undone", error),
            MacroError::TooMany(_) => Self::invalid("out_of_range", error),
            MacroError::Automation(error) => error.into(),
            MacroError::Conversation(error) => error.into(),
            MacroError::Store(error) => error.into(),
        }
    }
}
