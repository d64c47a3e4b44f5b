//! Is it alive, does the database answer, what does it count.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState, metrics,
    problem::{Problem, Unavailable},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(health)).routes(routes!(health_db)).routes(routes!(metrics_text))
}

/// A process that answers.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// What this process does.
    #[schema(example = "all")]
    role: String,
    #[schema(value_type = String)]
    version: &'static str,
}

impl Health {
    fn of(api: &ApiState) -> axum::Json<Self> {
        axum::Json(Self { status: "ok", role: api.settings.role.clone(), version: env!("CARGO_PKG_VERSION") })
    }
}

/// The process answers.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "It does", body = Health)))]
async fn health(State(api): State<ApiState>) -> axum::Json<Health> {
    Health::of(&api)
}

/// The database answers.
#[utoipa::path(
    get,
    path = "/health/db",
    tag = "service",
    responses((status = 200, description = "It does", body = Health), Unavailable),
)]
async fn health_db(State(api): State<ApiState>) -> Result<axum::Json<Health>, Problem> {
    api.app.store.ping().await?;
    Ok(Health::of(&api))
}

/// What Prometheus reads.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses((status = 200, description = "The text exposition format", body = String, content_type = "text/plain")),
)]
async fn metrics_text() -> Result<Response, Problem> {
    let text = metrics::text().map_err(|error| Problem::internal(&error))?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
