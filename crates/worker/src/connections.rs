//! Opened credentials of the accounts whose lanes are held. Opened again when the account changes, forgotten with the lane.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use postroad_app::{App, accounts};
use postroad_core::{
    ids::AccountId,
    provider::{Connection, Provider},
};
use postroad_store::lanes::Lane;

/// Base addresses of providers that are not the usual ones: test servers, proxies. By provider name.
pub type BaseUrls = HashMap<String, String>;

pub(crate) struct Connections {
    base_urls: BaseUrls,
    opened: HashMap<AccountId, (DateTime<Utc>, Arc<Connection>)>,
}

/// Why an account cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("this build knows no provider {0}")]
    UnknownProvider(String),
    #[error(transparent)]
    Account(#[from] accounts::ConnectionError),
}

impl Connections {
    pub(crate) fn new(base_urls: BaseUrls) -> Self {
        Self { base_urls, opened: HashMap::new() }
    }

    pub(crate) async fn open(
        &mut self,
        app: &App,
        lane: &Lane,
    ) -> Result<(&'static dyn Provider, Arc<Connection>), OpenError> {
        let provider = postroad_providers::find(&lane.provider)
            .ok_or_else(|| OpenError::UnknownProvider(lane.provider.clone()))?;
        if let Some((version, connection)) = self.opened.get(&lane.id)
            && *version == lane.account_updated_at
        {
            return Ok((provider, connection.clone()));
        }
        let credentials = accounts::credentials(app, lane.tenant, lane.id).await?;
        let base_url = self.base_urls.get(&lane.provider).cloned().unwrap_or_else(|| provider.base_url().to_owned());
        let connection = Arc::new(Connection { external_id: lane.external_id.clone(), base_url, credentials });
        self.opened.insert(lane.id, (lane.account_updated_at, connection.clone()));
        Ok((provider, connection))
    }

    pub(crate) fn keep_only(&mut self, held: impl Fn(&AccountId) -> bool) {
        self.opened.retain(|account, _| held(account));
    }
}
