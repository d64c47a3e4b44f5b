//! Reading JSON that nobody vouches for: every text has a bound, every number a range, and what is missing is `None`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Characters of an id of Meta's; message ids have about sixty.
pub(super) const ID_CHARS_MAX: usize = 512;
/// Characters of what a person may write in one message.
const SAID_CHARS_MAX: usize = 65_536;
/// Characters of a name, a reason, a summary.
const LINE_CHARS_MAX: usize = 500;
/// 2009-01-01, before which there was no WhatsApp.
const EPOCH_S: i64 = 1_230_768_000;

/// A non-empty text that names something, whole or not at all.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    let found = value.pointer(pointer)?.as_str()?;
    let storable = !found.is_empty() && found.len() <= ID_CHARS_MAX && !found.contains('\0');
    storable.then_some(found)
}

/// An id, which Meta writes as text in some places and as a number in others.
pub(super) fn id(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => text(value, pointer).map(str::to_owned),
    }
}

/// What a person wrote, cut at the length that WhatsApp allows.
pub(super) fn said(value: &Value, pointer: &str) -> Option<String> {
    cut(value.pointer(pointer)?.as_str()?, SAID_CHARS_MAX)
}

/// A short text that is shown and never compared.
pub(super) fn line(value: &Value, pointer: &str) -> Option<String> {
    cut(value.pointer(pointer)?.as_str()?, LINE_CHARS_MAX)
}

pub(super) fn cut_line(text: &str) -> Option<String> {
    cut(text, LINE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> Option<String> {
    // U+0000 cannot be stored in a text column.
    let kept: String = text.chars().filter(|c| *c != '\0').take(chars_max).collect();
    (!kept.is_empty()).then_some(kept)
}

pub(super) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    match value.pointer(pointer)? {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_i64(),
    }
}

/// Seconds since 1970, as text or as a number. Nonsense becomes the time of arrival.
pub(super) fn instant(value: &Value, pointer: &str, received_at: DateTime<Utc>) -> DateTime<Utc> {
    let latest = received_at.checked_add_signed(TimeDelta::days(1)).unwrap_or(received_at);
    integer(value, pointer)
        .filter(|seconds| (EPOCH_S..=latest.timestamp()).contains(seconds))
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or(received_at)
}

pub(super) fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
