//! The limits are exact: at the edge, and whatever the order in which arrivals are seen.

use postroad_simulators::meta::limits::{Arrivals, Debt, Gate, Mode, Observed, PairLimit, Pairs, WINDOW_NS};
use postroad_simulators::meta::{AccountEvent, Number};

use crate::wire::{ANN, BEN, Caller, simulator, text};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn observed(rate_per_s: u32, times: impl IntoIterator<Item = u64>) -> Observed {
    let mut arrivals = Arrivals::new(rate_per_s);
    times.into_iter().for_each(|at| arrivals.push(at));
    arrivals.observed()
}

#[test]
fn a_window_ends_where_the_next_begins() {
    let cases = [
        // (arrivals at, over a limit of 2, most in a window)
        (vec![0, 0], 0, 2),
        (vec![0, 0, S], 0, 2),
        (vec![0, 0, S - 1], 1, 3),
        (vec![0, S / 2, S], 0, 2),
        (vec![0, S / 2, S - 1], 1, 3),
        (vec![5 * S, 5 * S + 1, 6 * S, 6 * S + 1], 0, 2),
        (vec![5 * S, 5 * S + 1, 6 * S, 6 * S], 1, 3),
        (vec![0, 0, 0, 0, 0], 3, 5),
        (vec![], 0, 0),
    ];
    for (times, over_limit, max_in_window) in cases {
        let arrivals = times.len() as u64;
        assert_eq!(observed(2, times.clone()), Observed { arrivals, over_limit, max_in_window }, "{times:?}");
    }
    assert_eq!(WINDOW_NS, S);
}

#[test]
fn every_window_is_judged_as_by_counting_it() {
    // Gaps from 0 to 40 ms, from a fixed multiplicative sequence.
    let mut state = 1_u64;
    let mut at = 0;
    let times: Vec<u64> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        at += (state >> 33) % (40 * MS) + 1;
        at
    })
    .take(2_000)
    .collect();
    let in_window = |end: u64| times.iter().filter(|&&at| at <= end && at + S > end).count();
    let counted: Vec<usize> = times.iter().map(|&end| in_window(end)).collect();
    for rate in [40, 50, 60] {
        let seen = observed(rate, times.clone());
        assert_eq!(seen.over_limit, counted.iter().filter(|&&count| count > rate as usize).count() as u64);
        assert_eq!(seen.max_in_window, *counted.iter().max().unwrap() as u64);
    }
}

#[test]
fn the_order_in_which_arrivals_are_seen_does_not_matter() {
    let times: Vec<u64> = (0..500).map(|number| number * 11 * MS).collect();
    let mut swapped = times.clone();
    for pair in swapped.chunks_mut(7) {
        pair.reverse();
    }
    assert_ne!(times, swapped);
    assert_eq!(observed(80, times), observed(80, swapped));
}

#[test]
fn looking_in_between_changes_nothing() {
    let times: Vec<u64> = (0..3_000).map(|number| (number * 13 % 17) * MS + number * 9 * MS).collect();
    let mut watched = Arrivals::new(100);
    for (seen, &at) in times.iter().enumerate() {
        watched.push(at);
        assert_eq!(watched.observed().arrivals, seen as u64 + 1);
    }
    assert!(watched.observed().over_limit > 0);
    assert_eq!(watched.observed(), observed(100, times.clone()));
    // An arrival that is booked very late is judged all the same.
    watched.push(1);
    assert_eq!(watched.observed(), observed(100, times.into_iter().chain([1])));
}

#[test]
fn a_changed_rate_judges_only_what_comes_after_it() {
    let mut arrivals = Arrivals::new(80);
    (0..100).for_each(|number| arrivals.push(number * MS));
    assert_eq!(arrivals.observed().over_limit, 20);
    arrivals.set_rate(10 * S, 1_000);
    (0..100).for_each(|number| arrivals.push(20 * S + number * MS));
    assert_eq!(arrivals.observed().over_limit, 20);
    assert_eq!(arrivals.between(0, 100 * MS), 100);
    assert_eq!(arrivals.between(20 * S, 20 * S + 50 * MS), 50);
    assert_eq!(arrivals.between(20 * S + MS, 20 * S + MS), 0);
}

