//! Message templates: registered, submitted to whoever approves them, listed there, shown to somebody, deleted.

mod preview;
mod view;

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::{
    patch::Patch,
    templates::{self, Filter, TemplateError, TemplateUpdate, listing, review},
};
use postroad_core::{
    ids::{AccountId, TemplateId},
    template::{PartError, TemplateCategory, TemplateStatus},
};
use postroad_providers::reviews_templates;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TemplatesRead, TemplatesWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::{TemplateCategoryWord, TemplateStatusWord},
};

use view::{NewTemplate, Template};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update, delete))
        .routes(routes!(submit))
        .routes(routes!(sync))
        .merge(preview::routes())
}

/// Register a template.
#[utoipa::path(
    post,
    path = "/v1/templates",
    tag = "templates",
    request_body = NewTemplate,
    responses((status = 201, description = "Registered", body = Template), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<TemplatesWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewTemplate>,
) -> Result<(StatusCode, axum::Json<Template>), Problem> {
    let tenant = live::tenant(&caller)?;
    let template = templates::create(&api.app, tenant, new.into_new(), reviews_templates).await?;
    Ok((StatusCode::CREATED, axum::Json(Template::of(template))))
}

/// Which templates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Templates of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^tpl_[0-9a-f]{32}$")]
    after: Option<String>,
    #[param(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: Option<String>,
    #[param(value_type = Option<TemplateStatusWord>)]
    status: Option<String>,
    /// The whole name: the languages of one template.
    #[param(min_length = 1, max_length = 512)]
    name: Option<String>,
}

/// List templates, oldest first.
#[utoipa::path(
    get,
    path = "/v1/templates",
    tag = "templates",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Template>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<TemplatesRead>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Template>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let filter = Filter {
        account: page::parse("account_id", query.account_id.as_deref())?,
        status: page::parse("status", query.status.as_deref())?,
        name: query.name,
        after: page::parse("after", query.after.as_deref())?,
        limit: limit + 1,
    };
    let rows = templates::list(&api.app, tenant, &filter).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Template::of)))
}

/// One template.
#[utoipa::path(
    get,
    path = "/v1/templates/{id}",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    responses((status = 200, description = "The template", body = Template), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<TemplatesRead>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
) -> Result<axum::Json<Template>, Problem> {
    let template = templates::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Template::of(template)))
}

/// What changes of a template; what is absent stays, what is null goes. Where somebody approves templates, body, header,
/// footer and buttons change of a draft or a rejected one only.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateChange {
    #[schema(value_type = Option<TemplateCategoryWord>)]
    category: Option<TemplateCategory>,
    /// What the provider says, when it cannot say so itself.
    #[schema(value_type = Option<TemplateStatusWord>)]
    status: Option<TemplateStatus>,
    #[schema(min_length = 1, max_length = 4096)]
    body: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 60)]
    header: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 60)]
    footer: Patch<String>,
    #[schema(max_items = 10)]
    buttons: Option<Vec<String>>,
    /// One per placeholder, or none.
    #[schema(max_items = 10)]
    samples: Option<Vec<String>>,
    #[schema(min_length = 1, max_length = 200)]
    provider_ref: Option<String>,
}

impl From<TemplateChange> for TemplateUpdate {
    fn from(change: TemplateChange) -> Self {
        Self {
            category: change.category,
            status: change.status,
            body: change.body,
            header: change.header,
            footer: change.footer,
            buttons: change.buttons,
            samples: change.samples,
            provider_ref: change.provider_ref,
        }
    }
}

/// Change a template. What waited for its approval is due now.
#[utoipa::path(
    patch,
    path = "/v1/templates/{id}",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    request_body = TemplateChange,
    responses((status = 200, description = "As it is now", body = Template), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<TemplatesWrite>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
    Json(change): Json<TemplateChange>,
) -> Result<axum::Json<Template>, Problem> {
    let tenant = live::tenant(&caller)?;
    let template = templates::update(&api.app, tenant, id, change.into(), reviews_templates).await?;
    Ok(axum::Json(Template::of(template)))
}

/// Delete a template, also at a provider that has it. What waits for it is refused.
#[utoipa::path(
    delete,
    path = "/v1/templates/{id}",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    responses((status = 204, description = "Nothing is sent with it any more"), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<TemplatesWrite>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
) -> Result<StatusCode, Problem> {
    review::delete(&api.app, live::tenant(&caller)?, id, reviews_templates).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask the provider to approve a draft, or a rejected template again. Its answer comes later, as a status.
#[utoipa::path(
    post,
    path = "/v1/templates/{id}/submit",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    responses((status = 202, description = "It will be put before the provider", body = Template), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn submit(
    caller: Caller<TemplatesWrite>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
) -> Result<(StatusCode, axum::Json<Template>), Problem> {
    let template = review::submit(&api.app, live::tenant(&caller)?, id, reviews_templates).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Template::of(template))))
}

/// A listing that was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateSync)]
struct Sync {
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    /// Templates whose `synced_at` is not before this are as the provider has them.
    began_at: DateTime<Utc>,
}

/// Ask the provider for its templates: unknown ones appear here, known ones get their standing, those that are gone there
/// are marked `deleted`. Happens by itself every hour.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/templates/sync",
    tag = "templates",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    responses((status = 202, description = "The provider will be asked", body = Sync), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn sync(
    caller: Caller<TemplatesWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
) -> Result<(StatusCode, axum::Json<Sync>), Problem> {
    let began_at = listing::start(&api.app, live::tenant(&caller)?, id, reviews_templates).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Sync { account_id: id.to_string(), began_at })))
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::NotFound => Self::not_found(),
            TemplateError::Taken => Self::conflict("template_exists", error),
            TemplateError::BeingDeleted => Self::conflict("template_being_deleted", error),
            TemplateError::BodyIsFixed(_) => Self::conflict("body_is_fixed", error),
            TemplateError::NotSubmittable(status) => {
                Self::conflict("template_not_submittable", error).with_state(status.as_str())
            }
            TemplateError::NoReview { .. } => Self::conflict("no_approval_needed", error),
            TemplateError::InUse => Self::conflict("template_in_use", error),
            TemplateError::NoSamples { .. } => Self::invalid("samples_missing", error),
            TemplateError::UnknownAccount => Self::invalid("unknown_account", error),
            TemplateError::InboundOnly => Self::invalid("account_inbound_only", error),
            TemplateError::UnknownContact(_) => Self::invalid("unknown_contact", error),
            TemplateError::TooManyContacts(_) => Self::invalid("too_many_contacts", error),
            TemplateError::BadVariable => Self::invalid("invalid_variable", error),
            TemplateError::Name => Self::invalid("invalid_name", error),
            TemplateError::Language(_) => Self::invalid("invalid_language", error),
            TemplateError::ProviderRef => Self::invalid("invalid_provider_ref", error),
            TemplateError::BodyLength => Self::invalid("invalid_body", error),
            TemplateError::Body(error) => Self::invalid("template_parameters", error),
            TemplateError::Part(error) => error.into(),
            TemplateError::Store(error) => error.into(),
        }
    }
}

impl From<PartError> for Problem {
    fn from(error: PartError) -> Self {
        let code = match &error {
            PartError::Header => "invalid_header",
            PartError::Footer => "invalid_footer",
            PartError::TooManyButtons(_) | PartError::Button { .. } => "invalid_buttons",
            PartError::SampleCount { .. } | PartError::Sample { .. } => "invalid_samples",
        };
        Self::invalid(code, error)
    }
}
