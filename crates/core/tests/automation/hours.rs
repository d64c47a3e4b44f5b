//! When a business is open, in any zone and on the nights the clocks change.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use postroad_core::{
    automation::{
        BusinessHours,
        hours::{DayRange, TimeWindow, Week, Weekday},
    },
    time::local,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::scene::at;

fn hours(zone: Tz, days: serde_json::Value) -> BusinessHours {
    BusinessHours { enabled: true, time_zone: zone, days: serde_json::from_value(days).unwrap() }
}

#[test]
fn the_usual_week_is_open_from_nine() {
    let cases = [
        // (now in UTC, zone, open, next open)
        ("2026-03-02T08:59:59Z", Tz::UTC, "2026-03-02T09:00:00Z"),
        ("2026-03-02T09:00:00Z", Tz::UTC, "2026-03-02T09:00:00Z"),
        ("2026-03-02T16:59:59Z", Tz::UTC, "2026-03-02T16:59:59Z"),
        ("2026-03-02T17:00:00Z", Tz::UTC, "2026-03-03T09:00:00Z"),
        // Saturday until one, and then not before Monday.
        ("2026-03-07T12:59:59Z", Tz::UTC, "2026-03-07T12:59:59Z"),
        ("2026-03-07T13:00:00Z", Tz::UTC, "2026-03-09T09:00:00Z"),
        ("2026-03-08T10:00:00Z", Tz::UTC, "2026-03-09T09:00:00Z"),
        ("2026-03-02T01:00:00Z", Tz::Asia__Jakarta, "2026-03-02T02:00:00Z"),
        ("2026-03-02T10:00:00Z", Tz::Asia__Kolkata, "2026-03-02T10:00:00Z"),
        ("2026-03-02T11:30:00Z", Tz::Asia__Kolkata, "2026-03-03T03:30:00Z"),
        // Clocks go forward on Sunday: Monday's nine o'clock is an hour earlier in UTC.
        ("2026-03-28T12:00:00Z", Tz::Europe__Paris, "2026-03-30T07:00:00Z"),
        // And back.
        ("2026-10-24T11:00:00Z", Tz::Europe__Paris, "2026-10-26T08:00:00Z"),
        // Friday 30 December 2011 never happened in Samoa: after Thursday comes Saturday.
        ("2011-12-30T03:00:00Z", Tz::Pacific__Apia, "2011-12-30T19:00:00Z"),
    ];
    for (now, zone, next_open) in cases {
        let usual = BusinessHours::usual(zone);
        assert_eq!(usual.next_open(at(now)), Some(at(next_open)), "{now} in {zone}");
        assert_eq!(usual.is_open(at(now)), now == next_open, "{now} in {zone}");
    }
}

