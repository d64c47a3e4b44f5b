//! The shared secret of one API key.

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretBox};

const PREFIX: &str = "prs_";

/// 32 random bytes, written `prs_` and base64url. Neither prints nor serialises; wiped from memory when dropped.
pub struct Secret(SecretBox<[u8; 32]>);

/// Text that is no secret. Deliberately without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a secret: prs_ and 43 characters of base64url")]
pub struct NotASecret;

impl Secret {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; 32]| {
            rng.fill_bytes(bytes);
        }))
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Takes the one spelling that [`Secret::reveal`] gives.
    pub fn parse(text: &str) -> Result<Self, NotASecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NotASecret)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| NotASecret)?;
        bytes.try_into().map(Self::from_bytes).map_err(|_| NotASecret)
    }

    /// For the one answer in which the client learns it, and for sealing it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(self.bytes()))
    }

    /// The key of the HMAC.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}