#[test]
fn the_gate_admits_the_rate_in_every_window_and_no_more() {
    let mut gate = Gate::default();
    let admitted: Vec<u64> = (0..4_000).map(|number| number * 2 * MS).filter(|&at| gate.admit(at, 80)).collect();
    assert_eq!(admitted.len(), 8 * 80);
    assert_eq!(observed(80, admitted), Observed { arrivals: 640, over_limit: 0, max_in_window: 80 });
    let mut gate = Gate::default();
    assert!(gate.admit(0, 1));
    assert!(!gate.admit(S - 1, 1));
    assert!(gate.admit(S, 1));
}

#[test]
fn a_pair_may_burst_45_and_then_one_every_six_seconds() {
    let (mut pairs, limit) = (Pairs::default(), PairLimit::default());
    let burst = (0..50).filter(|_| pairs.conforms((0, 0), 0, &limit)).count();
    assert_eq!(burst, 45);
    assert!(!pairs.conforms((0, 0), 6 * S - 1, &limit));
    assert!(pairs.conforms((0, 0), 6 * S, &limit), "exactly six seconds later one is free again");
    assert!(!pairs.conforms((0, 0), 6 * S, &limit));
    assert!(pairs.conforms((0, 1), 6 * S, &limit), "another recipient is another pair");
    assert!(pairs.conforms((1, 0), 6 * S, &limit), "another number is another pair");
    let after_all = 6 * S * 46;
    let burst = (0..50).filter(|_| pairs.conforms((0, 0), after_all, &limit)).count();
    assert_eq!(burst, 45, "all of it is paid back");
}

#[test]
fn a_pair_that_keeps_to_the_pace_never_exceeds_it() {
    for debt in [Debt::Refill, Debt::PayFirst] {
        let (mut pairs, limit) = (Pairs::default(), PairLimit { burst: 1, debt, ..PairLimit::default() });
        assert!((0..100).all(|number| pairs.conforms((0, 0), number * 6 * S, &limit)));
        assert!(!pairs.conforms((0, 0), 99 * 6 * S + 6 * S - 1, &limit));
    }
}

#[test]
fn a_burst_may_have_to_be_paid_before_anything_else() {
    let limit = PairLimit { debt: Debt::PayFirst, ..PairLimit::default() };
    let mut pairs = Pairs::default();
    assert_eq!((0..20).filter(|number| pairs.conforms((0, 0), number * 100 * MS, &limit)).count(), 20);
    assert!(!pairs.conforms((0, 0), 6 * S, &limit));
    assert!(!pairs.conforms((0, 0), 120 * S - 1, &limit), "a burst of 20 waits two minutes");
    assert!(pairs.conforms((0, 0), 120 * S, &limit));
}

async fn burst(caller: &mut Caller, sends: usize, to: &str) -> Vec<u64> {
    let mut codes = Vec::new();
    for number in 0..sends {
        let answer = caller.send(&text(to, &format!("{to}_{number}.1"))).await.answer();
        codes.push(if answer.status == 200 { 0 } else { answer.code() });
    }
    codes
}

#[tokio::test]
async fn throughput_is_counted_and_refused_only_when_enforced() {
    let number = || Number { rate_per_s: 5, ..Number::default() };
    let sim = simulator(|config| config.numbers = vec![number()]).await;
    assert_eq!(burst(&mut Caller::connect(&sim).await, 8, ANN).await, [0; 8]);
    let stats = sim.stats();
    assert_eq!((stats.over_limit.throughput, stats.max_in_window.number, stats.counts.accepted), (3, 8, 8));

    let sim = simulator(|config| {
        config.numbers = vec![number()];
        config.limits.throughput = Mode::Enforce;
    })
    .await;
    assert_eq!(burst(&mut Caller::connect(&sim).await, 8, ANN).await, [0, 0, 0, 0, 0, 130_429, 130_429, 130_429]);
    let stats = sim.stats();
    assert_eq!((stats.over_limit.throughput, stats.max_in_window.number, stats.counts.accepted), (3, 8, 5));
}

