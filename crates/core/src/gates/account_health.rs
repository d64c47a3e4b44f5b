//! Nothing leaves an account that is stopped, by whomever: the widest stop is named first.

use super::{Facts, Reason, Verdict, recheck};
use crate::account::AccountStatus;

pub fn check(facts: &Facts) -> Verdict {
    match stopped_by(facts) {
        Some(reason) => Verdict::Wait { until: recheck(facts.now), reason },
        None => Verdict::Pass,
    }
}

fn stopped_by(facts: &Facts) -> Option<Reason> {
    let account = &facts.account;
    let switches = [
        (account.restore_hold, Reason::RestoreHold),
        (account.sending_paused, Reason::SendingPaused),
        (account.provider_off, Reason::ProviderOff),
        (account.status == AccountStatus::Restricted, Reason::AccountRestricted),
        (account.status == AccountStatus::Disconnected, Reason::AccountDisconnected),
        (account.status == AccountStatus::Paused, Reason::AccountPaused),
        (account.campaign_paused, Reason::CampaignPaused),
    ];
    switches.into_iter().find_map(|(is_off, reason)| is_off.then_some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        AccountFacts,
        sendable::{sendable, wait},
    };

    fn check_with(change: impl FnOnce(&mut AccountFacts)) -> Verdict {
        let mut facts = sendable();
        change(&mut facts.account);
        check(&facts)
    }

    #[test]
    fn a_stopped_account_waits_and_is_looked_at_again() {
        type Change = fn(&mut AccountFacts);
        let cases: [(Change, Reason); 7] = [
            (|account| account.status = AccountStatus::Paused, Reason::AccountPaused),
            (|account| account.status = AccountStatus::Disconnected, Reason::AccountDisconnected),
            (|account| account.status = AccountStatus::Restricted, Reason::AccountRestricted),
            (|account| account.sending_paused = true, Reason::SendingPaused),
            (|account| account.campaign_paused = true, Reason::CampaignPaused),
            (|account| account.restore_hold = true, Reason::RestoreHold),
            (|account| account.provider_off = true, Reason::ProviderOff),
        ];
        for (change, reason) in cases {
            assert_eq!(check_with(change), wait("2026-03-02T12:15:00Z", reason), "{reason}");
            assert!(reason.needs_a_person(), "{reason}");
        }
        assert_eq!(check_with(|_| ()), Verdict::Pass);
    }

    #[test]
    fn the_widest_stop_is_named() {
        let everything_off = |account: &mut AccountFacts| {
            *account = AccountFacts {
                status: AccountStatus::Paused,
                sending_paused: true,
                campaign_paused: true,
                restore_hold: true,
                provider_off: true,
            };
        };
        assert_eq!(check_with(everything_off), wait("2026-03-02T12:15:00Z", Reason::RestoreHold));
    }
}
