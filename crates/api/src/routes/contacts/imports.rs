//! Files of contacts, up to the size of a request. Larger ones: `postroad import contacts`.

use std::{collections::BTreeMap, io};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use chrono::{DateTime, Utc};
use postroad_app::import::{self, ImportError, ImportFile, ImportOptions, ImportReport};
use postroad_core::{account::Channel, ids::ImportId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create)).routes(routes!(list)).routes(routes!(get)).routes(routes!(errors))
}

/// How the file is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// As people know the file. Absent: `contacts.csv`.
    #[param(min_length = 1, max_length = 200)]
    file_name: Option<String>,
    /// The channels on which the column `phone` is an address, with commas between. Absent: `whatsapp`.
    #[param(example = "whatsapp,sms", max_length = 100)]
    channels: Option<String>,
    /// The two-letter country of telephone numbers without `+`.
    #[param(pattern = "^[A-Z]{2}$")]
    default_region: Option<String>,
}

impl ImportQuery {
    fn options(&self) -> Result<ImportOptions, Problem> {
        let default = ImportOptions::default();
        let channels: Option<Vec<Channel>> = match &self.channels {
            Some(words) => {
                words.split(',').map(|word| page::parse("channels", Some(word.trim()))).collect::<Result<_, _>>()?
            }
            None => None,
        };
        let channels = channels.unwrap_or(default.channels);
        Ok(ImportOptions { channels, default_region: self.default_region.clone(), ..default })
    }

    fn file_name(&self) -> Result<String, Problem> {
        let name = self.file_name.as_deref().unwrap_or("contacts.csv");
        if (1..=200).contains(&name.chars().count()) && !name.contains('\0') {
            return Ok(name.to_owned());
        }
        Err(Problem::invalid("invalid_query", "file_name has 1 to 200 characters"))
    }
}

/// One reading of one file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactImport)]
struct Import {
    #[schema(pattern = "^imp_[0-9a-f]{32}$")]
    id: String,
    file_name: String,
    /// `running` or `completed`.
    state: String,
    /// Rows read so far: `created`, `updated` and `invalid` together.
    rows: i64,
    created: i64,
    updated: i64,
    invalid: i64,
    /// How often each thing was wrong with a row. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<BTreeMap<String, i64>>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

impl Import {
    fn of(import: import::Import) -> Self {
        Self {
            id: import.id.to_string(),
            file_name: import.file_name,
            state: import.state,
            rows: import.lines_done,
            created: import.created,
            updated: import.updated,
            invalid: import.invalid,
            errors: None,
            created_at: import.created_at,
            finished_at: import.finished_at,
        }
    }

    fn reported(report: ImportReport) -> Self {
        Self { errors: Some(report.errors.into_iter().collect()), ..Self::of(report.import) }
    }
}

/// Read a file of contacts.
///
/// A header, then a line per person, as CSV in UTF-8. Known columns: `external_key`, `phone`, `email`, `display_name`,
/// `language`, `time_zone`, `consent`, `consent_source`, `consent_text`, `consent_at`, `opted_out`; every other one is an
/// attribute. A "yes" in `consent` counts where the person has said nothing yet; one in `opted_out` always.
#[utoipa::path(
    post,
    path = "/v1/contacts/import",
    tag = "contacts",
    params(ImportQuery),
    request_body(content = String, content_type = "text/csv", description = "At most one mebibyte"),
    responses((status = 200, description = "Every row was read", body = Import), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<axum::Json<Import>, Problem> {
    let tenant = live::tenant(&caller)?;
    if !is_csv(&headers) {
        return Err(not_csv());
    }
    let sha256 = import::sha256(body.as_ref()).map_err(|error| Problem::internal(&error))?;
    let file = ImportFile { name: query.file_name()?, sha256 };
    let report = import::import_csv(&api.app, tenant, &file, io::Cursor::new(body), query.options()?).await?;
    Ok(axum::Json(Import::reported(report)))
}

fn is_csv(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv")
}

fn not_csv() -> Problem {
    let detail = "the file must be sent as text/csv in UTF-8";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is not CSV", detail)
}

/// List imports, newest first.
#[utoipa::path(
    get,
    path = "/v1/contacts/imports",
    tag = "contacts",
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

/// One import.
#[utoipa::path(
    get,
    path = "/v1/contacts/imports/{id}",
    tag = "contacts",
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

/// A row that could not be taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactImportError)]
struct LineError {
    /// Of the file, from 1; the header is line 1.
    line: i64,
    #[schema(pattern = "^[a-z][a-z0-9_]*$")]
    code: String,
    detail: String,
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

/// The rows of an import that could not be taken, by line.
#[utoipa::path(
    get,
    path = "/v1/contacts/imports/{id}/errors",
    tag = "contacts",
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
    let show = |row: import::LineError| LineError { line: row.line, code: row.code, detail: row.detail };
    Ok(axum::Json(Page::of(rows, limit, |row| row.line.to_string(), show)))
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NotFound => Self::not_found(),
            ImportError::Header(_) => Self::invalid("invalid_header", error),
            ImportError::File(_) => Self::invalid("malformed_csv", error),
            ImportError::Overtaken => Self::conflict("in_progress", error).retry_after(1),
            ImportError::Store(error) => error.into(),
        }
    }
}
