//! The caller's own tenant: its settings and its switch.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::{
    business::{self, BusinessError},
    sign_in,
    tenants::{self, Settings, TenantError},
};
use postroad_core::gates::{Cap, CapKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TenantRead, TenantWrite},
    extract::Json,
    problem::{Conflicts, Problem, Refusals},
    routes::{
        accounts::{Reason, quiet_hours},
        live,
    },
    schema::CapKindWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(get))
        .routes(routes!(update))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(approval, set_approval))
        .routes(routes!(sign_in_rules, set_sign_in_rules))
}

/// What a tenant decides about itself.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantSettings {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Of people and accounts without one.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: String,
    /// Local time, start included, end excluded. Absent: those of the installation; equal times: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$", example = "21:00-08:00")]
    quiet_hours: Option<String>,
    /// How many marketing messages one person gets.
    #[serde(default)]
    #[schema(max_items = 5)]
    caps: Vec<FrequencyCap>,
    /// How people reach the business: the pages that they open say so.
    #[serde(default, skip_serializing_if = "Business::is_silent")]
    #[schema(required = false)]
    business: Business,
}

/// How people reach the business. What is absent is told to nobody.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Business {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 3, max_length = 320, example = "hello@shop.example")]
    email: Option<String>,
    /// With its country; kept as E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 7, max_length = 40, example = "+442079460018")]
    phone: Option<String>,
    /// Over TLS; kept as browsers spell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500, example = "https://shop.example/")]
    website: Option<String>,
}

impl Business {
    const fn is_silent(&self) -> bool {
        self.email.is_none() && self.phone.is_none() && self.website.is_none()
    }

    fn of(business: business::Business) -> Self {
        let business::Business { email, phone, website } = business;
        Self { email, phone, website }
    }

    fn into_business(self) -> business::Business {
        let Self { email, phone, website } = self;
        business::Business { email, phone, website }
    }
}

/// At most `max` marketing messages to one person in a window.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FrequencyCap {
    #[schema(value_type = CapKindWord)]
    kind: CapKind,
    /// Seconds; whole days for `calendar`.
    #[schema(minimum = 1, maximum = 2_678_400)]
    window_s: u32,
    #[schema(minimum = 1, maximum = 100)]
    max: u32,
}

impl TenantSettings {
    fn into_settings(self) -> Result<Settings, Problem> {
        let cap = |cap: FrequencyCap| Cap { kind: cap.kind, window_s: cap.window_s, max: cap.max };
        Ok(Settings {
            name: self.name,
            time_zone: self.time_zone,
            quiet_hours: self.quiet_hours.as_deref().map(quiet_hours).transpose()?,
            caps: self.caps.into_iter().map(cap).collect(),
            business: self.business.into_business(),
        })
    }
}

