//! Whose secrets may have signed a webhook. Opened ones are remembered for a few seconds; a signature that fails against
//! a remembered one is tried against fresh ones before it counts as forged.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use postroad_core::{
    ids::{AccountId, TenantId},
    provider::{Credentials, Hook, Provider},
};
use postroad_store::{Result, SystemTx, journal};

use crate::{
    App,
    accounts::{self, ConnectionError},
};

/// How long opened secrets stay in memory.
const KEPT: Duration = Duration::from_secs(5);
/// Secrets younger than this are not opened again for a signature that fails: forgers would have us do it at will.
const FRESH: Duration = Duration::from_secs(1);
/// Names remembered, known ones and unknown ones.
const NAMES_MAX: usize = 10_000;
/// Accounts that are tried for one post.
const TRIED_MAX: usize = 200;
/// Bytes of an account's name at its provider.
const NAME_BYTES_MAX: usize = 800;
/// Bytes that are hashed for one post: a stranger may send what he likes.
const HASHED_BYTES_MAX: usize = 64 * 1_048_576;

#[derive(Default)]
pub(super) struct Signers(Mutex<HashMap<(&'static str, Name), Remembered>>);

/// What an account goes by in a webhook.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Of(String),
    /// Every account of the provider.
    All,
}

struct Remembered {
    signers: Arc<[Signer]>,
    at: Instant,
}

struct Signer {
    tenant: TenantId,
    account: AccountId,
    credentials: Arc<Credentials>,
}

impl Clone for Signer {
    fn clone(&self) -> Self {
        Self { tenant: self.tenant, account: self.account, credentials: self.credentials.clone() }
    }
}

impl Signers {
    /// The accounts whose secrets verify the post. Of one that cannot be read, the first will do: it is kept, and a person
    /// looks at it.
    pub(super) async fn verify(
        &self,
        app: &App,
        provider: &'static dyn Provider,
        hook: &Hook<'_>,
    ) -> Result<Vec<(TenantId, AccountId)>> {
        let names = provider.accounts_in(hook);
        let readable = names.is_ok();
        let names: Vec<Name> = names
            .map_or_else(|_| vec![Name::All], |names| names.into_iter().filter_map(Name::of).take(TRIED_MAX).collect());
        let (signers, aged) = self.of(app, provider, &names).await?;
        let mut verified = verified_by(provider, hook, &signers);
        if verified.is_empty() && aged {
            self.forget(provider, &names);
            let (signers, _) = self.of(app, provider, &names).await?;
            verified = verified_by(provider, hook, &signers);
        }
        if !readable {
            verified.truncate(1);
        }
        Ok(verified)
    }

    pub(super) async fn handshake(
        &self,
        app: &App,
        provider: &'static dyn Provider,
        query: &str,
    ) -> Result<Option<String>> {
        self.forget(provider, &[Name::All]);
        let (signers, _) = self.of(app, provider, &[Name::All]).await?;
        Ok(signers.iter().find_map(|signer| provider.handshake(query, &signer.credentials)))
    }

    /// The accounts of these names, each once, and whether some were remembered for a while.
    async fn of(&self, app: &App, provider: &'static dyn Provider, names: &[Name]) -> Result<(Vec<Signer>, bool)> {
        let mut signers = Vec::new();
        let mut unknown = Vec::new();
        let mut aged = false;
        for name in names {
            match self.remembered(provider, name) {
                Some((known, age)) => {
                    signers.extend(known.iter().cloned());
                    aged |= age > FRESH;
                }
                None => unknown.push(name.clone()),
            }
        }
        if !unknown.is_empty() {
            signers.extend(self.learn(app, provider, unknown).await?);
        }
        signers.sort_by_key(|signer| (signer.tenant, signer.account));
        signers.dedup_by_key(|signer| (signer.tenant, signer.account));
        Ok((signers, aged))
    }

    fn remembered(&self, provider: &'static dyn Provider, name: &Name) -> Option<(Arc<[Signer]>, Duration)> {
        let all = self.0.lock();
        let found = all.get(&(provider.name(), name.clone()))?;
        let age = found.at.elapsed();
        (age < KEPT).then(|| (found.signers.clone(), age))
    }

    fn forget(&self, provider: &'static dyn Provider, names: &[Name]) {
        let mut all = self.0.lock();
        for name in names {
            all.remove(&(provider.name(), name.clone()));
        }
    }

    async fn learn(&self, app: &App, provider: &'static dyn Provider, names: Vec<Name>) -> Result<Vec<Signer>> {
        let mut by_name: HashMap<Name, Vec<Signer>> = names.iter().map(|name| (name.clone(), Vec::new())).collect();
        let found = find(app, provider, &names).await?;
        let mut tx = SystemTx::begin(&app.store).await?;
        for (name, tenant, account) in found {
            match accounts::connection(app, &mut tx, tenant, account).await {
                Ok(credentials) => {
                    by_name.entry(name).or_default().push(Signer {
                        tenant,
                        account,
                        credentials: Arc::new(credentials),
                    });
                }
                Err(ConnectionError::Store(error)) => return Err(error),
                Err(error) => tracing::error!(%error, account.id = %account, "an account's secrets do not open"),
            }
        }
        let learnt = by_name.values().flatten().cloned().collect();
        self.remember(provider, by_name);
        Ok(learnt)
    }

    fn remember(&self, provider: &'static dyn Provider, by_name: HashMap<Name, Vec<Signer>>) {
        let at = Instant::now();
        let mut all = self.0.lock();
        if all.len() + by_name.len() > NAMES_MAX {
            all.retain(|_, remembered| remembered.at.elapsed() < KEPT);
        }
        if all.len() + by_name.len() <= NAMES_MAX {
            all.extend(
                by_name
                    .into_iter()
                    .map(|(name, signers)| ((provider.name(), name), Remembered { signers: signers.into(), at })),
            );
        }
    }
}

async fn find(app: &App, provider: &'static dyn Provider, names: &[Name]) -> Result<Vec<(Name, TenantId, AccountId)>> {
    let limit = i64::try_from(TRIED_MAX).unwrap_or(i64::MAX);
    if names.contains(&Name::All) {
        let found = journal::list_signers(&app.store, provider.name(), limit).await?;
        return Ok(found.into_iter().map(|(tenant, account)| (Name::All, tenant, account)).collect());
    }
    let names: Vec<String> = names.iter().filter_map(Name::text).collect();
    let found = journal::find_signers(&app.store, provider.name(), &names, limit).await?;
    Ok(found.into_iter().map(|(name, tenant, account)| (Name::Of(name), tenant, account)).collect())
}

impl Name {
    /// None: no account can go by it.
    fn of(name: String) -> Option<Self> {
        let possible = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains('\0');
        possible.then_some(Self::Of(name))
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Of(name) => Some(name.clone()),
            Self::All => None,
        }
    }
}

fn verified_by(provider: &'static dyn Provider, hook: &Hook<'_>, signers: &[Signer]) -> Vec<(TenantId, AccountId)> {
    let tried = (HASHED_BYTES_MAX / hook.body.len().max(1)).clamp(1, TRIED_MAX);
    let holds = signers.iter().take(tried).filter(|signer| provider.verify(hook, &signer.credentials).is_ok());
    holds.map(|signer| (signer.tenant, signer.account)).collect()
}
