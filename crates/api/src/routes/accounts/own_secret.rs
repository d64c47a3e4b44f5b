//! The secret of an account that we make: its platform signs what it posts to the account's own address.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::accounts::{self, own_secret};
use postroad_core::ids::AccountId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::view;
use crate::{
    ApiState,
    caller::{AccountsWrite, Caller},
    extract::{Json, Path},
    problem::{Conflicts, Problem, Refusals},
    routes::live,
    state::adapter,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(renew))
}

/// How long the former secret holds beside the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretRenewal {
    /// Seconds. 0 ends every former one within 5 seconds. Absent: a day.
    #[serde(default = "a_day")]
    #[schema(minimum = 0, maximum = 604_800, default = 86_400)]
    former_for_s: u32,
}

const fn a_day() -> u32 {
    86_400
}

/// A new secret. Nobody can show it again.
#[derive(Serialize, ToSchema)]
struct RenewedSecret {
    /// Where the platform posts to.
    url: String,
    /// `whsec_` and base64, as Standard Webhooks writes it.
    secret: String,
    /// Absent: the former one does not hold any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_until: Option<DateTime<Utc>>,
}

/// Make a new webhook secret for an account whose provider lets us make it. The former one holds a while, so that the platform
/// can change over.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/webhook-secret",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    request_body = SecretRenewal,
    responses((status = 200, description = "The new secret, this once", body = RenewedSecret), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn renew(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(renewal): Json<SecretRenewal>,
) -> Result<axum::Json<RenewedSecret>, Problem> {
    let tenant = live::tenant(&caller)?;
    let account = accounts::get(&api.app, tenant, id).await?;
    let own = adapter(&account.provider).and_then(postroad_core::provider::Provider::own_secret).ok_or_else(|| {
        Problem::conflict(
            "no_own_secret",
            "the provider makes the secrets of this account: use /v1/accounts/{id}/rotate",
        )
    })?;
    let renewed = own_secret::renew(&api.app, tenant, id, own, renewal.former_for_s).await?;
    Ok(axum::Json(RenewedSecret {
        url: view::webhook_url(&api, &account).unwrap_or_default(),
        secret: renewed.secret.expose_secret().to_owned(),
        former_until: renewed.former_until,
    }))
}
