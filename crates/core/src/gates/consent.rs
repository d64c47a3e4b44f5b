//! Every send needs a recorded consent for its purpose; a revoked one always blocks.
//!
//! Marketing, transactional messages and one-time codes all need a `granted` entry: WhatsApp asks for an opt-in before
//! templates, and a shop that texts order news has the customer's agreement to record. The one exception is an answer:
//! whoever writes to us asks to be answered, so a conversational message needs no entry. It is an answer when
//!
//! - it is no part of a campaign, and
//! - where the provider has a session window, the window is open. Where it has none (SMS), the caller's word counts.
//!
//! Nobody is reached through the sandbox, so nobody has to agree to it; whoever took consent back is left alone there too.

use super::{Facts, Reason, Verdict};
use crate::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    message::Source,
};

pub fn check(facts: &Facts) -> Verdict {
    match facts.consent.map(|consent| consent.action) {
        Some(ConsentAction::Revoked) => Verdict::Refuse { reason: Reason::OptedOut },
        Some(ConsentAction::Granted) => Verdict::Pass,
        None if is_an_answer(facts) || facts.channel == Channel::Sandbox => Verdict::Pass,
        None => Verdict::Refuse { reason: Reason::NoConsent },
    }
}

fn is_an_answer(facts: &Facts) -> bool {
    let person_wrote = facts.window.as_ref().is_none_or(|window| window.is_open(facts.now));
    facts.purpose == Purpose::Conversational && facts.source != Source::Campaign && person_wrote
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consent::Consent,
        gates::{
            WindowFacts,
            sendable::{at, refuse, sendable},
        },
    };

    const CLOSED: Option<&str> = None;
    const OPEN: Option<&str> = Some("2026-03-02T12:00:01Z");
    const JUST_CLOSED: Option<&str> = Some("2026-03-02T12:00:00Z");

    fn facts(purpose: Purpose, source: Source, consent: Option<ConsentAction>) -> Facts {
        let consent = consent.map(|action| Consent { action, at: at("2026-01-01T00:00:00Z") });
        Facts { source, purpose, consent, ..sendable() }
    }

    fn with_window(facts: Facts, closes_at: Option<&str>) -> Facts {
        Facts { window: Some(WindowFacts { content_is_free: false, closes_at: closes_at.map(at) }), ..facts }
    }

    #[test]
    fn a_recorded_consent_decides_for_every_purpose_and_source() {
        for purpose in Purpose::ALL {
            for source in Source::ALL {
                let granted = facts(*purpose, *source, Some(ConsentAction::Granted));
                assert_eq!(check(&granted), Verdict::Pass, "{purpose} {source}");
                let revoked = with_window(facts(*purpose, *source, Some(ConsentAction::Revoked)), OPEN);
                assert_eq!(check(&revoked), refuse(Reason::OptedOut), "{purpose} {source}");
            }
        }
    }

    #[test]
    fn nobody_who_never_agreed_gets_marketing_or_order_news_even_while_the_window_is_open() {
        for purpose in [Purpose::Marketing, Purpose::Transactional] {
            for source in Source::ALL {
                let facts = with_window(facts(purpose, *source, None), OPEN);
                assert_eq!(check(&facts), refuse(Reason::NoConsent), "{purpose} {source}");
            }
        }
    }

    #[test]
    fn an_answer_needs_no_consent_as_long_as_it_is_an_answer() {
        let cases = [
            (Source::Agent, OPEN, Verdict::Pass),
            (Source::Automation, OPEN, Verdict::Pass),
            (Source::Api, OPEN, Verdict::Pass),
            (Source::Campaign, OPEN, refuse(Reason::NoConsent)),
            (Source::Agent, JUST_CLOSED, refuse(Reason::NoConsent)),
            (Source::Agent, CLOSED, refuse(Reason::NoConsent)),
        ];
        for (source, closes_at, expected) in cases {
            let facts = with_window(facts(Purpose::Conversational, source, None), closes_at);
            assert_eq!(check(&facts), expected, "{source} {closes_at:?}");
        }
        let without_window = Facts { window: None, ..facts(Purpose::Conversational, Source::Agent, None) };
        assert_eq!(check(&without_window), Verdict::Pass);
    }

    #[test]
    fn the_sandbox_reaches_nobody_so_nobody_is_asked() {
        for purpose in Purpose::ALL {
            let of = |said| Facts { channel: Channel::Sandbox, ..facts(*purpose, Source::Api, said) };
            assert_eq!(check(&of(None)), Verdict::Pass, "{purpose}");
            assert_eq!(check(&of(Some(ConsentAction::Revoked))), refuse(Reason::OptedOut), "{purpose}");
        }
    }
}
