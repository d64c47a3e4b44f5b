//! The installation's own key: seals and derives what belongs to no tenant. Wrapped by a master key, as data keys are, and made
//! when it is first needed.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use postroad_core::sign_in::Token;
use postroad_store::{Store, SystemTx, installation};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    Keyring, Place, SecretError,
    cipher::{Closed, Key},
};

/// Wraps nothing, prints nothing. Cheap to clone.
#[derive(Clone)]
pub struct OwnKey(Key);

impl OwnKey {
    /// 256 bits that follow from the key, what they are for, and the name of a row: nobody else can tell them, and nobody
    /// needs to keep them.
    pub(crate) fn word(&self, purpose: &str, name: &str) -> Token {
        Token::derived(*self.derive("word", &format!("{purpose}|{name}")))
    }

    /// Seals a secret for one place; each is another text.
    pub(crate) fn seal(&self, place: &Place, secret: &SecretString) -> String {
        format!("{SEALED}{}", self.sealing().seal(&bound(place), secret.expose_secret().as_bytes()))
    }

    /// Opens what [`Self::seal`] returned for the same place.
    pub(crate) fn open(&self, place: &Place, stored: &str) -> Result<SecretString, SecretError> {
        let sealed = stored.strip_prefix(SEALED).ok_or(SecretError::Malformed)?;
        let mut opened = self.sealing().open(&bound(place), sealed)?;
        String::from_utf8(std::mem::take(&mut *opened)).map(SecretString::from).map_err(|_| SecretError::DoesNotOpen)
    }

    /// One key for one use.
    fn sealing(&self) -> Key {
        Key::from_bytes(self.derive("seal", "").as_slice()).expect("32 bytes are a key")
    }

    pub(super) fn derive(&self, label: &str, name: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.bytes()).expect("a key of any length does");
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(name.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

const SEALED: &str = "own:v1:";

fn bound(place: &Place) -> String {
    format!("{}|{}|{}|installation", place.table, place.column, place.row)
}

const WRAPPING_PLACE: &str = "installation|own_key";

impl Keyring {
    /// The installation's own key; the first call of all makes it.
    pub(crate) async fn own(&self, store: &Store, now: DateTime<Utc>) -> Result<OwnKey, SecretError> {
        if let Some(known) = self.own.get() {
            return Ok(known.clone());
        }
        let mut tx = SystemTx::begin(store).await?;
        installation::ensure(&mut tx, uuid::Uuid::new_v4(), now).await?;
        let current = &self.masters[0];
        // Of two that make one at once the second finds the first's.
        let wrapped = current.key.seal(WRAPPING_PLACE, Key::generate().bytes());
        let (kek, wrapped) = installation::own_key_or(&mut tx, &current.id, &wrapped).await?;
        let key = OwnKey(Key::from_bytes(&self.unwrap_own(&kek, &wrapped)?).ok_or(SecretError::DoesNotOpen)?);
        tx.commit().await?;
        Ok(self.own.get_or_init(|| key).clone())
    }

    fn unwrap_own(&self, kek: &str, wrapped: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let opened = self.master(kek)?.key.open(WRAPPING_PLACE, wrapped);
        opened.map_err(|Closed| SecretError::WrongMasterKey { id: kek.to_owned() })
    }

    /// Wraps it anew under the current master key; returns whether there was something to do.
    pub(super) async fn rotate_own(&self, tx: &mut SystemTx) -> Result<usize, SecretError> {
        let current = &self.masters[0];
        let Some((kek, wrapped)) = installation::own_key(tx).await?.filter(|(kek, _)| *kek != current.id) else {
            return Ok(0);
        };
        let key = self.unwrap_own(&kek, &wrapped)?;
        installation::set_own_key(tx, &current.id, &current.key.seal(WRAPPING_PLACE, &key)).await?;
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_tenant_opens_in_its_place_only_and_words_follow_from_what_they_are_for() {
        let (own, other) = (OwnKey(Key::generate()), OwnKey(Key::generate()));
        let (here, there) = (Place::new("t", "c", "1"), Place::new("t", "c", "2"));
        let sealed = own.seal(&here, &SecretString::from("a secret"));
        assert_eq!(own.open(&here, &sealed).unwrap().expose_secret(), "a secret");
        assert!(own.open(&there, &sealed).is_err() && other.open(&here, &sealed).is_err());
        assert!(own.open(&here, "enc:v1:x").is_err() && !sealed.contains("a secret"));
        let words = [own.word("mail", "1"), own.word("mail", "2"), own.word("code", "1"), other.word("mail", "1")];
        let told: std::collections::BTreeSet<String> = words.iter().map(Token::reveal).collect();
        assert_eq!((told.len(), own.word("mail", "1").reveal()), (4, words[0].reveal()));
    }
}
