//! Standard Webhooks: HMAC-SHA256 of `<id>.<timestamp>.<body>`, in base64, behind its version.

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use postroad_core::{
    limits::{SIGNATURE_AGE_MAX_S, SIGNATURES_MAX},
    provider::{Forged, Hook},
};
use sha2::Sha256;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const VERSION: &str = "v1,";
const PREFIX: &str = "whsec_";
/// Bytes of an id.
const ID_BYTES_MAX: usize = 256;
/// Bytes of a key: what the standard demands, so that an empty or short one verifies nothing.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// By any of the secrets and any of the signatures: both may be changing.
pub(super) fn verify<'a>(hook: &Hook<'_>, secrets: impl Iterator<Item = &'a str>) -> Result<(), Forged> {
    let id = id(hook).ok_or(Forged)?;
    let timestamp = timestamp(hook).ok_or(Forged)?;
    let claimed: Vec<Vec<u8>> = claimed(hook).ok_or(Forged)?;
    let holds = |key: Vec<u8>| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(hook.body);
        claimed.iter().any(|claimed| mac.clone().verify_slice(claimed).is_ok())
    };
    if secrets.filter_map(key).any(holds) { Ok(()) } else { Err(Forged) }
}

/// What the post goes by when it is repeated: printable ASCII.
pub(super) fn id<'a>(hook: &Hook<'a>) -> Option<&'a str> {
    let id = only(hook, ID)?;
    ((1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())).then_some(id)
}

/// As it was written, if it is a time of these minutes. It is signed as text, so `+1` and `01` would be other times.
fn timestamp<'a>(hook: &Hook<'a>) -> Option<&'a str> {
    let text = only(hook, TIMESTAMP)?;
    let at: i64 = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())??;
    let age = hook.received_at.timestamp().checked_sub(at)?;
    (-SIGNATURE_AGE_MAX_S..=SIGNATURE_AGE_MAX_S).contains(&age).then_some(text)
}

/// The first few of our version; others are for others.
fn claimed(hook: &Hook<'_>) -> Option<Vec<Vec<u8>>> {
    let of_version = only(hook, SIGNATURE)?.split(' ').filter_map(|one| one.strip_prefix(VERSION));
    Some(of_version.take(SIGNATURES_MAX).filter_map(|text| BASE64.decode(text.as_bytes()).ok()).collect())
}

fn key(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix(PREFIX).unwrap_or(secret).trim_end_matches('=');
    BASE64_NOPAD.decode(text.as_bytes()).ok().filter(|key| KEY_BYTES.contains(&key.len()))
}

/// The one header of this name; two would be a riddle.
fn only<'a>(hook: &Hook<'a>, name: &str) -> Option<&'a str> {
    let mut values = hook.headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}
