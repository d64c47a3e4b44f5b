//! Secrets at rest. A master key wraps one data key per tenant, a data key seals the tenant's secrets, and each sealed
//! value opens in the row it was sealed for and nowhere else.
//!
//! Stored is `enc:v1:<data key>:<nonce>:<ciphertext and tag>`. Nothing here prints: keys have no `Debug`, what opens is a
//! [`SecretString`]. Deliberately absent: the environment, which the command line reads.

mod bodies;
mod cipher;
mod links;
mod master;
mod own;
mod unwrapped;

use std::{fmt::Display, path::Path, sync::OnceLock};

use chrono::{DateTime, Utc};
use postroad_core::ids::{DataKeyId, TenantId};
pub use postroad_store::data_keys::Lost;
use postroad_store::{AnyTx, Error, Store, SystemTx, TenantTx, data_keys, data_keys::WrappedKey, installation};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use cipher::{Closed, Key};
pub(crate) use links::LinkKey;
use master::Master;
pub use master::MasterKeyError;
pub use own::OwnKey;
use unwrapped::Unwrapped;

/// Seals of one data key before it is replaced. Random nonces are sound far beyond it, up to 2^32.
const USES_MAX: i64 = 1 << 30;
/// Data keys that one step of a rotation wraps anew. Who seals a secret meanwhile waits for one step at most.
const ROTATION_PAGE: i64 = 50;

/// Master keys, and the data keys they opened lately.
pub struct Keyring {
    /// The first is the current one; never empty.
    masters: Vec<Master>,
    unwrapped: Unwrapped,
    own: OnceLock<OwnKey>,
}

/// Where a secret lives. It opens there and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    /// Without `|`.
    pub row: String,
}

impl Place {
    pub fn new(table: &'static str, column: &'static str, row: impl Display) -> Self {
        Self { table, column, row: row.to_string() }
    }

    fn bound_to(&self, tenant: TenantId) -> String {
        format!("{}|{}|{}|{}", self.table, self.column, self.row, tenant.uuid())
    }
}

/// Why a secret cannot be sealed or opened. Names keys by their ids, never by their values.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the stored value is not a sealed secret")]
    Malformed,
    #[error("the tenant has no data key {0}")]
    UnknownDataKey(DataKeyId),
    #[error("master key {wanted} is needed, and only {known} is at hand")]
    UnknownMasterKey { wanted: String, known: String },
    #[error("master key {id} is not the key of that name that the secrets were sealed with")]
    WrongMasterKey { id: String },
    #[error("the sealed secret does not belong here, or was changed")]
    DoesNotOpen,
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<Closed> for SecretError {
    fn from(Closed: Closed) -> Self {
        Self::DoesNotOpen
    }
}

impl Keyring {
    /// From `k2:base64,k1:base64`: 32 bytes each, the first is the current key.
    pub fn parse(keys: &SecretString) -> Result<Self, MasterKeyError> {
        Ok(Self {
            masters: master::parse(keys.expose_secret())?,
            unwrapped: Unwrapped::default(),
            own: OnceLock::new(),
        })
    }

