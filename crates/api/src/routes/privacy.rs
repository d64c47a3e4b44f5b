//! How what people say rests in the database.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::privacy::{self, OfAccount, PrivacyError};
use postroad_core::{ids::AccountId, privacy::Bodies, scope::Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{AccountsWrite, Caller, TenantRead, TenantWrite},
    extract::{Json, Path},
    problem::{Problem, Refusals},
    routes::live,
    schema::BodiesWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get, set)).routes(routes!(set_account))
}

/// How what people say rests in the database.
#[derive(Debug, Serialize, ToSchema)]
struct Privacy {
    #[schema(value_type = BodiesWord)]
    bodies: Bodies,
    /// Those with a word of their own, and those that seal what is said or did. The first 200.
    #[schema(max_items = 200)]
    accounts: Vec<AccountPrivacy>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AccountPrivacy {
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    /// Absent: as the tenant says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BodiesWord>)]
    bodies: Option<Bodies>,
    /// Since then there may be messages of it that no search finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsearched_since: Option<DateTime<Utc>>,
}

impl Privacy {
    fn of(privacy: privacy::Privacy) -> Self {
        let account = |one: OfAccount| AccountPrivacy {
            account_id: one.account.to_string(),
            bodies: one.own,
            unsearched_since: one.unsearched_since,
        };
        Self { bodies: privacy.bodies, accounts: privacy.accounts.into_iter().map(account).collect() }
    }
}

/// How what people say rests in the database.
#[utoipa::path(
    get,
    path = "/v1/tenant/privacy",
    tag = "tenant",
    responses((status = 200, description = "Of the tenant and its accounts", body = Privacy), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Privacy>, Problem> {
    Ok(axum::Json(Privacy::of(privacy::get(&api.app, live::tenant(&caller)?).await?)))
}

/// For all accounts that have no word of their own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantBodies {
    #[schema(value_type = BodiesWord)]
    bodies: Bodies,
}

/// Say how what people say rests in the database. It holds for what is written from then on; what lies there stays as it lies.
///
/// What is sealed is not found by a search.
#[utoipa::path(
    put,
    path = "/v1/tenant/privacy",
    tag = "tenant",
    request_body = TenantBodies,
    responses((status = 200, description = "As it is now", body = Privacy), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<TenantBodies>,
) -> Result<axum::Json<Privacy>, Problem> {
    let privacy = privacy::set(&api.app, live::tenant(&caller)?, wanted.bodies).await?;
    Ok(axum::Json(Privacy::of(privacy)))
}

/// Of one account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountBodies {
    /// Null: as the tenant says.
    #[schema(value_type = Option<BodiesWord>)]
    bodies: Option<Bodies>,
}

/// Say how what is said through one account rests in the database. It holds for what is written from then on.
#[utoipa::path(
    put,
    path = "/v1/accounts/{id}/privacy",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    request_body = AccountBodies,
    responses((status = 200, description = "As it is now", body = Privacy), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn set_account(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(wanted): Json<AccountBodies>,
) -> Result<axum::Json<Privacy>, Problem> {
    // It says otherwise than the tenant: for whoever may say so for the tenant.
    caller.require(Scope::TenantWrite)?;
    let privacy = privacy::set_account(&api.app, live::tenant(&caller)?, id, wanted.bodies).await?;
    Ok(axum::Json(Privacy::of(privacy)))
}

impl From<PrivacyError> for Problem {
    fn from(error: PrivacyError) -> Self {
        match error {
            PrivacyError::NotFound => Self::not_found(),
            PrivacyError::Secret(error) => Self::internal(&error),
            PrivacyError::Store(error) => error.into(),
        }
    }
}
