//! From wall clocks to instants and back.
//!
//! An instant is `DateTime<Utc>`, a wall clock is naive, a zone is a named [`Tz`]. "Tomorrow" is a calendar word: a local
//! day lasts 21 to 27 hours, may begin at 01:00, and in Samoa one never happened. Nothing here reads a clock.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// The instant at which `local` happens in `zone`: in a gap the first valid instant after it, in a fold the earlier one.
pub fn resolve(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.to_utc(),
        MappedLocalTime::None => end_of_gap(zone, local),
    }
}

/// Like [`resolve`], except that in a fold whose first pass began before `from` the second pass counts.
pub fn resolve_from(zone: Tz, local: NaiveDateTime, from: DateTime<Utc>) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Ambiguous(first, second) if first < from => second.to_utc(),
        _ => resolve(zone, local),
    }
}

/// What the clock on the wall shows.
pub fn local(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// What the calendar on the wall shows.
pub fn local_date(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    local(zone, at).date()
}

/// The first instant of a local date: midnight, or the end of the gap that swallowed it. Of a date that never happened,
/// the first instant after it.
pub fn day_starts_at(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    resolve(zone, date.and_time(NaiveTime::MIN))
}

/// The first instant, not before `from`, whose local date is `date` or later: when a counter per local day starts anew.
/// Differs from [`day_starts_at`] where a fold repeats the last minutes of the day before.
pub fn day_starts_from(zone: Tz, date: NaiveDate, from: DateTime<Utc>) -> DateTime<Utc> {
    if local_date(zone, from) >= date {
        return from;
    }
    resolve_from(zone, date.and_time(NaiveTime::MIN), from)
}

/// When the local day that holds `at` ends.
pub fn day_ends_at(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = local_date(zone, at).succ_opt().unwrap_or(NaiveDate::MAX);
    day_starts_from(zone, tomorrow, at)
}

/// Some local time of that date exists.
pub fn date_exists(zone: Tz, date: NaiveDate) -> bool {
    local_date(zone, day_starts_at(zone, date)) == date
}

/// The instant in `(from, to]` at which the clocks of `zone` are moved, when they differ at the two ends. The two ends
/// lie at most a few days apart: no zone moves its clocks twice in that time.
pub fn clocks_move_at(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let before = offset_s(zone, from);
    if offset_s(zone, to) == before {
        return None;
    }
    let (mut low, mut high) = (from.timestamp(), to.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let at = DateTime::from_timestamp(middle, 0)?;
        if offset_s(zone, at) == before {
            low = middle;
        } else {
            high = middle;
        }
    }
    DateTime::from_timestamp(high, 0)
}

/// Seconds east of Greenwich.
fn offset_s(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

fn end_of_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    GapInfo::new(&local, &zone).and_then(|gap| gap.end).map_or_else(|| local.and_utc(), |end| end.to_utc())
}
