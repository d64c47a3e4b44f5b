//! A business portfolio: how many people its accounts may write to within 24 hours, outside the windows that people open by
//! writing first.
//!
//! Providers name no error for one that is used up, so we count. [`Reached`] is the rule as one machine sees it, for
//! simulations; the same rule across workers is the store's, in rows.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use chrono::{DateTime, Utc};

use crate::{gates::QuotaFacts, limits::PORTFOLIO_WINDOW};

/// A limit as it is told: `the portfolio's limit of 2,000 new people in 24 hours`.
pub fn words(people_max: u64) -> String {
    format!("the portfolio's limit of {} new people in 24 hours", grouped(people_max))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Who was written to lately. A person counts from the last message on, for as long as [`PORTFOLIO_WINDOW`].
#[derive(Debug, Clone)]
pub struct Reached<P> {
    people_max: u32,
    last: HashMap<P, DateTime<Utc>>,
    by_age: BTreeSet<(DateTime<Utc>, P)>,
}

impl<P: Copy + Eq + Hash + Ord> Reached<P> {
    pub fn new(people_max: u32) -> Self {
        Self { people_max, last: HashMap::new(), by_age: BTreeSet::new() }
    }

    /// What a gate needs to know before a message to this person.
    pub fn facts(&mut self, person: P, now: DateTime<Utc>) -> QuotaFacts {
        self.forget(now);
        let is_full = self.by_age.len() >= self.people_max as usize;
        QuotaFacts {
            people_max: self.people_max,
            counted_until: self.last.get(&person).map(|at| *at + PORTFOLIO_WINDOW),
            free_at: self.by_age.first().filter(|_| is_full).map(|(at, _)| *at + PORTFOLIO_WINDOW),
        }
    }

    /// Counts a message that leaves now. It has passed the gate.
    pub fn note(&mut self, person: P, now: DateTime<Utc>) {
        if let Some(before) = self.last.insert(person, now) {
            self.by_age.remove(&(before, person));
        }
        self.by_age.insert((now, person));
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        while let Some((at, person)) = self.by_age.first().copied().filter(|(at, _)| *at + PORTFOLIO_WINDOW <= now) {
            self.by_age.remove(&(at, person));
            self.last.remove(&person);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::gates::{CreditFacts, Facts, Verdict, credit, sendable::sendable};

    /// Most different people within any window that ends with one of these messages.
    fn most(sent: &[(u8, DateTime<Utc>)]) -> usize {
        let within = |end: DateTime<Utc>| {
            let lately = sent.iter().filter(|(_, at)| *at <= end && end - *at < PORTFOLIO_WINDOW);
            lately.map(|(person, _)| *person).collect::<BTreeSet<u8>>().len()
        };
        sent.iter().map(|(_, at)| within(*at)).max().unwrap_or_default()
    }

    fn verdict(quota: QuotaFacts, now: DateTime<Utc>) -> Verdict {
        let credit = CreditFacts { enforced: false, covered: true, quota: Some(quota) };
        credit::check(&Facts { now, credit, ..sendable() })
    }

    #[test]
    fn a_limit_is_told_in_groups_of_three() {
        let cases = [(1, "1"), (250, "250"), (2_000, "2,000"), (10_000, "10,000"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_moving_window_holds_more_people_than_the_limit(
            people_max in 1..6_u32,
            wishes in vec((0..12_u8, 0..20_000_i64), 1..120),
        ) {
            let mut reached = Reached::new(people_max);
            let (mut now, mut sent) = (sendable().now, Vec::new());
            for (person, pause_s) in wishes {
                now += TimeDelta::seconds(pause_s);
                if verdict(reached.facts(person, now), now) == Verdict::Pass {
                    reached.note(person, now);
                    sent.push((person, now));
                }
            }
            prop_assert!(most(&sent) <= people_max as usize, "{} of {people_max}: {sent:?}", most(&sent));
        }

        #[test]
        fn whoever_waits_for_the_instant_that_was_named_gets_a_place_then_and_not_before(
            people_max in 1..6_u32,
            pauses in vec(0..3_600_i64, 1..40),
        ) {
            let mut reached = Reached::new(people_max);
            let mut now = sendable().now;
            for (person, pause_s) in (0..).zip(pauses) {
                now += TimeDelta::seconds(pause_s);
                if let Verdict::Wait { until, .. } = verdict(reached.facts(person, now), now) {
                    let before = until - TimeDelta::microseconds(1);
                    prop_assert_ne!(verdict(reached.clone().facts(person, before), before), Verdict::Pass);
                    now = until;
                    prop_assert_eq!(verdict(reached.facts(person, now), now), Verdict::Pass);
                }
                reached.note(person, now);
            }
        }
    }
}
