//! When a business is open: what automations ask, and what members see.

use axum::extract::State;
use postroad_app::automations::{hours, set_hours};
use postroad_core::automation::BusinessHours as Hours;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TenantRead, TenantWrite},
    extract::Json,
    problem::{Problem, Refusals},
    routes::live,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get, put))
}

/// When a business is open.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"enabled": true, "time_zone": "Asia/Jakarta", "days": {"mon": ["09:00-17:00"], "sat": ["09:00-13:00"]}})))]
struct BusinessHours {
    /// Off: it is always open.
    enabled: bool,
    /// An IANA name.
    #[schema(max_length = 64)]
    time_zone: String,
    #[schema(inline)]
    days: Days,
}

/// At most 6 stretches of each day. An end that is not after the start lies on the next day.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Days {
    mon: Vec<String>,
    tue: Vec<String>,
    wed: Vec<String>,
    thu: Vec<String>,
    fri: Vec<String>,
    sat: Vec<String>,
    sun: Vec<String>,
}

impl BusinessHours {
    fn of(hours: &Hours) -> Result<Self, Problem> {
        let shown = serde_json::to_value(hours).and_then(serde_json::from_value);
        shown.map_err(|error| Problem::internal(&error))
    }

    fn read(&self) -> Result<Hours, Problem> {
        let read = serde_json::to_value(self).and_then(serde_json::from_value);
        read.map_err(|error| Problem::invalid("invalid_hours", error))
    }
}

/// Show when the business is open. Until somebody says it: as is usual, in the tenant's zone.
#[utoipa::path(
    get,
    path = "/v1/tenant/business-hours",
    tag = "tenant",
    responses((status = 200, description = "The hours", body = BusinessHours), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<BusinessHours>, Problem> {
    let found = hours(&api.app, live::tenant(&caller)?).await?;
    Ok(axum::Json(BusinessHours::of(&found)?))
}

/// Say when the business is open.
#[utoipa::path(
    put,
    path = "/v1/tenant/business-hours",
    tag = "tenant",
    request_body = BusinessHours,
    responses((status = 200, description = "As they are now", body = BusinessHours), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn put(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<BusinessHours>,
) -> Result<axum::Json<BusinessHours>, Problem> {
    let tenant = live::tenant(&caller)?;
    let kept = set_hours(&api.app, tenant, Some(&wanted.read()?)).await?;
    Ok(axum::Json(BusinessHours::of(&kept)?))
}
