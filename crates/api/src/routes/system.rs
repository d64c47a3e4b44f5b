//! Settings of the installation that the people who run it change while it runs.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::system::{self, Beginning, Change as Stored, Settings, System, SystemError};
use postroad_core::privacy::Bodies;
use postroad_store::done_by;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    extract::{Json, Query},
    problem::{Problem, SignInRefusals},
    routes::{
        accounts::quiet_hours,
        auth::Csrf,
        page::{self, Page, PageQuery},
    },
    schema::BodiesWord,
    sessions::Superadmin,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get, set)).routes(routes!(changes))
}

/// What superadmins say of the installation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Acme Messages", "support_email": "help@acme.example", "new_tenants": {
    "time_zone": "Europe/Paris", "quiet_hours": "21:00-08:00", "media_retention_days": 180, "bodies": "plain",
    "second_factor_required": false, "credit_enforced": false}})))]
struct SystemSettings {
    /// What the installation calls itself where it speaks to people in its own name. Absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Where people find help with it. Absent: it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 3, max_length = 320)]
    support_email: Option<String>,
    new_tenants: NewTenants,
}

/// What a tenant begins with that is made from now on. Those that are there stay as they are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTenants {
    /// Where whoever makes it names none.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: String,
    /// Absent: the tenant has none of its own, and those of the process count (`QUIET_HOURS_DEFAULT`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$", example = "21:00-08:00")]
    quiet_hours: Option<String>,
    /// Days for which files are kept.
    #[schema(minimum = 1, maximum = 3650)]
    media_retention_days: i32,
    #[schema(value_type = BodiesWord)]
    bodies: Bodies,
    /// Members without a second factor reach nothing but `/v1/auth/` until they have one.
    second_factor_required: bool,
    /// Messages cost credit, and none is sent without it.
    credit_enforced: bool,
}

impl NewTenants {
    fn of(begins: Beginning) -> Self {
        Self {
            time_zone: begins.time_zone,
            quiet_hours: begins.quiet_hours.map(|hours| hours.to_string()),
            media_retention_days: begins.media_days,
            bodies: begins.bodies,
            second_factor_required: begins.second_factor_required,
            credit_enforced: begins.credit_enforced,
        }
    }

    fn into_beginning(self) -> Result<Beginning, Problem> {
        Ok(Beginning {
            quiet_hours: self.quiet_hours.as_deref().map(quiet_hours).transpose()?,
            time_zone: self.time_zone,
            media_days: self.media_retention_days,
            bodies: self.bodies,
            second_factor_required: self.second_factor_required,
            credit_enforced: self.credit_enforced,
        })
    }
}

/// The settings, and since when they are so.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = System)]
struct Shown {
    settings: SystemSettings,
    /// Absent: nobody has changed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime<Utc>>,
}

impl Shown {
    fn of(system: System) -> Self {
        let System { name, support_email, new_tenants, updated_at } = system;
        Self { settings: SystemSettings { name, support_email, new_tenants: NewTenants::of(new_tenants) }, updated_at }
    }
}

/// Settings of the installation.
#[utoipa::path(
    get,
    path = "/v1/system/settings",
    tag = "system",
    responses((status = 200, description = "As they are", body = Shown), SignInRefusals),
    security(("session" = [])),
)]
async fn get(_: Superadmin, State(api): State<ApiState>) -> Result<axum::Json<Shown>, Problem> {
    Ok(axum::Json(Shown::of(system::get(&api.app).await?)))
}

/// Replace the settings of the installation.
///
/// Every process goes by them from its next look on. What processes need to start stays in their environment.
#[utoipa::path(
    put,
    path = "/v1/system/settings",
    tag = "system",
    request_body = SystemSettings,
    params(Csrf),
    responses((status = 200, description = "As they are now", body = Shown), SignInRefusals),
    security(("session" = [])),
)]
async fn set(
    superadmin: Superadmin,
    State(api): State<ApiState>,
    Json(SystemSettings { name, support_email, new_tenants }): Json<SystemSettings>,
) -> Result<axum::Json<Shown>, Problem> {
    let settings = Settings { name, support_email, new_tenants: new_tenants.into_beginning()? };
    Ok(axum::Json(Shown::of(done_by(superadmin.doer(), system::set(&api.app, settings)).await?)))
}

/// Who changed the settings of the installation.
#[derive(Serialize, ToSchema)]
struct SystemChange {
    #[schema(pattern = "^aud_[0-9a-f]{32}$")]
    id: String,
    at: DateTime<Utc>,
    /// The id with which they sign in.
    actor: String,
    ip: Option<String>,
    request_id: Option<String>,
    /// What differs, as it was.
    #[schema(value_type = Object)]
    before: Value,
    /// What differs, as it became.
    #[schema(value_type = Object)]
    after: Value,
}

impl SystemChange {
    fn of(stored: Stored) -> Self {
        let Stored { id, at, actor, ip, request_id, before, after } = stored;
        Self { id: id.to_string(), at, actor, ip, request_id, before, after }
    }
}

/// Who changed the settings of the installation, the newest first. Nobody can change or delete it.
#[utoipa::path(
    get,
    path = "/v1/system/settings/changes",
    tag = "system",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<SystemChange>), SignInRefusals),
    security(("session" = [])),
)]
async fn changes(
    _: Superadmin,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<SystemChange>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = system::changes(&api.app, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), SystemChange::of)))
}

impl From<SystemError> for Problem {
    fn from(error: SystemError) -> Self {
        match error {
            SystemError::Name => Self::invalid("invalid_name", error),
            SystemError::Email => Self::invalid("invalid_email", error),
            SystemError::UnknownZone(error) => error.into(),
            SystemError::Days => Self::invalid("out_of_range", error),
            SystemError::Store(error) => error.into(),
        }
    }
}
