//! What Twilio tells. Each message and each change of its status is a post of its own.

use axum::{
    body::Body,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::take;
use crate::{
    ApiState,
    problem::{Body as ProblemBody, Problem, Unavailable},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(sms)).routes(routes!(whatsapp)).routes(routes!(status))
}

const SMS: &str = "twilio_sms";
const WHATSAPP: &str = "twilio_whatsapp";
/// Instructions for what to answer with: nothing.
const NO_ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;

/// Somebody wrote an SMS.
#[utoipa::path(
    post,
    path = "/webhooks/twilio/sms",
    tag = "webhooks",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is stored, and nothing is to be answered", body = String, content_type = "text/xml"),
        (status = 403, description = "No account's secret verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn sms(
    State(api): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&api, &[SMS], &uri, &headers, body).await?;
    Ok(no_answer())
}

/// Somebody wrote on WhatsApp.
#[utoipa::path(
    post,
    path = "/webhooks/twilio/whatsapp",
    tag = "webhooks",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is stored, and nothing is to be answered", body = String, content_type = "text/xml"),
        (status = 403, description = "No account's secret verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn whatsapp(
    State(api): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&api, &[WHATSAPP], &uri, &headers, body).await?;
    Ok(no_answer())
}

/// What became of a message of ours, on either channel.
#[utoipa::path(
    post,
    path = "/webhooks/twilio/status",
    tag = "webhooks",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 204, description = "It is stored"),
        (status = 403, description = "No account's secret verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn status(
    State(api): State<ApiState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    take(&api, &[SMS, WHATSAPP], &uri, &headers, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_answer() -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], NO_ANSWER).into_response()
}
