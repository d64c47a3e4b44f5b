//! From wall clocks to instants and back.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use postroad_core::time::{
    clocks_move_at, date_exists, day_ends_at, day_starts_at, day_starts_from, local, local_date, resolve, resolve_from,
};

use crate::moves::{Move, for_every_zone, instant};

const SECOND: TimeDelta = TimeDelta::seconds(1);

#[test]
fn the_world_moves_its_clocks_often_enough_to_be_a_test_and_never_twice_in_two_days() {
    let count = AtomicUsize::new(0);
    for_every_zone(|zone, moves| {
        count.fetch_add(moves.len(), Ordering::Relaxed);
        for pair in moves.windows(2) {
            assert!(pair[1].at - pair[0].at > TimeDelta::days(2), "{zone} moves twice: {pair:?}");
        }
    });
    assert!(count.into_inner() > 15_000);
}

#[test]
fn a_skipped_time_happens_at_the_end_of_its_gap_and_a_repeated_one_at_its_first_pass() {
    for_every_zone(|_, moves| moves.iter().for_each(check_resolve));
}

fn check_resolve(moved: &Move) {
    let Move { zone, at, .. } = *moved;
    let last_before = moved.local_before() - SECOND;
    assert_eq!(resolve(zone, last_before), at - SECOND, "the last second before {moved:?}");
    if moved.skipped() > TimeDelta::zero() {
        for inside in [moved.local_before(), moved.local_before() + moved.skipped() / 2, moved.local_after() - SECOND] {
            assert_eq!(resolve(zone, inside), at, "{inside} of {moved:?}");
        }
        assert_eq!(resolve(zone, moved.local_after()), at, "the first second after {moved:?}");
    } else {
        for inside in [moved.local_after(), last_before] {
            let first_pass = at - (moved.local_before() - inside);
            assert_eq!(resolve(zone, inside), first_pass, "{inside} of {moved:?}");
            assert_eq!(resolve_from(zone, inside, first_pass), first_pass, "{inside} from the first pass of {moved:?}");
            let second_pass = at + (inside - moved.local_after());
            let later = first_pass + SECOND;
            assert_eq!(resolve_from(zone, inside, later), second_pass, "{inside} from after it in {moved:?}");
        }
        let first_after = moved.local_before();
        assert_eq!(resolve(zone, first_after), at - moved.skipped(), "the first second after {moved:?}");
    }
}

#[test]
fn the_instant_of_a_move_is_found_from_any_distance_within_a_day() {
    for_every_zone(|zone, moves| {
        for moved in moves {
            for (before_s, after_s) in [(1, 0), (1, 1), (86_399, 0), (43_200, 43_200), (7, 86_400)] {
                let from = moved.at - TimeDelta::seconds(before_s);
                let to = moved.at + TimeDelta::seconds(after_s);
                assert_eq!(clocks_move_at(zone, from, to), Some(moved.at), "{moved:?}");
            }
            assert_eq!(clocks_move_at(zone, moved.at, moved.at + TimeDelta::days(1)), None, "{moved:?}");
        }
    });
}

#[test]
fn a_day_starts_at_its_first_instant_and_ends_where_the_next_one_starts() {
    for_every_zone(|zone, moves| {
        for moved in moves {
            for days in -1..=1 {
                check_day(zone, moved.local_before().date() + TimeDelta::days(days), moved);
            }
        }
    });
}

fn check_day(zone: Tz, date: NaiveDate, moved: &Move) {
    let starts_at = day_starts_at(zone, date);
    assert!(local_date(zone, starts_at) >= date, "{date} starts before itself, {moved:?}");
    assert!(local_date(zone, starts_at - SECOND) < date, "{date} has begun before it starts, {moved:?}");
    let ends_at = day_ends_at(zone, starts_at);
    let hours = (ends_at - starts_at).num_hours();
    let crosses_midnight = moved.local_before().date() != moved.local_after().date();
    // 21 and 27 in Antarctica, 22 in Simferopol; a fold across midnight gives its hour to neither day alone.
    assert!((21..=27).contains(&hours) || crosses_midnight, "{date} lasts from {starts_at} to {ends_at}, {moved:?}");
    for minutes in (0..26 * 60).step_by(59) {
        let from = starts_at - TimeDelta::hours(1) + TimeDelta::minutes(minutes);
        let ends_at = day_ends_at(zone, from);
        assert!(ends_at > from && local_date(zone, ends_at) > local_date(zone, from), "{from}, {moved:?}");
        assert_eq!(local_date(zone, ends_at - SECOND), local_date(zone, from), "{from}, {moved:?}");
        assert_eq!(day_starts_from(zone, local_date(zone, from), from), from, "{from}, {moved:?}");
    }
}

#[test]
fn the_famous_nights() {
    let cases = [
        // (zone, wall clock, instant)
        (Tz::Europe__Berlin, "2026-03-29T02:30:00", "2026-03-29T01:00:00Z"),
        (Tz::Europe__Berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        (Tz::America__New_York, "2026-03-08T02:59:59", "2026-03-08T07:00:00Z"),
        (Tz::America__New_York, "2026-11-01T01:00:00", "2026-11-01T05:00:00Z"),
        // Half an hour.
        (Tz::Australia__Lord_Howe, "2026-10-04T02:10:00", "2026-10-03T15:30:00Z"),
        (Tz::Australia__Lord_Howe, "2026-04-05T01:45:00", "2026-04-04T14:45:00Z"),
        // Ramadan: clocks go back in February and forward in March.
        (Tz::Africa__Casablanca, "2026-02-15T02:30:00", "2026-02-15T01:30:00Z"),
        (Tz::Africa__Casablanca, "2026-03-22T02:30:00", "2026-03-22T02:00:00Z"),
        (Tz::Asia__Jakarta, "2026-03-29T02:30:00", "2026-03-28T19:30:00Z"),
        // Midnight does not exist.
        (Tz::Asia__Beirut, "2026-03-29T00:00:00", "2026-03-28T22:00:00Z"),
        // Neither does a whole day.
        (Tz::Pacific__Apia, "2011-12-30T12:00:00", "2011-12-30T10:00:00Z"),
    ];
    for (zone, wall, expected) in cases {
        assert_eq!(resolve(zone, wall.parse().unwrap()), instant(expected), "{wall} in {zone}");
    }
}

#[test]
fn samoa_had_no_30_december_2011() {
    let date = |day| NaiveDate::from_ymd_opt(2011, 12, day).unwrap();
    let exist: Vec<bool> = (29..=31).map(|day| date_exists(Tz::Pacific__Apia, date(day))).collect();
    assert_eq!(exist, [true, false, true]);
    assert_eq!(day_starts_at(Tz::Pacific__Apia, date(30)), day_starts_at(Tz::Pacific__Apia, date(31)));
}

#[test]
fn there_and_back_is_the_same_instant_unless_it_is_a_second_pass() {
    for_every_zone(|zone, moves| {
        for moved in moves {
            for minutes in (-180..180).step_by(20) {
                let at = moved.at + TimeDelta::minutes(minutes);
                let back = resolve(zone, local(zone, at));
                let is_second_pass = at >= moved.at && local(zone, at) < moved.local_before();
                let expected = if is_second_pass { at + moved.skipped() } else { at };
                assert_eq!(back, expected, "{at}, {moved:?}");
            }
        }
    });
}
