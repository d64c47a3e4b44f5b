//! What signs links of a tenant: to its files, and to pages of the people whom it writes to. It follows from the installation's own
//! key, so nobody keeps it.

use chrono::{DateTime, Utc};
use postroad_core::ids::{MessageId, TenantId};
use postroad_store::{Error, Store, contact_links::MessageToken};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Keyring, SecretError};

/// 256 bits. Prints nothing.
pub(crate) struct LinkKey(Zeroizing<[u8; 32]>);

impl LinkKey {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// 80 bits: of a key and a message of fixed lengths, cut, so that nobody lengthens it.
    pub(crate) fn tag(&self, message: MessageId) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(self.bytes());
        hash.update(message.uuid().as_bytes());
        hash.finalize()[..10].to_vec()
    }

    /// Whether the link of a message is ours.
    pub(crate) fn signed(&self, token: &MessageToken) -> bool {
        self.tag(token.message).ct_eq(&token.tag).into()
    }
}

impl Keyring {
    pub(crate) async fn link_key(&self, store: &Store, tenant: TenantId, now: DateTime<Utc>) -> Result<LinkKey, Error> {
        let own = self.own(store, now).await.map_err(|error| match error {
            SecretError::Store(error) => error,
            other => Error::Corrupt(other.to_string()),
        })?;
        Ok(LinkKey(own.derive("links", &tenant.uuid().to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_signed_for_one_message_by_one_key() {
        let (key, other) = (LinkKey(Zeroizing::new([1; 32])), LinkKey(Zeroizing::new([2; 32])));
        let message = MessageId::new(DateTime::UNIX_EPOCH);
        let token = MessageToken { tenant_tail: vec![0; 4], message, tag: key.tag(message) };
        assert!(key.signed(&token) && !other.signed(&token));
        for at in 0..80 {
            let mut tag = token.tag.clone();
            tag[at / 8] ^= 1 << (at % 8);
            assert!(!key.signed(&MessageToken { tag, ..token.clone() }), "bit {at}");
        }
        assert!(!key.signed(&MessageToken { tag: vec![], ..token.clone() }));
        let elsewhere = MessageId::new(DateTime::UNIX_EPOCH);
        assert!(!key.signed(&MessageToken { message: elsewhere, ..token }));
    }
}
