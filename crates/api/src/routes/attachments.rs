//! Files: sent by people, uploaded to be sent, kept for a while.

mod view;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
};
use postroad_app::media::{self, MediaError, Part, Upload, UploadError};
use postroad_core::{ids::AttachmentId, limits::UPLOAD_PARTS_MAX, message::MediaKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Attaches, Caller, InPart, MessagesRead, TenantRead, TenantWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{live, page},
    schema::MediaKindWord,
};

pub(super) use view::Attachment;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(add_part))
        .routes(routes!(hold))
        .routes(routes!(retention, set_retention))
}

/// The bytes of a file, and what they say they are.
struct File {
    declared: Option<String>,
    bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for File {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let declared = declared.map(str::to_owned);
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| Problem::invalid("malformed_body", "the body did not arrive whole"))?;
        Ok(Self { declared, bytes })
    }
}

/// What file it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// As people know the file.
    #[param(min_length = 1, max_length = 240)]
    name: Option<String>,
    /// Absent: what its type usually is.
    #[param(value_type = Option<MediaKindWord>)]
    kind: Option<String>,
    /// True: further parts follow.
    more: Option<bool>,
}

/// Upload a file to be sent.
///
/// The body is the file, and `Content-Type` says what it is. It can be named in messages when it is `stored`, which is a moment
/// after its last part: it is looked at first, and pictures are drawn anew. A file of more than one mebibyte is sent in parts:
/// the first one here with `more=true`, the others to `/v1/attachments/{id}/parts/{part}`.
#[utoipa::path(
    post,
    path = "/v1/attachments",
    tag = "attachments",
    params(UploadQuery),
    request_body(content = String, content_type = "application/octet-stream", description = "At most one mebibyte"),
    responses((status = 202, description = "It is looked at, or waits for its parts", body = Attachment), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<Attaches>,
    State(api): State<ApiState>,
    Query(query): Query<UploadQuery>,
    File { declared, bytes }: File,
) -> Result<(StatusCode, axum::Json<Attachment>), Problem> {
    let tenant = live::tenant(&caller)?;
    let kind: Option<MediaKind> = page::parse("kind", query.kind.as_deref())?;
    let is_whole = !query.more.unwrap_or_default();
    let file = media::upload(&api.app, tenant, Upload { name: query.name, declared, kind, bytes, is_whole }).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Attachment::of(file, None))))
}

/// Which part of which file.
#[derive(Debug, Deserialize)]
struct PartPath {
    id: AttachmentId,
    part: i32,
}

/// Whether it is the last.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PartQuery {
    /// True: the file is whole.
    last: Option<bool>,
}

/// Send a further part of a file, in order. A part may be sent again when its answer was lost.
#[utoipa::path(
    put,
    path = "/v1/attachments/{id}/parts/{part}",
    tag = "attachments",
    params(
        ("id" = String, Path, pattern = "^att_[0-9a-f]{32}$"),
        ("part" = i32, Path, minimum = 1, maximum = 99),
        PartQuery,
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "At most one mebibyte"),
    responses((status = 202, description = "Taken", body = Attachment), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn add_part(
    caller: Caller<Attaches>,
    State(api): State<ApiState>,
    Path(PartPath { id, part }): Path<PartPath>,
    Query(query): Query<PartQuery>,
    File { bytes, .. }: File,
) -> Result<(StatusCode, axum::Json<Attachment>), Problem> {
    let tenant = live::tenant(&caller)?;
    if !(1..UPLOAD_PARTS_MAX).contains(&part) {
        return Err(Problem::not_found());
    }
    let part = Part { number: part, bytes, is_last: query.last.unwrap_or_default() };
    let file = media::add_part(&api.app, tenant, id, part).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Attachment::of(file, None))))
}

/// One file: where it stands, and links to read it by.
#[utoipa::path(
    get,
    path = "/v1/attachments/{id}",
    tag = "attachments",
    params(("id" = String, Path, pattern = "^att_[0-9a-f]{32}$")),
    responses((status = 200, description = "The file", body = Attachment), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<MessagesRead>>,
    State(api): State<ApiState>,
    Path(id): Path<AttachmentId>,
) -> Result<axum::Json<Attachment>, Problem> {
    let (file, links) = media::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Attachment::of(file, links)))
}

/// Whether a file is kept for a court.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LegalHold {
    hold: bool,
}

/// Keep a file whatever its age, or not any more.
#[utoipa::path(
    put,
    path = "/v1/attachments/{id}/legal-hold",
    tag = "attachments",
    params(("id" = String, Path, pattern = "^att_[0-9a-f]{32}$")),
    request_body = LegalHold,
    responses((status = 200, description = "As it is now", body = Attachment), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn hold(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AttachmentId>,
    Json(wanted): Json<LegalHold>,
) -> Result<axum::Json<Attachment>, Problem> {
    let file = media::hold(&api.app, live::tenant(&caller)?, id, wanted.hold).await?;
    Ok(axum::Json(Attachment::of(file, None)))
}

/// For how long files are kept.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MediaRetention {
    #[schema(minimum = 1, maximum = 3650, example = 180)]
    days: i32,
}

/// For how long files are kept.
#[utoipa::path(
    get,
    path = "/v1/tenant/media-retention",
    tag = "tenant",
    responses((status = 200, description = "The days", body = MediaRetention), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn retention(
    caller: Caller<TenantRead>,
    State(api): State<ApiState>,
) -> Result<axum::Json<MediaRetention>, Problem> {
    let days = media::days(&api.app, live::tenant(&caller)?).await?;
    Ok(axum::Json(MediaRetention { days }))
}

/// Say for how long files are kept. Older ones are deleted within minutes, but for those on legal hold.
#[utoipa::path(
    put,
    path = "/v1/tenant/media-retention",
    tag = "tenant",
    request_body = MediaRetention,
    responses((status = 200, description = "As it is now", body = MediaRetention), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set_retention(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<MediaRetention>,
) -> Result<axum::Json<MediaRetention>, Problem> {
    media::set_days(&api.app, live::tenant(&caller)?, wanted.days).await?;
    Ok(axum::Json(wanted))
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotFound => Self::not_found(),
            UploadError::EmptyPart => Self::invalid("empty_part", error),
            UploadError::TooManyParts => Self::invalid("too_many_parts", error),
            UploadError::TypeNotAllowed => Self::invalid("type_not_allowed", error),
            UploadError::Name => Self::invalid("invalid_name", error),
            UploadError::TooLarge(_) => Self::invalid("too_large", error),
            UploadError::Whole => Self::conflict("wrong_state", error),
            UploadError::OutOfOrder { .. } => Self::conflict("out_of_order", error),
            UploadError::Store(error) => error.into(),
        }
    }
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::NotFound => Self::not_found(),
            MediaError::Gone => Self::conflict("wrong_state", error),
            MediaError::Days => Self::invalid("out_of_range", error),
            MediaError::Store(error) => error.into(),
        }
    }
}
