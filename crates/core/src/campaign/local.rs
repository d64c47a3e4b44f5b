//! One wall clock, everywhere on earth: when each zone gets a campaign that leaves at local time.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::time;

/// Every zone, and the instant at which its clocks show `local`: in a gap the first instant after it, in a fold the first
/// pass. So each person gets it exactly once.
pub fn instants(local: NaiveDateTime) -> impl Iterator<Item = (Tz, DateTime<Utc>)> {
    TZ_VARIANTS.iter().map(move |zone| (*zone, time::resolve(*zone, local)))
}

/// When the first clock on earth shows `local`.
pub fn first(local: NaiveDateTime) -> DateTime<Utc> {
    instants(local).map(|(_, at)| at).min().unwrap_or_else(|| local.and_utc())
}

/// When the last one does.
pub fn last(local: NaiveDateTime) -> DateTime<Utc> {
    instants(local).map(|(_, at)| at).max().unwrap_or_else(|| local.and_utc())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn each_zone_gets_it_when_its_own_clock_says_so() {
        let at: BTreeMap<&str, String> =
            instants(local("2026-03-29T02:30:00")).map(|(zone, at)| (zone.name(), at.to_rfc3339())).collect();
        let cases = [
            // The gap of that night ends at 03:00 local time.
            ("Europe/Berlin", "2026-03-29T01:00:00+00:00"),
            ("America/New_York", "2026-03-29T06:30:00+00:00"),
            ("Asia/Jakarta", "2026-03-28T19:30:00+00:00"),
            ("Australia/Lord_Howe", "2026-03-28T15:30:00+00:00"),
            ("Africa/Casablanca", "2026-03-29T01:30:00+00:00"),
        ];
        for (zone, expected) in cases {
            assert_eq!(at[zone], expected, "{zone}");
        }
    }

    #[test]
    fn the_day_begins_on_kiritimati_and_ends_on_baker_island() {
        let nine = local("2026-12-01T09:00:00");
        assert_eq!(first(nine).to_rfc3339(), "2026-11-30T19:00:00+00:00");
        assert_eq!(last(nine).to_rfc3339(), "2026-12-01T21:00:00+00:00");
        assert!(instants(nine).all(|(_, at)| first(nine) <= at && at <= last(nine)));
    }
}
