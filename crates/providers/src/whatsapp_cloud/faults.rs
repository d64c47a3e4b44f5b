//! Meta's error codes: what each means, whether the message may be tried again, and what it does to the lane.
//!
//! The same codes come back synchronously and, hours later, in receipts. Source:
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>. A code that is not here
//! is a refusal that we do not know, and is not repeated.

use std::{ops::RangeInclusive, time::Duration};

use postroad_core::provider::{Effect, Fault, FaultClass, FaultClass as C};

use self::Verdict::Reject;

/// Meta's code for a parameter it does not like…
const INVALID_PARAMETER: i64 = 100;
/// …and the subcode that says the number itself is the parameter: it is gone, or the token may not see it.
const NO_SUCH_OBJECT: i64 = 33;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not sent; worth another try, not before this long. Zero leaves it to the caller's backoff.
    Retry(Duration),
    Reject,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Known {
    codes: RangeInclusive<i64>,
    pub(super) class: FaultClass,
    pub(super) verdict: Verdict,
    effect: Effect,
}

const fn row(code: i64, class: FaultClass, verdict: Verdict, effect: Effect) -> Known {
    Known { codes: code..=code, class, verdict, effect }
}

const SOON: Verdict = Verdict::Retry(Duration::ZERO);
const fn after_s(seconds: u64) -> Verdict {
    Verdict::Retry(Duration::from_secs(seconds))
}

/// Meta says one minute for an upgrade of throughput, and names no time for the limits of an app.
const MINUTE: Duration = Duration::from_mins(1);
const HOUR_S: u64 = 3_600;

/// A message that meets a broken account is not lost: it is tried again once somebody has mended the account.
static TABLE: &[Known] = &[
    // The account.
    row(0, C::AuthDead, SOON, Effect::Stop),
    row(104, C::AuthDead, SOON, Effect::Stop),
    row(190, C::AuthDead, SOON, Effect::Stop),
    row(3, C::AuthPermission, SOON, Effect::Stop),
    row(10, C::AuthPermission, SOON, Effect::Stop),
    row(131_005, C::AuthPermission, SOON, Effect::Stop),
    Known { codes: 200..=299, class: C::AuthPermission, verdict: SOON, effect: Effect::Stop },
    row(368, C::AccountRestricted, SOON, Effect::Stop),
    row(131_031, C::AccountRestricted, SOON, Effect::Stop),
    row(131_042, C::AccountBilling, SOON, Effect::Stop),
    row(NO_SUCH_OBJECT, C::ChannelGone, SOON, Effect::Stop),
    row(131_045, C::ChannelGone, SOON, Effect::Stop),
    row(133_010, C::ChannelGone, SOON, Effect::Stop),
    // Now is not the time.
    row(1, C::Transient, SOON, Effect::None),
    row(2, C::Transient, SOON, Effect::None),
    row(131_000, C::Transient, SOON, Effect::None),
    row(131_016, C::Transient, SOON, Effect::None),
    row(133_004, C::Transient, SOON, Effect::None),
    row(131_057, C::Maintenance, after_s(60), Effect::Rest(MINUTE)),
    row(2_494_100, C::Maintenance, after_s(60), Effect::Rest(MINUTE)),
    // A template that is being synchronised.
    row(134_101, C::Transient, after_s(600), Effect::None),
    // Limits.
    row(4, C::RateApp, after_s(60), Effect::Rest(MINUTE)),
    row(80_007, C::RateApp, after_s(60), Effect::Rest(MINUTE)),
    row(133_016, C::RateApp, after_s(HOUR_S), Effect::None),
    row(130_429, C::RateThroughput, after_s(2), Effect::SlowDown),
    row(131_056, C::RatePair, after_s(6), Effect::None),
    row(131_048, C::RateSpam, after_s(HOUR_S), Effect::PauseMarketing),
    row(131_064, C::AccountRestricted, after_s(HOUR_S), Effect::PauseMarketing),
    row(131_049, C::MarketingCap, after_s(24 * HOUR_S), Effect::None),
    // The person.
    row(131_047, C::NeedsTemplate, Reject, Effect::None),
    row(131_050, C::OptedOut, Reject, Effect::OptOut),
    row(130_403, C::PermanentRecipient, Reject, Effect::None),
    row(130_472, C::PermanentRecipient, Reject, Effect::None),
    row(130_497, C::PermanentRecipient, Reject, Effect::None),
    row(131_021, C::PermanentRecipient, Reject, Effect::None),
    row(131_026, C::PermanentRecipient, Reject, Effect::None),
    row(131_030, C::PermanentRecipient, Reject, Effect::None),
    // The template.
    row(132_000, C::PermanentTemplate, Reject, Effect::None),
    row(132_001, C::PermanentTemplate, Reject, Effect::None),
    row(132_005, C::PermanentTemplate, Reject, Effect::None),
    row(132_007, C::PermanentTemplate, Reject, Effect::None),
    row(132_008, C::PermanentTemplate, Reject, Effect::None),
    row(132_012, C::PermanentTemplate, Reject, Effect::None),
    row(132_018, C::PermanentTemplate, Reject, Effect::None),
    row(132_068, C::PermanentTemplate, Reject, Effect::None),
    row(132_069, C::PermanentTemplate, Reject, Effect::None),
    row(132_015, C::TemplatePaused, Reject, Effect::PauseTemplate),
    row(132_016, C::TemplateDisabled, Reject, Effect::PauseTemplate),
    // The request.
    row(INVALID_PARAMETER, C::PermanentRequest, Reject, Effect::None),
    row(131_008, C::PermanentRequest, Reject, Effect::None),
    row(131_009, C::PermanentRequest, Reject, Effect::None),
    row(131_051, C::PermanentRequest, Reject, Effect::None),
    row(131_055, C::PermanentRequest, Reject, Effect::None),
    row(131_062, C::PermanentRequest, Reject, Effect::None),
    row(131_063, C::PermanentRequest, Reject, Effect::None),
    row(134_100, C::PermanentRequest, Reject, Effect::None),
    row(134_102, C::PermanentRequest, Reject, Effect::None),
    row(135_000, C::PermanentRequest, Reject, Effect::None),
    row(131_052, C::PermanentMedia, Reject, Effect::None),
    row(131_053, C::PermanentMedia, Reject, Effect::None),
];

/// The code under which an error counts: the subcode speaks only where the code alone would mean something milder.
pub(super) const fn telling_code(code: i64, subcode: Option<i64>) -> i64 {
    match (code, subcode) {
        (INVALID_PARAMETER, Some(NO_SUCH_OBJECT)) => NO_SUCH_OBJECT,
        _ => code,
    }
}

pub(super) fn known(code: i64) -> Option<&'static Known> {
    TABLE.iter().find(|known| known.codes.contains(&code))
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
            for code in known.codes.clone() {
                assert_eq!(TABLE.iter().filter(|other| other.codes.contains(&code)).count(), 1, "{code}");
            }
        }
    }

    #[test]
    fn a_number_that_is_gone_is_not_taken_for_a_bad_parameter() {
        assert_eq!(known(telling_code(100, Some(33))).map(|known| known.class), Some(FaultClass::ChannelGone));
        assert_eq!(known(telling_code(100, Some(7))).map(|known| known.class), Some(FaultClass::PermanentRequest));
        assert_eq!(known(telling_code(100, None)).map(|known| known.class), Some(FaultClass::PermanentRequest));
    }
}
