//! One message to many people.

mod audience;
mod experiment;
mod foresight;
mod history;
mod moves;
mod new;
mod recipients;
mod report;
mod settings;
mod view;

use axum::{extract::State, response::Response};
use postroad_app::{
    campaigns::{self, CampaignError},
    dry_run,
};
use postroad_core::ids::{CampaignId, TenantId};
use postroad_store::campaigns::Listed;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead, CampaignsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live, messages,
        page::{self, Page},
    },
};

use new::NewCampaign;
use view::{Campaign, Preview, Stats};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get))
        .routes(routes!(preview))
        .routes(routes!(stats))
        .merge(moves::routes())
        .merge(settings::routes())
        .merge(foresight::routes())
        .merge(recipients::routes())
        .merge(report::routes())
        .merge(history::routes())
        .merge(experiment::routes())
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

/// Which campaigns.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Rows of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    after: Option<String>,
    /// Those that were put away, instead of the others.
    #[serde(default)]
    archived: bool,
    /// Those that this series made.
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    series_id: Option<String>,
    /// The one that is for the failures of this campaign.
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    fallback_of: Option<String>,
}

/// List campaigns, newest first.
#[utoipa::path(
    get,
    path = "/v1/campaigns",
    tag = "campaigns",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Campaign>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Campaign>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before: Option<CampaignId> = page::parse("after", query.after.as_deref())?;
    let series = page::parse("series_id", query.series_id.as_deref())?;
    let fallback_of = page::parse("fallback_of", query.fallback_of.as_deref())?;
    let listed = Listed { before, archived: query.archived, series, fallback_of, limit: limit + 1 };
    let rows = campaigns::list(&api.app, tenant, &listed).await?;
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
            CampaignError::BadReason => Self::invalid("invalid_reason", error),
            CampaignError::BadVariable => Self::invalid("invalid_variable", error),
            CampaignError::TooManyContacts { .. } => Self::invalid("too_many_contacts", error),
            CampaignError::NoGround => Self::invalid("unknown_account_or_template", error),
            CampaignError::OtherAccount => Self::invalid("template_of_other_account", error),
            CampaignError::Variables { .. } => Self::invalid("template_parameters", error),
            CampaignError::TemplateIsMarketing => Self::invalid("template_category_mismatch", error),
            CampaignError::InThePast => Self::invalid("in_the_past", error),
            CampaignError::Cron(_) => Self::invalid("invalid_cron", error),
            CampaignError::UnknownZone(_) => Self::invalid("unknown_time_zone", error),
            CampaignError::NeverFires => Self::invalid("never_fires", error),
            CampaignError::BadWeight
            | CampaignError::BadThrottle
            | CampaignError::BadShare
            | CampaignError::BadDelay
            | CampaignError::BadWithin => Self::invalid("out_of_range", error),
            CampaignError::SameAccount => Self::invalid("fallback_of_same_account", error),
            CampaignError::IsFallback => Self::conflict("is_a_fallback", error),
            CampaignError::BadExperiment => Self::invalid("invalid_experiment", error),
            CampaignError::IsSeries => Self::conflict("is_a_series", error),
            CampaignError::SeriesCompares => Self::conflict("series_compares_nothing", error),
            CampaignError::NeedsApproval { .. } => Self::conflict("approval_required", error),
            CampaignError::OwnApproval => Self::conflict("own_approval", error),
            CampaignError::AccountBroken { .. } => Self::conflict("account_not_active", error),
            CampaignError::NobodyLeft => Self::conflict("nobody_left", error),
            CampaignError::Audience(error) => error.into(),
            CampaignError::Once(error) => error.into(),
            CampaignError::Credit(error) => error.into(),
            CampaignError::Store(error) => error.into(),
        }
    }
}
