//! Schedules fire once for each wall-clock time they name.

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use postroad_core::{
    schedule::{Schedule, ScheduleError},
    time::{date_exists, local, local_date, resolve},
};
use proptest::prelude::*;

use crate::moves::{Move, for_every_zone, instant};

fn fires(schedule: &Schedule, zone: Tz, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    std::iter::successors(schedule.next_after(after, zone), |at| schedule.next_after(*at, zone))
        .take_while(|at| *at <= until)
        .collect()
}

fn fires_of(text: &str, zone: Tz, after: &str, until: &str) -> Vec<String> {
    let fires = fires(&text.parse().unwrap(), zone, instant(after), instant(until));
    fires.into_iter().map(|at| at.format("%FT%TZ").to_string()).collect()
}

/// Once for each local date between two noons, at the first instant at which the clock has got there.
fn check_daily(moved: &Move, time: NaiveTime) {
    let schedule: Schedule = format!("{} {} * * *", time.minute(), time.hour()).parse().unwrap();
    let noon = |days| {
        resolve(moved.zone, (moved.local_before().date() + TimeDelta::days(days)).and_hms_opt(12, 0, 1).unwrap())
    };
    let (after, until) = (noon(-2), noon(2));
    let dates = local_date(moved.zone, after).iter_days().take_while(|date| *date <= local_date(moved.zone, until));
    let mut expected: Vec<DateTime<Utc>> = dates
        .filter(|date| date_exists(moved.zone, *date))
        .map(|date| resolve(moved.zone, date.and_time(time)))
        .filter(|at| after < *at && *at <= until)
        .collect();
    expected.sort_unstable();
    assert_eq!(fires(&schedule, moved.zone, after, until), expected, "{time} around {moved:?}");
}

#[test]
fn a_daily_schedule_fires_exactly_once_for_each_local_date_around_every_move() {
    for_every_zone(|_, moves| {
        for moved in moves {
            let inside = (moved.local_before() + moved.skipped() / 2).time();
            for time in [moved.local_before().time(), inside, moved.local_after().time(), NaiveTime::MIN] {
                check_daily(moved, time.with_second(0).unwrap());
            }
        }
    });
}

