//! Every move of every zone's clocks, found by looking at the clocks twice a day.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// The clocks of a zone are moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) zone: Tz,
    /// The first instant with the new offset.
    pub(crate) at: DateTime<Utc>,
    before_s: i64,
    after_s: i64,
}

impl Move {
    /// What the clock would show if it had not been moved.
    pub(crate) fn local_before(&self) -> NaiveDateTime {
        self.at.naive_utc() + TimeDelta::seconds(self.before_s)
    }

    /// What it shows.
    pub(crate) fn local_after(&self) -> NaiveDateTime {
        self.at.naive_utc() + TimeDelta::seconds(self.after_s)
    }

    /// Local times of this length are skipped; negative: repeated.
    pub(crate) fn skipped(&self) -> TimeDelta {
        TimeDelta::seconds(self.after_s - self.before_s)
    }
}

pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn offset_s(zone: Tz, at: DateTime<Utc>) -> i64 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into()
}

/// From 2000 to 2040, in order.
pub(crate) fn moves_of(zone: Tz) -> Vec<Move> {
    let end = instant("2041-01-01T00:00:00Z");
    let mut moves = Vec::new();
    let mut from = instant("2000-01-01T00:00:00Z");
    while from < end {
        let to = from + TimeDelta::hours(12);
        if offset_s(zone, from) != offset_s(zone, to) {
            moves.push(find(zone, from, to));
        }
        from = to;
    }
    moves
}

fn find(zone: Tz, mut from: DateTime<Utc>, mut to: DateTime<Utc>) -> Move {
    let before_s = offset_s(zone, from);
    while to - from > TimeDelta::seconds(1) {
        let middle = from + TimeDelta::seconds((to - from).num_seconds() / 2);
        if offset_s(zone, middle) == before_s {
            from = middle;
        } else {
            to = middle;
        }
    }
    Move { zone, at: to, before_s, after_s: offset_s(zone, to) }
}

/// Runs `test` for every zone with its moves, on all cores.
pub(crate) fn for_every_zone(test: impl Fn(Tz, &[Move]) + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for zones in TZ_VARIANTS.chunks(TZ_VARIANTS.len().div_ceil(cores)) {
            scope.spawn(|| zones.iter().for_each(|zone| test(*zone, &moves_of(*zone))));
        }
    });
}
