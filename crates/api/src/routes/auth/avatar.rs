//! A picture of oneself.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_app::sign_in::{self, Avatar};
use postroad_core::{account::Pace, limits::AVATAR_BYTES_MAX};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Csrf;
use crate::{
    ApiState,
    problem::{Problem, SignInRefusals},
    sessions::SignedIn,
    signed,
};

/// Where one's own is read.
pub(super) const OWN: &str = "/v1/auth/me/avatar";

/// Pictures of one person: drawing one keeps a processor busy.
const PACE: Pace = Pace { per_s: 0.2, burst: 5 };

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(set, read, remove)).layer(DefaultBodyLimit::max(AVATAR_BYTES_MAX))
}

/// Set one's picture.
///
/// The file itself, JPEG, PNG or WebP, up to 5 MiB. It is drawn anew: its middle, square, 256 pixels.
#[utoipa::path(
    put,
    path = "/v1/auth/me/avatar",
    tag = "auth",
    request_body(content = String, content_type = "application/octet-stream", description = "At most 5 MiB"),
    params(Csrf),
    responses((status = 204, description = "It is how you look now"), SignInRefusals),
    security(("session" = [])),
)]
async fn set(
    SignedIn { who, .. }: SignedIn,
    State(api): State<ApiState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let bytes = body.map_err(|rejection| unread(rejection.status()))?;
    signed::keep_to(&api, &format!("avatar:{}", who.user.uuid().simple()), PACE).await?;
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    sign_in::set_avatar(&api.app, who.user, declared, bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn unread(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format_args!("a picture has at most {AVATAR_BYTES_MAX} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large", detail)
        }
        _ => Problem::invalid("picture_refused", "the picture did not arrive whole"),
    }
}

/// Read one's own picture.
#[utoipa::path(
    get,
    path = "/v1/auth/me/avatar",
    tag = "auth",
    responses((status = 200, description = "The picture", body = String, content_type = "image/jpeg"), SignInRefusals),
    security(("session" = [])),
)]
async fn read(SignedIn { who, .. }: SignedIn, State(api): State<ApiState>) -> Result<Response, Problem> {
    Ok(served(sign_in::avatar(&api.app, who.user).await?))
}

/// Remove one's picture.
#[utoipa::path(
    delete,
    path = "/v1/auth/me/avatar",
    tag = "auth",
    params(Csrf),
    responses((status = 204, description = "There is none any more"), SignInRefusals),
    security(("session" = [])),
)]
async fn remove(SignedIn { who, .. }: SignedIn, State(api): State<ApiState>) -> Result<StatusCode, Problem> {
    sign_in::remove_avatar(&api.app, who.user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// We drew it: it may be shown. Its address stays, so nobody keeps it without asking again.
pub(in crate::routes) fn served(avatar: Avatar) -> Response {
    let Avatar { media_type, bytes, .. } = avatar;
    let kind = if media_type == "image/png" { "image/png" } else { "image/jpeg" };
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    (fixed, bytes).into_response()
}
