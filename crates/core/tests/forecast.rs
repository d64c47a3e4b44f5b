//! Forecasts against the same lane simulated person by person.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use postroad_core::{
    account::Pace,
    forecast::{Flow, Forecast, Group, Limit, Observed, Plan, Portfolio, forecast},
    gates::{QuietPolicy, Reason},
    quiet_hours::QuietHours,
    simulation::{self, Person, Wave, World},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    at("2026-03-20T12:00:00Z")
}

const EVEN: Flow = Flow { weight: 4, throttle_per_s: None };

fn group(people: u64, zone: Tz) -> Group {
    Group {
        flow: 0,
        people,
        ready_at: noon(),
        held_by: None,
        quiet: Some((QuietHours::DEFAULT, zone)),
        takes_places: true,
    }
}

fn plan(per_s: f64, groups: Vec<Group>) -> Plan {
    Plan {
        now: noon(),
        pace: Pace { per_s, burst: 1 },
        factor: 1.0,
        flows: vec![EVEN],
        groups,
        portfolio: None,
        observed: Observed { calls: 1_000_000, retried: 0 },
    }
}

fn ends(forecast: &Forecast) -> DateTime<Utc> {
    forecast.p50_at.unwrap()
}

fn is_near(told: DateTime<Utc>, real: DateTime<Utc>, since: DateTime<Utc>) -> bool {
    let error = (told - real).abs();
    error <= TimeDelta::seconds(3) || error * 50 <= real - since
}

#[test]
fn a_rate_by_day_is_a_division() {
    let told = forecast(&plan(50.0, vec![group(30_000, Tz::UTC)]), 7);
    assert!(is_near(ends(&told), noon() + TimeDelta::seconds(612), noon()), "{told:?}");
    assert_eq!(told.limited_by, Limit::Rate { per_s: 50.0, others: 0 });
    assert_eq!(told.first_at, Some(noon()));
    assert_eq!(told.curve.iter().map(|hour| hour.messages).sum::<u64>(), 30_000);
}

#[test]
fn a_night_in_between_is_waited_out() {
    // 09:00 to 21:00 in Paris are nine hours from noon in Greenwich, less one for the zone.
    let told = forecast(&plan(1.0, vec![group(40_000, Tz::Europe__Paris)]), 7);
    assert!(ends(&told) > at("2026-03-21T07:00:00Z"), "{told:?}");
    let night =
        told.curve.iter().filter(|hour| (at("2026-03-20T20:00:00Z")..at("2026-03-21T07:00:00Z")).contains(&hour.at));
    assert_eq!(night.count(), 0, "nothing leaves at night");
}

#[test]
fn whoever_sleeps_is_what_the_campaign_waits_for() {
    let told = forecast(&plan(80.0, vec![group(100, Tz::Asia__Jakarta), group(100, Tz::UTC)]), 7);
    assert_eq!(told.first_at, Some(noon()), "Jakarta is up until 21:00, and it is 19:00");
    let late = Plan { now: at("2026-03-20T15:00:00Z"), ..plan(80.0, vec![group(100, Tz::Asia__Jakarta)]) };
    let told = forecast(&late, 7);
    let morning = at("2026-03-21T01:00:00Z");
    assert_eq!(told.limited_by, Limit::Gate { reason: Reason::QuietHours, until: morning });
    assert_eq!(told.first_at, Some(morning));
}

#[test]
fn a_throttle_leaves_the_rest_to_the_others() {
    let flows = vec![Flow { throttle_per_s: Some(5.0), ..EVEN }, EVEN];
    let other = Group { flow: 1, quiet: None, ..group(9_000, Tz::UTC) };
    let told = forecast(&Plan { flows, ..plan(50.0, vec![group(3_000, Tz::UTC), other]) }, 7);
    assert!(is_near(ends(&told), noon() + TimeDelta::seconds(600), noon()), "{told:?}");
    assert_eq!(told.limited_by, Limit::Throttle { per_s: 5.0 });
}

#[test]
fn what_fails_often_is_told_later_and_less_surely() {
    let of = |calls, retried| {
        forecast(&Plan { observed: Observed { calls, retried }, ..plan(50.0, vec![group(30_000, Tz::UTC)]) }, 7)
    };
    let (sure, unsure, failing) = (of(1_000_000, 0), of(0, 0), of(1_000_000, 100_000));
    let width = |told: &Forecast| told.p95_at.unwrap() - told.p50_at.unwrap();
    assert!(width(&unsure) > width(&sure));
    assert!(is_near(ends(&failing), noon() + TimeDelta::seconds(680), noon()), "{failing:?}");
}

#[test]
fn nothing_left_is_nothing_to_wait_for() {
    let told = forecast(&plan(50.0, Vec::new()), 7);
    assert_eq!((told.first_at, told.p50_at, told.limited_by), (None, None, Limit::Nothing));
}

/// Awake all day.
fn restless(people: u64) -> Group {
    Group { quiet: None, ..group(people, Tz::UTC) }
}

fn with_places(people_max: u64, taken: Vec<(DateTime<Utc>, u64)>, groups: Vec<Group>) -> Plan {
    Plan { portfolio: Some(Portfolio { people_max, taken }), ..plan(50.0, groups) }
}

#[test]
fn a_campaign_larger_than_the_portfolio_ends_in_days_and_says_why() {
    // 2,000 a day and a minute: the last 1,000 of 7,000 leave on the fourth day, after 20 seconds of 50 each.
    let told = forecast(&with_places(2_000, Vec::new(), vec![restless(7_000)]), 7);
    assert!(is_near(ends(&told), noon() + TimeDelta::seconds(3 * 86_460 + 20), noon()), "{told:?}");
    assert_eq!(told.limited_by, Limit::Portfolio { people_max: 2_000 });
    let words = "limited by the portfolio's limit of 2,000 new people in 24 hours";
    assert_eq!(told.limited_by.to_string(), words);
    let by_day: Vec<u64> = told.curve.iter().map(|hour| hour.messages).collect();
    assert_eq!(by_day, [2_000, 2_000, 2_000, 1_000]);
}

