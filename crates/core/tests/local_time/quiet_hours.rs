//! Nobody is disturbed in quiet hours, on any night, anywhere.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use postroad_core::{quiet_hours::QuietHours, time::local};
use proptest::{prelude::*, sample::select};

use crate::moves::{Move, for_every_zone, instant};

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

/// Judges an answer without walking: between two moves the wall clock runs evenly, so a stretch is quiet throughout when
/// it begins quiet and is no longer than what is left of the window.
fn check(hours: QuietHours, zone: Tz, now: DateTime<Utc>, moves: &[Move]) {
    let free_at = hours.free_at(now, zone);
    let told = || format!("{hours} in {zone}: {now} is free at {free_at}");
    assert!(free_at >= now && free_at <= now + longest_wait(hours), "{}", told());
    assert!(!hours.is_quiet(free_at, zone), "{}", told());
    let mut from = now;
    while from < free_at {
        let to = moves.iter().map(|moved| moved.at).find(|at| *at > from).map_or(free_at, |at| at.min(free_at));
        let wall = local(zone, from).time();
        let left = hours.ends - wall;
        let left = if left > TimeDelta::zero() { left } else { left + TimeDelta::days(1) };
        assert!(hours.contains(wall) && to - from <= left, "{}, and so is {from} or soon after", told());
        from = to;
    }
}

/// A day and what a fold adds, in Antarctica three hours. A gap can swallow the whole free part of a day, if that is short: then a day more.
fn longest_wait(hours: QuietHours) -> TimeDelta {
    let free = hours.starts - hours.ends;
    let free = if free < TimeDelta::zero() { free + TimeDelta::days(1) } else { free };
    if free > TimeDelta::hours(3) { TimeDelta::hours(27) } else { TimeDelta::hours(51) }
}

/// The usual night, the whole day but a minute, and windows that begin, end or lie within what the move skips or repeats.
fn windows(moved: &Move) -> Vec<QuietHours> {
    let quarter = moved.skipped() / 4;
    let (before, after) = (moved.local_before().time(), moved.local_after().time());
    let inside = before + quarter;
    let later = after + TimeDelta::hours(3);
    [
        (QuietHours::DEFAULT.starts, QuietHours::DEFAULT.ends),
        (later + TimeDelta::minutes(1), later),
        (later, inside),
        (inside, later),
        (later, after),
        (later, before),
        (after, later),
        (before, later),
        (inside, inside + quarter),
        (inside + quarter, inside),
    ]
    .map(|(starts, ends)| QuietHours { starts, ends })
    .to_vec()
}

#[test]
fn no_message_leaves_in_quiet_hours_or_later_than_it_may_around_any_move_of_any_clock() {
    for_every_zone(|zone, moves| {
        for (position, moved) in moves.iter().enumerate() {
            let near = &moves[position.saturating_sub(1)..moves.len().min(position + 2)];
            let skipped_s = moved.skipped().num_seconds().abs();
            for hours in windows(moved) {
                for offset_s in [-90_000, -40_000, -skipped_s, -skipped_s / 2, -1, 0, skipped_s / 3, skipped_s, 30_000]
                {
                    check(hours, zone, moved.at + TimeDelta::seconds(offset_s), near);
                }
            }
        }
    });
}

