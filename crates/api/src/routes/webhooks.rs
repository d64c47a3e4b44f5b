//! What providers tell us. Verified, stored, answered; what it means is read later.

mod integrations;
mod twilio;

use axum::{
    body::Body,
    extract::{OriginalUri, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_app::ingest::{IngestError, NotStored, Post, Taken};
use postroad_core::{limits::WEBHOOK_BYTES_MAX, provider::Provider};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    problem::{Body as ProblemBody, Problem, Unavailable},
    state::adapter,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(meta_asks, meta_tells))
        .routes(routes!(whatsapp_asks, whatsapp_tells))
        .merge(twilio::routes())
        .merge(integrations::routes())
}

/// Adapters whose webhooks come to Meta's address.
const META: &[&str] = &["whatsapp_cloud"];
const META_WHATSAPP: &[&str] = &["whatsapp_cloud"];

/// Meta asks whether the address is ours.
#[utoipa::path(
    get,
    path = "/webhooks/meta",
    tag = "webhooks",
    responses(
        (status = 200, description = "The challenge, for whoever knows a verify token", body = String, content_type = "text/plain"),
        (status = 403, description = "The token is nobody's", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn meta_asks(State(api): State<ApiState>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    handshake(&api, META, query).await
}

/// Meta tells something.
#[utoipa::path(
    post,
    path = "/webhooks/meta",
    tag = "webhooks",
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "It is stored"),
        (status = 403, description = "No account's secret verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn meta_tells(
    State(api): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    take(&api, META, &uri, &headers, body).await
}

/// Meta asks whether the address of WhatsApp is ours.
#[utoipa::path(
    get,
    path = "/webhooks/meta/whatsapp",
    tag = "webhooks",
    responses(
        (status = 200, description = "The challenge, for whoever knows a verify token", body = String, content_type = "text/plain"),
        (status = 403, description = "The token is nobody's", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn whatsapp_asks(State(api): State<ApiState>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    handshake(&api, META_WHATSAPP, query).await
}

/// WhatsApp tells something.
#[utoipa::path(
    post,
    path = "/webhooks/meta/whatsapp",
    tag = "webhooks",
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 200, description = "It is stored"),
        (status = 403, description = "No account's secret verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn whatsapp_tells(
    State(api): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    take(&api, META_WHATSAPP, &uri, &headers, body).await
}

fn adapters(names: &[&str]) -> Vec<&'static dyn Provider> {
    names.iter().filter_map(|name| adapter(name)).collect()
}

async fn handshake(api: &ApiState, names: &[&str], query: Option<String>) -> Result<Response, Problem> {
    let challenge = api.ingest.handshake(&adapters(names), &query.unwrap_or_default()).await?;
    let challenge = challenge.ok_or_else(|| forbidden("the verify token is nobody's"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], challenge).into_response())
}

async fn take(
    api: &ApiState,
    names: &[&str],
    uri: &axum::http::Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = axum::body::to_bytes(body, WEBHOOK_BYTES_MAX).await.map_err(|_| too_large())?;
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let url = format!("{}{path}", api.settings.public_url);
    match api.ingest.take(&adapters(names), &Post { headers, url: &url, body: &body }).await? {
        Taken::Stored { .. } => Ok(StatusCode::OK),
        Taken::Forged => Err(not_believed()),
    }
}

/// The same whether there is no such account or its secret is another: nobody learns which accounts there are.
fn not_believed() -> Problem {
    forbidden("no account's secret verifies the signature")
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "bad_signature", "The sender is not believed", detail)
}

fn too_large() -> Problem {
    let detail = format_args!("the body has more than {WEBHOOK_BYTES_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large", detail)
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::NotStored(NotStored::Unavailable) => Self::unavailable(),
            IngestError::NotStored(NotStored::Failed) => Self::fault(),
            IngestError::Store(error) => error.into(),
        }
    }
}
