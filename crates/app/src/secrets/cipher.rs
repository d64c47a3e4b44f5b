//! AES-256-GCM with random 96-bit nonces, and the text around it: `<nonce>:<ciphertext and tag>`, both base64url.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Nonce, Payload},
};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

/// 256 bits that must not be seen. Deliberately without `Debug`.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; 32]>);

/// The bytes were sealed under another key or for another place, or were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

impl Key {
    pub(super) fn generate() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// `place` is bound to the result: it opens there only.
    pub(super) fn seal(&self, place: &str, plaintext: &[u8]) -> String {
        let nonce: [u8; 12] = rand::random();
        let payload = Payload { msg: plaintext, aad: place.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload)
            .expect("a secret is far shorter than 64 GiB");
        format!("{}:{}", BASE64URL_NOPAD.encode(&nonce), BASE64URL_NOPAD.encode(&sealed))
    }

    pub(super) fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let (nonce, sealed) = sealed.split_once(':').ok_or(Closed)?;
        let nonce: [u8; 12] = decode(nonce)?.try_into().map_err(|_| Closed)?;
        let sealed = decode(sealed)?;
        let payload = Payload { msg: &sealed, aad: place.as_bytes() };
        let opened = self.cipher().decrypt(&Nonce::<Aes256Gcm>::from(nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| Closed)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new_from_slice(self.bytes()).expect("the key has 32 bytes")
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Closed> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_the_same_key_and_place_only() {
        let key = Key::generate();
        let sealed = key.seal("here", b"a secret");
        assert_eq!(key.open("here", &sealed).unwrap().as_slice(), b"a secret");
        assert!(key.open("there", &sealed).is_err());
        assert!(Key::generate().open("here", &sealed).is_err());
    }

    #[test]
    fn no_changed_cut_or_lengthened_text_opens() {
        let key = Key::generate();
        let sealed = key.seal("here", b"a secret");
        for cut in 0..sealed.len() {
            assert!(key.open("here", &sealed[..cut]).is_err(), "cut at {cut}");
        }
        assert!(key.open("here", &format!("{sealed}AAAA")).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(key.open("here", &changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        let key = Key::generate();
        assert_ne!(key.seal("here", b"a secret"), key.seal("here", b"a secret"));
    }
}
