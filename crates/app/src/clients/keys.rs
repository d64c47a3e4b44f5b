//! From the id of a key to its secret, at every request.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use postroad_core::signature::Secret;
use postroad_store::{
    SystemTx,
    clients::{self, Credential},
};
use secrecy::ExposeSecret;

use super::place;
use crate::{App, secrets::SecretError};

/// Opened secrets kept in memory.
const OPENED_MAX: usize = 10_000;
/// How long an opened secret stays there.
const KEPT: Duration = Duration::from_mins(1);

/// A key that exists, whether or not it opens the door.
pub struct Known {
    pub credential: Credential,
    pub secret: Arc<Secret>,
}

/// Secrets that were opened lately. Whether a key is valid is never remembered: its row is read each time, and an opened
/// secret counts only while the sealed one has not changed.
#[derive(Default)]
pub struct Keys(Mutex<HashMap<String, Opened>>);

struct Opened {
    sealed: String,
    secret: Arc<Secret>,
    at: Instant,
}

impl Keys {
    /// None: there is no such key.
    pub async fn find(&self, app: &App, key_id: &str) -> Result<Option<Known>, SecretError> {
        let Some(credential) = clients::find_credential(&app.store, key_id).await? else { return Ok(None) };
        let secret = match self.opened(&credential) {
            Some(secret) => secret,
            None => self.open(app, &credential).await?,
        };
        Ok(Some(Known { credential, secret }))
    }

    fn opened(&self, credential: &Credential) -> Option<Arc<Secret>> {
        let opened = self.0.lock();
        let found = opened.get(&credential.key_id)?;
        (found.sealed == credential.secret && found.at.elapsed() < KEPT).then(|| found.secret.clone())
    }

    async fn open(&self, app: &App, credential: &Credential) -> Result<Arc<Secret>, SecretError> {
        let mut tx = SystemTx::begin(&app.store).await?;
        let text = app.keyring.open(&mut tx, credential.tenant, &place(&credential.key_id), &credential.secret).await?;
        let secret = Arc::new(Secret::parse(text.expose_secret()).map_err(|_| SecretError::Malformed)?);
        let opened = Opened { sealed: credential.secret.clone(), secret: secret.clone(), at: Instant::now() };
        let mut all = self.0.lock();
        if all.len() >= OPENED_MAX {
            all.retain(|_, opened| opened.at.elapsed() < KEPT);
        }
        if all.len() < OPENED_MAX {
            all.insert(credential.key_id.clone(), opened);
        }
        Ok(secret)
    }
}
