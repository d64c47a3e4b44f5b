//! How long a send rests after a definite "not now".
//!
//! Doubling with jitter, except where a kind of fault has its own rhythm. Stored with the row, so a restart changes
//! nothing. How often, and what it does to the lane, is decided elsewhere.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::provider::FaultClass;

/// The first rest, before jitter.
pub const FIRST: Duration = Duration::from_secs(1);
/// The longest rest of a doubling row, before jitter.
pub const LONGEST: Duration = Duration::from_mins(15);
/// The longest rest that a provider can ask for; after it we look again.
pub const ASKED_MAX: Duration = Duration::from_hours(24);
/// Share of a rest that jitter may add, and for doubling rows also take away.
const JITTER: f64 = 0.2;

/// `attempt`: which one just failed, 1 is the first. `after`: the least time that the provider named; it is never
/// undercut (beyond [`ASKED_MAX`] it counts as that). The same seed gives the same answer: pass something of the message.
pub fn delay(attempt: u32, class: FaultClass, after: Option<Duration>, seed: u64) -> Duration {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (u64::from(attempt) << 48));
    let mut up = |rest: Duration| rest.mul_f64(rng.random_range(1.0..=1.0 + JITTER));
    if let Some(after) = after {
        return up(after.min(ASKED_MAX));
    }
    match class {
        FaultClass::RateThroughput => Duration::from_secs_f64(rng.random_range(1.0..=5.0)),
        FaultClass::Maintenance | FaultClass::RateApp => up(Duration::from_mins(1)),
        FaultClass::MarketingCap => up(ASKED_MAX),
        // Meta's own advice for one person: 4^X seconds, X = 0, 1, 2…
        FaultClass::RatePair => up(grown(4, attempt)),
        _ => grown(2, attempt).mul_f64(rng.random_range(1.0 - JITTER..=1.0 + JITTER)),
    }
}

fn grown(base: u32, attempt: u32) -> Duration {
    FIRST.saturating_mul(base.saturating_pow(attempt.saturating_sub(1))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample::select};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The shortest and the longest rest over many seeds.
    fn extremes(attempt: u32, class: FaultClass, after: Option<Duration>) -> (f64, f64) {
        let rests = (0..2_000).map(|seed| delay(attempt, class, after, seed).as_secs_f64());
        rests.fold((f64::MAX, 0.0), |(least, most), rest| (least.min(rest), most.max(rest)))
    }

    #[test]
    fn each_kind_of_fault_has_its_rhythm() {
        let day = 86_400.0;
        let cases = [
            // (class, attempt, least, most), in seconds
            (FaultClass::Transient, 1, 0.8, 1.2),
            (FaultClass::Transient, 2, 1.6, 2.4),
            (FaultClass::Transient, 10, 409.6, 614.4),
            (FaultClass::Transient, 11, 720.0, 1_080.0),
            (FaultClass::Transient, 4_000_000_000, 720.0, 1_080.0),
            (FaultClass::NoAnswer, 1, 0.8, 1.2),
            (FaultClass::RatePair, 1, 1.0, 1.2),
            (FaultClass::RatePair, 2, 4.0, 4.8),
            (FaultClass::RatePair, 5, 256.0, 307.2),
            (FaultClass::RatePair, 6, 900.0, 1_080.0),
            (FaultClass::RateThroughput, 1, 1.0, 5.0),
            (FaultClass::RateThroughput, 9, 1.0, 5.0),
            (FaultClass::Maintenance, 1, 60.0, 72.0),
            (FaultClass::RateApp, 3, 60.0, 72.0),
            (FaultClass::MarketingCap, 1, day, 1.2 * day),
        ];
        for (class, attempt, least, most) in cases {
            let (shortest, longest) = extremes(attempt, class, None);
            assert!(least <= shortest && longest <= most, "{class} {attempt}: {shortest} to {longest}");
            let spread = (most - least) * 0.05;
            assert!(shortest < least + spread && longest > most - spread, "{class} {attempt} has too little jitter");
        }
    }

    #[test]
    fn a_time_that_the_provider_names_goes_before_ours() {
        let (shortest, longest) = extremes(9, FaultClass::Transient, Some(3 * SECOND));
        assert!(shortest >= 3.0 && longest <= 3.6);
        let (shortest, longest) = extremes(1, FaultClass::RateApp, Some(Duration::from_hours(1_000_000)));
        assert!(shortest >= 86_400.0 && longest <= 1.2 * 86_400.0);
    }

    proptest! {
        #[test]
        fn a_rest_is_bounded_repeatable_and_never_shorter_than_asked(
            attempt in 0..u32::MAX,
            class in select(FaultClass::ALL),
            after_ms in option::of(0..86_400_000_u64),
            seed: u64,
        ) {
            let after = after_ms.map(Duration::from_millis);
            let rest = delay(attempt, class, after, seed);
            prop_assert_eq!(rest, delay(attempt, class, after, seed));
            prop_assert!(rest <= ASKED_MAX.mul_f64(1.2) && rest >= after.unwrap_or(SECOND.mul_f64(0.8)));
        }
    }
}
