//! Nothing is sent that nobody pays for, and to no more people within a day than the account's portfolio may write to.

use chrono::{DateTime, Utc};

use super::{Facts, Reason, Verdict, later, recheck};
use crate::limits::PORTFOLIO_LAG;

pub fn check(facts: &Facts) -> Verdict {
    let credit = &facts.credit;
    let uncovered = (credit.enforced && !credit.covered).then(|| recheck(facts.now));
    later(facts.now, [(uncovered, Reason::NoCredit), (place_free_at(facts), Reason::QuotaUsed)])
}

fn place_free_at(facts: &Facts) -> Option<DateTime<Utc>> {
    let quota = facts.credit.quota.as_ref().filter(|_| takes_a_place(facts))?;
    let is_counted = quota.counted_until.is_some_and(|until| facts.now < until);
    quota.free_at.filter(|_| !is_counted)
}

/// Whether the portfolio's quota counts this message: not inside a window that is still open when the call is made.
pub fn takes_a_place(facts: &Facts) -> bool {
    let latest = facts.now + PORTFOLIO_LAG;
    facts.credit.quota.is_some() && !facts.window.as_ref().is_some_and(|window| window.is_open(latest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        CreditFacts, QuotaFacts, WindowFacts,
        sendable::{at, sendable, wait},
    };

    fn full(free_at: &str) -> QuotaFacts {
        QuotaFacts { people_max: 250, counted_until: None, free_at: Some(at(free_at)) }
    }

    #[test]
    fn a_wallet_must_cover_it_and_the_portfolio_must_have_a_place() {
        let no_credit = wait("2026-03-02T12:15:00Z", Reason::NoCredit);
        let tomorrow = wait("2026-03-03T00:00:00Z", Reason::QuotaUsed);
        let cases = [
            // (enforced, covered, quota, expected)
            (false, false, None, Verdict::Pass),
            (true, true, None, Verdict::Pass),
            (true, false, None, no_credit.clone()),
            (true, true, Some("2026-03-02T12:00:00Z"), Verdict::Pass),
            (true, true, Some("2026-03-03T00:00:00Z"), tomorrow.clone()),
            (true, false, Some("2026-03-03T00:00:00Z"), tomorrow),
            (true, false, Some("2026-03-02T12:10:00Z"), no_credit),
        ];
        for (enforced, covered, free_at, expected) in cases {
            let credit = CreditFacts { enforced, covered, quota: free_at.map(full) };
            assert_eq!(check(&Facts { credit: credit.clone(), ..sendable() }), expected, "{credit:?}");
        }
    }

    #[test]
    fn whoever_is_counted_already_needs_no_other_place_as_long_as_that_lasts() {
        let tomorrow = wait("2026-03-03T00:00:00Z", Reason::QuotaUsed);
        let cases = [
            ("2026-03-02T12:00:00.000001Z", Verdict::Pass),
            ("2026-03-02T12:00:00Z", tomorrow.clone()),
            ("2026-03-02T11:00:00Z", tomorrow),
        ];
        for (counted_until, expected) in cases {
            let quota = QuotaFacts { counted_until: Some(at(counted_until)), ..full("2026-03-03T00:00:00Z") };
            let credit = CreditFacts { quota: Some(quota), ..sendable().credit };
            assert_eq!(check(&Facts { credit, ..sendable() }), expected, "{counted_until}");
        }
    }

    #[test]
    fn inside_the_window_nobody_is_counted_unless_it_closes_before_the_call() {
        let cases = [
            (None, true),
            (Some("2026-03-02T11:00:00Z"), true),
            (Some("2026-03-02T12:01:00Z"), true),
            (Some("2026-03-02T12:01:00.000001Z"), false),
        ];
        for (closes_at, counts) in cases {
            let window = Some(WindowFacts { content_is_free: true, closes_at: closes_at.map(at) });
            let credit = CreditFacts { quota: Some(full("2026-03-03T00:00:00Z")), ..sendable().credit };
            let facts = Facts { window, credit, ..sendable() };
            assert_eq!(takes_a_place(&facts), counts, "{closes_at:?}");
            assert_eq!(check(&facts) != Verdict::Pass, counts, "{closes_at:?}");
        }
    }
}
