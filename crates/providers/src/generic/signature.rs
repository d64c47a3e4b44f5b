//! Who sent this? Posts are signed by Standard Webhooks, as are our own: [`standard`].

use postroad_core::{
    limits::SIGNATURE_AGE_MAX_S,
    provider::{Forged, Hook},
    signature::standard::{self, EndpointSecret, ID, SIGNATURE, TIMESTAMP},
};

/// Bytes of an id.
const ID_BYTES_MAX: usize = 256;

/// By any of the secrets. One that is none verifies nothing.
pub(super) fn verify<'a>(hook: &Hook<'_>, secrets: impl Iterator<Item = &'a str>) -> Result<(), Forged> {
    let (id, timestamp) = (id(hook).ok_or(Forged)?, timestamp(hook).ok_or(Forged)?);
    let claimed = only(hook, SIGNATURE).ok_or(Forged)?;
    let secrets = secrets.filter_map(|text| EndpointSecret::parse(text).ok());
    if standard::verify((id, timestamp, hook.body), claimed, secrets) { Ok(()) } else { Err(Forged) }
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

/// The one header of this name; two would be a riddle.
fn only<'a>(hook: &Hook<'a>, name: &str) -> Option<&'a str> {
    let mut values = hook.headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}
