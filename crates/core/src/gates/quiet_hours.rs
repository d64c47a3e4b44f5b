//! Nobody is disturbed at night: what the window means depends on the message's policy.

use super::{Facts, QuietPolicy, Reason, Verdict, bounded};

pub fn check(facts: &Facts) -> Verdict {
    let Some(quiet) = &facts.quiet else {
        return Verdict::Pass;
    };
    if quiet.policy == QuietPolicy::Exempt || !quiet.hours.is_quiet(facts.now, quiet.zone) {
        return Verdict::Pass;
    }
    let free_at = quiet.hours.free_at(facts.now, quiet.zone);
    match quiet.policy {
        QuietPolicy::Skip => Verdict::Refuse { reason: Reason::QuietHours },
        // At `free_at` the expiry gate would refuse it: it may as well be told now.
        QuietPolicy::Expire if facts.not_after.is_some_and(|not_after| not_after <= free_at) => {
            Verdict::Refuse { reason: Reason::NotAfterPassed }
        }
        _ => Verdict::Wait { until: bounded(facts.now, free_at), reason: Reason::QuietHours },
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::gates::{
        QuietFacts,
        sendable::{at, refuse, sendable, wait},
    };

    fn facts(now: &str, zone: Tz, policy: QuietPolicy) -> Facts {
        let quiet = QuietFacts { zone, policy, ..sendable().quiet.unwrap() };
        Facts { now: at(now), quiet: Some(quiet), ..sendable() }
    }

    #[test]
    fn a_message_waits_for_the_morning_of_its_zone() {
        let cases = [
            // (now in UTC, zone, first moment it may leave)
            ("2026-03-02T19:59:59Z", Tz::Europe__Paris, None),
            ("2026-03-02T20:00:00Z", Tz::Europe__Paris, Some("2026-03-03T07:00:00Z")),
            ("2026-03-03T06:59:59.999999Z", Tz::Europe__Paris, Some("2026-03-03T07:00:00Z")),
            ("2026-03-03T07:00:00Z", Tz::Europe__Paris, None),
            // Clocks go forward on 29 March: 08:00 is one hour earlier in UTC.
            ("2026-03-28T22:00:00Z", Tz::Europe__Paris, Some("2026-03-29T06:00:00Z")),
            // And back on 25 October.
            ("2026-10-24T22:00:00Z", Tz::Europe__Paris, Some("2026-10-25T07:00:00Z")),
            ("2026-03-02T20:00:00Z", Tz::Asia__Kolkata, Some("2026-03-03T02:30:00Z")),
            ("2026-03-02T15:14:00Z", Tz::Asia__Jakarta, Some("2026-03-03T01:00:00Z")),
            ("2026-03-02T20:00:00Z", Tz::America__Lima, None),
        ];
        for (now, zone, until) in cases {
            let expected = until.map_or(Verdict::Pass, |until| wait(until, Reason::QuietHours));
            assert_eq!(check(&facts(now, zone, QuietPolicy::Hold)), expected, "{now} in {zone}");
        }
    }

    #[test]
    fn each_policy_has_its_answer_to_the_night() {
        let morning = wait("2026-03-03T07:00:00Z", Reason::QuietHours);
        let expired = refuse(Reason::NotAfterPassed);
        let cases = [
            // (policy, not after, expected)
            (QuietPolicy::Exempt, None, Verdict::Pass),
            (QuietPolicy::Skip, None, refuse(Reason::QuietHours)),
            (QuietPolicy::Hold, Some("2026-03-03T00:00:00Z"), morning.clone()),
            (QuietPolicy::Expire, None, morning.clone()),
            (QuietPolicy::Expire, Some("2026-03-03T07:00:00.000001Z"), morning),
            (QuietPolicy::Expire, Some("2026-03-03T07:00:00Z"), expired.clone()),
            (QuietPolicy::Expire, Some("2026-03-03T06:59:59Z"), expired),
        ];
        for (policy, not_after, expected) in cases {
            let facts = facts("2026-03-02T21:00:00Z", Tz::Europe__Paris, policy);
            let facts = Facts { not_after: not_after.map(at), ..facts };
            assert_eq!(check(&facts), expected, "{policy} {not_after:?}");
        }
    }

    #[test]
    fn no_policy_stops_a_message_by_day() {
        for policy in QuietPolicy::ALL {
            assert_eq!(check(&facts("2026-03-02T12:00:00Z", Tz::Europe__Paris, *policy)), Verdict::Pass, "{policy}");
        }
        assert_eq!(check(&Facts { quiet: None, ..sendable() }), Verdict::Pass, "an account without quiet hours");
    }
}
