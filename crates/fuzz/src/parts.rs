//! What targets share: the time, and an input of several parts, which a person can read and write: one in each line, and the last is all that is left.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// Those that are missing are empty.
pub(crate) fn bytes<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

pub(crate) fn texts<const N: usize>(input: &[u8]) -> [Cow<'_, str>; N] {
    bytes(input).map(String::from_utf8_lossy)
}

/// 2026-01-01.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// A zone, and seconds since 1970.
pub(crate) fn zoned(zone: &str, at_s: &str) -> Option<(Tz, DateTime<Utc>)> {
    // From 1970 to 2100: nobody is written to outside of these.
    let at_s = at_s.parse().ok().filter(|at_s| (0..4_102_444_800_i64).contains(at_s))?;
    Some((zone.parse().ok()?, DateTime::from_timestamp(at_s, 0)?))
}
