//! All contacts as a file.

use axum::{extract::State, response::Response};
use postroad_app::contacts::Export;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead},
    problem::{Problem, Refusals},
    routes::{csv_file::exported, live},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(export))
}

/// All contacts as CSV, oldest first.
///
/// Cells that a spreadsheet would calculate begin with an apostrophe, telephone numbers among them; an import takes it off
/// again. Columns that begin with `postroad_` are passed over by an import.
#[utoipa::path(
    get,
    path = "/v1/contacts/export.csv",
    tag = "contacts",
    responses((status = 200, description = "The file, sent while it is written", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn export(caller: Caller<ContactsRead>, State(api): State<ApiState>) -> Result<Response, Problem> {
    let export = Export::open(&api.app, live::tenant(&caller)?).await?;
    Ok(exported("contacts.csv", export, api))
}
