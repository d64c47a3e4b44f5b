//! Words and rhythm of what tenants' endpoints are told.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::{limits::DELIVERY_TRIED_FOR, words::words};

words! {
    /// What an endpoint may be told of.
    EndpointEvent {
        /// An automation has a step that tells it.
        Automation = "automation",
    }
}

words! {
    /// Where a delivery stands.
    DeliveryState {
        /// It was not delivered yet.
        Waiting = "waiting",
        /// The endpoint answered with a status from 200 to 299.
        Delivered = "delivered",
        /// It was tried for three days.
        Failed = "failed",
        /// The endpoint said that it is gone (410).
        Gone = "gone",
    }
}

/// What became of one attempt, as far as the delivery minds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Yes,
    /// It wants nothing ever again.
    Gone,
    /// Anything else, and no answer at all.
    No,
}

impl Answered {
    pub const fn of(status: Option<u16>) -> Self {
        match status {
            Some(200..=299) => Self::Yes,
            Some(410) => Self::Gone,
            _ => Self::No,
        }
    }
}

/// Seconds between the attempts of one delivery; from the last one on always as long.
const PAUSES_S: [i64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// Share of a pause that jitter adds or takes away.
const JITTER: f64 = 0.2;

/// When a delivery is tried again after its `attempt`, counted from 1. None: its time is over. The same seed gives the same
/// answer.
pub fn again_at(attempt: u32, now: DateTime<Utc>, ends_at: DateTime<Utc>, seed: u64) -> Option<DateTime<Utc>> {
    if now >= ends_at {
        return None;
    }
    let place = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX).min(PAUSES_S.len() - 1);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (u64::from(attempt) << 48));
    let pause = jittered(PAUSES_S[place], &mut rng);
    // The last attempt is made when its time is over, and not hours before.
    Some((now + pause).min(ends_at))
}

/// How long an endpoint rests after so many rounds in a row in which nothing was delivered: what waits for it must not be
/// tried all at once, again and again.
pub fn rest(failures: u32) -> TimeDelta {
    TimeDelta::seconds(2_i64.saturating_pow(failures.min(6)).min(60))
}

/// Until when a new delivery is tried.
pub fn ends_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now + DELIVERY_TRIED_FOR
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "milliseconds of some hours")]
fn jittered(seconds: i64, rng: &mut Xoshiro256PlusPlus) -> TimeDelta {
    let factor = rng.random_range(1.0 - JITTER..=1.0 + JITTER);
    TimeDelta::milliseconds((seconds as f64 * 1_000.0 * factor) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_the_last_attempt_is_three_days_after_the_first() {
        for seed in 0..500 {
            let began = DateTime::UNIX_EPOCH;
            let (mut now, mut attempt, mut pauses) = (began, 1, Vec::new());
            while let Some(next) = again_at(attempt, now, ends_at(began), seed) {
                pauses.push((next - now).num_seconds());
                (now, attempt) = (next, attempt + 1);
            }
            assert_eq!(now - began, DELIVERY_TRIED_FOR, "{seed}");
            assert!((4..=6).contains(&pauses[0]) && (24..=36).contains(&pauses[1]), "{pauses:?}");
            assert!((14..=20).contains(&attempt), "{attempt} attempts: {pauses:?}");
        }
    }

    #[test]
    fn an_endpoint_that_answers_nothing_rests_longer_and_longer_up_to_a_minute() {
        assert_eq!([1, 2, 3, 6, 7, 4_000].map(|failures| rest(failures).num_seconds()), [2, 4, 8, 60, 60, 60]);
    }

    #[test]
    fn only_success_is_a_delivery_and_only_410_is_gone() {
        let cases = [
            (Some(200), Answered::Yes),
            (Some(204), Answered::Yes),
            (Some(299), Answered::Yes),
            (Some(199), Answered::No),
            (Some(301), Answered::No),
            (Some(404), Answered::No),
            (Some(410), Answered::Gone),
            (Some(500), Answered::No),
            (None, Answered::No),
        ];
        for (status, expected) in cases {
            assert_eq!(Answered::of(status), expected, "{status:?}");
        }
    }
}
