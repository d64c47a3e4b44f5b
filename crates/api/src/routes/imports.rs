//! Files of contacts: sent, in one request or in parts; read by workers; looked at meanwhile.

mod query;
mod view;

use axum::{extract::State, http::StatusCode, response::Response};
use postroad_app::import::{self, ErrorFile, ImportError, Part, Upload};
use postroad_core::ids::ImportId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        csv_file::{Csv, exported},
        live,
        page::{self, Page, PageQuery},
    },
};

use query::{ImportQuery, PreviewQuery};
use view::{Import, LineError, Preview};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(preview))
        .routes(routes!(get))
        .routes(routes!(add_part))
        .routes(routes!(errors))
        .routes(routes!(error_file))
}

/// Send a file of contacts.
///
/// A header, then a line per person, as CSV in any usual encoding and with any usual delimiter. Columns: `external_key`, `phone`,
/// `email`, `display_name`, `language`, `time_zone`, `tags`, `consent`, `consent_source`, `consent_text`, `consent_at`,
/// `opted_out`; usual other names for them are known, `mapping` says the rest, and every other column is an attribute. A
/// "yes" in `consent` counts where the person has said nothing yet; one in `opted_out` always.
///
/// A file of more than one mebibyte is sent in parts: the first one here with `more=true`, the others to
/// `/v1/imports/{id}/parts/{part}`. Reading begins when the file is whole, and goes on in the background.
#[utoipa::path(
    post,
    path = "/v1/imports",
    tag = "imports",
    params(ImportQuery),
    request_body(content = String, content_type = "text/csv", description = "At most one mebibyte"),
    responses((status = 202, description = "It is read, or waits for its parts", body = Import), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Query(query): Query<ImportQuery>,
    Csv(bytes): Csv,
) -> Result<(StatusCode, axum::Json<Import>), Problem> {
    let tenant = live::tenant(&caller)?;
    let (name, is_whole) = (query.file_name()?, !query.more.unwrap_or_default());
    let upload = Upload { name, bytes: bytes.to_vec(), options: query.options()?, is_whole };
    let import = import::upload(&api.app, tenant, upload).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Import::of(import))))
}

/// Which part of which file.
#[derive(Debug, Deserialize)]
struct PartPath {
    id: ImportId,
    part: i32,
}

/// Whether it is the last.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PartQuery {
    /// True: the file is whole, and reading begins.
    last: Option<bool>,
}

/// Send a further part of a file, in order. A part may be sent again when its answer was lost.
#[utoipa::path(
    put,
    path = "/v1/imports/{id}/parts/{part}",
    tag = "imports",
    params(
        ("id" = String, Path, pattern = "^imp_[0-9a-f]{32}$"),
        ("part" = i32, Path, minimum = 1, maximum = 1023),
        PartQuery,
    ),
    request_body(content = String, content_type = "text/csv", description = "At most one mebibyte; cut anywhere"),
    responses((status = 202, description = "Taken", body = Import), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn add_part(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(PartPath { id, part }): Path<PartPath>,
    Query(query): Query<PartQuery>,
    Csv(bytes): Csv,
) -> Result<(StatusCode, axum::Json<Import>), Problem> {
    let tenant = live::tenant(&caller)?;
    if part < 1 {
        return Err(Problem::not_found());
    }
    let part = Part { number: part, bytes: bytes.to_vec(), is_last: query.last.unwrap_or_default() };
    let import = import::upload_part(&api.app, tenant, id, part).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Import::of(import))))
}

/// See how a file would be read. Nothing is written; the beginning of the file is enough.
#[utoipa::path(
    post,
    path = "/v1/imports/preview",
    tag = "imports",
    params(PreviewQuery),
    request_body(content = String, content_type = "text/csv", description = "At most one mebibyte"),
    responses((status = 200, description = "Its columns and its first 20 lines", body = Preview), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Query(query): Query<PreviewQuery>,
    Csv(bytes): Csv,
) -> Result<axum::Json<Preview>, Problem> {
    live::tenant(&caller)?;
    let preview = import::preview(bytes.as_ref(), &query.options()?, api.app.clock.now())?;
    Ok(axum::Json(Preview::of(preview)))
}

/// List imports, newest first.
#[utoipa::path(
    get,
    path = "/v1/imports",
    tag = "imports",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Import>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Import>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before: Option<ImportId> = page::parse("after", query.after.as_deref())?;
    let rows = import::list(&api.app, tenant, before, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |import| import.id.to_string(), Import::of)))
}

/// One import: how far it is, how fast, and what is wrong with lines.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}",
    tag = "imports",
    params(("id" = String, Path, pattern = "^imp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The import", body = Import), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ImportId>,
) -> Result<axum::Json<Import>, Problem> {
    let report = import::report(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Import::reported(report)))
}

/// Which errors.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ErrorsQuery {
    /// Errors of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before: a line.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

/// The lines of an import that could not be taken, by line.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}/errors",
    tag = "imports",
    params(("id" = String, Path, pattern = "^imp_[0-9a-f]{32}$"), ErrorsQuery),
    responses((status = 200, description = "A page", body = Page<LineError>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn errors(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ImportId>,
    Query(query): Query<ErrorsQuery>,
) -> Result<axum::Json<Page<LineError>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<i64> = page::parse("after", query.after.as_deref())?;
    import::report(&api.app, tenant, id).await?;
    let rows = import::line_errors(&api.app, tenant, id, after.unwrap_or_default(), limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.line.to_string(), LineError::of)))
}

/// The same as a file: line, code and reason, then the line as it stood. Corrected, it can be sent as it is.
#[utoipa::path(
    get,
    path = "/v1/imports/{id}/errors.csv",
    tag = "imports",
    params(("id" = String, Path, pattern = "^imp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn error_file(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ImportId>,
) -> Result<Response, Problem> {
    let file = ErrorFile::open(&api.app, live::tenant(&caller)?, id).await?;
    Ok(exported("errors.csv", file, api))
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NotFound => Self::not_found(),
            ImportError::Header(_) => Self::invalid("invalid_header", error),
            ImportError::File(_) => Self::invalid("malformed_csv", error),
            ImportError::EmptyPart => Self::invalid("empty_part", error),
            ImportError::TooManyParts => Self::invalid("too_many_parts", error),
            ImportError::OutOfOrder { .. } => Self::conflict("out_of_order", error),
            ImportError::Overtaken => Self::conflict("in_progress", error).retry_after(1),
            ImportError::Store(error) => error.into(),
        }
    }
}
