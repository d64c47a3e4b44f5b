//! Meta's limits: messages per second of a number and of an app, and messages to one recipient.
//!
//! Counting and refusing are apart. [`Arrivals`] keeps every arrival and judges all sliding windows afterwards, so a
//! late look or two swapped arrivals change nothing; [`Gate`] decides at once and refuses only in `enforce` mode.
//! Times are nanoseconds since the simulator started.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Length of the sliding window of a rate per second. Arrivals exactly this far apart do not share one.
pub const WINDOW_NS: u64 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    CountOnly,
    Enforce,
}

/// What one rate limit saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    pub arrivals: u64,
    /// Arrivals that found the limit already used up in the second before them, whether refused or not.
    pub over_limit: u64,
    /// Most arrivals in any window of one second.
    pub max_in_window: u64,
}

/// Arrivals may be booked this much late and still cost nothing: all before are judged for good.
const LATE_NS_MAX: u64 = 2 * WINDOW_NS;

/// All arrivals under one rate limit, in order: 8 bytes each.
#[derive(Debug)]
pub struct Arrivals {
    times: Vec<u64>,
    /// From when which rate applied; the first from 0.
    rates: Vec<(u64, u32)>,
    /// Of the arrivals that can no longer be preceded by another.
    judged: Judgement,
}

impl Arrivals {
    pub fn new(rate_per_s: u32) -> Self {
        Self { times: Vec::new(), rates: vec![(0, rate_per_s)], judged: Judgement::default() }
    }

    pub fn push(&mut self, at: u64) {
        // Two connections may be read in the other order than their bytes arrived: the place is near the end.
        let later = self.times.iter().rev().take_while(|&&time| time > at).count();
        let place = self.times.len() - later;
        self.times.insert(place, at);
        if place < self.judged.next {
            self.judged = Judgement::default();
        }
    }

    /// Arrivals from `at` on are judged by `rate_per_s`; earlier ones keep the rate they met.
    pub fn set_rate(&mut self, at: u64, rate_per_s: u32) {
        if self.rate() != rate_per_s {
            self.rates.push((at, rate_per_s));
            self.judged = Judgement::default();
        }
    }

    /// The rate that applies now.
    pub fn rate(&self) -> u32 {
        self.rates.last().map_or(0, |&(_, rate)| rate)
    }

    pub fn clear(&mut self) {
        *self = Self::new(self.rate());
    }

    pub fn observed(&mut self) -> Observed {
        let for_good = self.times.last().map_or(0, |last| last.saturating_sub(LATE_NS_MAX));
        self.judged.go_on(&self.times, &self.rates, for_good);
        let mut all = self.judged;
        all.go_on(&self.times, &self.rates, u64::MAX);
        Observed { arrivals: self.times.len() as u64, over_limit: all.over_limit, max_in_window: all.max_in_window }
    }

    /// Arrivals from `from` (included) to `to` (excluded).
    pub fn between(&self, from: u64, to: u64) -> u64 {
        let before = |limit| self.times.partition_point(|&at| at < limit);
        before(to).saturating_sub(before(from)) as u64
    }
}

/// What was found in the arrivals before `next`.
#[derive(Debug, Clone, Copy, Default)]
struct Judgement {
    next: usize,
    /// First arrival in the window that ends with the last one judged.
    oldest: usize,
    /// Which rate applied then.
    epoch: usize,
    over_limit: u64,
    max_in_window: u64,
}

impl Judgement {
    /// Judges the arrivals before `until`, each by the window that ends with it.
    fn go_on(&mut self, times: &[u64], rates: &[(u64, u32)], until: u64) {
        while let Some(&at) = times.get(self.next)
            && at < until
        {
            while times[self.oldest] + WINDOW_NS <= at {
                self.oldest += 1;
            }
            while rates.get(self.epoch + 1).is_some_and(|&(from, _)| from <= at) {
                self.epoch += 1;
            }
            self.next += 1;
            let in_window = (self.next - self.oldest) as u64;
            self.max_in_window = self.max_in_window.max(in_window);
            self.over_limit += u64::from(in_window > u64::from(rates[self.epoch].1));
        }
    }
}

/// Admits at most a rate per second, over every sliding second. What it refused does not count against the next.
#[derive(Debug, Default)]
pub struct Gate {
    admitted: VecDeque<u64>,
}

impl Gate {
    pub fn admit(&mut self, at: u64, rate_per_s: u32) -> bool {
        // Two connections may be read in the other order than their bytes arrived; never look back.
        let at = self.admitted.back().map_or(at, |&last| last.max(at));
        while self.admitted.front().is_some_and(|&first| first + WINDOW_NS <= at) {
            self.admitted.pop_front();
        }
        let free = self.admitted.len() < rate_per_s as usize;
        if free {
            self.admitted.push_back(at);
        }
        free
    }
}

/// One message per `every_ms` to one recipient, with bursts that borrow from the future.
/// Source: developers.facebook.com/documentation/business-messaging/whatsapp/throughput, "pair rate limits".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairLimit {
    pub every_ms: u64,
    pub burst: u32,
    pub debt: Debt,
}

impl Default for PairLimit {
    fn default() -> Self {
        Self { every_ms: 6_000, burst: 45, debt: Debt::Refill }
    }
}

/// How a burst is paid back. The documents allow both readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Debt {
    /// One further message every `every_ms`, also within the burst's allowance.
    #[default]
    Refill,
    /// The burst lasts `every_ms`; after it nothing passes until all of it is paid ("a burst of 20 waits two minutes").
    PayFirst,
}

/// A (number, recipient) pair.
pub type Pair = (u32, u32);

/// Tracks the pair limit. What did not conform is not counted against the next message.
#[derive(Debug, Default)]
pub struct Pairs {
    /// When the burst began, and when all of it is paid.
    debts: HashMap<Pair, (u64, u64)>,
}

impl Pairs {
    /// Whether this arrival keeps to the limit; if so it is booked.
    pub fn conforms(&mut self, pair: Pair, at: u64, limit: &PairLimit) -> bool {
        let every = limit.every_ms * 1_000_000;
        let most = every * u64::from(limit.burst);
        let (began, settled) = self.debts.entry(pair).or_insert((at, at));
        if *settled <= at {
            (*began, *settled) = (at, at);
        }
        let room = *settled + every <= at + most;
        let in_time = match limit.debt {
            Debt::Refill => true,
            Debt::PayFirst => at < *began + every && *settled + every <= *began + most,
        };
        let conforms = room && in_time;
        if conforms {
            *settled += every;
        }
        conforms
    }
}
