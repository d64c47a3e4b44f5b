//! The lane rests when the provider told it to. The pace itself is no gate: see [`crate::pace`].

use super::{Facts, Reason, Verdict, later};

pub fn check(facts: &Facts) -> Verdict {
    later(facts.now, [(facts.rate.rests_until, Reason::ProviderBackoff)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        RateFacts,
        sendable::{at, sendable, wait},
    };

    #[test]
    fn the_lane_rests_until_the_instant_that_the_provider_named() {
        let cases = [
            (None, Verdict::Pass),
            (Some("2026-03-02T12:00:00Z"), Verdict::Pass),
            (Some("2026-03-02T12:01:00Z"), wait("2026-03-02T12:01:00Z", Reason::ProviderBackoff)),
            // Nobody rests longer than a year.
            (Some("2036-03-02T12:01:00Z"), wait("2027-03-03T12:00:00Z", Reason::ProviderBackoff)),
        ];
        for (rests_until, expected) in cases {
            let facts = Facts { rate: RateFacts { rests_until: rests_until.map(at) }, ..sendable() };
            assert_eq!(check(&facts), expected, "{rests_until:?}");
        }
    }
}
