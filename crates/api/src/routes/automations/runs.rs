//! What automations did, and why not.

use axum::extract::State;
use postroad_app::automations::{self, RunFilter};
use postroad_core::ids::{AutomationId, RunId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::view::AutomationRun;
use crate::{
    ApiState,
    caller::{AutomationsRead, Caller},
    extract::{Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(get))
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RunState {
    Gathering,
    Running,
    Waiting,
    Ended,
    /// An event that started none.
    Refused,
}

impl RunState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gathering => "gathering",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Refused => "refused",
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RunQuery {
    /// Rows of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
    #[param(inline)]
    state: Option<RunState>,
    /// Only those in this conversation.
    #[param(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: Option<String>,
}

/// List the runs of an automation, newest first, with the events that started none and why.
#[utoipa::path(
    get,
    path = "/v1/automations/{id}/runs",
    tag = "automations",
    params(("id" = String, Path, pattern = "^aut_[0-9a-f]{32}$"), RunQuery),
    responses((status = 200, description = "A page", body = Page<AutomationRun>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<AutomationsRead>,
    State(api): State<ApiState>,
    Path(id): Path<AutomationId>,
    Query(query): Query<RunQuery>,
) -> Result<axum::Json<Page<AutomationRun>>, Problem> {
    let limit = page::limit(query.limit)?;
    let filter = RunFilter {
        automation: Some(id),
        conversation: page::parse("conversation_id", query.conversation_id.as_deref())?,
        state: query.state.map(|state| state.as_str().to_owned()),
        before: page::parse("after", query.after.as_deref())?,
        limit: limit + 1,
        ..RunFilter::default()
    };
    let rows = automations::list_runs(&api.app, live::tenant(&caller)?, &filter).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), AutomationRun::of)))
}

/// Show a run with every step: what was asked, what was looked at, and what came out.
///
/// That is about the contact: it needs `conversations:read` and `contacts:read`, too.
#[utoipa::path(
    get,
    path = "/v1/automations/runs/{run}",
    tag = "automations",
    params(("run" = String, Path, pattern = "^run_[0-9a-f]{32}$")),
    responses((status = 200, description = "The run", body = AutomationRun), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<AutomationsRead>,
    State(api): State<ApiState>,
    Path(run): Path<RunId>,
) -> Result<axum::Json<AutomationRun>, Problem> {
    let tenant = live::tenant(&caller)?;
    super::about_people(&caller)?;
    let (run, steps) = automations::get_run(&api.app, tenant, run).await?;
    Ok(axum::Json(AutomationRun::of(run).with_steps(steps)))
}