    /// Reads the file, or makes it (mode 0600) with a new key.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        Self::parse(&master::load_or_create(path)?)
    }

    /// A new random master key, as [`Self::parse`] reads it.
    pub fn generate_master() -> SecretString {
        master::generate()
    }

    /// The ids of the master keys at hand, the current one first.
    pub fn key_ids(&self) -> Vec<&str> {
        self.masters.iter().map(|master| master.id.as_str()).collect()
    }

    /// Seals a secret for one place of the transaction's tenant. The first secret of a tenant makes its data key.
    pub async fn seal(
        &self,
        tx: &mut TenantTx,
        place: &Place,
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<String, SecretError> {
        let tenant = tx.tenant();
        let (id, key) = match data_keys::count_use(tx, USES_MAX).await? {
            Some(wrapped) => (wrapped.id, self.unwrap(&wrapped)?),
            None => self.make_data_key(tx, tenant, now).await?,
        };
        let sealed = key.seal(&place.bound_to(tenant), secret.expose_secret().as_bytes());
        Ok(format!("enc:v1:{id}:{sealed}"))
    }

    /// Opens what [`Self::seal`] returned for the same place and tenant.
    pub async fn open(
        &self,
        tx: &mut impl AnyTx,
        tenant: TenantId,
        place: &Place,
        stored: &str,
    ) -> Result<SecretString, SecretError> {
        let (id, sealed) = parse_stored(stored).ok_or(SecretError::Malformed)?;
        let key = match self.unwrapped.get(tenant, id) {
            Some(key) => key,
            None => {
                let wrapped = data_keys::find(tx, tenant, id).await?.ok_or(SecretError::UnknownDataKey(id))?;
                self.unwrap(&wrapped)?
            }
        };
        let mut opened = key.open(&place.bound_to(tenant), sealed)?;
        String::from_utf8(std::mem::take(&mut *opened)).map(SecretString::from).map_err(|_| SecretError::DoesNotOpen)
    }

    /// Whoever seals bodies asks for no key of their own.
    pub(crate) async fn have_data_key(&self, tx: &mut TenantTx, now: DateTime<Utc>) -> Result<(), SecretError> {
        if data_keys::count_use(tx, USES_MAX).await?.is_none() {
            let tenant = tx.tenant();
            self.make_data_key(tx, tenant, now).await?;
        }
        Ok(())
    }

    /// The first one of a tenant that is made in this transaction.
    pub(crate) async fn first_data_key(
        &self,
        tx: &mut SystemTx,
        tenant: TenantId,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.make_data_key(tx, tenant, now).await?;
        Ok(())
    }

    async fn make_data_key(
        &self,
        tx: &mut impl AnyTx,
        tenant: TenantId,
        now: DateTime<Utc>,
    ) -> Result<(DataKeyId, Key), Error> {
        let id = DataKeyId::new(now);
        let (key, current) = (Key::generate(), &self.masters[0]);
        let wrapped = current.key.seal(&wrapping_place(tenant, id), key.bytes());
        data_keys::insert(tx, &WrappedKey { tenant, id, kek_id: current.id.clone(), wrapped }, now).await?;
        // Not kept in memory: the transaction may still roll back.
        Ok((id, key))
    }

    fn unwrap(&self, wrapped: &WrappedKey) -> Result<Key, SecretError> {
        if let Some(key) = self.unwrapped.get(wrapped.tenant, wrapped.id) {
            return Ok(key);
        }
        let key = self.unwrap_bytes(wrapped)?;
        let key = Key::from_bytes(&key).ok_or(SecretError::DoesNotOpen)?;
        self.unwrapped.put(wrapped.tenant, wrapped.id, key.clone());
        Ok(key)
    }

    fn unwrap_bytes(&self, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let master = self.master(&wrapped.kek_id)?;
        let opened = master.key.open(&wrapping_place(wrapped.tenant, wrapped.id), &wrapped.wrapped);
        opened.map_err(|Closed| SecretError::WrongMasterKey { id: master.id.clone() })
    }

    fn master(&self, id: &str) -> Result<&Master, SecretError> {
        self.masters
            .iter()
            .find(|master| master.id == id)
            .ok_or_else(|| SecretError::UnknownMasterKey { wanted: id.to_owned(), known: self.key_ids().join(", ") })
    }
}

/// Start-up and rotation.
impl Keyring {
    /// Refuses to start with master keys that are not the ones this database was sealed with. On a new database it leaves
    /// the proof that later starts are checked by.
    pub async fn check(&self, store: &Store, now: DateTime<Utc>) -> Result<(), SecretError> {
        let mut tx = SystemTx::begin(store).await?;
        installation::ensure(&mut tx, uuid::Uuid::new_v4(), now).await?;
        let canary = installation::find(&mut tx).await?.and_then(|row| row.key_canary);
        for (kek_id, _) in data_keys::count_by_kek(&mut tx).await? {
            self.master(&kek_id)?;
        }
        match canary.as_deref() {
            Some(canary) => self.check_canary(canary)?,
            None => self.leave_canary(&mut tx).await?,
        }
        Ok(tx.commit().await?)
    }

