//! Mail of the installation itself: what it is about, and when it is tried again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::words::words;

words! {
    /// What a mail is about.
    MailKind {
        /// Proves that somebody reads mail at their address.
        Verify = "verify",
        /// Leads to a new password.
        Reset = "reset",
        /// Asks somebody to work for a tenant.
        Invitation = "invitation",
        /// Tells that there is a new password.
        PasswordChanged = "password_changed",
        /// Tell that codes are asked for from now on, and that they are not any more.
        SecondFactorOn = "second_factor_on",
        SecondFactorOff = "second_factor_off",
        /// Tell that there is another way to sign in, and that there is one less.
        IdentityLinked = "identity_linked",
        IdentityUnlinked = "identity_unlinked",
    }
}

words! {
    /// Where a mail stands.
    MailState {
        Waiting = "waiting",
        /// The server took it.
        Sent = "sent",
        /// The server refused it for good, or its time is over.
        Failed = "failed",
        /// Nobody is to get it: the address is nobody's, or what it asks for was taken back.
        Dropped = "dropped",
    }
}

/// A mail is tried for so long.
pub const MAIL_TRIED_FOR: TimeDelta = TimeDelta::hours(24);
/// Whoever sends a mail has it for so long; then somebody else sends it.
pub const MAIL_LEASE: TimeDelta = TimeDelta::minutes(2);

const FIRST: TimeDelta = TimeDelta::seconds(5);
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// When a mail is tried again that was tried so often: 5, 10, 20 seconds later and so on, up to an hour.
pub fn again_at(attempts: u32, now: DateTime<Utc>) -> DateTime<Utc> {
    let doublings = attempts.saturating_sub(1).min(20);
    now + FIRST.checked_mul(1 << doublings).map_or(LONGEST, |rest| rest.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_and_end_at_an_hour() {
        let rests = [0, 1, 2, 3, 10, 11, u32::MAX]
            .map(|attempts| (again_at(attempts, DateTime::UNIX_EPOCH) - DateTime::UNIX_EPOCH).num_seconds());
        assert_eq!(rests, [5, 5, 10, 20, 2_560, 3_600, 3_600]);
    }
}
