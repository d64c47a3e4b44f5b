//! Who did what to a campaign.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::campaigns;
use postroad_core::ids::CampaignId;
use postroad_store::campaigns as stored;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead},
    extract::{Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    schema::CampaignEventWord,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignHistory)]
struct Told {
    id: Uuid,
    at: DateTime<Utc>,
    /// `operator`, `system`, or the id of an API client.
    actor: String,
    #[schema(value_type = CampaignEventWord)]
    event: &'static str,
    /// What there is to say of it: a reason, a time, values before and after.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl Told {
    fn of(event: stored::Event) -> Self {
        let stored::Event { id, at, actor, event, detail } = event;
        Self { id, at, actor, event: event.as_str(), detail }
    }
}

/// What was done to a campaign, newest first.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/history",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Told>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Told>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = campaigns::history(&api.app, live::tenant(&caller)?, id, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Told::of)))
}
