//! What platforms without an adapter of their own tell: each account has an address and a secret of its own.

use axum::{
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, StatusCode},
};
use postroad_core::ids::AccountId;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{not_believed, take};
use crate::{
    ApiState,
    problem::{Body as ProblemBody, Problem, Unavailable},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(tells))
}

const GENERIC: &str = "generic";

/// A platform tells something, signed by Standard Webhooks. Once per `webhook-id`.
#[utoipa::path(
    post,
    path = "/integrations/{platform}/webhook/{account_id}",
    tag = "webhooks",
    params(
        ("platform" = String, Path, description = "As the account names it"),
        ("account_id" = String, Path, description = "The account"),
        ("webhook-id" = String, Header, description = "What the post goes by when it is repeated: 1 to 256 printable characters"),
        ("webhook-timestamp" = String, Header, description = "Seconds since 1970, at most 300 s off"),
        ("webhook-signature" = String, Header, description = "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`"),
    ),
    request_body(content = Object, content_type = "application/json", description = "One event: see the page of the provider"),
    responses(
        (status = 200, description = "It is stored"),
        (status = 403, description = "No account of this address has a secret that verifies it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        Unavailable,
    ),
)]
async fn tells(
    State(api): State<ApiState>,
    Path(place): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    place.1.parse::<AccountId>().map_err(|_| not_believed())?;
    take(&api, &[GENERIC], &uri, &headers, body).await
}
