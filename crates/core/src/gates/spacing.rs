//! A distance between two messages to one person from one account: the account's own bucket, and what the provider asks
//! for this person.

use super::{Facts, Reason, Verdict, later};

pub fn check(facts: &Facts) -> Verdict {
    let Some(spacing) = &facts.spacing else {
        return Verdict::Pass;
    };
    later(facts.now, [(spacing.free_at, Reason::PairLimit), (spacing.backoff_until, Reason::RecipientBackoff)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        SpacingFacts,
        sendable::{at, sendable, wait},
    };

    #[test]
    fn the_later_of_both_distances_counts() {
        let cases = [
            // (bucket free at, provider's wish, expected)
            (None, None, Verdict::Pass),
            (Some("2026-03-02T12:00:00Z"), Some("2026-03-02T11:00:00Z"), Verdict::Pass),
            (Some("2026-03-02T12:00:06Z"), None, wait("2026-03-02T12:00:06Z", Reason::PairLimit)),
            (None, Some("2026-03-02T12:00:04Z"), wait("2026-03-02T12:00:04Z", Reason::RecipientBackoff)),
            (
                Some("2026-03-02T12:00:06Z"),
                Some("2026-03-02T12:00:16Z"),
                wait("2026-03-02T12:00:16Z", Reason::RecipientBackoff),
            ),
            (
                Some("2026-03-02T12:00:16Z"),
                Some("2026-03-02T12:00:16Z"),
                wait("2026-03-02T12:00:16Z", Reason::PairLimit),
            ),
        ];
        for (free_at, backoff_until, expected) in cases {
            let spacing = SpacingFacts { free_at: free_at.map(at), backoff_until: backoff_until.map(at) };
            let facts = Facts { spacing: Some(spacing), ..sendable() };
            assert_eq!(check(&facts), expected, "{free_at:?} {backoff_until:?}");
        }
        assert_eq!(check(&Facts { spacing: None, ..sendable() }), Verdict::Pass);
    }
}
