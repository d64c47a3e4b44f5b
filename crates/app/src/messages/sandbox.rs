//! The account that test keys send through: made when the first test key needs it.

use postroad_core::{
    account::{Channel, Pace},
    ids::TenantId,
    provider::Provider,
};
use postroad_store::{TenantTx, messages};

use super::Adapters;
use crate::{
    App,
    accounts::{self, AccountError, Limits, NewAccount, PortfolioChange},
};

/// Also the adapter's name, and the account's id at it: a tenant has one.
const SANDBOX: &str = "sandbox";
/// Of a build that has no such adapter.
const PACE: Pace = Pace { per_s: 1_000.0, burst: 1 };

pub(super) async fn ensure(app: &App, adapters: Adapters, tenant: TenantId) -> Result<(), AccountError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if messages::sandbox(&mut tx).await?.is_some() {
        return Ok(());
    }
    drop(tx);
    let pace = adapters(SANDBOX).map_or(PACE, Provider::pace);
    match accounts::connect(app, tenant, account(pace)).await {
        // Somebody else was faster.
        Ok(_) | Err(AccountError::AlreadyConnected { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn account(pace: Pace) -> NewAccount {
    NewAccount {
        provider: SANDBOX.to_owned(),
        channel: Channel::Sandbox,
        external_id: SANDBOX.to_owned(),
        display_name: "Sandbox".to_owned(),
        credentials: Vec::new(),
        settings: std::collections::BTreeMap::new(),
        limits: Limits { pace, shared: None, spacing: None },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    }
}
