//! Consent: who agreed to hear what, where. The ledger is append-only; the newest entry of a purpose counts.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// What a message is for. Consent is asked per channel and purpose.
    Purpose {
        Marketing = "marketing",
        /// About something the person did: orders, appointments, codes.
        Transactional = "transactional",
        /// An answer to what the person just wrote.
        Conversational = "conversational",
    }
}

words! {
    ConsentAction {
        Granted = "granted",
        Revoked = "revoked",
    }
}

words! {
    /// Where a question for a second yes stands.
    OptInState {
        Pending = "pending",
        Confirmed = "confirmed",
        /// Nobody answered in time. Never stored: the clock tells.
        Expired = "expired",
        /// The person revoked the purpose after the question.
        Withdrawn = "withdrawn",
    }
}

/// The newest entry of the ledger for one address and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub action: ConsentAction,
    pub at: DateTime<Utc>,
}

words! {
    /// Why an address is on the suppression list.
    SuppressionReason {
        OptOut = "opt_out",
        Complaint = "complaint",
        HardBounce = "hard_bounce",
        Operator = "operator",
        Erased = "erased",
    }
}

/// When a revocation counts from that a provider dated `said_at`. Providers tell time in whole seconds: what was taken back
/// in the same second as it was given is taken back. Never later than `now`.
pub fn revoked_at(said_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (said_at + TimeDelta::milliseconds(999)).min(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(n)
    }

    #[test]
    fn what_was_given_and_taken_back_in_one_second_is_taken_back() {
        let (given, stop, now) = (ms(10_800), ms(10_000), ms(12_000));
        assert!(revoked_at(stop, now) > given);
        assert!(revoked_at(stop, now) < ms(11_000), "what is given in the next second counts");
        assert_eq!(revoked_at(ms(20_000), now), now, "a clock that runs ahead revokes nothing of the future");
    }
}
