//! Opened credentials of the accounts whose lanes are held. Opened again when the account changes, forgotten with the lane.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use postroad_app::{App, accounts};
use postroad_core::{
    ids::{AccountId, TenantId},
    provider::{Connection, Provider},
};
use postroad_store::{Result, lanes::Lane};

/// Base addresses of providers that are not the usual ones: test servers, proxies. By provider name.
pub type BaseUrls = HashMap<String, String>;

/// An adapter, and what it needs to speak for an account.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) provider: &'static dyn Provider,
    pub(crate) connection: Arc<Connection>,
}

pub(crate) struct Connections {
    base_urls: BaseUrls,
    /// Where providers reach us.
    public_url: String,
    /// As of this version of the account. None: it cannot be used.
    known: HashMap<AccountId, (DateTime<Utc>, Option<Opened>)>,
}

impl Connections {
    pub(crate) fn new(base_urls: BaseUrls, public_url: String) -> Self {
        Self { base_urls, public_url, known: HashMap::new() }
    }

    /// None: the account cannot be used; the log says why.
    pub(crate) fn get(&self, account: AccountId) -> Option<&Opened> {
        self.known.get(&account).and_then(|(_, opened)| opened.as_ref())
    }

    /// Opens the accounts of these lanes that are not open yet, or have changed since.
    pub(crate) async fn open(&mut self, app: &App, lanes: impl Iterator<Item = &Lane> + Send) -> Result<()> {
        let stale: Vec<&Lane> = lanes.filter(|lane| !self.is_current(lane)).collect();
        if stale.is_empty() {
            return Ok(());
        }
        let keys: Vec<(TenantId, AccountId)> = stale.iter().map(|lane| (lane.tenant, lane.id)).collect();
        let mut credentials: HashMap<_, _> = accounts::credentials(app, &keys).await?.into_iter().collect();
        for lane in stale {
            let opened = credentials.remove(&lane.id).unwrap_or(Err(accounts::ConnectionError::NotFound));
            let opened = self.opened(lane, opened);
            self.known.insert(lane.id, (lane.account_updated_at, opened));
        }
        Ok(())
    }

    pub(crate) fn keep_only(&mut self, held: impl Fn(&AccountId) -> bool) {
        self.known.retain(|account, _| held(account));
    }

    fn is_current(&self, lane: &Lane) -> bool {
        self.known.get(&lane.id).is_some_and(|(version, _)| *version == lane.account_updated_at)
    }

    fn opened(&self, lane: &Lane, credentials: accounts::Opened) -> Option<Opened> {
        let Some(provider) = postroad_providers::find(&lane.provider) else {
            tracing::error!(account.id = %lane.id, provider = lane.provider, "this build does not know the provider");
            return None;
        };
        let credentials = credentials
            .inspect_err(|error| tracing::error!(account.id = %lane.id, %error, "the account cannot be used"))
            .ok()?;
        let base_url = self.base_urls.get(&lane.provider).cloned().unwrap_or_else(|| provider.base_url().to_owned());
        let connection = Connection {
            external_id: lane.external_id.clone(),
            base_url,
            public_url: self.public_url.clone(),
            credentials,
        };
        Some(Opened { provider, connection: Arc::new(connection) })
    }
}