#[test]
fn a_schedule_fires_once_in_the_gap_and_once_in_the_fold() {
    let berlin = |after, until| fires_of("30 2 * * *", Tz::Europe__Berlin, after, until);
    assert_eq!(
        berlin("2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z"),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        berlin("2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z"),
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    // A worker that looks between the two passes does not fire again.
    assert_eq!(berlin("2026-10-25T01:10:00Z", "2026-10-25T23:00:00Z"), [""; 0]);
}

#[test]
fn times_that_a_gap_swallows_together_fire_together() {
    assert_eq!(
        fires_of("*/20 * * * *", Tz::Europe__Berlin, "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
        ["2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"]
    );
}

#[test]
fn what_is_named_by_the_minute_rests_while_an_hour_is_repeated() {
    assert_eq!(
        fires_of("*/30 * * * *", Tz::Europe__Berlin, "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
        ["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"]
    );
    assert_eq!(
        fires_of("*/30 * * * *", Tz::UTC, "2026-10-25T00:00:00Z", "2026-10-25T01:30:00Z"),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"]
    );
}

#[test]
fn a_date_that_never_happened_fires_nothing() {
    assert_eq!(
        fires_of("0 8 * * *", Tz::Pacific__Apia, "2011-12-29T12:00:00Z", "2012-01-01T00:00:00Z"),
        ["2011-12-29T18:00:00Z", "2011-12-30T18:00:00Z", "2011-12-31T18:00:00Z"]
    );
}

#[test]
fn fields_mean_what_crontab_says() {
    let cases = [
        // (expression, after, the next fire). 2026-03-02 is a Monday.
        ("30 9 * * 1", "2026-03-01T00:00:00Z", Some("2026-03-02T09:30:00Z")),
        ("30 9 * * 1", "2026-03-02T09:30:00Z", Some("2026-03-09T09:30:00Z")),
        ("30 9 * * 1", "2026-03-02T09:29:59.999999Z", Some("2026-03-02T09:30:00Z")),
        ("0 9 * * 0", "2026-03-02T00:00:00Z", Some("2026-03-08T09:00:00Z")),
        ("0 9 * * 7", "2026-03-02T00:00:00Z", Some("2026-03-08T09:00:00Z")),
        ("0 9 * * sun", "2026-03-02T00:00:00Z", Some("2026-03-08T09:00:00Z")),
        ("0 9 * * 5-7", "2026-03-02T00:00:00Z", Some("2026-03-06T09:00:00Z")),
        ("0 9 * * Fri-Mon", "2026-03-03T00:00:00Z", Some("2026-03-06T09:00:00Z")),
        ("0 9 * * 1-5", "2026-03-06T09:00:00Z", Some("2026-03-09T09:00:00Z")),
        ("0 9 * * 1,3", "2026-03-02T09:00:00Z", Some("2026-03-04T09:00:00Z")),
        ("0 9 * * */2", "2026-03-02T00:00:00Z", Some("2026-03-03T09:00:00Z")),
        ("0 9 * * */2", "2026-03-06T00:00:00Z", Some("2026-03-07T09:00:00Z")),
        ("0 9 * * 4/2", "2026-03-06T00:00:00Z", Some("2026-03-07T09:00:00Z")),
        ("0 9 1 * *", "2026-03-02T00:00:00Z", Some("2026-04-01T09:00:00Z")),
        ("0 9 31 * ?", "2026-03-31T09:00:00Z", Some("2026-05-31T09:00:00Z")),
        ("0 0 29 2 *", "2026-03-02T00:00:00Z", Some("2028-02-29T00:00:00Z")),
        ("0 0 30 2 *", "2026-03-02T00:00:00Z", None),
        ("*/15 8-10 * * *", "2026-03-02T08:31:00Z", Some("2026-03-02T08:45:00Z")),
        ("15 30 9 * * *", "2026-03-02T00:00:00Z", Some("2026-03-02T09:30:15Z")),
        ("15 30 9 * * 1", "2026-03-02T12:00:00Z", Some("2026-03-09T09:30:15Z")),
        ("0 0 0 1 1 * 2030", "2026-03-02T12:00:00Z", Some("2030-01-01T00:00:00Z")),
        ("0 0 0 1 1 * 2020", "2026-03-02T12:00:00Z", None),
        ("@daily", "2026-03-02T12:00:00Z", Some("2026-03-03T00:00:00Z")),
        ("@weekly", "2026-03-02T12:00:00Z", Some("2026-03-08T00:00:00Z")),
        (" @hourly ", "2026-03-02T12:00:00Z", Some("2026-03-02T13:00:00Z")),
    ];
    for (text, after, next) in cases {
        let schedule: Schedule = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(schedule.next_after(instant(after), Tz::UTC), next.map(instant), "{text} after {after}");
        assert_eq!(schedule.as_str(), text);
    }
}

#[test]
fn a_wrong_expression_says_what_is_wrong_with_it() {
    let cases = [
        ("", "a cron expression has 5 fields (or 6 with seconds, or 7 with a year), not 0"),
        ("* * * *", "a cron expression has 5 fields (or 6 with seconds, or 7 with a year), not 4"),
        ("* * * * * * * *", "a cron expression has 5 fields (or 6 with seconds, or 7 with a year), not 8"),
        ("0 9 * * 8", "\"8\" names no weekdays"),
        ("0 9 * * 1,,2", "\"1,,2\" names no weekdays"),
        ("0 9 * * 1/0", "\"1/0\" names no weekdays"),
        ("0 9 * * funday", "\"funday\" names no weekdays"),
        ("0 9 1 * 1", "an expression names days of the month or weekdays, not both: use two schedules"),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Schedule>().unwrap_err().to_string(), expected, "{text}");
    }
    for text in ["60 9 * * *", "0 24 * * *", "0 9 32 * *", "0 9 * 13 *", "x 9 * * *", "@never", "0 9 * *\u{0} *"] {
        assert!(matches!(text.parse::<Schedule>(), Err(ScheduleError::Cron { .. })), "{text}");
    }
    assert_eq!("*".repeat(201).parse::<Schedule>().unwrap_err(), ScheduleError::TooLong);
}

proptest! {
    #[test]
    fn reading_never_panics_and_what_is_read_makes_progress(text in "[-0-9*/,?@a-z ]{0,30}|\\PC{0,20}", now_s in 946_684_800..2_240_611_200_i64) {
        if let Ok(schedule) = text.parse::<Schedule>() {
            let now = DateTime::from_timestamp(now_s, 0).unwrap();
            if let Some(next) = schedule.next_after(now, Tz::Europe__Berlin) {
                prop_assert!(next > now);
            }
        }
    }

    #[test]
    fn a_fire_shows_the_time_that_was_asked_for_unless_a_gap_swallowed_it(
        minute in 0..60_u32, hour in 0..24_u32, weekday in 0..7_u32, now_s in 946_684_800..2_240_611_200_i64,
    ) {
        let schedule: Schedule = format!("{minute} {hour} * * {weekday}").parse().unwrap();
        let next = schedule.next_after(DateTime::from_timestamp(now_s, 0).unwrap(), Tz::America__New_York).unwrap();
        let wall = local(Tz::America__New_York, next);
        let swallowed = hour == 2 && wall.hour() == 3 && wall.minute() == 0;
        prop_assert!(swallowed || (wall.hour(), wall.minute()) == (hour, minute), "{wall}");
        prop_assert!(next.timestamp() > now_s && next.timestamp() <= now_s + 7 * 86_400 + 3_600);
    }
}
