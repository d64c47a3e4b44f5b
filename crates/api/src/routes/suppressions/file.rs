//! The suppression list as a file.

use axum::{extract::State, response::Response};
use postroad_app::suppressions::{self, SuppressionExport, SuppressionFileError, SuppressionsRead, WrongSuppression};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    problem::{Problem, Refusals},
    routes::{
        csv_file::{Csv, exported},
        live,
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(export)).routes(routes!(import))
}

/// The whole list as CSV, oldest first, safe to be opened by a spreadsheet.
#[utoipa::path(
    get,
    path = "/v1/suppressions/export.csv",
    tag = "suppressions",
    responses((status = 200, description = "The file, sent while it is written", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn export(caller: Caller<ContactsRead>, State(api): State<ApiState>) -> Result<Response, Problem> {
    let export = SuppressionExport::new(live::tenant(&caller)?);
    Ok(exported("suppressions.csv", export, api))
}

/// What a file came to: `added`, `known` and `invalid` together are `rows`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuppressionImport)]
struct Read {
    #[schema(minimum = 0)]
    rows: usize,
    #[schema(minimum = 0)]
    added: usize,
    /// On the list before, or twice in the file.
    #[schema(minimum = 0)]
    known: usize,
    #[schema(minimum = 0)]
    invalid: usize,
    /// The first 1,000 of them.
    #[schema(max_items = 1000)]
    errors: Vec<LineError>,
}

/// A line that could not be taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuppressionImportError)]
struct LineError {
    /// Of the file, from 1; the header is line 1.
    line: i64,
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_]*$")]
    code: &'static str,
    detail: String,
}

impl Read {
    fn of(read: SuppressionsRead) -> Self {
        let error = |wrong: WrongSuppression| LineError { line: wrong.line, code: wrong.code, detail: wrong.detail };
        let errors = read.wrong.into_iter().map(error).collect();
        Self { rows: read.rows, added: read.added, known: read.known, invalid: read.invalid, errors }
    }
}

/// Put the addresses of a file on the list. Holds from the answer on.
///
/// Columns: `address`, and if wanted `channel` (empty or `*`: every channel), `reason` (empty: `operator`) and `note`. A line
/// that cannot be taken does not stop the others.
#[utoipa::path(
    post,
    path = "/v1/suppressions/import",
    tag = "suppressions",
    request_body(content = String, content_type = "text/csv", description = "At most one mebibyte"),
    responses((status = 200, description = "What became of each line", body = Read), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn import(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Csv(bytes): Csv,
) -> Result<axum::Json<Read>, Problem> {
    let read = suppressions::import_csv(&api.app, live::tenant(&caller)?, &bytes).await?;
    Ok(axum::Json(Read::of(read)))
}

impl From<SuppressionFileError> for Problem {
    fn from(error: SuppressionFileError) -> Self {
        match error {
            SuppressionFileError::NoAddress | SuppressionFileError::Column(_) => Self::invalid("invalid_header", error),
            SuppressionFileError::File(error) => error.into(),
            SuppressionFileError::Store(error) => error.into(),
        }
    }
}
