//! What people set of a campaign that is written already, and what they make of one.

use axum::{extract::State, http::StatusCode};
use postroad_app::{
    campaigns::{self, FollowUp},
    patch::Patch,
};
use postroad_core::ids::CampaignId;
use postroad_store::campaigns::Settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{shown, view::Campaign};
use crate::{
    ApiState,
    caller::{Caller, CampaignsSend, CampaignsWrite},
    extract::{Json, Path},
    problem::{Conflicts, Problem, Refusals},
    routes::live,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(change))
        .routes(routes!(approve))
        .routes(routes!(archive))
        .routes(routes!(restore))
        .routes(routes!(clone))
        .routes(routes!(follow_up))
}

/// What changes; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignChange)]
struct Change {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    weight: Option<i16>,
    /// Messages per minute at most; null: as fast as the account.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 600_000)]
    throttle_per_minute: Patch<i32>,
    /// It pauses when this percentage of its messages ends without success; null: never.
    #[serde(default)]
    #[schema(value_type = Option<i16>, minimum = 1, maximum = 100)]
    pause_at_failures: Patch<i16>,
}

#[expect(clippy::option_option, reason = "to leave it and to take it away are two wishes")]
fn wish<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(value) => Some(Some(value)),
    }
}

/// Change a campaign, also while it runs: a new throttle or weight counts within a second.
#[utoipa::path(
    patch,
    path = "/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    request_body = Change,
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn change(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(change): Json<Change>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    let settings = Settings {
        name: change.name.map(|name| name.trim().to_owned()),
        weight: change.weight,
        throttle_per_minute: wish(change.throttle_per_minute),
        pause_at_failures: wish(change.pause_at_failures),
    };
    campaigns::change(&api.app, caller.actor(), tenant, id, &settings).await?;
    shown(&api, tenant, id).await
}

/// Let a large campaign start. Whoever wrote it cannot.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/approve",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn approve(
    caller: Caller<CampaignsSend>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::approve(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}

/// Put an ended campaign, or a draft, out of sight.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/archive",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn archive(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::archive(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}

/// Show an archived campaign again.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/restore",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it is now", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn restore(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::restore(&api.app, caller.actor(), tenant, id).await?;
    shown(&api, tenant, id).await
}

/// A new draft that says the same.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/clone",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 201, description = "The new draft", body = Campaign), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn clone(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<(StatusCode, axum::Json<Campaign>), Problem> {
    let tenant = live::tenant(&caller)?;
    let copy = campaigns::clone(&api.app, caller.actor(), tenant, id).await?;
    Ok((StatusCode::CREATED, shown(&api, tenant, copy).await?))
}

/// Whom a campaign after a campaign is for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CampaignOutcome)]
enum Whom {
    /// For sure without delivery, for whatever reason.
    NotReached,
    /// Of those, the ones whose reason may be over.
    Retryable,
    /// Nobody knows. Some of them will get it twice.
    Unknown,
}

/// Whom the new campaign is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignFollowUp)]
struct Wanted {
    whom: Whom,
}

/// The new draft, and how many people its group has.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignFollowed)]
struct Followed {
    people: i64,
    campaign: Campaign,
}

/// A new draft for recipients that this campaign did not reach, as a group that everybody can look at.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/follow-up",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    request_body = Wanted,
    responses((status = 201, description = "The new draft", body = Followed), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn follow_up(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(wanted): Json<Wanted>,
) -> Result<(StatusCode, axum::Json<Followed>), Problem> {
    let tenant = live::tenant(&caller)?;
    let outcome = match wanted.whom {
        Whom::NotReached => FollowUp::NotReached,
        Whom::Retryable => FollowUp::Retryable,
        Whom::Unknown => FollowUp::Unknown,
    };
    let (draft, people) = campaigns::follow_up(&api.app, caller.actor(), tenant, id, outcome).await?;
    let campaign = Campaign::of(campaigns::get(&api.app, tenant, draft).await?);
    Ok((StatusCode::CREATED, axum::Json(Followed { people, campaign })))
}
