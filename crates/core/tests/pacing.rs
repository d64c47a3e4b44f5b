//! What holds of every paced lane, whatever happens to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::{Pace, Spacing},
    limits::CLAIM_MAX,
    pace::{Adaptive, Bucket, ClaimSize, DRIFT, Flow, share, turn_at},
};
use proptest::{collection::vec, prelude::*};

const SECOND: TimeDelta = TimeDelta::seconds(1);

fn start() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn even(per_s: f64) -> Flow {
    Flow::new(Pace { per_s, burst: 1 }, 1.0)
}

/// The most instants that any window of this length holds, both of its ends included. Instants are in order.
fn most_within(instants: &[DateTime<Utc>], window: TimeDelta) -> usize {
    let end_of = |first: &DateTime<Utc>| instants.partition_point(|at| *at <= *first + window);
    instants.iter().enumerate().map(|(position, first)| end_of(first) - position).max().unwrap_or(0)
}

/// One look at the lane: after how long, for how many permits, how far ahead.
#[derive(Debug, Clone)]
struct Look {
    pause: TimeDelta,
    wanted: u32,
    horizon: TimeDelta,
}

fn any_looks() -> impl Strategy<Value = Vec<Look>> {
    let pause = prop_oneof![4 => 0..50_000_i64, 3 => 0..3_000_000_i64, 1 => 0..60_000_000_i64];
    let look = (pause, 0..600_u32, 0..2_500_000_i64).prop_map(|(pause_us, wanted, horizon_us)| Look {
        pause: TimeDelta::microseconds(pause_us),
        wanted,
        horizon: TimeDelta::microseconds(horizon_us),
    });
    vec(look, 1..40)
}

fn any_rate() -> impl Strategy<Value = f64> {
    prop_oneof![0.01..1.0_f64, 1.0..100.0_f64, 1.0..10_000.0_f64, Just(1.0), Just(20.0), Just(80.0), Just(1_000.0)]
}

