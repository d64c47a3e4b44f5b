//! What a campaign would do, and when it will be done.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::{dry_run, forecast};
use postroad_core::{
    forecast::{self as foreseen, Limit},
    gates::Reason,
    ids::{CampaignId, ContactId},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead},
    extract::Path,
    problem::{Conflicts, Problem, Refusals},
    routes::live,
    schema::ReasonWord,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(rehearse, last)).routes(routes!(foresee))
}

/// What would happen if a draft began now, or a scheduled campaign at its time.
///
/// The same planning and the same gates as a real start; nothing of it stays but what it told. Of an audience of more than
/// 20,000 people the first are looked at while you wait, and the others by a worker: `GET` tells of more each time.
#[utoipa::path(
    post,
    path = "/v1/campaigns/{id}/dry-run",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "What the gates say", body = DryRun), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn rehearse(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<DryRun>, Problem> {
    let told = dry_run::dry_run(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(DryRun::of(told, api.app.clock.now())))
}

/// What the last dry run told.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/dry-run",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As it was told then", body = DryRun), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn last(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<DryRun>, Problem> {
    let (told, at) = dry_run::last(&api.app, live::tenant(&caller)?, id).await?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(DryRun::of(told, at)))
}

/// When it will be done.
///
/// The lane of the account run forward from now: its pace, the nights of everybody who is left, and whatever else the
/// account has to send. Of a campaign that has not begun, as if it began now or at its scheduled time.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/forecast",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "As far as is known now", body = Forecast), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn foresee(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Forecast>, Problem> {
    Ok(axum::Json(Forecast::of(forecast::forecast(&api.app, live::tenant(&caller)?, id).await?)))
}

/// What would happen. The same words as the counts of a running campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignDryRun)]
struct DryRun {
    /// When it was told.
    at: DateTime<Utc>,
    /// Everybody who has an address on the channel.
    recipients: i64,
    /// How many of them were looked at: all, or the first 20,000, and more each time you ask again.
    examined: i64,
    /// Of these: what would be sent.
    accepted: i64,
    /// By reason.
    waiting: BTreeMap<String, i64>,
    /// By reason.
    refused: BTreeMap<String, i64>,
    /// For each reason, up to twenty of the people whom it concerns.
    people: BTreeMap<String, Vec<String>>,
    /// Always 0: what a provider does is not foreseen.
    unknown: i64,
    /// Always 0.
    failed: i64,
    /// Credits that what would be sent costs, where the tenant pays from a wallet.
    credits: i64,
    /// Seconds from its start to its last message.
    duration_s: f64,
    /// Messages per second in that time, nights included.
    per_s: f64,
    forecast: Forecast,
}

impl DryRun {
    fn of(told: dry_run::DryRun, at: DateTime<Utc>) -> Self {
        let by_reason = |counts: BTreeMap<Reason, i64>| {
            counts.into_iter().map(|(reason, count)| (reason.as_str().to_owned(), count)).collect()
        };
        let people =
            |people: Vec<uuid::Uuid>| people.into_iter().map(|id| ContactId::from_uuid(id).to_string()).collect();
        let forecast = Forecast::of(told.forecast);
        let duration_s = forecast.duration_s();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let messages = forecast.curve.iter().map(|hour| hour.messages).sum::<u64>() as f64;
        Self {
            at,
            recipients: told.recipients,
            examined: told.examined,
            accepted: told.sent,
            waiting: by_reason(told.waiting),
            refused: by_reason(told.refused),
            people: told.named.into_iter().map(|(reason, ids)| (reason.as_str().to_owned(), people(ids))).collect(),
            unknown: 0,
            failed: 0,
            credits: told.credits,
            duration_s,
            per_s: if duration_s > 0.0 { messages / duration_s } else { 0.0 },
            forecast,
        }
    }
}

/// When a campaign will be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignForecast)]
struct Forecast {
    /// When the first message leaves. Absent: nothing is left to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_at: Option<DateTime<Utc>>,
    /// It is done by then in half of all cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_at: Option<DateTime<Utc>>,
    /// It is done by then in 95 of 100 cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_at: Option<DateTime<Utc>>,
    limited_by: LimitedBy,
    /// Messages by hour, without hours in which none leaves.
    curve: Vec<Hour>,
    /// Messages that do not leave within sixty days.
    beyond: u64,
}

/// What keeps it longest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignLimit)]
struct LimitedBy {
    /// `rate`, `throttle`, `portfolio`, `gate` or `nothing`.
    by: &'static str,
    /// The same in a sentence.
    text: String,
    /// Of a gate: what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<&'static str>,
    /// Of a gate: until when it holds the last ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    /// Of a rate or a throttle: messages per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_s: Option<f64>,
    /// Of a portfolio: new people in 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    people_max: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignHour)]
struct Hour {
    /// When it begins.
    at: DateTime<Utc>,
    messages: u64,
}

impl Forecast {
    fn of(told: foreseen::Forecast) -> Self {
        let hour = |hour: foreseen::Hour| Hour { at: hour.at, messages: hour.messages };
        Self {
            first_at: told.first_at,
            p50_at: told.p50_at,
            p95_at: told.p95_at,
            limited_by: LimitedBy::of(told.limited_by),
            curve: told.curve.into_iter().map(hour).collect(),
            beyond: told.beyond,
        }
    }

    fn duration_s(&self) -> f64 {
        self.first_at.zip(self.p50_at).map_or(0.0, |(first, last)| (last - first).as_seconds_f64())
    }
}

impl LimitedBy {
    fn of(limit: Limit) -> Self {
        let text = limit.to_string();
        let mut told = Self { by: "nothing", text, reason: None, until: None, per_s: None, people_max: None };
        match limit {
            Limit::Rate { per_s, .. } => (told.by, told.per_s) = ("rate", Some(per_s)),
            Limit::Throttle { per_s } => (told.by, told.per_s) = ("throttle", Some(per_s)),
            Limit::Portfolio { people_max } => (told.by, told.people_max) = ("portfolio", Some(people_max)),
            Limit::Gate { reason, until } => {
                (told.by, told.reason, told.until) = ("gate", Some(reason.as_str()), Some(until));
            }
            Limit::Nothing => {}
        }
        told
    }
}
