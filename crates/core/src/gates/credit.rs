//! Nothing is sent that nobody pays for, and no more per day than the account's tier allows.

use super::{Facts, Reason, Verdict, later, recheck};

pub fn check(facts: &Facts) -> Verdict {
    let credit = &facts.credit;
    let uncovered = (credit.enforced && !credit.covered).then(|| recheck(facts.now));
    later(facts.now, [(uncovered, Reason::NoCredit), (credit.quota_free_at, Reason::QuotaUsed)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        CreditFacts,
        sendable::{at, sendable, wait},
    };

    #[test]
    fn a_wallet_must_cover_it_and_the_tier_must_allow_it() {
        let no_credit = wait("2026-03-02T12:15:00Z", Reason::NoCredit);
        let tomorrow = wait("2026-03-03T00:00:00Z", Reason::QuotaUsed);
        let cases = [
            // (enforced, covered, quota free at, expected)
            (false, false, None, Verdict::Pass),
            (true, true, None, Verdict::Pass),
            (true, false, None, no_credit.clone()),
            (true, true, Some("2026-03-02T12:00:00Z"), Verdict::Pass),
            (true, true, Some("2026-03-03T00:00:00Z"), tomorrow.clone()),
            (true, false, Some("2026-03-03T00:00:00Z"), tomorrow),
            (true, false, Some("2026-03-02T12:10:00Z"), no_credit),
        ];
        for (enforced, covered, quota_free_at, expected) in cases {
            let credit = CreditFacts { enforced, covered, quota_free_at: quota_free_at.map(at) };
            assert_eq!(check(&Facts { credit: credit.clone(), ..sendable() }), expected, "{credit:?}");
        }
    }
}
