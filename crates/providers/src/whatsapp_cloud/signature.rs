//! Is it Meta who calls? The signature of every webhook, and the handshake that opens the address.

use hmac::{Hmac, KeyInit, Mac};
use postroad_core::provider::{Credentials, Forged, Hook};
use secrecy::ExposeSecret;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{APP_SECRET, VERIFY_TOKEN};

const SIGNATURE_HEADER: &str = "x-hub-signature-256";
/// Meta's challenge is a number of about ten digits.
const CHALLENGE_CHARS_MAX: usize = 256;

/// `sha256=` and the hex of HMAC-SHA256 over the raw body under the app secret. The bytes on the wire count: Meta signs
/// its own escaping, which no serialiser repeats.
pub(super) fn verify(hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged> {
    let secret = credentials.get(APP_SECRET).ok_or(Forged)?;
    let claimed = claimed(hook).ok_or(Forged)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map_err(|_| Forged)?;
    mac.update(hook.body);
    mac.verify_slice(&claimed).map_err(|_| Forged)
}

/// The one signature of the request; two would be a riddle.
fn claimed(hook: &Hook<'_>) -> Option<Vec<u8>> {
    let mut values = hook.headers.get_all(SIGNATURE_HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let hex = value.as_bytes().strip_prefix(b"sha256=")?;
    data_encoding::HEXLOWER.decode(hex).ok()
}

/// The challenge to answer with, as plain text, when the query carries our verify token.
pub(super) fn handshake(query: &str, credentials: &Credentials) -> Option<String> {
    let ours = credentials.get(VERIFY_TOKEN)?.expose_secret();
    let theirs = parameter(query, "hub.verify_token")?;
    let same = !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()));
    let challenge = parameter(query, "hub.challenge")?;
    (same && parameter(query, "hub.mode")? == "subscribe" && is_plain(&challenge)).then_some(challenge)
}

fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// What is echoed to whoever knows the token can be no markup.
fn is_plain(challenge: &str) -> bool {
    (1..=CHALLENGE_CHARS_MAX).contains(&challenge.len())
        && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
