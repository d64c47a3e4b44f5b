//! Nobody writes to an address on the suppression list, whatever the message is for.

use super::{Facts, Reason, Verdict};

pub fn check(facts: &Facts) -> Verdict {
    match facts.suppressed {
        Some(_) => Verdict::Refuse { reason: Reason::Suppressed },
        None => Verdict::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consent::{Purpose, SuppressionReason},
        gates::sendable::{refuse, sendable},
    };

    #[test]
    fn a_suppressed_address_gets_nothing_for_any_reason_or_purpose() {
        for reason in SuppressionReason::ALL {
            for purpose in Purpose::ALL {
                let facts = Facts { suppressed: Some(*reason), purpose: *purpose, ..sendable() };
                assert_eq!(check(&facts), refuse(Reason::Suppressed), "{reason} {purpose}");
            }
        }
        assert_eq!(check(&sendable()), Verdict::Pass);
    }
}