#[tokio::test]
async fn the_http_status_of_the_throughput_limit_can_be_chosen() {
    let sim = simulator(|config| {
        config.numbers = vec![Number { rate_per_s: 0, ..Number::default() }];
        config.limits.throughput = Mode::Enforce;
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    assert_eq!(caller.send(&text(ANN, "a.1")).await.answer().status, 429);
    sim.configure(|config| config.limits.throughput_status = 400);
    assert_eq!(caller.send(&text(ANN, "a.2")).await.answer().status, 400);
}

#[tokio::test]
async fn the_pair_limit_is_counted_and_refused_only_when_enforced() {
    let pair_limit = PairLimit { burst: 2, ..PairLimit::default() };
    let sim = simulator(|config| config.limits.pair_limit = pair_limit).await;
    let mut caller = Caller::connect(&sim).await;
    assert_eq!(burst(&mut caller, 4, ANN).await, [0; 4]);
    assert_eq!(burst(&mut caller, 2, BEN).await, [0; 2]);
    assert_eq!(sim.stats().over_limit.pair, 2);
    sim.configure(|config| config.limits.pair = Mode::Enforce);
    assert_eq!(burst(&mut caller, 1, ANN).await, [131_056]);
    assert_eq!(sim.stats().over_limit.pair, 3);
}

#[tokio::test]
async fn an_apps_limit_spans_its_numbers() {
    let numbers = ["100000000000001", "100000000000002", "100000000000003"];
    let number =
        |id: &str, app: &str| Number { phone_number_id: id.to_owned(), app: app.to_owned(), ..Number::default() };
    let sim = simulator(|config| {
        config.numbers = vec![number(numbers[0], "one"), number(numbers[1], "one"), number(numbers[2], "two")];
        config.app_rate_per_s = Some(3);
        config.limits.app = Mode::Enforce;
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    let mut codes = Vec::new();
    for (round, number) in numbers.iter().cycle().take(9).enumerate() {
        let path = format!("/v25.0/{number}/messages");
        let answer = caller.call("POST", &path, &text(ANN, &format!("{round}.1")).to_string()).await.answer();
        codes.push(if answer.status == 200 { 0 } else { answer.code() });
    }
    assert_eq!(codes, [0, 0, 0, 0, 4, 0, 4, 4, 0]);
    let stats = sim.stats();
    assert_eq!((stats.over_limit.app, stats.max_in_window.app), (3, 6));
    assert_eq!((stats.over_limit.throughput, stats.max_in_window.number), (0, 3));
}

#[tokio::test]
async fn an_upgraded_number_may_send_more_from_then_on() {
    let sim = simulator(|config| config.numbers = vec![Number { rate_per_s: 2, ..Number::default() }]).await;
    let mut caller = Caller::connect(&sim).await;
    burst(&mut caller, 4, ANN).await;
    let (change, limit) = ("THROUGHPUT_UPGRADE".to_owned(), Some("TIER_UNLIMITED".to_owned()));
    sim.event(AccountEvent::NumberQuality { number: None, change, limit, rate_per_s: Some(1_000) }).unwrap();
    burst(&mut caller, 4, BEN).await;
    assert_eq!(sim.stats().over_limit.throughput, 2);
    assert_eq!(sim.stats().numbers[0].rate_per_s, 1_000);
    sim.configure(|config| config.seed = 2);
    assert_eq!(sim.stats().numbers[0].rate_per_s, 1_000, "an unrelated change keeps the upgrade");
}
