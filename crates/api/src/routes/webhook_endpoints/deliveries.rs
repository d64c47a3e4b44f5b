//! What was delivered to an endpoint, or not yet; trying it out, and sending again.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::endpoints::{self, Again};
use postroad_core::{
    endpoint::DeliveryState,
    ids::{DeliveryId, EndpointId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::view::Delivery;
use crate::{
    ApiState,
    caller::{Caller, WebhooksRead, WebhooksWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(test)).routes(routes!(list)).routes(routes!(replay))
}

/// A delivery that was written.
#[derive(Serialize, ToSchema)]
struct QueuedDelivery {
    /// What became of it is in the list of deliveries.
    #[schema(pattern = "^dlv_[0-9a-f]{32}$")]
    delivery_id: String,
}

/// Send an endpoint a test: an event of the type `test`, which means nothing.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints/{id}/test",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    responses((status = 202, description = "It is on its way", body = QueuedDelivery), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn test(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
) -> Result<(StatusCode, axum::Json<QueuedDelivery>), Problem> {
    let told = endpoints::test(&api.app, live::tenant(&caller)?, id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(QueuedDelivery { delivery_id: told.to_string() })))
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveriesQuery {
    /// Deliveries of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
    /// Those that stand there.
    #[param(pattern = "^(waiting|delivered|failed|gone)$")]
    state: Option<String>,
}

/// List the deliveries to an endpoint, newest first. Those that ended are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints/{id}/deliveries",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$"), DeliveriesQuery),
    responses((status = 200, description = "A page", body = Page<Delivery>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<WebhooksRead>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<axum::Json<Page<Delivery>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<DeliveryId> = page::parse("after", query.after.as_deref())?;
    let state: Option<DeliveryState> = page::parse("state", query.state.as_deref())?;
    let rows = endpoints::list_deliveries(&api.app, (tenant, id), (state, after), limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |(row, _)| row.id.to_string(), Delivery::of)))
}

/// Which deliveries are sent again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(examples(json!({"failed_since": "2026-03-02T10:00:00Z"})))]
enum Replay {
    /// This one, which has ended.
    #[schema(value_type = String)]
    DeliveryId(DeliveryId),
    /// Those that did not arrive and ended then or later, the oldest first.
    FailedSince(DateTime<Utc>),
}

/// How many wait again.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// 1,000: there may be more, so ask again.
    #[schema(minimum = 0, maximum = 1000)]
    count: usize,
}

/// Send deliveries again, under the ids that they had. At most 1,000 at a time.
#[utoipa::path(
    post,
    path = "/v1/webhook-endpoints/{id}/replay",
    tag = "webhook-endpoints",
    params(("id" = String, Path, pattern = "^end_[0-9a-f]{32}$")),
    request_body = Replay,
    responses((status = 202, description = "They wait again", body = Replayed), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn replay(
    caller: Caller<WebhooksWrite>,
    State(api): State<ApiState>,
    Path(id): Path<EndpointId>,
    Json(which): Json<Replay>,
) -> Result<(StatusCode, axum::Json<Replayed>), Problem> {
    let which = match which {
        Replay::DeliveryId(id) => Again::This(id),
        Replay::FailedSince(at) => Again::EndedSince(at),
    };
    let count = endpoints::replay(&api.app, live::tenant(&caller)?, id, which).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Replayed { count })))
}
