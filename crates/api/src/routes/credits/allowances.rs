//! What members may still spend.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::credit::{self, Giver};
use postroad_core::{conversation::Role, ids::MemberId};
use postroad_store::credit::allowances::Allowance as Stored;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, MembersWrite, TenantWrite},
    extract::{Json, Path, Query},
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    schema::RoleWord,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(set)).routes(routes!(set_policy))
}

/// What a member may still spend.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditAllowance)]
struct Allowance {
    #[schema(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Null: no limit of their own.
    #[schema(minimum = 0)]
    credits: Option<i64>,
    /// Owners and admins, where the tenant says so: the number above holds nobody back.
    unlimited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime<Utc>>,
}

impl Allowance {
    fn of(stored: Stored) -> Self {
        Self {
            member_id: stored.member.to_string(),
            role: stored.role,
            credits: stored.credits,
            unlimited: stored.limit().is_none(),
            updated_at: stored.updated_at,
        }
    }
}

/// What each member may still spend, in the order of the list of members.
#[utoipa::path(
    get,
    path = "/v1/billing/credits/allowances",
    tag = "billing",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Allowance>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Allowance>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = credit::allowances(&api.app, live::tenant(&caller)?, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.member.to_string(), Allowance::of)))
}

/// What a member may spend from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCreditAllowance, examples(json!({"credits": 500})))]
struct New {
    /// Null: no limit of their own.
    #[schema(required = true, minimum = 0, maximum = 1_000_000_000_000_i64)]
    credits: Option<i64>,
}

/// Say what a member may still spend. What is reserved for their messages comes back on top of it, if they are not sent.
#[utoipa::path(
    put,
    path = "/v1/billing/credits/allowances/{id}",
    tag = "billing",
    params(("id" = String, Path, pattern = "^mem_[0-9a-f]{32}$")),
    request_body = New,
    responses((status = 200, description = "As it is now", body = Allowance), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set(
    caller: Caller<MembersWrite>,
    State(api): State<ApiState>,
    Path(id): Path<MemberId>,
    Json(new): Json<New>,
) -> Result<axum::Json<Allowance>, Problem> {
    let giver = Giver { member: caller.call().member, role: caller.role() };
    let now = credit::set_allowance(&api.app, live::tenant(&caller)?, giver, id, new.credits).await?;
    Ok(axum::Json(Allowance::of(now)))
}

/// Who needs no allowance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreditPolicy)]
struct Policy {
    /// Owners and admins spend what there is, even if they have an allowance.
    admins_unlimited: bool,
}

/// Say whether owners and admins need no allowance.
#[utoipa::path(
    put,
    path = "/v1/billing/credits/policy",
    tag = "billing",
    request_body = Policy,
    responses((status = 200, description = "As it is now", body = Policy), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set_policy(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(policy): Json<Policy>,
) -> Result<axum::Json<Policy>, Problem> {
    credit::set_admins_free(&api.app, live::tenant(&caller)?, policy.admins_unlimited).await?;
    Ok(axum::Json(policy))
}
