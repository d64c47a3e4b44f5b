//! Time zones as callers name them.

use chrono_tz::Tz;

/// A name outside the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone; one is named like Europe/Paris")]
pub struct UnknownZone(pub String);

/// Reads an IANA name, in its exact spelling.
pub fn parse(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| UnknownZone(name.chars().take(64).collect()))
}
