//! What makes campaigns move.

use axum::extract::State;
use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_app::campaigns::{self, Timing};
use postroad_core::{campaign::LocalLate, ids::CampaignId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{shown, view::Campaign};
use crate::{
    ApiState,
    caller::{Caller, CampaignsSend, CampaignsWrite},
    extract::{Json, Path},
    problem::{Conflicts, Problem, Refusals},
    routes::{accounts::Reason, live},
    schema::LocalLateWord,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(start))
        .routes(routes!(schedule))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
}

/// Begin. The audience is frozen, and what may leave leaves.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/start",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "Recipients are being written", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn start(
    caller: Caller<CampaignsSend>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::start(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}

/// When it leaves by itself: `at` an instant, at `local_at` of each recipient, or at each fire of `cron` in `zone`. Nothing
/// of these: not by itself any more; it is a draft again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignSchedule)]
struct Schedule {
    at: Option<DateTime<Utc>>,
    /// Wall clock in the recipient's zone, without one: `2026-12-01T09:00:00`. A time that a clock change skips is the first
    /// instant after it; one that happens twice counts the first time.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    local_at: Option<NaiveDateTime>,
    /// For people whose `local_at` has passed when it starts. Absent: `send`.
    #[schema(value_type = Option<LocalLateWord>)]
    late: Option<LocalLate>,
    /// Five fields: minute, hour, day of the month, month, weekday.
    #[schema(min_length = 1, max_length = 200, example = "0 9 * * 1")]
    cron: Option<String>,
    /// Of `cron`. Absent: UTC.
    #[schema(max_length = 60, example = "Europe/Berlin")]
    zone: Option<String>,
    /// The last instant at which `cron` may fire.
    until: Option<DateTime<Utc>>,
}

impl Schedule {
    fn timing(self) -> Result<Option<Timing>, Problem> {
        let is_series = self.zone.is_some() || self.until.is_some();
        match (self.at, self.local_at, self.cron) {
            (None, None, None) if !is_series && self.late.is_none() => Ok(None),
            (Some(at), None, None) if !is_series && self.late.is_none() => Ok(Some(Timing::At(at))),
            (None, Some(at), None) if !is_series => {
                Ok(Some(Timing::Local { at, late: self.late.unwrap_or(LocalLate::Send) }))
            }
            (None, None, Some(cron)) if self.late.is_none() => {
                let zone = self.zone.unwrap_or_else(|| "UTC".to_owned());
                Ok(Some(Timing::Series { cron, zone, until: self.until }))
            }
            _ => Err(Problem::invalid(
                "invalid_schedule",
                "a campaign leaves at an instant (at), at a local time (local_at, late), or again and again (cron, zone, until)",
            )),
        }
    }
}

/// Begin by itself: once, at local time, or again and again; or not any more.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/schedule",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    request_body = Schedule,
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn schedule(
    caller: Caller<CampaignsSend>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(when): Json<Schedule>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    match when.timing()? {
        Some(timing) => campaigns::schedule(&api.app, caller.actor(), tenant, id, &timing).await?,
        None => campaigns::unschedule(&api.app, caller.actor(), tenant, id).await?,
    }
    shown(&api, tenant, id).await
}

/// Stop for now. What is on its way ends.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/pause",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    request_body = Reason,
    responses((status = 200, description = "No new attempt starts", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn pause(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::pause(&api.app, caller.actor(), tenant, id, &why.reason).await?;
    shown(&api, tenant, id).await
}

/// Go on where it stopped.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/resume",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn resume(
    caller: Caller<CampaignsSend>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::resume(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}

/// End it for good. What is not on its way never leaves.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/cancel",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "Cancelled", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn cancel(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::cancel(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}
