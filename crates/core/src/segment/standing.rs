//! Whom a message would reach: the first gates that a campaign meets, asked of an address before there is a message.

use crate::{account::Channel, consent::ConsentAction, words::words};

words! {
    /// What would become of a campaign's message to somebody. The words of refusals are those of the gates.
    Standing {
        WillReceive = "will_receive",
        NoAddress = "no_address",
        Suppressed = "suppressed",
        OptedOut = "opted_out",
        NoConsent = "no_consent",
    }
}

/// What is known of the address at which somebody would be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub channel: Channel,
    pub has_address: bool,
    pub suppressed: bool,
    /// The last word for the purpose of the message.
    pub consent: Option<ConsentAction>,
}

impl Reach {
    /// The first reason in the order of the gates. Quiet hours, caps and credit only delay or depend on the moment: the dry
    /// run of a campaign asks them too.
    pub const fn standing(&self) -> Standing {
        if !self.has_address {
            return Standing::NoAddress;
        }
        if self.suppressed {
            return Standing::Suppressed;
        }
        match self.consent {
            Some(ConsentAction::Revoked) => Standing::OptedOut,
            Some(ConsentAction::Granted) => Standing::WillReceive,
            // Nobody is reached through the sandbox, so nobody has to agree to it.
            None if matches!(self.channel, Channel::Sandbox) => Standing::WillReceive,
            None => Standing::NoConsent,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        consent::{Consent, Purpose, SuppressionReason},
        gates::{Decision, Facts, decide, sendable::sendable},
        message::Source,
    };

    fn decision(reach: Reach, purpose: Purpose) -> Decision {
        let consent = reach.consent.map(|action| Consent { action, at: DateTime::UNIX_EPOCH });
        let suppressed = reach.suppressed.then_some(SuppressionReason::Operator);
        let (channel, source, template) = (reach.channel, Source::Campaign, None);
        decide(&Facts { source, purpose, channel, suppressed, consent, template, ..sendable() }).decision
    }

    #[test]
    fn the_funnel_says_what_the_gates_say() {
        let words = [None, Some(ConsentAction::Granted), Some(ConsentAction::Revoked)];
        for channel in Channel::ALL {
            for (consent, suppressed) in words.into_iter().flat_map(|word| [(word, false), (word, true)]) {
                let reach = Reach { channel: *channel, has_address: true, suppressed, consent };
                for purpose in [Purpose::Marketing, Purpose::Transactional] {
                    let told = match decision(reach, purpose) {
                        Decision::Refuse { reason, .. } => reason.as_str(),
                        Decision::Send | Decision::Wait { .. } => "will_receive",
                    };
                    assert_eq!(reach.standing().as_str(), told, "{reach:?} {purpose}");
                }
            }
        }
    }

    #[test]
    fn without_an_address_nothing_else_matters() {
        let reach = Reach {
            channel: Channel::Sms,
            has_address: false,
            suppressed: false,
            consent: Some(ConsentAction::Granted),
        };
        assert_eq!(reach.standing(), Standing::NoAddress);
    }
}
