//! Which of several messages does better.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::campaigns::{self, NewExperiment};
use postroad_core::{
    campaign::experiment::{Metric, Score, Shares},
    ids::{CampaignId, TemplateId},
};
use postroad_store::campaigns::{Experiment, NewVariant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead, CampaignsWrite},
    extract::{Json, Path},
    problem::{Conflicts, Problem, Refusals},
    routes::live,
    schema::MetricWord,
    schema::variable::Variable,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(compare, compared))
}

/// What a draft compares with its own message. The sample is divided evenly; when it is decided, the rest of the audience gets
/// the message that did best, and the holdout nothing at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignExperimentNew)]
struct Wanted {
    /// Percent of the audience that gets nothing.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 50)]
    holdout: i32,
    /// Percent of the audience that the messages are tried on.
    #[schema(minimum = 1, maximum = 100)]
    sample: i32,
    /// Absent: `read`.
    #[schema(value_type = Option<MetricWord>)]
    metric: Option<Metric>,
    /// Seconds from the start. Absent: four hours.
    #[schema(minimum = 60, maximum = 2_592_000)]
    decide_after_s: Option<i32>,
    /// Besides the campaign's own message. None and a holdout: to see what the campaign itself does.
    #[serde(default)]
    #[schema(max_items = 4)]
    variants: Vec<Variant>,
}

/// A message that is compared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignVariant)]
struct Variant {
    /// Of the same account.
    #[schema(value_type = String, pattern = "^tpl_[0-9a-f]{32}$")]
    template_id: TemplateId,
    /// One per placeholder of the template.
    #[serde(default)]
    #[schema(max_items = 10)]
    variables: Vec<Variable>,
}

impl Wanted {
    fn into_new(self) -> Result<NewExperiment, Problem> {
        let variant = |variant: Variant| -> Result<NewVariant, Problem> {
            let variables = variant.variables.into_iter().map(Variable::into_stored).collect::<Result<_, _>>()?;
            Ok(NewVariant { template: variant.template_id, variables })
        };
        Ok(NewExperiment {
            shares: Shares { holdout: self.holdout, sample: self.sample },
            metric: self.metric.unwrap_or(Metric::Read),
            decide_after_s: self.decide_after_s.unwrap_or(14_400),
            variants: self.variants.into_iter().map(variant).collect::<Result<_, _>>()?,
        })
    }
}

/// What a campaign compares, and how it goes.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignExperiment)]
struct Compared {
    holdout: i32,
    sample: i32,
    #[schema(value_type = MetricWord)]
    metric: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decide_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<DateTime<Utc>>,
    /// Why the rest has not begun though it was due: somebody must act. It is tried again every minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The variant that did best, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<i16>,
    /// The campaign of everybody who was not tried on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^cmp_[0-9a-f]{32}$")]
    rest_id: Option<String>,
    /// In their order; empty before the start.
    #[schema(max_items = 5)]
    variants: Vec<Scored>,
}

/// A variant, which is a campaign of its own.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignVariantScore)]
struct Scored {
    #[schema(pattern = "^cmp_[0-9a-f]{32}$")]
    campaign_id: String,
    /// Messages that the provider took.
    taken: i64,
    /// Of them, those that did what is measured.
    good: i64,
}

impl Compared {
    fn of((experiment, scores): (Experiment, Vec<Score>)) -> Self {
        let scored = |(id, score): (uuid::Uuid, Score)| Scored {
            campaign_id: CampaignId::from_uuid(id).to_string(),
            taken: score.taken,
            good: score.good,
        };
        Self {
            holdout: experiment.shares.holdout,
            sample: experiment.shares.sample,
            metric: experiment.metric.as_str(),
            decide_at: experiment.decide_at,
            decided_at: experiment.decided_at,
            refused: experiment.refused,
            winner: experiment.winner,
            rest_id: experiment.rest.map(|id| id.to_string()),
            variants: experiment.campaigns.into_iter().zip(scores).map(scored).collect(),
        }
    }
}

async fn shown(
    api: &ApiState,
    tenant: postroad_core::ids::TenantId,
    id: CampaignId,
) -> Result<axum::Json<Compared>, Problem> {
    let compared = campaigns::compared(&api.app, tenant, id).await?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(Compared::of(compared)))
}

/// Say what a draft compares: other messages, and how much of the audience they are tried on.
#[utoipa::path(
    put,
    path = "/v1/campaigns/{id}/experiment",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    request_body = Wanted,
    responses((status = 200, description = "As it is now", body = Compared), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn compare(
    caller: Caller<CampaignsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Json(wanted): Json<Wanted>,
) -> Result<axum::Json<Compared>, Problem> {
    let tenant = live::tenant(&caller)?;
    campaigns::compare(&api.app, caller.actor(), tenant, id, wanted.into_new()?).await?;
    shown(&api, tenant, id).await
}

/// How the messages of a campaign compare so far.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/experiment",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "Variants and their scores", body = Compared), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn compared(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Compared>, Problem> {
    shown(&api, live::tenant(&caller)?, id).await
}
