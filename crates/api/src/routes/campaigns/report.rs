//! What became of a campaign, and what a person should know before it starts.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use postroad_app::campaigns::{self, Noticed, Recipients};
use postroad_core::ids::CampaignId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead},
    extract::Path,
    problem::{Conflicts, Problem, Refusals},
    routes::{csv_file::exported, live},
    schema::{FindingWord, SeverityWord},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(report)).routes(routes!(export)).routes(routes!(preflight))
}

/// Each recipient is counted once, where its message stands now; people who replied or opted out besides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignReport)]
struct Report {
    recipients: i64,
    /// Nothing holds them but their turn.
    queued: i64,
    /// By reason.
    waiting: BTreeMap<String, i64>,
    /// The provider took it, and has told nothing yet.
    accepted: i64,
    sent: i64,
    delivered: i64,
    read: i64,
    /// By what the provider said against it.
    failed: BTreeMap<String, i64>,
    /// By reason.
    refused: BTreeMap<String, i64>,
    expired: i64,
    cancelled: i64,
    /// Nobody knows, and some of them got it.
    unknown: i64,
    /// People who wrote within seven days after the start.
    replied: i64,
    /// People who opened a link of the message within seven days after the start.
    clicked: i64,
    /// People who took back their consent within seven days after the start.
    opted_out: i64,
}

impl Report {
    fn of(report: campaigns::Report) -> Self {
        Self {
            recipients: report.recipients,
            queued: report.queued,
            waiting: report.waiting,
            accepted: report.accepted,
            sent: report.sent,
            delivered: report.delivered,
            read: report.read,
            failed: report.failed,
            refused: report.refused,
            expired: report.expired,
            cancelled: report.cancelled,
            unknown: report.unknown,
            replied: report.replied,
            clicked: report.clicked,
            opted_out: report.opted_out,
        }
    }
}

/// What became of a campaign so far.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/report",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The counts", body = Report), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn report(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Report>, Problem> {
    Ok(axum::Json(Report::of(campaigns::report(&api.app, live::tenant(&caller)?, id).await?)))
}

/// Every recipient with its outcome, as CSV.
///
/// Cells that a spreadsheet would calculate begin with an apostrophe, telephone numbers among them.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/recipients.csv",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "The file, sent while it is written", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn export(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<Response, Problem> {
    let recipients = Recipients::open(&api.app, live::tenant(&caller)?, id).await?;
    Ok(exported("recipients.csv", recipients, api))
}

/// What is not as it should be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignPreflight)]
struct Preflight {
    /// It may start, or go on.
    clear: bool,
    recipients: i64,
    #[schema(max_items = 20)]
    findings: Vec<FindingView>,
}

/// One thing, in words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignFinding)]
struct FindingView {
    #[schema(value_type = FindingWord)]
    finding: &'static str,
    #[schema(value_type = SeverityWord)]
    severity: &'static str,
    detail: String,
}

impl FindingView {
    fn of(noticed: Noticed) -> Self {
        let Noticed { finding, severity, detail } = noticed;
        Self { finding: finding.as_str(), severity: severity.as_str(), detail }
    }
}

/// Whether a campaign can start, or go on: account, template, values, audience and credit as they are now.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/preflight",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$")),
    responses((status = 200, description = "What was found", body = Preflight), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preflight(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<Preflight>, Problem> {
    let found = campaigns::preflight(&api.app, live::tenant(&caller)?, id).await?;
    let clear = found.is_clear();
    let findings = found.noticed.into_iter().map(FindingView::of).collect();
    Ok(axum::Json(Preflight { clear, recipients: found.recipients, findings }))
}
