//! Addresses that nobody may write to.

mod file;

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::suppressions::{self, SuppressionError};
use postroad_core::{account::Channel, consent::SuppressionReason, ids::SuppressionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Json, Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::{ChannelWord, SuppressionReasonWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(lift)).merge(file::routes())
}

/// Addresses for the list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSuppressions {
    #[schema(min_items = 1, max_items = 1000)]
    suppressions: Vec<NewSuppression>,
}

/// An address that nobody may write to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSuppression {
    /// Absent: every channel.
    #[schema(value_type = Option<ChannelWord>)]
    channel: Option<Channel>,
    /// In any spelling; a telephone number with its country code.
    #[schema(min_length = 1, max_length = 320)]
    address: String,
    #[schema(value_type = SuppressionReasonWord)]
    reason: SuppressionReason,
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// How many were not on the list before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuppressionsAdded)]
struct Added {
    #[schema(minimum = 0, maximum = 1000)]
    added: usize,
}

/// Put addresses on the list, all or none. Holds from the answer on.
#[utoipa::path(
    post,
    path = "/v1/suppressions",
    tag = "suppressions",
    request_body = NewSuppressions,
    responses((status = 201, description = "On the list", body = Added), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewSuppressions>,
) -> Result<(StatusCode, axum::Json<Added>), Problem> {
    let tenant = live::tenant(&caller)?;
    if new.suppressions.is_empty() {
        return Err(Problem::invalid("batch_size", "a batch has 1 to 1000 addresses"));
    }
    let entry = |new: NewSuppression| suppressions::NewSuppression {
        channel: new.channel,
        address: new.address,
        reason: new.reason,
        note: new.note,
    };
    let entries = new.suppressions.into_iter().map(entry).collect();
    let added = suppressions::add(&api.app, tenant, entries).await?;
    Ok((StatusCode::CREATED, axum::Json(Added { added })))
}

/// An address on the list.
#[derive(Serialize, ToSchema)]
struct Suppression {
    #[schema(pattern = "^sup_[0-9a-f]{32}$")]
    id: String,
    /// Absent: every channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChannelWord>)]
    channel: Option<&'static str>,
    address: String,
    #[schema(value_type = SuppressionReasonWord)]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    created_at: DateTime<Utc>,
}

impl Suppression {
    fn of(row: suppressions::Suppression) -> Self {
        Self {
            id: row.id.to_string(),
            channel: row.channel.map(Channel::as_str),
            address: row.address,
            reason: row.reason.as_str(),
            note: row.note,
            created_at: row.created_at,
        }
    }
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Entries of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^sup_[0-9a-f]{32}$")]
    after: Option<String>,
    /// In any spelling.
    #[param(max_length = 320)]
    address: Option<String>,
}

/// List the addresses that nobody may write to, oldest first.
#[utoipa::path(
    get,
    path = "/v1/suppressions",
    tag = "suppressions",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Suppression>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Suppression>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<SuppressionId> = page::parse("after", query.after.as_deref())?;
    let rows = suppressions::list(&api.app, tenant, query.address.as_deref(), after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Suppression::of)))
}

/// Take an address off the list.
#[utoipa::path(
    delete,
    path = "/v1/suppressions/{id}",
    tag = "suppressions",
    params(("id" = String, Path, pattern = "^sup_[0-9a-f]{32}$")),
    responses((status = 204, description = "Off the list"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn lift(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<SuppressionId>,
) -> Result<StatusCode, Problem> {
    suppressions::lift(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<SuppressionError> for Problem {
    fn from(error: SuppressionError) -> Self {
        match error {
            SuppressionError::NotFound => Self::not_found(),
            SuppressionError::Address { .. } => Self::invalid("invalid_address", error),
            SuppressionError::Note => Self::invalid("invalid_note", error),
            SuppressionError::TooMany => Self::invalid("batch_size", error),
            SuppressionError::Store(error) => error.into(),
        }
    }
}