fn any_time() -> impl Strategy<Value = NaiveTime> {
    (0..86_400_u32).prop_map(|second| NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn at_any_instant_in_any_zone_the_answer_is_the_first_free_instant(
        now_us in 946_684_800_000_000..2_240_611_200_000_000_i64,
        zone in select(TZ_VARIANTS.as_slice()),
        starts in any_time(),
        ends in any_time(),
    ) {
        let hours = QuietHours { starts, ends };
        let now = DateTime::from_timestamp_micros(now_us).unwrap();
        let free_at = hours.free_at(now, zone);
        prop_assert!(free_at >= now && free_at <= now + longest_wait(hours));
        prop_assert!(!hours.is_quiet(free_at, zone));
        if free_at > now {
            prop_assert!(hours.is_quiet(now, zone) && hours.is_quiet(free_at - MICROSECOND, zone));
        }
        let mut at = now;
        while at < free_at {
            prop_assert!(hours.is_quiet(at, zone), "{at} is free before {free_at}");
            at += TimeDelta::seconds(97);
        }
    }

    #[test]
    fn a_window_and_its_complement_share_the_day(starts in any_time(), ends in any_time(), time in any_time()) {
        let (night, day) = (QuietHours { starts, ends }, QuietHours { starts: ends, ends: starts });
        let both = usize::from(night.contains(time)) + usize::from(day.contains(time));
        prop_assert_eq!(both, usize::from(starts != ends));
    }

    #[test]
    fn what_is_printed_is_read_and_nothing_panics(starts in 0..1_440_u32, ends in 0..1_440_u32, noise in "\\PC{0,12}") {
        let time = |minute: u32| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap();
        let hours = QuietHours { starts: time(starts), ends: time(ends) };
        prop_assert_eq!(hours.to_string().parse(), Ok(hours));
        if let Ok(read) = noise.parse::<QuietHours>() {
            prop_assert_eq!(read.to_string(), noise);
        }
    }
}

#[test]
fn a_night_lasts_as_long_as_the_clock_on_the_wall_says() {
    let cases = [
        // (zone, hours, now, free at)
        // Spring: 22:00 to 08:00 lasts nine hours in Berlin, autumn eleven.
        (Tz::Europe__Berlin, "22:00-08:00", "2026-03-28T21:00:00Z", "2026-03-29T06:00:00Z"),
        (Tz::Europe__Berlin, "22:00-08:00", "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
        // The end is skipped: 03:00 is the first time that is not quiet.
        (Tz::Europe__Berlin, "22:00-02:30", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        // The end is repeated: free at the first pass…
        (Tz::Europe__Berlin, "22:00-02:30", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"),
        // …and quiet once more in the second, until 02:30 comes again.
        (Tz::Europe__Berlin, "22:00-02:30", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
        // The start is repeated: 02:45 was quiet, and then it is 02:00 and is not.
        (Tz::Europe__Berlin, "02:30-08:00", "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z"),
        (Tz::America__New_York, "21:00-08:00", "2026-03-08T05:00:00Z", "2026-03-08T12:00:00Z"),
        (Tz::America__New_York, "21:00-08:00", "2026-11-01T05:00:00Z", "2026-11-01T13:00:00Z"),
        // Half an hour.
        (Tz::Australia__Lord_Howe, "21:00-08:00", "2026-10-03T11:00:00Z", "2026-10-03T21:00:00Z"),
        (Tz::Australia__Lord_Howe, "21:00-08:00", "2026-04-04T11:00:00Z", "2026-04-04T21:30:00Z"),
        // Clocks go back for Ramadan and forward after it.
        (Tz::Africa__Casablanca, "21:00-08:00", "2026-02-14T22:00:00Z", "2026-02-15T08:00:00Z"),
        (Tz::Africa__Casablanca, "21:00-08:00", "2026-03-21T22:00:00Z", "2026-03-22T07:00:00Z"),
        // No clock is ever moved.
        (Tz::Asia__Jakarta, "21:00-08:00", "2026-03-28T14:00:00Z", "2026-03-29T01:00:00Z"),
        (Tz::Asia__Jakarta, "21:00-08:00", "2026-03-28T13:59:59Z", "2026-03-28T13:59:59Z"),
        // A day that never happened: 29 December 22:00, then 31 December 00:00.
        (Tz::Pacific__Apia, "21:00-08:00", "2011-12-30T08:00:00Z", "2011-12-30T18:00:00Z"),
        // Equal means none.
        (Tz::Europe__Berlin, "08:00-08:00", "2026-03-28T21:00:00Z", "2026-03-28T21:00:00Z"),
    ];
    for (zone, hours, now, free_at) in cases {
        let quiet: QuietHours = hours.parse().unwrap();
        assert_eq!(quiet.free_at(instant(now), zone), instant(free_at), "{hours} in {zone}, {now}");
    }
}

#[test]
fn the_start_is_quiet_and_the_end_is_not() {
    let cases = [
        ("21:00-08:00", ["20:59:59", "08:00:00"], ["21:00:00", "00:00:00", "07:59:59"]),
        ("12:00-14:00", ["11:59:59", "14:00:00"], ["12:00:00", "13:00:00", "13:59:59"]),
        ("23:30-00:00", ["00:00:00", "23:29:59"], ["23:30:00", "23:45:00", "23:59:59"]),
        ("00:00-23:59", ["23:59:00", "23:59:59"], ["00:00:00", "12:00:00", "23:58:59"]),
    ];
    for (hours, free, quiet) in cases {
        let window: QuietHours = hours.parse().unwrap();
        for time in free {
            assert!(!window.contains(time.parse().unwrap()), "{time} in {hours}");
        }
        for time in quiet {
            assert!(window.contains(time.parse().unwrap()), "{time} in {hours}");
        }
    }
}

#[test]
fn only_two_times_of_four_digits_are_quiet_hours() {
    for text in [
        "",
        "-",
        "21-08",
        "21:00",
        "21:00-",
        "9:00-10:00",
        "21:00-24:00",
        "21:60-08:00",
        "21:00 - 08:00",
        "+1:00-08:00",
        "21:00–08:00",
        "21:00-08:00-09:00",
        "٢١:00-08:00",
    ] {
        assert!(text.parse::<QuietHours>().is_err(), "{text}");
    }
    assert_eq!("21:00-08:00".parse(), Ok(QuietHours::DEFAULT));
}
