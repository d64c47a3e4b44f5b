//! What is no longer wanted is not sent: from `not_after` on, the instant itself included.

use super::{Facts, Reason, Verdict};

pub fn check(facts: &Facts) -> Verdict {
    match facts.not_after {
        Some(not_after) if not_after <= facts.now => Verdict::Refuse { reason: Reason::NotAfterPassed },
        _ => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::sendable::{at, refuse, sendable};

    #[test]
    fn a_message_expires_at_its_not_after() {
        let cases = [
            (None, Verdict::Pass),
            (Some("2026-03-02T11:59:59Z"), refuse(Reason::NotAfterPassed)),
            (Some("2026-03-02T12:00:00Z"), refuse(Reason::NotAfterPassed)),
            (Some("2026-03-02T12:00:00.000001Z"), Verdict::Pass),
        ];
        for (not_after, expected) in cases {
            assert_eq!(check(&Facts { not_after: not_after.map(at), ..sendable() }), expected, "{not_after:?}");
        }
    }
}
