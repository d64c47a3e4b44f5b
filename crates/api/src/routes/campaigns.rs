//! One message to many people.

mod audience;
mod foresight;
mod new;
mod recipients;
mod view;

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::{
    campaigns::{self, CampaignError},
    dry_run,
};
use postroad_core::ids::{CampaignId, TenantId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead, CampaignsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        accounts::Reason,
        live, messages,
        page::{self, Page, PageQuery},
    },
};

use new::NewCampaign;
use view::{Campaign, Preview, Stats};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get))
        .routes(routes!(preview))
        .routes(routes!(start))
        .routes(routes!(schedule))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(stats))
        .merge(foresight::routes())
        .merge(recipients::routes())
}

/// Write a draft.
#[utoipa::path(
    post,
    path = "/v1/campaigns",
    tag = "campaigns",
    request_body = NewCampaign,
    responses((status = 201, description = "A draft", body = Campaign), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewCampaign>,
) -> Result<Response, Problem> {
    live::tenant(&caller)?;
    let answer = campaigns::create_once(&api.app, caller.call(), new.into_new()?, Campaign::of).await?;
    Ok(messages::answered(answer))
}

/// List campaigns, newest first.
#[utoipa::path(
    get,
    path = "/v1/campaigns",
    tag = "campaigns",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Campaign>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Campaign>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before: Option<CampaignId> = page::parse("after", query.after.as_deref())?;
    let rows = campaigns::list(&api.app, tenant, before, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Campaign::of)))
}

/// One campaign.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The campaign", body = Campaign), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    shown(&api, live::tenant(&caller)?, id).await
}

async fn shown(api: &ApiState, tenant: TenantId, id: CampaignId) -> Result<axum::Json<Campaign>, Problem> {
    Ok(axum::Json(Campaign::of(campaigns::get(&api.app, tenant, id).await?)))
}

/// The first messages of a draft, as people would read them.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/preview",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "Up to five messages", body = Preview), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Preview>, Problem> {
    let preview = dry_run::preview(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Preview::of(preview)))
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
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::start(&api.app, tenant, id).await?;
    shown(&api, tenant, id).await
}

/// When.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignSchedule)]
struct Schedule {
    /// Null: not by itself; it is a draft again.
    at: Option<DateTime<Utc>>,
}

/// Begin by itself at a time, or not any more.
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
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(when): Json<Schedule>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    match when.at {
        Some(at) => campaigns::schedule(&api.app, tenant, id, at).await?,
        None => campaigns::unschedule(&api.app, tenant, id).await?,
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
    campaigns::pause(&api.app, tenant, id, &why.reason).await?;
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
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Campaign>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::resume(&api.app, tenant, id).await?;
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
    campaigns::cancel(&api.app, tenant, id).await?;
    shown(&api, tenant, id).await
}

/// How far it got, counted from its messages.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/stats",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The counts", body = Stats), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn stats(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Stats>, Problem> {
    let tallies = campaigns::tallies(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Stats::of(&tallies)))
}

impl From<CampaignError> for Problem {
    fn from(error: CampaignError) -> Self {
        match error {
            CampaignError::NotFound => Self::not_found(),
            CampaignError::WrongState { state, .. } => Self::conflict("wrong_state", error).with_state(state.as_str()),
            CampaignError::TemplateNotApproved { .. } => Self::conflict("template_not_approved", error),
            CampaignError::BadName => Self::invalid("invalid_name", error),
            CampaignError::BadPurpose => Self::invalid("invalid_purpose", error),
            CampaignError::BadWeight => Self::invalid("out_of_range", error),
            CampaignError::BadReason => Self::invalid("invalid_reason", error),
            CampaignError::BadVariable => Self::invalid("invalid_variable", error),
            CampaignError::TooManyContacts { .. } => Self::invalid("too_many_contacts", error),
            CampaignError::NoGround => Self::invalid("unknown_account_or_template", error),
            CampaignError::OtherAccount => Self::invalid("template_of_other_account", error),
            CampaignError::Variables { .. } => Self::invalid("template_parameters", error),
            CampaignError::TemplateIsMarketing => Self::invalid("template_category_mismatch", error),
            CampaignError::InThePast => Self::invalid("in_the_past", error),
            CampaignError::Audience(error) => error.into(),
            CampaignError::Once(error) => error.into(),
            CampaignError::Credit(error) => error.into(),
            CampaignError::Store(error) => error.into(),
        }
    }
}
