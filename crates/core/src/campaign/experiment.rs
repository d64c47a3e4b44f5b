//! Which of several messages does better: parts of an audience, and which part won. Pure.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// What makes a message better.
    Metric {
        /// It arrived, or was read.
        Delivered = "delivered",
        Read = "read",
        /// The person wrote something after it.
        Replied = "replied",
        /// The person opened a link of it.
        Clicked = "clicked",
    }
}

/// Buckets of an experiment: everybody is in one.
pub const BUCKETS: i32 = 10_000;
/// Messages that are compared, the campaign's own among them.
pub const VARIANTS_MAX: usize = 5;

/// How an audience is divided, in percent. What is neither holdout nor sample gets what did best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// 0 to 50: they get nothing at all.
    pub holdout: i32,
    /// 1 to 100, divided evenly among the variants.
    pub sample: i32,
}

/// Buckets from the first to before the second.
pub type Range = (i32, i32);

impl Shares {
    /// Both fit together.
    pub const fn is_sound(self) -> bool {
        0 <= self.holdout && self.holdout <= 50 && 1 <= self.sample && self.holdout + self.sample <= 100
    }

    /// The part of each variant: behind the holdout, one after the other.
    pub fn parts(self, variants: i32) -> Vec<Range> {
        let (from, sample) = (self.holdout * BUCKETS / 100, self.sample * BUCKETS / 100);
        let at = |nth: i32| from + sample * nth / variants.max(1);
        (0..variants).map(|nth| (at(nth), at(nth + 1))).collect()
    }

    /// Who gets what did best; none when everybody was tried on.
    pub const fn rest(self) -> Option<Range> {
        let from = (self.holdout + self.sample) * BUCKETS / 100;
        if from < BUCKETS { Some((from, BUCKETS)) } else { None }
    }
}

/// How one variant did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Messages that the provider took.
    pub taken: i64,
    /// Of them, those that did what is measured.
    pub good: i64,
}

/// The variant with the highest share, the first of several; 0 if nothing was taken.
pub fn winner(scores: &[Score]) -> usize {
    let better = |one: Score, other: Score| {
        i128::from(one.good) * i128::from(other.taken.max(1)) > i128::from(other.good) * i128::from(one.taken.max(1))
    };
    (1..scores.len()).fold(0, |best, nth| if better(scores[nth], scores[best]) { nth } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_highest_share_wins_and_the_first_of_equals() {
        let score = |good, taken| Score { taken, good };
        let cases = [
            (vec![score(1, 10), score(2, 10)], 1),
            (vec![score(2, 10), score(2, 10)], 0),
            (vec![score(2, 10), score(20, 100)], 0),
            (vec![score(0, 0), score(0, 0)], 0),
            (vec![score(0, 0), score(1, 100)], 1),
            (vec![score(50, 100), score(3, 5), score(59, 100)], 1),
        ];
        for (scores, expected) in cases {
            assert_eq!(winner(&scores), expected, "{scores:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_lie_side_by_side_and_nobody_is_in_two(holdout in 0..=50_i32, sample in 1..=100_i32, variants in 1..=5_i32) {
            let shares = Shares { holdout, sample };
            prop_assume!(shares.is_sound());
            let mut parts = vec![(0, holdout * BUCKETS / 100)];
            parts.extend(shares.parts(variants));
            parts.extend(shares.rest());
            prop_assert_eq!(parts[0].0, 0);
            prop_assert_eq!(parts.last().unwrap().1, BUCKETS);
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0), "{:?}", parts);
            let sizes: Vec<i32> = shares.parts(variants).iter().map(|(from, to)| to - from).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", sizes);
        }
    }
}