#[test]
fn a_stretch_around_a_clock_change_is_judged_by_the_clock_on_the_wall() {
    let cases = [
        // (stretch on Sunday, now in UTC, next open). In Paris 02:00 to 03:00 does not happen on 29 March…
        ("02:00-02:30", "2026-03-28T12:00:00Z", "2026-04-05T00:00:00Z"),
        ("02:30-06:00", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("01:00-02:30", "2026-03-28T12:00:00Z", "2026-03-29T00:00:00Z"),
        // …and happens twice on 25 October.
        ("02:00-02:30", "2026-10-25T00:00:00Z", "2026-10-25T00:00:00Z"),
        ("02:00-02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
        ("02:00-02:30", "2026-10-25T01:30:00Z", "2026-11-01T01:00:00Z"),
        ("02:30-06:00", "2026-10-25T00:59:59Z", "2026-10-25T00:59:59Z"),
        // It was open at the first 02:45, and then it is 02:00 and is not.
        ("02:30-06:00", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"),
    ];
    for (range, now, next_open) in cases {
        let hours = hours(Tz::Europe__Paris, json!({"sun": [range]}));
        assert_eq!(hours.next_open(at(now)), Some(at(next_open)), "{range}, {now}");
    }
}

#[test]
fn a_stretch_may_go_on_into_the_next_day() {
    let night = hours(Tz::UTC, json!({"fri": ["22:00-06:00"], "sun": ["00:00-00:00"]}));
    let cases = [
        ("2026-03-06T05:00:00Z", false),
        ("2026-03-06T22:00:00Z", true),
        ("2026-03-07T05:59:59Z", true),
        ("2026-03-07T06:00:00Z", false),
        ("2026-03-07T22:00:00Z", false),
        ("2026-03-08T00:00:00Z", true),
        ("2026-03-08T23:59:59Z", true),
        ("2026-03-09T00:00:00Z", false),
    ];
    for (now, open) in cases {
        assert_eq!(night.is_open(at(now)), open, "{now}");
    }
}

#[test]
fn a_business_without_hours_is_always_open_and_one_without_days_never() {
    let now = at("2026-03-08T03:00:00Z");
    let off = BusinessHours { enabled: false, ..BusinessHours::usual(Tz::UTC) };
    assert_eq!((off.is_open(now), off.next_open(now)), (true, Some(now)));
    let never = hours(Tz::UTC, json!({}));
    assert_eq!((never.is_open(now), never.next_open(now)), (false, None));
}

#[test]
fn hours_are_written_as_people_write_them() {
    let usual = BusinessHours::usual(Tz::Asia__Jakarta);
    let day = ["09:00-17:00"];
    assert_eq!(
        serde_json::to_value(&usual).unwrap(),
        json!({"enabled": true, "time_zone": "Asia/Jakarta", "days": {
            "mon": day, "tue": day, "wed": day, "thu": day, "fri": day, "sat": ["09:00-13:00"], "sun": []
        }})
    );
    for wrong in ["9:00-17:00", "09:00", "09:00-24:00", "", "09:00-17:00 "] {
        assert!(serde_json::from_value::<DayRange>(json!(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_window_belongs_to_the_day_on_which_it_starts() {
    let window: TimeWindow = serde_json::from_value(json!({"between": "22:00-02:00", "weekdays": ["fri"]})).unwrap();
    let cases = [
        ("2026-03-06T21:59:59Z", false),
        ("2026-03-06T22:00:00Z", true),
        ("2026-03-07T01:59:59Z", true),
        ("2026-03-07T02:00:00Z", false),
        ("2026-03-07T22:00:00Z", false),
        ("2026-03-06T01:00:00Z", false),
    ];
    for (now, holds) in cases {
        assert_eq!(window.holds_at(local(Tz::UTC, at(now))), holds, "{now}");
    }
    let daily = TimeWindow { weekdays: Vec::new(), ..window };
    assert!(daily.holds_at(local(Tz::UTC, at("2026-03-06T01:00:00Z"))));
}

fn any_range() -> impl Strategy<Value = DayRange> {
    (0..48_u32, 0..48_u32).prop_map(|(starts, ends)| {
        let time = |half: u32| format!("{:02}:{:02}", half / 2, half % 2 * 30);
        format!("{}-{}", time(starts), time(ends)).parse().unwrap()
    })
}

fn any_hours() -> impl Strategy<Value = BusinessHours> {
    let week = vec(vec(any_range(), 0..3), 7).prop_map(|days| {
        let [mon, tue, wed, thu, fri, sat, sun] = days.try_into().unwrap();
        Week { mon, tue, wed, thu, fri, sat, sun }
    });
    (week, select(TZ_VARIANTS.as_slice())).prop_map(|(days, time_zone)| BusinessHours {
        enabled: true,
        time_zone,
        days,
    })
}

fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    (946_684_800_000_000..2_240_611_200_000_000_i64).prop_map(|us| DateTime::from_timestamp_micros(us).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_next_opening_is_the_first_open_instant(hours in any_hours(), now in any_instant()) {
        let Some(opens) = hours.next_open(now) else {
            prop_assert!(Weekday::ALL.iter().all(|day| hours.days.of(*day).is_empty()), "it opens some day");
            return Ok(());
        };
        prop_assert!(opens >= now && hours.is_open(opens));
        let mut before = now;
        while before < opens {
            prop_assert!(!hours.is_open(before), "{before} is open, before {opens}");
            before += TimeDelta::minutes(15) + TimeDelta::microseconds(1);
        }
        if opens > now {
            prop_assert!(!hours.is_open(opens - TimeDelta::microseconds(1)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exactly_the_minutes_in_which_it_is_open_are_counted(
        hours in any_hours(), now in any_instant(), minutes in 1..3_000_i64,
    ) {
        let from = DateTime::from_timestamp(now.timestamp() / 60 * 60, 0).unwrap();
        let Some(end) = hours.open_for(from, TimeDelta::minutes(minutes)) else {
            prop_assert!(Weekday::ALL.iter().all(|day| hours.days.of(*day).is_empty()), "it is open some day");
            return Ok(());
        };
        prop_assert_eq!(hours.open_between(from, end), TimeDelta::minutes(minutes));
        let mut walked = from;
        let mut open = 0;
        while walked < end.min(from + TimeDelta::days(7)) {
            open += i64::from(hours.is_open(walked));
            walked += TimeDelta::minutes(1);
        }
        prop_assert_eq!(hours.open_between(from, walked), TimeDelta::minutes(open));
        prop_assert!(hours.is_open(end - TimeDelta::microseconds(1)), "its last moment is one that counts");
    }
}

#[test]
fn an_evening_and_a_clock_change_lie_between_an_hour_and_its_end() {
    let paris = BusinessHours::usual(Tz::Europe__Paris);
    let night = hours(Tz::Europe__Paris, json!({"sat": ["22:00-06:00"]}));
    let cases = [
        // (hours, from, minutes, end). The last half hour of Friday, and the first of Saturday…
        (&paris, "2026-03-27T15:30:00Z", 60, "2026-03-28T08:30:00Z"),
        // …and of Monday, which begins an hour earlier since clocks went forward on Sunday.
        (&paris, "2026-03-28T11:30:00Z", 60, "2026-03-30T07:30:00Z"),
        (&paris, "2026-03-28T11:30:00Z", 30, "2026-03-28T12:00:00Z"),
        (&paris, "2026-03-28T20:00:00Z", 0, "2026-03-28T20:00:00Z"),
        // A night of seven hours, and one of nine: what is left lies a week ahead.
        (&night, "2026-03-28T12:00:00Z", 480, "2026-04-04T21:00:00Z"),
        (&night, "2026-10-24T12:00:00Z", 540, "2026-10-25T05:00:00Z"),
    ];
    for (hours, from, minutes, end) in cases {
        assert_eq!(hours.open_for(at(from), TimeDelta::minutes(minutes)), Some(at(end)), "{minutes} from {from}");
    }
    let never = hours(Tz::UTC, json!({}));
    assert_eq!(never.open_for(at("2026-03-28T12:00:00Z"), TimeDelta::minutes(1)), None);
}
