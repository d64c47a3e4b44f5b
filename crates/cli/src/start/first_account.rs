//! The account that the environment describes, on an installation that has no tenant yet.

use anyhow::Result;
use postroad_app::{
    App, accounts,
    tenants::{self, NewTenant},
};

use crate::{config::Config, connect};

const SLUG: &str = "default";

/// Makes the tenant `default` and connects the account. Where anybody exists already, nothing happens.
pub(super) async fn make(app: &App, config: &Config) -> Result<()> {
    let Some(account) = &config.first_account else { return Ok(()) };
    if !tenants::list(app, None, 1).await?.is_empty() {
        return Ok(());
    }
    let tenant = tenants::create(app, &NewTenant::named(SLUG, "Default")).await?;
    let values = account.credentials.iter().map(|(name, secret)| ((*name).to_owned(), secret.clone())).collect();
    let new = connect::new_account(connect::provider(account.provider)?, &account.external_id, values)?;
    let id = accounts::connect(app, tenant, new).await?;
    tracing::info!(account.id = %id, provider.name = account.provider, "the first account is connected");
    Ok(())
}
