//! Chance that repeats: the n-th draw of a stream depends on the seed, the stream and n alone, never on
//! which connection came first. So the same calls in the same order meet the same fates, whatever the threads do.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// What chance is asked about. A new use needs a new stream, or it would repeat the choices of another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// One per rule, by its number.
    Rule(u32),
    Receipts,
    Flush,
    Trace,
    User,
}

impl Stream {
    fn salt(self) -> u64 {
        match self {
            Self::Rule(number) => 0x1_0000_0000 | u64::from(number),
            Self::Receipts => 1,
            Self::Flush => 2,
            Self::Trace => 3,
            Self::User => 4,
        }
    }
}

/// The generator for draw number `n` of a stream.
pub(crate) fn draw(seed: u64, stream: Stream, n: u64) -> Xoshiro256PlusPlus {
    // Odd multipliers keep (stream, n) pairs apart; the generator's seeding mixes the rest.
    let salt = stream.salt().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.wrapping_mul(0xd1b5_4a32_d192_ed03);
    Xoshiro256PlusPlus::seed_from_u64(seed ^ salt)
}

/// A number from 0 (included) to 1 (excluded).
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    rng.random::<f64>()
}

/// Evenly from `low` to `high`, both included. `high < low` gives `low`.
pub(crate) fn between(rng: &mut impl Rng, low: u64, high: u64) -> u64 {
    if high <= low { low } else { rng.random_range(low..=high) }
}
