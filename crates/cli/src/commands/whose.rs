//! Which tenant a command is about.

use anyhow::Result;
use postroad_app::{App, tenants, tenants::Tenant};
use postroad_core::ids::TenantId;

use crate::{
    config::Config,
    exit::{not_found, usage},
};

#[derive(Debug, Clone, clap::Args)]
pub struct Whose {
    /// Slug or id of the tenant [default: $POSTROAD_TENANT, or the only one]
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
}

impl Whose {
    /// The tenant that is named; without a name, the only one.
    pub async fn find(&self, app: &App, config: &Config) -> Result<TenantId> {
        match self.tenant.as_deref().or(config.tenant.as_deref()) {
            Some(named) => named_tenant(app, named).await,
            None => only_tenant(app).await,
        }
    }

    /// The tenant that is named, or all of them.
    pub async fn find_or_all(&self, app: &App, config: &Config) -> Result<Vec<TenantId>> {
        match self.tenant.as_deref().or(config.tenant.as_deref()) {
            Some(named) => Ok(vec![named_tenant(app, named).await?]),
            None => Ok(all(app).await?.iter().map(|tenant| tenant.id).collect()),
        }
    }
}

/// A tenant by slug or id.
pub async fn named_tenant(app: &App, named: &str) -> Result<TenantId> {
    let found = match named.parse::<TenantId>() {
        Ok(id) => tenants::get(app, id).await.ok().map(|tenant| tenant.id),
        Err(_) => tenants::find_by_slug(app, named).await?,
    };
    found.ok_or_else(|| not_found(format!("no tenant is called {named}")))
}

async fn only_tenant(app: &App) -> Result<TenantId> {
    match tenants::list(app, None, 2).await?.as_slice() {
        [] => Err(not_found("there is no tenant yet; make one with `postroad tenants create`")),
        [only] => Ok(only.id),
        _ => Err(usage("there are several tenants; name one with --tenant")),
    }
}

/// Every tenant, oldest first.
pub async fn all(app: &App) -> Result<Vec<Tenant>> {
    let mut all: Vec<Tenant> = Vec::new();
    loop {
        let page = tenants::list(app, all.last().map(|tenant| tenant.id), super::PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