    fn check_canary(&self, canary: &str) -> Result<(), SecretError> {
        let (id, sealed) = canary.split_once(':').ok_or(SecretError::Malformed)?;
        let master = self.master(id)?;
        match master.key.open(CANARY_PLACE, sealed) {
            Ok(opened) if opened.as_slice() == CANARY => Ok(()),
            _ => Err(SecretError::WrongMasterKey { id: id.to_owned() }),
        }
    }

    async fn leave_canary(&self, tx: &mut SystemTx) -> Result<(), SecretError> {
        let current = &self.masters[0];
        let canary = format!("{}:{}", current.id, current.key.seal(CANARY_PLACE, CANARY));
        installation::set_canary(tx, &canary).await?;
        Ok(())
    }

    /// Only a rotation moves the proof: a process that starts with the former order of keys would move it back, and nothing would
    /// start any more once the former key is gone.
    async fn rotate_canary(&self, tx: &mut SystemTx) -> Result<(), SecretError> {
        let canary = installation::find(tx).await?.and_then(|row| row.key_canary).unwrap_or_default();
        let is_current = canary.split_once(':').is_some_and(|(id, _)| id == self.masters[0].id);
        if is_current { Ok(()) } else { self.leave_canary(tx).await }
    }

    /// Wraps up to 50 data keys anew under the current master key, and the installation's own; returns how many. Zero: nothing is
    /// left that another rotation does not have in its hands. Stopping anywhere loses nothing: a step is kept whole or not at all.
    pub async fn rotate_page(&self, store: &Store) -> Result<usize, SecretError> {
        let current = &self.masters[0];
        let mut tx = SystemTx::begin(store).await?;
        let page = data_keys::take_wrapped_by_others(&mut tx, &current.id, ROTATION_PAGE).await?;
        for old in &page {
            let key = self.unwrap_bytes(old)?;
            let wrapped = current.key.seal(&wrapping_place(old.tenant, old.id), &key);
            data_keys::rewrap(&mut tx, &WrappedKey { kek_id: current.id.clone(), wrapped, ..old.clone() }).await?;
        }
        let own = self.rotate_own(&mut tx).await?;
        self.rotate_canary(&mut tx).await?;
        tx.commit().await?;
        Ok(page.len() + own)
    }

    /// How many keys each master key wraps: one that wraps none may go.
    pub async fn usage(store: &Store) -> Result<Vec<(String, i64)>, SecretError> {
        let mut tx = SystemTx::begin(store).await?;
        Ok(data_keys::count_by_kek(&mut tx).await?)
    }

    /// What does not open with the master keys at hand, by the one that is missing. Empty: everything opens.
    pub async fn lost(&self, store: &Store) -> Result<Vec<Lost>, SecretError> {
        let known: Vec<String> = self.masters.iter().map(|master| master.id.clone()).collect();
        let mut tx = SystemTx::begin(store).await?;
        Ok(data_keys::lost_without(&mut tx, &known).await?)
    }
}

const CANARY: &[u8] = b"these are the master keys";
const CANARY_PLACE: &str = "installation|key_canary";

fn wrapping_place(tenant: TenantId, id: DataKeyId) -> String {
    format!("data_keys|wrapped|{}|{}", id.uuid(), tenant.uuid())
}

fn parse_stored(stored: &str) -> Option<(DataKeyId, &str)> {
    let (id, sealed) = stored.strip_prefix("enc:v1:")?.split_once(':')?;
    Some((id.parse().ok()?, sealed))
}
