//! Connected numbers, pages, bots and mailboxes.

mod new;
mod own_secret;
mod view;

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use postroad_app::{
    accounts::{self, AccountChange as Change, AccountError},
    patch::Patch,
    zone,
};
use postroad_core::{ids::AccountId, quiet_hours::QuietHours};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{AccountsRead, AccountsWrite, Caller},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    state::adapter,
};

use new::{Limits, NewAccount, PortfolioChange, secrets_and_settings};
use view::{Account, Provider};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(providers))
        .routes(routes!(create, list))
        .routes(routes!(get, update, remove))
        .routes(routes!(rotate))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .merge(own_secret::routes())
}

/// What can be connected.
#[derive(Debug, serde::Serialize, ToSchema)]
struct Providers {
    providers: Vec<Provider>,
}

/// List the providers that can be connected, with the form that each asks to be filled in.
#[utoipa::path(
    get,
    path = "/v1/providers",
    tag = "accounts",
    responses((status = 200, description = "Every provider of this installation", body = Providers), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn providers(_: Caller<AccountsRead>) -> axum::Json<Providers> {
    let providers = postroad_providers::all().iter().map(|provider| Provider::of(*provider)).collect();
    axum::Json(Providers { providers })
}

/// Connect an account.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    tag = "accounts",
    request_body = NewAccount,
    responses((status = 201, description = "Connected", body = Account), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<Account>), Problem> {
    let tenant = live::tenant(&caller)?;
    let (new, secret) = new.into_new()?;
    let id = accounts::connect(&api.app, tenant, new).await?;
    let account = accounts::get(&api.app, tenant, id).await?;
    Ok((StatusCode::CREATED, axum::Json(Account::of(&api, account).with_secret(secret.as_ref()))))
}

/// List accounts, oldest first.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    tag = "accounts",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Account>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<AccountsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Account>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<AccountId> = page::parse("after", query.after.as_deref())?;
    let rows = accounts::list(&api.app, tenant, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), |row| Account::of(&api, row))))
}

/// One account, without its secrets.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    responses((status = 200, description = "The account", body = Account), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<AccountsRead>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
) -> Result<axum::Json<Account>, Problem> {
    let account = accounts::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Account::of(&api, account)))
}

/// What changes of an account; what is absent stays, what is null goes. Takes effect at the next message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    #[schema(min_length = 1, max_length = 200)]
    display_name: Option<String>,
    /// Replaces all limits.
    limits: Option<Limits>,
    #[serde(default)]
    portfolio: PortfolioChange,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 60)]
    time_zone: Patch<String>,
    /// Local time, start included, end excluded. Null: those of the tenant.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")]
    quiet_hours: Patch<String>,
    /// Whether people are told, where the channel can, that what they said was read: when a member marks it as read.
    tell_read: Option<bool>,
    /// True takes the mark from the channel's other account.
    #[serde(default)]
    primary: bool,
}

impl AccountChange {
    fn into_change(self) -> Result<Change, Problem> {
        let quiet_hours = match self.quiet_hours {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(text) => Patch::Set(quiet_hours(&text)?),
        };
        Ok(Change {
            display_name: self.display_name,
            limits: self.limits.map(Limits::into_limits),
            portfolio: self.portfolio.into_change(),
            time_zone: self.time_zone,
            quiet_hours,
            tell_read: self.tell_read,
            make_primary: self.primary,
        })
    }
}

pub(super) fn quiet_hours(text: &str) -> Result<QuietHours, Problem> {
    text.parse().map_err(|error| Problem::invalid("invalid_quiet_hours", error))
}

/// Change an account.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{id}",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    request_body = AccountChange,
    responses((status = 200, description = "As it is now", body = Account), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> Result<axum::Json<Account>, Problem> {
    let tenant = live::tenant(&caller)?;
    let account = accounts::update(&api.app, tenant, id, change.into_change()?).await?;
    Ok(axum::Json(Account::of(&api, account)))
}

/// Disconnect an account and forget its secrets. Its messages stay.
#[utoipa::path(
    delete,
    path = "/v1/accounts/{id}",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    responses((status = 204, description = "Nothing is sent from it any more"), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn remove(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
) -> Result<StatusCode, Problem> {
    accounts::remove(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// New secrets, all that the provider asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountRotation)]
struct Rotation {
    /// By the names of the provider's form.
    credentials: BTreeMap<String, String>,
}

/// Replace the secrets of an account. One that was disconnected for the old ones sends again.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/rotate",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    request_body = Rotation,
    responses((status = 200, description = "The new secrets are in use", body = Account), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn rotate(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(rotation): Json<Rotation>,
) -> Result<axum::Json<Account>, Problem> {
    let tenant = live::tenant(&caller)?;
    let account = accounts::get(&api.app, tenant, id).await?;
    if adapter(&account.provider).is_some_and(|provider| provider.own_secret().is_some()) {
        let detail = "the secret of this account is made here: use /v1/accounts/{id}/webhook-secret";
        return Err(Problem::conflict("own_secret", detail));
    }
    let given = account.settings.into_iter().chain(rotation.credentials).collect();
    let (secrets, _) = secrets_and_settings(&account.provider, given)?;
    accounts::rotate(&api.app, tenant, id, &secrets).await?;
    let account = accounts::get(&api.app, tenant, id).await?;
    Ok(axum::Json(Account::of(&api, account)))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PauseReason)]
pub(super) struct Reason {
    /// For the people who will ask.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) reason: String,
}

/// Stop sending from an account. What waits for it is kept.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/pause",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    request_body = Reason,
    responses((status = 200, description = "No new attempt starts", body = Account), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn pause(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Account>, Problem> {
    let tenant = live::tenant(&caller)?;
    accounts::pause(&api.app, tenant, id, &why.reason).await?;
    let account = accounts::get(&api.app, tenant, id).await?;
    Ok(axum::Json(Account::of(&api, account)))
}

/// Send from an account again, after a pause, a restriction or a disconnection. What waited for it is due now.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/resume",
    tag = "accounts",
    params(("id" = String, Path, pattern = "^acc_[0-9a-f]{32}$")),
    responses((status = 200, description = "It sends", body = Account), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn resume(
    caller: Caller<AccountsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<AccountId>,
) -> Result<axum::Json<Account>, Problem> {
    let tenant = live::tenant(&caller)?;
    accounts::resume(&api.app, tenant, id).await?;
    let account = accounts::get(&api.app, tenant, id).await?;
    Ok(axum::Json(Account::of(&api, account)))
}

impl From<zone::UnknownZone> for Problem {
    fn from(error: zone::UnknownZone) -> Self {
        Self::invalid("unknown_time_zone", error)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotFound => Self::not_found(),
            AccountError::AlreadyConnected { .. } => Self::conflict("already_connected", error),
            AccountError::Removed => Self::conflict("account_removed", error),
            AccountError::ExternalId => Self::invalid("invalid_external_id", error),
            AccountError::DisplayName => Self::invalid("invalid_display_name", error),
            AccountError::FormerHolds { .. } => Self::conflict("former_secret_holds", error),
            AccountError::Limits(_) | AccountError::Portfolio | AccountError::FormerTooLong => {
                Self::invalid("out_of_range", error)
            }
            AccountError::TooMuch => Self::invalid("too_much", error),
            AccountError::Reason => Self::invalid("invalid_reason", error),
            AccountError::UnknownZone(error) => error.into(),
            AccountError::Secret(error) => error.into(),
            AccountError::Store(error) => error.into(),
        }
    }
}
