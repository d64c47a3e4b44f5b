//! Endpoints: a tenant's own addresses that are told of what happens, and what was delivered to them.

mod deliveries;
mod view;

use axum::{extract::State, http::StatusCode};
use postroad_app::endpoints::{self, EndpointChange, EndpointError, NewEndpoint as New};
use postroad_core::{endpoint::EndpointEvent, ids::EndpointId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, WebhooksRead, WebhooksWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    schema::EndpointEventWord,
};
use view::{Endpoint, EndpointWithSecret};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update, delete))
        .routes(routes!(rotate_secret))
        .merge(deliveries::routes())
}

const fn yes() -> bool {
    true
}

/// An address to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Our CRM", "url": "https://hooks.example.com/postroad", "events": ["automation"]})))]
struct NewEndpoint {
    /// No other endpoint has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `https:`, on the public internet, on port 443, 8443 or 80; without a user name or password. The operator may allow more.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// What it is told of.
    #[schema(value_type = Vec<EndpointEventWord>, min_items = 1, max_items = 20)]
    events: Vec<EndpointEvent>,
    /// Off: nothing is delivered.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

/// Make an endpoint. The secret in the answer is never shown again.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints",
    tag = "webhook-endpoints",
    request_body = NewEndpoint,
    responses((status = 201, description = "Made", body = EndpointWithSecret), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewEndpoint>,
) -> Result<(StatusCode, axum::Json<EndpointWithSecret>), Problem> {
    let NewEndpoint { name, url, events, enabled } = new;
    let made = endpoints::create(&api.app, live::tenant(&caller)?, New { name, url, events, enabled }).await?;
    Ok((StatusCode::CREATED, axum::Json(EndpointWithSecret::of(made))))
}

/// List endpoints, newest first.
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints",
    tag = "webhook-endpoints",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Endpoint>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<WebhooksRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Endpoint>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = endpoints::list(&api.app, tenant, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Endpoint::of)))
}

/// One endpoint.
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints/{id}",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    responses((status = 200, description = "The endpoint", body = Endpoint), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<WebhooksRead>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
) -> Result<axum::Json<Endpoint>, Problem> {
    Ok(axum::Json(Endpoint::of(endpoints::get(&api.app, live::tenant(&caller)?, id).await?)))
}

/// What changes of an endpoint. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedEndpoint {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    #[schema(value_type = Option<Vec<EndpointEventWord>>, min_items = 1, max_items = 20)]
    events: Option<Vec<EndpointEvent>>,
    enabled: Option<bool>,
}

/// Change an endpoint. Deliveries that wait go to the new address.
#[utoipa::path(
    patch,
    path = "/v1/webhook-endpoints/{id}",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    request_body = ChangedEndpoint,
    responses((status = 200, description = "As it is now", body = Endpoint), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
    Json(change): Json<ChangedEndpoint>,
) -> Result<axum::Json<Endpoint>, Problem> {
    let ChangedEndpoint { name, url, events, enabled } = change;
    let change = EndpointChange { name, url, events, enabled };
    Ok(axum::Json(Endpoint::of(endpoints::update(&api.app, live::tenant(&caller)?, id, change).await?)))
}

/// Take an endpoint away, with all its deliveries.
#[utoipa::path(
    delete,
    path = "/v1/webhook-endpoints/{id}",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
) -> Result<StatusCode, Problem> {
    endpoints::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an endpoint a new secret. The one before signs beside it for 24 hours.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints/{id}/rotate-secret",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    responses((status = 200, description = "With its new secret", body = EndpointWithSecret), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn rotate_secret(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
) -> Result<axum::Json<EndpointWithSecret>, Problem> {
    let rotated = endpoints::rotate_secret(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(EndpointWithSecret::of(rotated)))
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        use EndpointError as E;
        match error {
            E::NotFound => Self::not_found(),
            E::UnknownDelivery => Self::invalid("unknown_delivery", error),
            E::Name => Self::invalid("invalid_name", error),
            E::NameTaken => Self::conflict("name_taken", error),
            E::Url(_) => Self::invalid("invalid_url", error),
            E::Events => Self::invalid("invalid_events", error),
            E::TooMany => Self::conflict("too_many", error),
            E::Off => Self::conflict("endpoint_off", error),
            E::Secret(error) => error.into(),
            E::Store(error) => error.into(),
        }
    }
}
