//! Who sent this webhook? Ours carry signatures of Standard Webhooks (<https://www.standardwebhooks.com>), unchanged, so that
//! receivers verify them with a library that they have.
//!
//! Signed is `id.timestamp.body`: neither id nor timestamp has a dot.

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::limits::SIGNATURES_MAX;

/// The headers of a signed webhook.
pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

/// The key of an endpoint, written `whsec_` and base64. Neither prints nor serialises; wiped from memory when dropped.
pub struct EndpointSecret(SecretBox<Vec<u8>>);

/// Text that is no secret of an endpoint. Deliberately without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a secret: whsec_ and 24 to 64 bytes in base64")]
pub struct NotAnEndpointSecret;

impl EndpointSecret {
    /// 32 random bytes.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = vec![0; 32];
        rng.fill_bytes(&mut bytes);
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// With or without the prefix and the padding, as the standard has it.
    pub fn parse(text: &str) -> Result<Self, NotAnEndpointSecret> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text).trim_end_matches('=');
        let bytes = BASE64_NOPAD.decode(encoded.as_bytes()).map_err(|_| NotAnEndpointSecret)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(SecretBox::new(Box::new(bytes))))
        } else {
            Err(NotAnEndpointSecret)
        }
    }

    /// For the one answer in which the tenant learns it, and for sealing it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(self.0.expose_secret()))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("an HMAC takes keys of any length");
        mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body)
    }
}

/// What [`SIGNATURE`] says: a signature of each secret, by spaces. `timestamp` in unix seconds.
pub fn sign(id: &str, timestamp: i64, body: &str, secrets: &[EndpointSecret]) -> String {
    let timestamp = timestamp.to_string();
    let tag = |secret: &EndpointSecret| secret.mac(id, &timestamp, body.as_bytes()).finalize().into_bytes();
    let signatures: Vec<String> =
        secrets.iter().map(|secret| format!("{VERSION}{}", BASE64.encode(&tag(secret)))).collect();
    signatures.join(" ")
}

/// Whether any of the secrets made any of the signatures that [`SIGNATURE`] claims, of which the first 4 of our version are
/// looked at: both may be changing. `timestamp` as it was written: it is signed as text.
pub fn verify(
    (id, timestamp, body): (&str, &str, &[u8]),
    claimed: &str,
    mut secrets: impl Iterator<Item = EndpointSecret>,
) -> bool {
    let of_version = claimed.split(' ').filter_map(|one| one.strip_prefix(VERSION)).take(SIGNATURES_MAX);
    let tags: Vec<Vec<u8>> = of_version.filter_map(|text| BASE64.decode(text.as_bytes()).ok()).collect();
    secrets.any(|secret| {
        let mac = secret.mac(id, timestamp, body);
        tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed(secrets: &[&str]) -> String {
        let secrets: Vec<_> = secrets.iter().map(|text| EndpointSecret::parse(text).unwrap()).collect();
        sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#, &secrets)
    }

    #[test]
    fn the_published_vector_is_reproduced() {
        assert_eq!(signed(&["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]), PUBLISHED);
        assert_eq!(signed(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]), PUBLISHED);
    }

    #[test]
    fn while_a_secret_is_rotated_both_sign() {
        let other = EndpointSecret::generate(&mut rand::rng()).reveal();
        let both = signed(&[&other, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let (first, second) = both.split_once(' ').unwrap();
        assert!(first.starts_with("v1,") && first != PUBLISHED && second == PUBLISHED, "{both}");
    }

    #[test]
    fn what_one_signs_the_other_verifies_and_nothing_else() {
        let (old, new) = (EndpointSecret::generate(&mut rand::rng()), EndpointSecret::generate(&mut rand::rng()));
        let again = |secret: &EndpointSecret| EndpointSecret::parse(&secret.reveal()).unwrap();
        let claimed = sign("msg_1", 1_614_265_330, "{}", &[again(&old)]);
        let holds = |id: &str, at: &str, body: &[u8], secrets: &[&EndpointSecret]| {
            verify((id, at, body), &claimed, secrets.iter().map(|secret| again(secret)))
        };
        assert!(holds("msg_1", "1614265330", b"{}", &[&new, &old]));
        assert!(!holds("msg_1", "1614265330", b"{}", &[&new]));
        assert!(!holds("msg_1", "1614265330", b"{}", &[]));
        assert!(!holds("msg_2", "1614265330", b"{}", &[&old]));
        assert!(!holds("msg_1", "01614265330", b"{}", &[&old]), "signed as text");
        assert!(!holds("msg_1", "1614265330", b"{} ", &[&old]));
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_nothing_else_is_one() {
        let secret = EndpointSecret::generate(&mut rand::rng()).reveal();
        assert_eq!(EndpointSecret::parse(&secret).unwrap().reveal(), secret);
        for text in ["", "whsec_", "whsec_AAAA", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_????"] {
            assert!(EndpointSecret::parse(text).is_err(), "{text}");
        }
    }
}
