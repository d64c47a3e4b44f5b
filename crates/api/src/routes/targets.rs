//! How soon a tenant wants people to be answered and conversations to be done.

use axum::extract::State;
use postroad_app::targets::{self, TargetError, Targets as Kept};
use postroad_core::targets::{CountedIn, Target as KeptTarget};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TenantRead, TenantWrite},
    extract::Json,
    problem::{Problem, Refusals},
    routes::live,
    schema::CountedInWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get, put))
}

/// How soon people are to be answered and conversations to be done, by priority.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"counted_in": "business_hours", "normal": {"response_minutes": 240, "resolution_minutes": 2880},
                         "urgent": {"response_minutes": 30}})))]
struct Targets {
    /// Minutes of the day in which the business is open, or all.
    #[schema(value_type = CountedInWord)]
    counted_in: CountedIn,
    #[serde(default)]
    low: Target,
    #[serde(default)]
    normal: Target,
    #[serde(default)]
    high: Target,
    #[serde(default)]
    urgent: Target,
}

/// Minutes for conversations of one priority. Null or absent: there is no such target.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Target {
    /// From the oldest message that nobody answered to the answer.
    #[schema(minimum = 1, maximum = 43_200)]
    response_minutes: Option<u32>,
    /// From the beginning until it is resolved, without the time in which it is pending or snoozed.
    #[schema(minimum = 1, maximum = 43_200)]
    resolution_minutes: Option<u32>,
}

impl Target {
    const fn of(kept: KeptTarget) -> Self {
        Self { response_minutes: kept.response_minutes, resolution_minutes: kept.resolution_minutes }
    }

    const fn read(&self) -> KeptTarget {
        KeptTarget { response_minutes: self.response_minutes, resolution_minutes: self.resolution_minutes }
    }
}

impl Targets {
    const fn of(kept: &Kept) -> Self {
        Self {
            counted_in: kept.counted_in,
            low: Target::of(kept.low),
            normal: Target::of(kept.normal),
            high: Target::of(kept.high),
            urgent: Target::of(kept.urgent),
        }
    }

    const fn read(&self) -> Kept {
        Kept {
            counted_in: self.counted_in,
            low: self.low.read(),
            normal: self.normal.read(),
            high: self.high.read(),
            urgent: self.urgent.read(),
        }
    }
}

/// Show how soon people are to be answered.
#[utoipa::path(
    get,
    path = "/v1/tenant/targets",
    tag = "tenant",
    responses((status = 200, description = "The targets", body = Targets), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Targets>, Problem> {
    let kept = targets::get(&api.app, live::tenant(&caller)?).await?;
    Ok(axum::Json(Targets::of(&kept)))
}

/// Say how soon people are to be answered.
///
/// Counts for each conversation from the next thing on that happens in it.
#[utoipa::path(
    put,
    path = "/v1/tenant/targets",
    tag = "tenant",
    request_body = Targets,
    responses((status = 200, description = "As they are now", body = Targets), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn put(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<Targets>,
) -> Result<axum::Json<Targets>, Problem> {
    targets::set(&api.app, live::tenant(&caller)?, &wanted.read()).await?;
    Ok(axum::Json(wanted))
}

impl From<TargetError> for Problem {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Minutes => Self::invalid("invalid_target", error),
            TargetError::Store(error) => error.into(),
        }
    }
}
