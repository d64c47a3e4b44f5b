//! Tags of many contacts at once.

use axum::extract::State;
use postroad_app::contacts::{self, TagChange as Change};
use postroad_core::ids::ContactId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsWrite, InPart},
    extract::Json,
    problem::{Problem, Refusals},
    routes::live,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(change))
}

/// What is to change of the tags of contacts. A tag that is added and removed is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"contact_ids": ["con_019f2b00000070008000000000000001"], "add": ["vip"], "remove": ["new"]})))]
struct TagChange {
    /// Who does not exist is left out.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1000)]
    contact_ids: Vec<ContactId>,
    /// In any case; a contact has at most 50.
    #[serde(default)]
    #[schema(max_items = 50)]
    add: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 50)]
    remove: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TagsChanged)]
struct Changed {
    /// Contacts that exist.
    #[schema(minimum = 0, maximum = 1000)]
    found: i64,
    /// Contacts whose tags are others now.
    #[schema(minimum = 0, maximum = 1000)]
    changed: i64,
}

/// Add tags to contacts, and take others away: of all of them or of none.
#[utoipa::path(
    post,
    path = "/v1/contacts/tags",
    tag = "contacts",
    request_body = TagChange,
    responses((status = 200, description = "What became of it", body = Changed), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn change(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Json(wanted): Json<TagChange>,
) -> Result<axum::Json<Changed>, Problem> {
    let tenant = live::tenant(&caller)?;
    if wanted.contact_ids.is_empty() {
        return Err(Problem::invalid("batch_size", "a batch has 1 to 1000 contacts"));
    }
    let change = Change { add: wanted.add, remove: wanted.remove };
    let tagged = contacts::tag(&api.app, tenant, &wanted.contact_ids, &change).await?;
    Ok(axum::Json(Changed { found: tagged.found, changed: tagged.changed }))
}