#[test]
fn a_portfolio_that_is_large_enough_changes_nothing() {
    let groups = || vec![restless(2_000)];
    let told = forecast(&with_places(2_000, Vec::new(), groups()), 7);
    assert_eq!(told, forecast(&plan(50.0, groups()), 7));
}

#[test]
fn places_that_others_took_come_back_when_their_day_is_over() {
    let back = noon() + TimeDelta::hours(5);
    let told = forecast(&with_places(2_000, vec![(back, 1_500)], vec![restless(1_000)]), 7);
    // 500 leave at once; the others share half an hour in which 1,500 places come back.
    assert!(is_near(ends(&told), back + TimeDelta::minutes(10), noon()), "{told:?}");
    assert_eq!(told.limited_by, Limit::Portfolio { people_max: 2_000 });
}

#[test]
fn people_who_wrote_to_us_leave_whatever_the_portfolio() {
    let known = Group { flow: 1, takes_places: false, ..restless(3_000) };
    let full = vec![(noon() + TimeDelta::hours(5), 250)];
    let plan = Plan { flows: vec![EVEN, EVEN], ..with_places(250, full, vec![known, restless(1)]) };
    let told = forecast(&plan, 7);
    assert!(ends(&told) > noon() + TimeDelta::hours(5), "{told:?}");
    let swapped = |group: Group| Group { flow: 1 - group.flow, ..group };
    let told = forecast(&Plan { groups: plan.groups.iter().cloned().map(swapped).collect(), ..plan }, 7);
    assert!(is_near(ends(&told), noon() + TimeDelta::seconds(60), noon()), "{told:?}");
}

#[test]
fn a_lowered_limit_waits_until_enough_people_have_been_forgotten() {
    let taken = vec![(noon() + TimeDelta::hours(1), 2_000)];
    let told = forecast(&with_places(500, taken, vec![restless(10)]), 7);
    // Of 2,000 that come back within half an hour, 1,500 are above the limit.
    let first = noon() + TimeDelta::minutes(60) + TimeDelta::seconds(1_350);
    assert!((told.first_at.unwrap() - first).abs() < TimeDelta::seconds(2), "{told:?}");
}

#[test]
fn what_no_lane_can_do_in_time_is_said() {
    let told = forecast(&plan(0.01, vec![group(1_000_000, Tz::UTC)]), 7);
    assert!(told.beyond > 900_000, "{told:?}");
}

const ZONES: [Tz; 6] = [
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Asia__Jakarta,
    Tz::Pacific__Auckland,
    Tz::America__Sao_Paulo,
    Tz::Asia__Kolkata,
];

/// When the first wave ends, by seed: whose turn it is in a claim is chance, and a small campaign beside another one ends
/// seconds sooner or later by it.
fn real_ends(world: &World, start: DateTime<Utc>) -> [DateTime<Utc>; 9] {
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|seed| {
        let mut last = start;
        simulation::run(&mut World { seed, ..world.clone() }, start + TimeDelta::days(60), |event| {
            if event.wave == 0 {
                last = last.max(event.at);
            }
        });
        last
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_forecast_by_groups_agrees_with_the_lane_person_by_person(
        zones in vec((select(ZONES.as_slice()), 1..400_u32), 1..6),
        per_s in 10..60_u32,
        start_h in 0..24_i64,
        other in 0..500_u32,
        weights in (1..20_u32, 1..20_u32),
        portfolio in option::of(20..2_000_u32),
    ) {
        let start = at("2026-06-01T00:00:00Z") + TimeDelta::hours(start_h);
        let mut people = Vec::new();
        let mut groups = Vec::new();
        for (zone, count) in zones {
            groups.push(Group { ready_at: start, ..group(count.into(), zone) });
            people.extend((0..count).map(|_| Person { zone, uses: Vec::new() }));
        }
        let ours = u32::try_from(people.len()).unwrap();
        people.extend((0..other).map(|_| Person { zone: Tz::UTC, uses: Vec::new() }));
        groups.push(Group { flow: 1, ready_at: start, ..group(other.into(), Tz::UTC) });
        let wave = |weight, audience| Wave {
            weight, starts_at: start, quiet_policy: QuietPolicy::Hold, not_after: None, audience,
        };
        let pace = Pace { per_s: per_s.into(), burst: 1 };
        let world = World {
            pace,
            quiet_hours: QuietHours::DEFAULT,
            caps: Vec::new(),
            portfolio,
            people,
            waves: vec![wave(weights.0, (0..ours).collect()), wave(weights.1, (ours..ours + other).collect())],
            seed: 1,
        };
        let real = real_ends(&world, start);
        let flows = [weights.0, weights.1].map(|weight| Flow { weight, throttle_per_s: None }).to_vec();
        let portfolio = portfolio.map(|people_max| Portfolio { people_max: people_max.into(), taken: Vec::new() });
        let told = forecast(&Plan { now: start, pace, flows, groups, portfolio, ..plan(1.0, Vec::new()) }, 7);
        // Whose is the last place of a portfolio's day is a toss, and a day of difference.
        let is_one = real.into_iter().any(|real| is_near(ends(&told), real, start));
        prop_assert!(is_one, "told {:?}, real {real:?}, from {start}", told.p50_at);
    }
}
