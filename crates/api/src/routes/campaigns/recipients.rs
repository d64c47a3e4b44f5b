//! Who gets a campaign, and where each message stands.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::campaigns;
use postroad_core::{ids::CampaignId, send::SendState};
use postroad_store::recipients::{self as stored, Listed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, CampaignsRead},
    extract::{Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::{ReasonWord, StateWord},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Which recipients.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Recipients of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^con_[0-9a-f]{32}$")]
    after: Option<String>,
    #[param(value_type = Option<StateWord>)]
    state: Option<String>,
}

/// One recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignRecipient)]
struct Recipient {
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[schema(pattern = "^msg_[0-9a-f]{32}$")]
    message_id: String,
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// Why it waits or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<String>,
    /// Of a waiting one: when it is looked at again.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    /// What the provider said against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<String>,
    /// Since when it is in its state.
    state_at: DateTime<Utc>,
}

impl Recipient {
    fn of(row: stored::Recipient) -> Self {
        Self {
            contact_id: row.contact.to_string(),
            message_id: row.message.to_string(),
            state: row.state.as_str(),
            reason: row.reason,
            until: (row.state == SendState::Waiting).then_some(row.run_at),
            provider_code: row.provider_code,
            state_at: row.state_at,
        }
    }
}

/// List recipients, in the order in which they were planned.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/recipients",
    tag = "campaigns",
    params(("id" = String, Path, pattern = "^cmp_[0-9a-f]{32}$"), ListQuery),
    responses((status = 200, description = "A page", body = Page<Recipient>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<CampaignsRead>,
    State(api): State<ApiState>,
    Path(id): Path<CampaignId>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Recipient>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let listed = Listed {
        state: page::parse("state", query.state.as_deref())?,
        after: page::parse("after", query.after.as_deref())?,
        limit: limit + 1,
    };
    let rows = campaigns::recipients(&api.app, tenant, id, &listed).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.contact.to_string(), Recipient::of)))
}
