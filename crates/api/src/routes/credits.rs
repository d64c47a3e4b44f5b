//! The wallet: what there is, how it came to be so, what was spent, and what members may still spend.
//!
//! Deliberately absent: putting something in. Whoever runs the installation does that.

mod allowances;
mod statement;

use axum::{extract::State, http::StatusCode};
use chrono::NaiveDate;
use postroad_app::credit::{self, Wallet as Held, WalletError};
use postroad_core::{
    account::Channel,
    credit::{Category, Priced},
};
use postroad_store::credit::entries::Usage as Spent;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TenantRead},
    extract::Query,
    problem::{Problem, Refusals},
    routes::live,
    schema::{ChannelWord, CreditCategoryWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(wallet))
        .routes(routes!(usage))
        .routes(routes!(prices))
        .merge(statement::routes())
        .merge(allowances::routes())
}

/// The wallet at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditWallet)]
struct Wallet {
    /// Messages cost credit, and none is accepted without it.
    enforced: bool,
    /// What may still be spent: the sum of all lines of the statement.
    #[schema(minimum = 0)]
    balance: i64,
    /// Taken from the wallet for messages that are on their way: spent or given back when they end.
    #[schema(minimum = 0)]
    reserved: i64,
    /// Owners and admins need no allowance.
    admins_unlimited: bool,
    /// What you may still spend of the balance. Null: all of it.
    #[schema(minimum = 0)]
    allowance: Option<i64>,
}

impl Wallet {
    const fn of(held: &Held) -> Self {
        Self {
            enforced: held.is_enforced,
            balance: held.balance,
            reserved: held.reserved,
            admins_unlimited: held.admins_are_free,
            allowance: held.allowance,
        }
    }
}

/// What the wallet holds, what is reserved, and what you may spend of it.
#[utoipa::path(
    get,
    path = "/v1/billing/credits",
    tag = "billing",
    responses((status = 200, description = "The wallet", body = Wallet), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn wallet(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Wallet>, Problem> {
    let held = credit::wallet(&api.app, live::tenant(&caller)?, caller.call().member).await?;
    Ok(axum::Json(Wallet::of(&held)))
}

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    /// The first day, in the tenant's time zone.
    #[param(value_type = String, format = Date, example = "2026-03-01")]
    from: NaiveDate,
    /// The last day: at most 91 later.
    #[param(value_type = String, format = Date, example = "2026-03-31")]
    to: NaiveDate,
}

/// What was spent on a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditUsage)]
struct Usage {
    #[schema(value_type = String, format = Date)]
    day: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChannelWord>)]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CreditCategoryWord>)]
    category: Option<Category>,
    #[schema(minimum = 0)]
    messages: i64,
    #[schema(minimum = 0)]
    credits: i64,
}

impl Usage {
    const fn of(spent: &Spent) -> Self {
        Self {
            day: spent.on_date,
            channel: spent.channel,
            category: spent.category,
            messages: spent.messages,
            credits: spent.credits,
        }
    }
}

/// Days on which something was spent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditUsages)]
struct Usages {
    data: Vec<Usage>,
}

/// What was spent, by day, channel and category, oldest first. A message counts on the day on which it ended; a campaign's
/// messages on the day on which the campaign did.
#[utoipa::path(
    get,
    path = "/v1/billing/credits/usage",
    tag = "billing",
    params(UsageQuery),
    responses((status = 200, description = "The days", body = Usages), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn usage(
    caller: Caller<TenantRead>,
    State(api): State<ApiState>,
    Query(query): Query<UsageQuery>,
) -> Result<axum::Json<Usages>, Problem> {
    let spent = credit::usage(&api.app, live::tenant(&caller)?, query.from, query.to).await?;
    Ok(axum::Json(Usages { data: spent.iter().map(Usage::of).collect() }))
}

/// What something costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditPrice)]
struct Price {
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// Null: every category that has no price of its own.
    #[schema(value_type = Option<CreditCategoryWord>)]
    category: Option<Category>,
    /// For a message; of an SMS that is text, for each of its parts.
    #[schema(minimum = 0)]
    credits: i64,
}

/// What has a price of its own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditPrices)]
struct Prices {
    data: Vec<Price>,
}

/// What messages cost. What is not listed costs one credit.
#[utoipa::path(
    get,
    path = "/v1/billing/credits/prices",
    tag = "billing",
    responses((status = 200, description = "The prices", body = Prices), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn prices(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Prices>, Problem> {
    let priced = credit::prices(&api.app, live::tenant(&caller)?).await?;
    let price = |(Priced { channel, category }, credits)| Price { channel, category, credits };
    Ok(axum::Json(Prices { data: priced.into_iter().map(price).collect() }))
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::NotFound => Self::not_found(),
            WalletError::Amount | WalletError::Price | WalletError::Days => Self::invalid("out_of_range", error),
            WalletError::Note => Self::invalid("invalid_note", error),
            WalletError::BelowZero { balance } => Self::conflict("insufficient_credit", error).with_balance(balance),
            WalletError::RoleTooHigh => Self::new(StatusCode::FORBIDDEN, "role_too_high", "Not allowed", error),
            WalletError::OwnAllowance => Self::new(StatusCode::FORBIDDEN, "own_allowance", "Not allowed", error),
            WalletError::Store(error) => error.into(),
        }
    }
}
