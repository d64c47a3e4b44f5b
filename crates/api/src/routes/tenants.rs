//! Tenants, as the people who run the installation see them: made, named, and switched. What is inside they see by working
//! there.

use axum::{extract::State, http::StatusCode};
use postroad_app::{
    credit::{self, Said},
    tenants::{self, NewTenant, TenantChange},
};
use postroad_core::ids::TenantId;
use postroad_store::done_by;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    extract::{Json, Path, Query},
    problem::{Problem, SignInRefusals},
    routes::{
        accounts::Reason,
        auth::Csrf,
        page::{self, Page, PageQuery},
        tenant::Tenant,
    },
    sessions::Superadmin,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, change))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(pay))
}

/// Somebody who is to own data.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTenant, examples(json!({"slug": "acme", "name": "Acme Ltd", "time_zone": "Europe/Paris"})))]
struct New {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    slug: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Absent: that of new tenants, `PUT /v1/system/settings`.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: Option<String>,
}

/// Make a tenant.
///
/// Nobody works for it yet: switch to it, and invite its people. What is not said here is as `/v1/system/settings` has it for new
/// tenants.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "tenants",
    request_body = New,
    params(Csrf),
    responses((status = 201, description = "Made", body = Tenant), SignInRefusals),
    security(("session" = [])),
)]
async fn create(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Json(new): Json<New>,
) -> Result<(StatusCode, axum::Json<Tenant>), Problem> {
    let New { slug, name, time_zone } = new;
    let new = NewTenant { time_zone, ..NewTenant::named(slug, name) };
    let made = async {
        let id = tenants::create(&api.app, &new).await?;
        tenants::get(&api.app, id).await
    };
    let made = done_by(superadmin.doer(), made).await?;
    Ok((StatusCode::CREATED, axum::Json(Tenant::of(made))))
}

/// List tenants, oldest first.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenants",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Tenant>), SignInRefusals),
    security(("session" = [])),
)]
async fn list(
    _: Superadmin,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Tenant>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = tenants::list(&api.app, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Tenant::of)))
}

/// One tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    params(("id" = String, Path, pattern = "^ten_[0-9a-f]{32}$")),
    responses((status = 200, description = "The tenant", body = Tenant), SignInRefusals),
    security(("session" = [])),
)]
async fn get(
    _: Superadmin,
    State(api): State<ApiState>,
    Path(id): Path<TenantId>,
) -> Result<axum::Json<Tenant>, Problem> {
    Ok(axum::Json(Tenant::of(tenants::get(&api.app, id).await?)))
}

/// What changes; absent: it stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange)]
struct Change {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Messages cost credit, and none is sent without it.
    credit_enforced: Option<bool>,
}

/// Change a tenant from outside.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    params(("id" = String, Path, pattern = "^ten_[0-9a-f]{32}$"), Csrf),
    request_body = Change,
    responses((status = 200, description = "As it is now", body = Tenant), SignInRefusals),
    security(("session" = [])),
)]
async fn change(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Path(id): Path<TenantId>,
    Json(Change { name, credit_enforced }): Json<Change>,
) -> Result<axum::Json<Tenant>, Problem> {
    let change = tenants::change(&api.app, id, TenantChange { name, credit_enforced });
    Ok(axum::Json(Tenant::of(done_by(superadmin.doer(), change).await?)))
}

/// Stop all sending of a tenant, from outside.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/pause",
    tag = "tenants",
    params(("id" = String, Path, pattern = "^ten_[0-9a-f]{32}$"), Csrf),
    request_body = Reason,
    responses((status = 200, description = "No new attempt starts", body = Tenant), SignInRefusals),
    security(("session" = [])),
)]
async fn pause(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Path(id): Path<TenantId>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Tenant>, Problem> {
    let paused = async {
        tenants::pause(&api.app, id, &why.reason).await?;
        tenants::get(&api.app, id).await
    };
    Ok(axum::Json(Tenant::of(done_by(superadmin.doer(), paused).await?)))
}

/// Let a tenant send again.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/resume",
    tag = "tenants",
    params(("id" = String, Path, pattern = "^ten_[0-9a-f]{32}$"), Csrf),
    responses((status = 200, description = "What waited for it is due now", body = Tenant), SignInRefusals),
    security(("session" = [])),
)]
async fn resume(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Path(id): Path<TenantId>,
) -> Result<axum::Json<Tenant>, Problem> {
    let resumed = async {
        tenants::resume(&api.app, id).await?;
        tenants::get(&api.app, id).await
    };
    Ok(axum::Json(Tenant::of(done_by(superadmin.doer(), resumed).await?)))
}

/// What goes into a wallet, or out of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"credits": 10000, "note": "invoice 2026-118"})))]
struct Payment {
    /// A top-up; below zero: a correction. A wallet never has less than nothing.
    #[schema(minimum = -1_000_000_000_000i64, maximum = 1_000_000_000_000i64)]
    credits: i64,
    /// Stands in the tenant's statement.
    #[schema(min_length = 1, max_length = 500)]
    note: String,
}

#[derive(Serialize, ToSchema)]
struct Paid {
    /// What the wallet has now.
    #[schema(minimum = 0)]
    balance: i64,
}

/// Put credit into a tenant's wallet, or take it out.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/credits",
    tag = "tenants",
    params(("id" = String, Path, pattern = "^ten_[0-9a-f]{32}$"), Csrf),
    request_body = Payment,
    responses((status = 200, description = "A line of the statement says so", body = Paid), SignInRefusals),
    security(("session" = [])),
)]
async fn pay(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Path(id): Path<TenantId>,
    Json(Payment { credits, note }): Json<Payment>,
) -> Result<axum::Json<Paid>, Problem> {
    tenants::get(&api.app, id).await?;
    let said = Said { by: superadmin.actor(), note: &note };
    let balance = match u32::try_from(credits) {
        Ok(credits) => credit::top_up(&api.app, id, credits, said).await?,
        Err(_) => credit::correct(&api.app, id, credits, said).await?,
    };
    Ok(axum::Json(Paid { balance }))
}
