//! Weeks of campaigns in a moment, and what must hold in every one of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use postroad_core::{
    account::Pace,
    gates::{Cap, CapKind, QuietPolicy},
    pace::DRIFT,
    quiet_hours::QuietHours,
    simulation::{self, Event, Person, Wave, World},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn start() -> DateTime<Utc> {
    "2026-03-20T09:00:00Z".parse().unwrap()
}

fn wave(weight: u32, after_s: i64, people: u32) -> Wave {
    Wave {
        weight,
        starts_at: start() + TimeDelta::seconds(after_s),
        quiet_policy: QuietPolicy::Hold,
        not_after: None,
        audience: (0..people).collect(),
    }
}

fn told(world: &World) -> Vec<Event> {
    let mut events = Vec::new();
    simulation::run(&mut world.clone(), start() + TimeDelta::days(400), |event| events.push(event));
    events
}

fn sent(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.refused.is_none())
}

/// Most events in any window of a second plus the drift that the pace allows for.
fn busiest_second(events: &[Event]) -> usize {
    let mut instants: Vec<DateTime<Utc>> = sent(events).map(|event| event.at).collect();
    instants.sort_unstable();
    let window = TimeDelta::seconds(1) + DRIFT;
    let (mut first, mut most) = (0, 0);
    for (last, at) in instants.iter().enumerate() {
        while *at - instants[first] > window {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

fn any_world() -> impl Strategy<Value = World> {
    let people = vec(select(TZ_VARIANTS.as_slice()), 1..400);
    let quiet = (0..24_u32, 0..24_u32);
    let cap = (select(CapKind::ALL), 1..4_u32, 1..3_u32);
    (
        people,
        quiet,
        (vec(cap, 0..3), option::of(10..300_u32)),
        1..40_u32,
        (1..100_u32, 1..100_u32),
        0..200_000_i64,
        any::<u64>(),
    )
        .prop_map(|(zones, (from, to), (caps, portfolio), per_s, weights, later_s, seed)| {
            let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
            let count = u32::try_from(zones.len()).unwrap();
            let cap = |(kind, days, max)| Cap { kind, window_s: days * 86_400, max };
            World {
                pace: Pace { per_s: f64::from(per_s), burst: 1 },
                quiet_hours: QuietHours { starts: hour(from), ends: hour(to) },
                caps: caps.into_iter().map(cap).collect(),
                portfolio,
                people: zones.into_iter().map(|zone: Tz| Person { zone, uses: Vec::new() }).collect(),
                waves: vec![wave(weights.0, 0, count), wave(weights.1, later_s, count)],
                seed,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn everybody_gets_each_message_once_by_day_within_caps_and_rate(world in any_world()) {
        let events = told(&world);
        let audience: usize = world.waves.iter().map(|wave| wave.audience.len()).sum();
        prop_assert_eq!(events.len(), audience, "nobody is left out");
        let different: HashSet<(u16, u32)> = events.iter().map(|event| (event.wave, event.person)).collect();
        prop_assert_eq!(different.len(), audience, "nobody gets one twice");
        for event in sent(&events) {
            let zone = world.people[event.person as usize].zone;
            // The gates looked when it was claimed, at most a horizon earlier.
            let looked_at = event.at - TimeDelta::milliseconds(500);
            let quiet = world.quiet_hours.is_quiet(event.at, zone) && world.quiet_hours.is_quiet(looked_at, zone);
            prop_assert!(!quiet, "{zone} at {}", event.at);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 40")]
        let limit = world.pace.per_s as usize;
        prop_assert!(busiest_second(&events) <= limit, "{} in a second, of {limit}", busiest_second(&events));
        prop_assert!(caps_hold(&world, &events));
        prop_assert!(within_portfolio(&world, &events));
    }

    #[test]
    fn the_same_world_tells_the_same_story(world in any_world()) {
        prop_assert_eq!(told(&world), told(&world));
    }
}

fn caps_hold(world: &World, events: &[Event]) -> bool {
    let mut uses: HashMap<u32, Vec<DateTime<Utc>>> = HashMap::new();
    for event in sent(events) {
        uses.entry(event.person).or_default().push(event.at);
    }
    let rolling = world.caps.iter().filter(|cap| cap.kind == CapKind::Rolling);
    rolling.clone().all(|cap| {
        let window = TimeDelta::seconds(cap.window_s.into()) - TimeDelta::seconds(1);
        uses.values().all(|times| {
            times.iter().all(|last| {
                times.iter().filter(|at| **at <= *last && *last - **at < window).count() <= cap.max as usize
            })
        })
    })
}

/// In no 24 hours more people than the portfolio may write to.
fn within_portfolio(world: &World, events: &[Event]) -> bool {
    let Some(people_max) = world.portfolio else { return true };
    let mut messages: Vec<(DateTime<Utc>, u32)> = sent(events).map(|event| (event.at, event.person)).collect();
    messages.sort_unstable();
    let (mut first, mut counts) = (0, HashMap::<u32, u32>::new());
    messages.iter().all(|(at, person)| {
        *counts.entry(*person).or_default() += 1;
        while *at - messages[first].0 >= TimeDelta::hours(24) {
            let left = counts.entry(messages[first].1).or_default();
            *left -= 1;
            if *left == 0 {
                counts.remove(&messages[first].1);
            }
            first += 1;
        }
        counts.len() <= people_max as usize
    })
}

#[test]
fn campaigns_share_a_lane_by_weight_and_none_starves() {
    let people = vec![Person { zone: Tz::UTC, uses: Vec::new() }; 3_000];
    let world = World {
        pace: Pace { per_s: 100.0, burst: 1 },
        quiet_hours: QuietHours::DEFAULT,
        caps: Vec::new(),
        portfolio: None,
        people,
        waves: vec![wave(3, 0, 3_000), wave(1, 0, 3_000)],
        seed: 1,
    };
    let events = told(&world);
    let first: Vec<u16> = events.iter().take(1_000).map(|event| event.wave).collect();
    let heavy = first.iter().filter(|wave| **wave == 0).count();
    assert!((720..=780).contains(&heavy), "{heavy} of 1,000 are the heavier campaign's");
    for chunk in first.chunks(50) {
        assert!(chunk.contains(&1), "the lighter one is never out of sight");
    }
}

#[test]
fn a_lane_of_one_message_a_second_has_no_favourite() {
    let people = vec![Person { zone: Tz::UTC, uses: Vec::new() }; 2_000];
    let world = World {
        pace: Pace { per_s: 1.0, burst: 1 },
        quiet_hours: QuietHours { starts: chrono::NaiveTime::MIN, ends: chrono::NaiveTime::MIN },
        caps: Vec::new(),
        portfolio: None,
        people,
        waves: vec![wave(3, 0, 2_000), wave(1, 0, 2_000)],
        seed: 1,
    };
    let light = told(&world).iter().take(1_000).filter(|event| event.wave == 1).count();
    assert!((200..=300).contains(&light), "{light} of 1,000 are the lighter campaign's");
}

#[test]
fn the_end_of_the_night_is_no_herd() {
    let people = vec![Person { zone: Tz::Asia__Jakarta, uses: Vec::new() }; 2_000];
    let night: DateTime<Utc> = "2026-03-20T16:00:00Z".parse().unwrap();
    let world = World {
        pace: Pace { per_s: 20.0, burst: 1 },
        quiet_hours: QuietHours::DEFAULT,
        caps: Vec::new(),
        portfolio: None,
        people,
        waves: vec![Wave { starts_at: night, ..wave(1, 0, 2_000) }],
        seed: 1,
    };
    let events = told(&world);
    let morning: DateTime<Utc> = "2026-03-21T01:00:00Z".parse().unwrap();
    assert_eq!(events[0].at, morning);
    assert!(busiest_second(&events) <= 20);
    let last = events.iter().map(|event| event.at).max().unwrap();
    assert!((TimeDelta::seconds(99)..TimeDelta::seconds(105)).contains(&(last - morning)), "{last}");
}
