//! When a running campaign stops by itself. A pause made here is ended by a person, never by a timer.

/// How the messages of a campaign ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// With and without success; refusals of gates are not counted, they are no trouble.
    pub all: i64,
    /// The provider refused it or reported so, or its attempts ran out.
    pub failed: i64,
}

impl Ended {
    /// What ended since then.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self { all: self.all - before.all, failed: self.failed - before.failed }
    }

    /// Whole percent, rounded down, 0 to 100.
    pub const fn failed_percent(self) -> i64 {
        if self.all <= 0 { 0 } else { self.failed * 100 / self.all }
    }
}

/// Fewer ends say nothing: the first of ten calls failing is no share.
pub const ENDED_MIN: i64 = 50;

/// Whether so many failed that a person should look. `at_percent`: 1 to 100.
pub const fn fails_too_often(ended: Ended, at_percent: i64) -> bool {
    ended.all >= ENDED_MIN && ended.failed * 100 >= at_percent * ended.all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_campaign_stops_at_its_share_and_not_before() {
        let cases = [
            // (ended, failed, at percent, stops)
            (49, 49, 1, false),
            (50, 4, 10, false),
            (50, 5, 10, true),
            (1_000, 99, 10, false),
            (1_000, 100, 10, true),
            (50, 50, 100, true),
            (0, 0, 1, false),
        ];
        for (all, failed, percent, expected) in cases {
            assert_eq!(fails_too_often(Ended { all, failed }, percent), expected, "{failed} of {all} at {percent} %");
        }
    }

    proptest! {
        #[test]
        fn only_what_ended_since_a_person_looked_stops_it(
            (seen_ok, seen_failed) in (0_i64..1_000, 0_i64..1_000),
            (more_ok, more_failed) in (0_i64..1_000, 0_i64..1_000),
            percent in 1_i64..=100,
        ) {
            let seen = Ended { all: seen_ok + seen_failed, failed: seen_failed };
            let now = Ended { all: seen.all + more_ok + more_failed, failed: seen.failed + more_failed };
            let alone = Ended { all: more_ok + more_failed, failed: more_failed };
            prop_assert_eq!(now.since(seen), alone);
            prop_assert_eq!(fails_too_often(now.since(seen), percent), fails_too_often(alone, percent));
        }
    }
}
