//! Twilio's error codes: what each means, whether the message may be tried again, and what it does to the lane.
//!
//! The same codes come back in the answer (`code`) and, later, in status callbacks (`ErrorCode`). Source:
//! <https://www.twilio.com/docs/api/errors>. A code that is not here is a refusal that we do not know, and is not repeated.

use std::time::Duration;

use postroad_core::provider::{Effect, Fault, FaultClass, FaultClass as C};

use self::Verdict::Reject;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not sent; worth another try, not before this long. Zero leaves it to the caller's backoff.
    Retry(Duration),
    Reject,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Known {
    code: i64,
    class: FaultClass,
    pub(super) verdict: Verdict,
    effect: Effect,
}

const fn row(code: i64, class: FaultClass, verdict: Verdict, effect: Effect) -> Known {
    Known { code, class, verdict, effect }
}

const SOON: Verdict = Verdict::Retry(Duration::ZERO);
const fn after_s(seconds: u64) -> Verdict {
    Verdict::Retry(Duration::from_secs(seconds))
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR_S: u64 = 3_600;

/// A message that meets a broken account is not lost: it is tried again once somebody has mended the account.
static TABLE: &[Known] = &[
    // The account.
    row(20_003, C::AuthDead, SOON, Effect::Stop),
    row(20_005, C::AccountRestricted, SOON, Effect::Stop),
    row(30_002, C::AccountRestricted, SOON, Effect::Stop),
    row(21_212, C::ChannelGone, SOON, Effect::Stop),
    row(21_606, C::ChannelGone, SOON, Effect::Stop),
    row(21_659, C::ChannelGone, SOON, Effect::Stop),
    row(63_007, C::ChannelGone, SOON, Effect::Stop),
    // A number that is not registered reaches nobody in the USA, and everybody else: the lane goes on.
    row(30_034, C::AccountRestricted, Reject, Effect::None),
    // Now is not the time.
    row(30_003, C::Transient, after_s(2 * HOUR_S), Effect::None),
    row(30_008, C::Transient, after_s(60), Effect::None),
    // Limits.
    row(20_429, C::RateApp, SOON, Effect::SlowDown),
    row(63_017, C::RateApp, SOON, Effect::SlowDown),
    row(21_611, C::RateThroughput, after_s(600), Effect::Rest(MINUTE)),
    row(30_001, C::RateThroughput, after_s(60), Effect::SlowDown),
    row(30_022, C::RateThroughput, after_s(300), Effect::Rest(MINUTE)),
    row(63_018, C::RateThroughput, after_s(HOUR_S), Effect::SlowDown),
    row(63_038, C::RateApp, after_s(HOUR_S), Effect::Rest(MINUTE)),
    row(63_049, C::MarketingCap, after_s(24 * HOUR_S), Effect::None),
    // The person.
    row(63_016, C::NeedsTemplate, Reject, Effect::None),
    row(21_610, C::OptedOut, Reject, Effect::OptOut),
    row(21_211, C::PermanentRecipient, Reject, Effect::None),
    row(21_217, C::PermanentRecipient, Reject, Effect::None),
    row(21_408, C::PermanentRecipient, Reject, Effect::None),
    row(21_612, C::PermanentRecipient, Reject, Effect::None),
    row(21_614, C::PermanentRecipient, Reject, Effect::None),
    row(21_635, C::PermanentRecipient, Reject, Effect::None),
    row(30_004, C::PermanentRecipient, Reject, Effect::None),
    row(30_005, C::PermanentRecipient, Reject, Effect::None),
    row(30_006, C::PermanentRecipient, Reject, Effect::None),
    row(63_003, C::PermanentRecipient, Reject, Effect::None),
    row(63_014, C::PermanentRecipient, Reject, Effect::None),
    row(63_024, C::PermanentRecipient, Reject, Effect::None),
    row(63_032, C::PermanentRecipient, Reject, Effect::None),
    // The template.
    row(21_655, C::PermanentTemplate, Reject, Effect::None),
    row(21_656, C::PermanentTemplate, Reject, Effect::None),
    row(63_028, C::PermanentTemplate, Reject, Effect::None),
    row(63_041, C::TemplatePaused, Reject, Effect::PauseTemplate),
    row(63_042, C::TemplateDisabled, Reject, Effect::PauseTemplate),
    // The request.
    row(21_602, C::PermanentRequest, Reject, Effect::None),
    row(21_609, C::PermanentRequest, Reject, Effect::None),
    row(21_617, C::PermanentRequest, Reject, Effect::None),
    row(30_007, C::PermanentRequest, Reject, Effect::None),
    row(21_620, C::PermanentMedia, Reject, Effect::None),
    row(12_300, C::PermanentMedia, Reject, Effect::None),
    row(63_019, C::PermanentMedia, Reject, Effect::None),
];

pub(super) fn known(code: i64) -> Option<&'static Known> {
    TABLE.iter().find(|known| known.code == code)
}

/// The fault of a code, known or not.
pub(super) fn fault(code: i64) -> Fault {
    Fault { code: code.to_string(), class: known(code).map_or(FaultClass::Unrecognised, |known| known.class) }
}

pub(super) fn effect(fault: &Fault) -> Effect {
    if let Some(known) = fault.code.parse().ok().and_then(known) {
        return known.effect;
    }
    match fault.class {
        FaultClass::RateThroughput => Effect::SlowDown,
        _ => Effect::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_rows() {
        for known in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.code == known.code).count(), 1, "{}", known.code);
        }
    }
}
