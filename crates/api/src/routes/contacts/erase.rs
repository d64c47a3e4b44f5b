//! What a person may ask for: everything that is known about them, and that it is forgotten.

use axum::{extract::State, http::StatusCode};
use postroad_app::contacts;
use postroad_core::ids::ContactId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::Path,
    problem::{Merged, Problem, Refusals},
    routes::live,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(erase)).routes(routes!(everything))
}

/// Forget a person.
///
/// Name, attributes, tags, addresses, the content of messages, and the words and evidence of consents are gone for good.
/// The addresses go onto the suppression list with the reason `erased`, so that an import of an old file does not write to
/// the person again. Whoever was merged into the contact is forgotten with it.
#[utoipa::path(
    delete,
    path = "/v1/contacts/{id}",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 204, description = "Forgotten"), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn erase(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
) -> Result<StatusCode, Problem> {
    contacts::erase(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that is stored about a person, for giving it to them.
///
/// Contact, those merged into it, addresses, consents, suppressions, groups, campaigns, messages with their sends, attempts, receipts and decisions,
/// as they are stored.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}/everything",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "One object with a list per kind", body = serde_json::Value), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn everything(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
) -> Result<axum::Json<serde_json::Value>, Problem> {
    Ok(axum::Json(contacts::everything(&api.app, live::tenant(&caller)?, id).await?))
}
