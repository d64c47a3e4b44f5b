//! Message templates.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::templates::{self, Filter, TemplateError, TemplateUpdate};
use postroad_core::{
    ids::{AccountId, TemplateId},
    template::{TemplateCategory, TemplateStatus},
};
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

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(get, update)).routes(routes!(preview))
}

/// A template to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"account_id": "acc_019f2b00000070008000000000000001", "name": "spring_offer", "language": "en_US",
    "category": "marketing", "body": "Hi {{1}}, {{2}} off until Sunday.", "status": "approved"})))]
#[schema(as = TemplateRegistration)]
struct NewTemplate {
    #[schema(value_type = String, pattern = "^acc_[0-9a-f]{32}$")]
    account_id: AccountId,
    /// As the provider knows it.
    #[schema(min_length = 1, max_length = 512)]
    name: String,
    /// As the provider spells it.
    #[schema(min_length = 2, max_length = 15, example = "en_US")]
    language: String,
    #[schema(value_type = TemplateCategoryWord)]
    category: TemplateCategory,
    /// With placeholders `{{1}}` to `{{10}}`, numbered without gaps.
    #[schema(min_length = 1, max_length = 4096)]
    body: String,
    /// `approved` for one that the provider has approved already. Absent: `draft`.
    #[schema(value_type = Option<TemplateStatusWord>)]
    status: Option<TemplateStatus>,
    /// The provider's id.
    #[schema(min_length = 1, max_length = 200)]
    provider_ref: Option<String>,
}

/// A template in one language.
#[derive(Debug, Serialize, ToSchema)]
struct Template {
    #[schema(pattern = "^tpl_[0-9a-f]{32}$")]
    id: String,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    name: String,
    language: String,
    #[schema(value_type = TemplateCategoryWord)]
    category: &'static str,
    #[schema(value_type = TemplateStatusWord)]
    status: &'static str,
    /// What the provider says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    body: String,
    /// Values the body needs.
    #[schema(minimum = 0, maximum = 10)]
    placeholders: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_ref: Option<String>,
    /// When the provider last said something about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Template {
    fn of(template: templates::Template) -> Self {
        Self {
            id: template.id.to_string(),
            account_id: template.account.to_string(),
            name: template.name,
            language: template.language,
            category: template.category.as_str(),
            status: template.status.as_str(),
            status_reason: template.status_reason,
            body: template.body,
            placeholders: template.placeholders,
            provider_ref: template.provider_ref,
            synced_at: template.synced_at,
            created_at: template.created_at,
            updated_at: template.updated_at,
        }
    }
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
    let new = templates::NewTemplate {
        account: new.account_id,
        name: new.name,
        language: new.language,
        category: new.category,
        body: new.body,
        status: new.status.unwrap_or(TemplateStatus::Draft),
        provider_ref: new.provider_ref,
    };
    let template = templates::create(&api.app, tenant, new).await?;
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

/// What changes of a template; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateChange {
    #[schema(value_type = Option<TemplateCategoryWord>)]
    category: Option<TemplateCategory>,
    /// What the provider says, when it cannot say so itself.
    #[schema(value_type = Option<TemplateStatusWord>)]
    status: Option<TemplateStatus>,
    /// Of a draft or a rejected one only.
    #[schema(min_length = 1, max_length = 4096)]
    body: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    provider_ref: Option<String>,
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
    let change = TemplateUpdate {
        category: change.category,
        status: change.status,
        body: change.body,
        provider_ref: change.provider_ref,
    };
    let template = templates::update(&api.app, live::tenant(&caller)?, id, change).await?;
    Ok(axum::Json(Template::of(template)))
}

/// Values for a preview.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplateValues)]
struct Values {
    /// The first is for `{{1}}`.
    #[schema(max_items = 10)]
    values: Vec<String>,
}

/// A filled-in text.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateText)]
struct Text {
    text: String,
}

/// Fill in a template.
#[utoipa::path(
    post,
    path = "/v1/templates/{id}/preview",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    request_body = Values,
    responses((status = 200, description = "As a person would read it", body = Text), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<TemplatesRead>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
    Json(values): Json<Values>,
) -> Result<axum::Json<Text>, Problem> {
    let text = templates::preview(&api.app, live::tenant(&caller)?, id, &values.values).await?;
    Ok(axum::Json(Text { text }))
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::NotFound => Self::not_found(),
            TemplateError::Taken => Self::conflict("template_exists", error),
            TemplateError::BodyIsFixed(_) => Self::conflict("body_is_fixed", error),
            TemplateError::UnknownAccount => Self::invalid("unknown_account", error),
            TemplateError::Name => Self::invalid("invalid_name", error),
            TemplateError::Language(_) => Self::invalid("invalid_language", error),
            TemplateError::ProviderRef => Self::invalid("invalid_provider_ref", error),
            TemplateError::BodyLength => Self::invalid("invalid_body", error),
            TemplateError::Body(error) => Self::invalid("template_parameters", error),
            TemplateError::Store(error) => error.into(),
        }
    }
}