/// All permits that these looks get, in order.
fn permits(looks: &[Look], flow: impl Fn(DateTime<Utc>) -> Flow) -> Vec<DateTime<Utc>> {
    let mut bucket = Bucket::resume(DateTime::UNIX_EPOCH);
    let mut now = start();
    let mut instants = Vec::new();
    for look in looks {
        now += look.pause;
        let taken = bucket.take(now, look.wanted, look.horizon, flow(now));
        assert!(taken.instants().all(|at| at >= now && at <= now + look.horizon));
        instants.extend(taken.instants());
    }
    assert!(instants.is_sorted());
    instants
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates of tests are small and positive")]
fn whole(per_s: f64) -> usize {
    per_s.floor() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_sliding_second_and_drift_holds_more_than_the_rate(looks in any_looks(), per_s in any_rate()) {
        let instants = permits(&looks, |_| even(per_s));
        if per_s >= 1.0 {
            prop_assert!(most_within(&instants, SECOND + DRIFT) <= whole(per_s));
        } else {
            let apart = TimeDelta::milliseconds(i64::try_from(whole(1_000.0 / per_s)).unwrap());
            prop_assert!(most_within(&instants, apart) <= 1);
        }
    }

    #[test]
    fn a_burst_adds_no_more_than_itself(looks in any_looks(), per_s in 1.0..1_000.0_f64, burst in 1..200_u32) {
        let instants = permits(&looks, |_| Flow::new(Pace { per_s, burst }, 1.0));
        prop_assert!(most_within(&instants, SECOND + DRIFT) < whole(per_s) + burst as usize);
    }

    #[test]
    fn a_lane_that_slows_down_and_recovers_stays_within_its_rate(
        looks in any_looks(), per_s in 1.0..500.0_f64, cuts in vec(0..60_000_i64, 0..8),
    ) {
        let mut adaptive = Adaptive::default();
        let mut cuts: Vec<_> = cuts.iter().map(|ms| start() + TimeDelta::milliseconds(*ms)).collect();
        cuts.sort_unstable();
        for at in cuts {
            adaptive.slow_down(at);
        }
        let instants = permits(&looks, |now| Flow::new(Pace { per_s, burst: 1 }, adaptive.factor(now)));
        prop_assert!(most_within(&instants, SECOND + DRIFT) <= whole(per_s));
    }

    #[test]
    fn calls_that_are_held_up_do_not_leave_together(
        rounds in vec((1..40_u32, vec(0..400_000_i64, 40)), 1..12), per_s in 1.0..200.0_f64,
    ) {
        let flow = even(per_s);
        let mut bucket = Bucket::resume(DateTime::UNIX_EPOCH);
        let mut now = start();
        let mut sent = Vec::new();
        for (wanted, delays_us) in rounds {
            let mut permits = bucket.take(now, wanted, SECOND * 60, flow);
            for position in 0..permits.count {
                let planned = permits.instants().nth(position as usize).unwrap();
                // Mostly punctual; sometimes the process does not run for a while.
                let delay_us = delays_us[position as usize];
                let at = planned + TimeDelta::microseconds(if delay_us < 40_000 { delay_us * 10 } else { delay_us / 20 });
                if at - planned > DRIFT {
                    permits = permits.late_by(at - planned);
                }
                now = now.max(at);
                sent.push(now);
            }
            bucket.left_at(now, flow);
        }
        prop_assert!(most_within(&sent, SECOND) <= whole(per_s));
    }

    #[test]
    fn a_new_owner_goes_on_exactly_where_the_old_one_stopped(looks in any_looks(), per_s in any_rate(), burst in 1..50_u32) {
        let flow = Flow::new(Pace { per_s, burst }, 1.0);
        let mut one_owner = Bucket::resume(DateTime::UNIX_EPOCH);
        let mut stored = DateTime::UNIX_EPOCH;
        let mut now = start();
        for look in looks {
            now += look.pause;
            let mut next_owner = Bucket::resume(stored);
            let expected = one_owner.take(now, look.wanted, look.horizon, flow);
            prop_assert_eq!(next_owner.take(now, look.wanted, look.horizon, flow), expected);
            stored = next_owner.paced_until();
        }
    }

    #[test]
    fn what_is_offered_is_taken_and_the_next_instant_is_when_to_come_back(looks in any_looks(), per_s in any_rate(), burst in 1..50_u32) {
        let flow = Flow::new(Pace { per_s, burst }, 1.0);
        let mut bucket = Bucket::resume(DateTime::UNIX_EPOCH);
        let mut now = start();
        for look in looks {
            now += look.pause;
            let before = bucket;
            let offered = bucket.offer(now, look.wanted, look.horizon, flow);
            prop_assert_eq!(bucket, before);
            prop_assert_eq!(bucket.take(now, look.wanted, look.horizon, flow), offered);
            let next_at = offered.next_at();
            if next_at > now {
                let microsecond = TimeDelta::microseconds(1);
                prop_assert_eq!(bucket.offer(next_at - microsecond, 1, TimeDelta::zero(), flow).count, 0);
            }
            prop_assert_eq!(bucket.offer(next_at.max(now), 1, TimeDelta::zero(), flow).count, 1);
        }
    }

    #[test]
    fn whole_shares_together_stay_within_the_limit(limit in 1.0..10_000.0_f64, lanes in 1..200_u32) {
        let each = share(limit, lanes);
        prop_assert!(each > 0.0 && each <= limit);
        prop_assert!(each * f64::from(lanes) <= limit * 1.000_001);
        if each >= 1.0 {
            prop_assert!(each.fract() == 0.0);
        }
    }

    #[test]
    fn lanes_that_leave_in_turn_keep_a_limit_smaller_than_their_number(limit in 1.0..30.0_f64, more in 1..30_u32, rounds in 1..6_i32) {
        let lanes = u32::try_from(whole(limit)).unwrap() + more;
        let mut instants = Vec::new();
        for position in 0..lanes {
            let mut now = start() + TimeDelta::milliseconds(i64::from(position) * 37 % 5_000);
            for _ in 0..rounds {
                now = turn_at(now, limit, position, lanes);
                instants.push(now);
                now += TimeDelta::microseconds(1);
            }
        }
        instants.sort_unstable();
        prop_assert!(most_within(&instants, SECOND + DRIFT) <= whole(limit));
    }

    #[test]
    fn one_person_gets_no_more_than_the_burst_and_one_for_each_interval(
        pauses_ms in vec(0..20_000_i64, 1..200), every_s in 1..20_u32, burst in 1..50_u32,
    ) {
        let spacing = Spacing { every_s, burst };
        let mut used_until: Option<DateTime<Utc>> = None;
        let mut now = start();
        let mut sent = Vec::new();
        for pause in pauses_ms {
            now += TimeDelta::milliseconds(pause);
            if used_until.is_none_or(|until| spacing.free_at(until) <= now) {
                used_until = Some(spacing.used_until(used_until, now));
                sent.push(now);
            }
        }
        for window_s in [0, 1, every_s, every_s * 3, every_s * 60] {
            let most = most_within(&sent, TimeDelta::seconds(window_s.into()));
            prop_assert!(most <= (burst + window_s / every_s) as usize, "{most} in {window_s} s");
        }
    }

    #[test]
    fn no_rate_and_no_factor_breaks_the_arithmetic(per_s: f64, factor: f64, burst: u32, wanted: u32) {
        let flow = Flow::new(Pace { per_s, burst: burst.min(100_000) }, factor);
        prop_assert!(flow.interval >= TimeDelta::microseconds(10) && flow.interval <= TimeDelta::seconds(10_001));
        let permits = Bucket::resume(start()).take(start(), wanted, SECOND, flow);
        prop_assert!(permits.count <= 200_100);
    }
}

#[test]
fn a_busy_lane_reaches_97_percent_of_every_whole_rate() {
    for per_s in (1..=10_000_u32).filter(|rate| rate % 97 == 0 || *rate <= 120 || *rate >= 9_900) {
        let mut bucket = Bucket::resume(DateTime::UNIX_EPOCH);
        let mut now = start();
        let mut count = 0;
        for _ in 0..15 {
            count += bucket.take(now, 500_000, SECOND * 2, even(per_s.into())).count;
            now += SECOND * 2;
        }
        assert!(f64::from(count) >= 0.97 * 30.0 * f64::from(per_s), "{count} in 30 s at {per_s}/s");
    }
}

#[test]
fn the_first_permits_leave_as_the_burst_allows() {
    let at_once = |burst, horizon_ms| {
        let flow = Flow::new(Pace { per_s: 10.0, burst }, 1.0);
        let mut bucket = Bucket::resume(DateTime::UNIX_EPOCH);
        bucket.take(start(), 100, TimeDelta::milliseconds(horizon_ms), flow).count
    };
    assert_eq!([at_once(1, 0), at_once(5, 0), at_once(1, 1_000), at_once(5, 1_000)], [1, 5, 10, 14]);
}

#[test]
fn nothing_is_taken_when_nothing_fits_and_the_lane_knows_when_to_come_back() {
    let mut bucket = Bucket::resume(start() + SECOND * 5);
    let permits = bucket.take(start(), 10, SECOND * 2, even(10.0));
    assert_eq!((permits.count, permits.next_at()), (0, start() + SECOND * 5));
    assert_eq!(bucket, Bucket::resume(start() + SECOND * 5));
}

#[test]
fn a_lane_halves_once_for_calls_in_flight_together_and_recovers_a_tenth_each_second() {
    let mut adaptive = Adaptive::default();
    let factor_at = |adaptive: Adaptive, ms| format!("{:.2}", adaptive.factor(start() + TimeDelta::milliseconds(ms)));
    assert_eq!(factor_at(adaptive, 0), "1.00");
    adaptive.slow_down(start());
    adaptive.slow_down(start() + TimeDelta::milliseconds(999));
    let recovering = [0, 1_000, 2_000, 4_000, 6_000, 9_000].map(|ms| factor_at(adaptive, ms));
    assert_eq!(recovering, ["0.50", "0.50", "0.60", "0.80", "1.00", "1.00"]);
    adaptive.slow_down(start() + SECOND);
    assert_eq!([1_000, 3_000].map(|ms| factor_at(adaptive, ms)), ["0.25", "0.35"]);
    // A clock that goes backwards changes nothing.
    assert_eq!(factor_at(adaptive, -5_000), "0.25");
}

#[test]
fn a_lane_never_stops_altogether() {
    let mut adaptive = Adaptive::default();
    for second in 0..100 {
        adaptive.slow_down(start() + SECOND * second);
    }
    let factor = adaptive.factor(start() + SECOND * 99);
    assert!((factor - Adaptive::FLOOR).abs() < 1e-9, "{factor}");
    assert!(Flow::new(Pace { per_s: 0.01, burst: 1 }, Adaptive::FLOOR).interval < TimeDelta::hours(3));
}

#[test]
fn a_new_owner_goes_on_with_the_factor_it_finds() {
    let factor = |stored, seconds| Adaptive::resume(stored, start()).factor(start() + SECOND * seconds);
    let found = [factor(0.25, 0), factor(0.25, 6), factor(1.0, 0), factor(7.0, 0), factor(0.0, 0)];
    assert_eq!(found.map(|factor| format!("{factor:.3}")), ["0.250", "0.750", "1.000", "1.000", "0.016"]);
}

#[test]
fn a_person_may_get_45_messages_at_once_and_then_one_each_6_seconds() {
    let whatsapp = Spacing { every_s: 6, burst: 45 };
    let mut used_until = None;
    for _ in 0..45 {
        assert!(used_until.is_none_or(|until| whatsapp.free_at(until) <= start()));
        used_until = Some(whatsapp.used_until(used_until, start()));
    }
    assert_eq!(whatsapp.free_at(used_until.unwrap()), start() + SECOND * 6);
    // Four and a half minutes later all is forgotten.
    assert_eq!(used_until, Some(start() + SECOND * 270));
    assert_eq!(Spacing { every_s: 6, burst: 0 }.borrowed_max(), TimeDelta::zero());
}

#[test]
fn claims_shrink_while_calls_come_too_late_and_grow_back_only_when_they_are_used() {
    let whole = ClaimSize::default();
    let small = (0..20).fold(whole, |size, _| size.next(true, true));
    assert_eq!((whole.get(), whole.next(true, true).get(), small.get()), (CLAIM_MAX, CLAIM_MAX / 2, 1));
    assert_eq!(small.next(false, false), small, "a claim that found little says nothing about a larger one");
    assert!(small.next(false, true).get() > small.get());
    assert_eq!((0..100).fold(small, |size, _| size.next(false, true)), whole);
}