/// Who owns the data.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tenant {
    #[schema(pattern = "^ten_[0-9a-f]{32}$")]
    id: String,
    slug: String,
    settings: TenantSettings,
    /// Messages cost credit, and none is sent without it.
    credit_enforced: bool,
    /// Nothing is sent.
    sending_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Tenant {
    pub(super) fn of(tenant: tenants::Tenant) -> Self {
        let cap = |cap: Cap| FrequencyCap { kind: cap.kind, window_s: cap.window_s, max: cap.max };
        Self {
            id: tenant.id.to_string(),
            slug: tenant.slug,
            settings: TenantSettings {
                name: tenant.name,
                time_zone: tenant.time_zone,
                quiet_hours: tenant.quiet_hours.map(|hours| hours.to_string()),
                caps: tenant.caps.into_iter().map(cap).collect(),
                business: Business::of(tenant.business),
            },
            credit_enforced: tenant.credit_enforced,
            sending_paused: tenant.sending_paused,
            paused_reason: tenant.paused_reason,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// The caller's tenant.
#[utoipa::path(
    get,
    path = "/v1/tenant",
    tag = "tenant",
    responses((status = 200, description = "The tenant", body = Tenant), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Tenant>, Problem> {
    Ok(axum::Json(Tenant::of(tenants::get(&api.app, caller.tenant()).await?)))
}

/// Replace the settings. What waits already is judged by the new ones at its next check.
#[utoipa::path(
    put,
    path = "/v1/tenant/settings",
    tag = "tenant",
    request_body = TenantSettings,
    responses((status = 200, description = "As it is now", body = Tenant), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(settings): Json<TenantSettings>,
) -> Result<axum::Json<Tenant>, Problem> {
    let tenant = live::tenant(&caller)?;
    tenants::update(&api.app, tenant, &settings.into_settings()?).await?;
    Ok(axum::Json(Tenant::of(tenants::get(&api.app, tenant).await?)))
}

/// Stop all sending.
#[utoipa::path(
    post,
    path = "/v1/tenant/pause",
    tag = "tenant",
    request_body = Reason,
    responses((status = 200, description = "No new attempt starts", body = Tenant), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn pause(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Tenant>, Problem> {
    let tenant = live::tenant(&caller)?;
    tenants::pause(&api.app, tenant, &why.reason).await?;
    Ok(axum::Json(Tenant::of(tenants::get(&api.app, tenant).await?)))
}

/// Send again. What waited for it is due now.
#[utoipa::path(
    post,
    path = "/v1/tenant/resume",
    tag = "tenant",
    responses((status = 200, description = "It sends", body = Tenant), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn resume(caller: Caller<TenantWrite>, State(api): State<ApiState>) -> Result<axum::Json<Tenant>, Problem> {
    let tenant = live::tenant(&caller)?;
    tenants::resume(&api.app, tenant).await?;
    Ok(axum::Json(Tenant::of(tenants::get(&api.app, tenant).await?)))
}

/// From how many people on a campaign needs a second person's word.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignApproval)]
struct Approval {
    /// Campaigns for more people than this. Null: none.
    #[schema(minimum = 0)]
    above: Option<i64>,
}

/// From how many people on a campaign needs a second person's word.
#[utoipa::path(
    get,
    path = "/v1/tenant/approval",
    tag = "tenant",
    responses((status = 200, description = "The number", body = Approval), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn approval(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Approval>, Problem> {
    let tenant = live::tenant(&caller)?;
    Ok(axum::Json(Approval { above: tenants::approval_above(&api.app, tenant).await? }))
}

/// Say from how many people on a campaign needs a second person's word.
#[utoipa::path(
    put,
    path = "/v1/tenant/approval",
    tag = "tenant",
    request_body = Approval,
    responses((status = 200, description = "As it is now", body = Approval), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set_approval(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<Approval>,
) -> Result<axum::Json<Approval>, Problem> {
    let tenant = live::tenant(&caller)?;
    tenants::approve_above(&api.app, tenant, wanted.above).await?;
    Ok(axum::Json(wanted))
}

/// How members sign in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInRules {
    /// Members without a second factor reach nothing but `/v1/auth/` until they have one.
    second_factor_required: bool,
}

/// How members sign in.
#[utoipa::path(
    get,
    path = "/v1/tenant/sign-in",
    tag = "tenant",
    responses((status = 200, description = "As it is", body = SignInRules), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn sign_in_rules(
    caller: Caller<TenantRead>,
    State(api): State<ApiState>,
) -> Result<axum::Json<SignInRules>, Problem> {
    let tenant = live::tenant(&caller)?;
    Ok(axum::Json(SignInRules { second_factor_required: sign_in::requires_second_factor(&api.app, tenant).await? }))
}

/// Say how members sign in.
///
/// By a person; whoever requires a second factor has one. It counts from the next request of everybody on.
#[utoipa::path(
    put,
    path = "/v1/tenant/sign-in",
    tag = "tenant",
    request_body = SignInRules,
    responses((status = 200, description = "As it is now", body = SignInRules), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set_sign_in_rules(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<SignInRules>,
) -> Result<axum::Json<SignInRules>, Problem> {
    let tenant = live::tenant(&caller)?;
    sign_in::require_second_factor(&api.app, tenant, caller.call().member, wanted.second_factor_required).await?;
    Ok(axum::Json(wanted))
}

impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::NotFound => Self::not_found(),
            TenantError::Slug(_) => Self::invalid("invalid_slug", error),
            TenantError::SlugTaken(_) => Self::conflict("slug_taken", error),
            TenantError::Name => Self::invalid("invalid_name", error),
            TenantError::TooManyCaps(_) | TenantError::Cap(_) => Self::invalid("invalid_cap", error),
            TenantError::Reason => Self::invalid("invalid_reason", error),
            TenantError::UnknownZone(error) => error.into(),
            TenantError::Business(BusinessError::Email) => Self::invalid("invalid_email", error),
            TenantError::Business(BusinessError::Phone(_)) => Self::invalid("invalid_phone", error),
            TenantError::Business(BusinessError::Website(_)) => Self::invalid("invalid_website", error),
            TenantError::Approval => Self::invalid("out_of_range", error),
            TenantError::Store(error) => error.into(),
        }
    }
}
