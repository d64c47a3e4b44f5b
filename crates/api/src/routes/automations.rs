//! Automations: rules that act on what happens in conversations, what they would do, and what they did.

mod runs;
mod view;

use axum::{extract::State, http::StatusCode};
use postroad_app::automations::{self, AutomationChange, AutomationError, NewAutomation as New, Trial};
use postroad_core::{
    ids::{AutomationId, ConversationId, MessageId},
    scope::Scope,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{AutomationsRead, AutomationsWrite, Caller},
    extract::{Json, Path, Query},
    problem::{Conflicts, DefinitionFault, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
};
use view::{Automation, Tried};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update, delete))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(test))
        .merge(runs::routes())
}

/// A rule to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Greeting", "enabled": true, "definition": {
    "trigger": {"inbound_message": {}},
    "conditions": {"first": "in_conversation"},
    "actions": [{"reply": {"text": "Hello {{contact.first_name|there}}, how can we help?"}}]}})))]
struct NewAutomation {
    /// No other automation has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Trigger, conditions and actions: see the guide on automations.
    #[schema(value_type = Object)]
    definition: Value,
    /// Off: it is kept and does nothing.
    #[serde(default)]
    enabled: bool,
}

/// Keep a rule, checked as a whole.
///
/// One that says something to people needs `messages:send`, too.
#[utoipa::path(
    post,
    path = "/v1/automations",
    tag = "automations",
    request_body = NewAutomation,
    responses((status = 201, description = "Made", body = Automation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<AutomationsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewAutomation>,
) -> Result<(StatusCode, axum::Json<Automation>), Problem> {
    let tenant = live::tenant(&caller)?;
    may_speak(&caller, Some(&new.definition))?;
    let new = New { name: new.name, definition: new.definition, enabled: new.enabled };
    let made = automations::create(&api.app, caller.actor(), tenant, new).await?;
    Ok((StatusCode::CREATED, axum::Json(Automation::of(made))))
}

/// Whoever makes a rule that says something to people may do so without a rule, too.
fn may_speak(caller: &Caller<AutomationsWrite>, definition: Option<&Value>) -> Result<(), Problem> {
    if definition.is_some_and(automations::speaks) { caller.require(Scope::MessagesSend) } else { Ok(()) }
}

/// List automations, oldest first: in this order they answer the same event.
#[utoipa::path(
    get,
    path = "/v1/automations",
    tag = "automations",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Automation>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<AutomationsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Automation>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = automations::list(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Automation::of)))
}

/// Show an automation.
#[utoipa::path(
    get,
    path = "/v1/automations/{id}",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is", body = Automation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<AutomationsRead>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
) -> Result<axum::Json<Automation>, Problem> {
    Ok(axum::Json(Automation::of(automations::get(&api.app, live::tenant(&caller)?, id).await?)))
}

/// What changes of a rule. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AutomationChange, examples(json!({"name": "Greeting at night"})))]
struct Changed {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// A new version. Runs that have begun keep theirs.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
}

/// Change an automation.
#[utoipa::path(
    patch,
    path = "/v1/automations/{id}",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    request_body = Changed,
    responses((status = 200, description = "As it is now", body = Automation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<AutomationsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
    Json(wanted): Json<Changed>,
) -> Result<axum::Json<Automation>, Problem> {
    may_speak(&caller, wanted.definition.as_ref())?;
    let change = AutomationChange { name: wanted.name, definition: wanted.definition, enabled: None };
    change_it(&api, &caller, id, change).await
}

/// Switch an automation on: from now on it acts.
#[utoipa::path(
    post,
    path = "/v1/automations/{id}/enable",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    responses((status = 200, description = "It is on", body = Automation), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn enable(
    caller: Caller<AutomationsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
) -> Result<axum::Json<Automation>, Problem> {
    switch(&api, &caller, id, true).await
}

/// Switch an automation off. Its runs that have not ended stop where they are.
#[utoipa::path(
    post,
    path = "/v1/automations/{id}/disable",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    responses((status = 200, description = "It is off", body = Automation), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn disable(
    caller: Caller<AutomationsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
) -> Result<axum::Json<Automation>, Problem> {
    switch(&api, &caller, id, false).await
}

async fn switch(
    api: &ApiState,
    caller: &Caller<AutomationsWrite>,
    id: AutomationId,
    on: bool,
) -> Result<axum::Json<Automation>, Problem> {
    change_it(api, caller, id, AutomationChange { enabled: Some(on), ..AutomationChange::default() }).await
}

async fn change_it(
    api: &ApiState,
    caller: &Caller<AutomationsWrite>,
    id: AutomationId,
    change: AutomationChange,
) -> Result<axum::Json<Automation>, Problem> {
    let tenant = live::tenant(caller)?;
    let changed = automations::update(&api.app, caller.actor(), (tenant, id), change).await?;
    Ok(axum::Json(Automation::of(changed)))
}

/// Take an automation away. Its runs that have not ended stop; what it did can be read for as long as any run.
#[utoipa::path(
    delete,
    path = "/v1/automations/{id}",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<AutomationsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
) -> Result<StatusCode, Problem> {
    automations::delete(&api.app, caller.actor(), (live::tenant(&caller)?, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// On what an automation is tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"conversation_id": "cnv_019f2b00000070008000000000000001",
                         "message_id": "msg_019f2b00000070008000000000000001"})))]
struct AutomationTest {
    #[schema(value_type = String, pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: ConversationId,
    /// What the person said there. Without: nothing was said, as at the time of a schedule.
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    message_id: Option<MessageId>,
    /// Instead of the one that is kept: a change before it is made.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
}

/// Show what an automation would do about a message of the past, step by step. Nothing is done.
///
/// What a step says and looks at is about the contact: it needs `conversations:read` and `contacts:read`, too.
#[utoipa::path(
    post,
    path = "/v1/automations/{id}/test",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$")),
    request_body = AutomationTest,
    responses((status = 200, description = "Every step in its order", body = Tried), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn test(
    caller: Caller<AutomationsRead>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
    Json(wanted): Json<AutomationTest>,
) -> Result<axum::Json<Tried>, Problem> {
    let tenant = live::tenant(&caller)?;
    about_people(&caller)?;
    let AutomationTest { conversation_id: conversation, message_id: message, definition } = wanted;
    let trial = Trial { automation: id, definition, conversation, message };
    Ok(axum::Json(Tried::of(automations::trial(&api.app, tenant, &trial).await?)))
}

/// What a step looked at, and what it says, is known to whoever may read conversations and contacts.
fn about_people(caller: &Caller<AutomationsRead>) -> Result<(), Problem> {
    caller.require(Scope::ConversationsRead)?;
    caller.require(Scope::ContactsRead)
}

impl From<AutomationError> for Problem {
    fn from(error: AutomationError) -> Self {
        match error {
            AutomationError::NotFound | AutomationError::UnknownRun => Self::not_found(),
            AutomationError::UnknownConversation => Self::invalid("unknown_conversation", error),
            AutomationError::UnknownMessage(_) => Self::invalid("unknown_message", error),
            AutomationError::Name => Self::invalid("invalid_name", error),
            AutomationError::NameTaken => Self::conflict("name_taken", error),
            AutomationError::TooManyEnabled => Self::conflict("too_many_automations", error),
            AutomationError::Hours => Self::invalid("invalid_hours", error),
            AutomationError::Faults(ref faults) => {
                let told = faults.iter().map(DefinitionFault::of).collect();
                Self::invalid("invalid_definition", &error).with_faults(told)
            }
            AutomationError::Store(error) => error.into(),
        }
    }
}
