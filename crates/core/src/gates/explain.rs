//! A decision in plain words: for the page that answers "why not yet?".
//!
//! Replays the pure gates over stored facts, so what it says is what was decided.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Facts, GATES, GateName, Reason, Verdict};
use crate::{portfolio, time};

/// What each gate says of these facts, in the order of [`GATES`].
pub fn verdicts(facts: &Facts) -> Vec<(GateName, Verdict)> {
    GATES.iter().map(|gate| (gate.name, (gate.check)(facts))).collect()
}

/// One sentence that names the gate, what stands in the way, and what happens next.
pub fn sentence(reason: Reason, gate: GateName, facts: &Facts) -> String {
    format!("{}: {}; {}", heading(gate, facts), obstacle(reason, facts), outlook(reason, gate, facts))
}

fn heading(gate: GateName, facts: &Facts) -> String {
    match (gate, &facts.quiet) {
        (GateName::QuietHours, Some(quiet)) => {
            format!("quiet hours {} in {} (the {}'s zone)", quiet.hours, quiet.zone, quiet.zone_of)
        }
        _ => title(gate).to_owned(),
    }
}

fn title(gate: GateName) -> &'static str {
    match gate {
        GateName::AccountHealth => "account",
        GateName::Expiry => "expiry",
        GateName::Suppression => "suppression list",
        GateName::Consent => "consent",
        GateName::Template => "template",
        GateName::SessionWindow => "session window",
        GateName::QuietHours => "quiet hours",
        GateName::FrequencyCap => "frequency cap",
        GateName::Spacing => "spacing",
        GateName::Credit => "credit",
        GateName::Rate => "rate",
    }
}

fn obstacle(reason: Reason, facts: &Facts) -> String {
    match reason {
        Reason::NotAfterPassed => not_after(facts),
        Reason::Suppressed => suppressed(facts),
        Reason::NoConsent => format!("the person never agreed to {} messages on this address", facts.purpose),
        Reason::OptedOut => opted_out(facts),
        Reason::TemplateCategoryMismatch => {
            format!("the provider treats the template as marketing, and the message is {}", facts.purpose)
        }
        Reason::TemplateParameters => parameters(facts),
        Reason::WindowClosed => window_closed(facts),
        Reason::QuietHours => quiet(facts),
        Reason::FrequencyCap => caps(facts),
        Reason::QuotaUsed => quota(facts),
        _ => plain(reason).to_owned(),
    }
}

/// The reasons whose sentence needs no facts.
fn plain(reason: Reason) -> &'static str {
    match reason {
        Reason::AccountPaused => "a person paused the account",
        Reason::AccountDisconnected => {
            "the provider does not take the account's credentials; it must be connected again"
        }
        Reason::AccountRestricted => "the provider does not let the account send",
        Reason::SendingPaused => "all sending is paused",
        Reason::CampaignPaused => "the campaign is paused",
        Reason::RestoreHold => "this installation was restored from a copy and an operator has not released it",
        Reason::ProviderOff => "the operator switched the provider off",
        Reason::TemplateMissing => "the account has no template of this name and language",
        Reason::TemplateNotApproved => "the provider has not approved the template yet",
        Reason::TemplatePaused => "the provider paused the template",
        Reason::TemplateRejected => "the provider rejected or disabled the template",
        Reason::PairLimit => "this person got a message from this account a moment ago",
        Reason::RecipientBackoff => "the provider asked to leave this person alone for a while",
        Reason::NoCredit => "nothing is left to pay for it",
        Reason::RateLimit => "the account's pace is used up",
        Reason::Throttled => "the campaign's own throttle lets no more leave now",
        Reason::ProviderBackoff => "the provider asked the account to rest",
        Reason::Retry => "the provider said not now",
        Reason::ResendAfterUnknown => "nobody knows whether the last attempt was carried out",
        _ => "a rule holds it",
    }
}

fn outlook(reason: Reason, gate: GateName, facts: &Facts) -> String {
    let verdict = GATES.iter().find(|entry| entry.name == gate).map(|entry| (entry.check)(facts));
    match verdict {
        Some(Verdict::Wait { until, .. }) if reason.needs_a_person() => {
            format!("leaves when somebody acts, next look at {}", utc(until))
        }
        Some(Verdict::Wait { until, .. }) => {
            format!("leaves at {}", on_both_clocks(until, gate, facts))
        }
        Some(Verdict::Refuse { .. }) => "it will not be sent".to_owned(),
        Some(Verdict::Pass) | None => "it is tried again".to_owned(),
    }
}

/// `08:00, which is 2026-03-03T01:00:00Z`. The heading of quiet hours has named the zone already; for others it is named
/// here, and only where the gate counts in it.
fn on_both_clocks(at: DateTime<Utc>, gate: GateName, facts: &Facts) -> String {
    match (gate, &facts.quiet, &facts.caps) {
        (GateName::QuietHours, Some(quiet), _) => {
            format!("{}, which is {}", time::local(quiet.zone, at).format("%H:%M"), utc(at))
        }
        (GateName::FrequencyCap, _, Some(caps)) => {
            let there = time::local(caps.zone, at).format("%H:%M on %-d %B %Y");
            format!("{there} in {}, which is {}", caps.zone, utc(at))
        }
        _ => utc(at),
    }
}

fn quiet(facts: &Facts) -> String {
    match &facts.quiet {
        Some(quiet) => format!("it is {} there", time::local(quiet.zone, facts.now).format("%H:%M")),
        None => "it is night there".to_owned(),
    }
}

fn not_after(facts: &Facts) -> String {
    match facts.not_after {
        Some(at) if at <= facts.now => format!("it was wanted until {}", utc(at)),
        Some(at) => format!("it is wanted until {}, and that is before quiet hours end", utc(at)),
        None => "its time has passed".to_owned(),
    }
}

fn suppressed(facts: &Facts) -> String {
    match facts.suppressed {
        Some(reason) => format!("the address is on the suppression list ({})", reason.as_str().replace('_', " ")),
        None => "the address is on the suppression list".to_owned(),
    }
}

fn opted_out(facts: &Facts) -> String {
    let when = facts.consent.map(|consent| format!(" on {}", utc(consent.at))).unwrap_or_default();
    format!("the person took back the consent to {} messages{when}", facts.purpose)
}

fn parameters(facts: &Facts) -> String {
    let brought = facts.template.as_ref().map_or(0, |template| template.parameters);
    let needed = facts.template.as_ref().and_then(|template| template.found).map_or(0, |found| found.placeholders);
    format!("the template has {needed} placeholders, and the message brings {brought} values")
}

fn window_closed(facts: &Facts) -> String {
    match facts.window.as_ref().and_then(|window| window.closes_at) {
        Some(at) => format!("the person last wrote too long ago (the window closed at {}); a template may go", utc(at)),
        None => "the person never wrote to this account; a template may go".to_owned(),
    }
}

fn caps(facts: &Facts) -> String {
    let uses = facts.caps.as_ref().map_or(0, |caps| caps.uses.len());
    format!("this person has got {uses} marketing messages lately, and that is as many as one may get")
}

fn quota(facts: &Facts) -> String {
    match &facts.credit.quota {
        Some(quota) => format!("{} is used up", portfolio::words(quota.people_max.into())),
        None => "the portfolio's limit of new people in 24 hours is used up".to_owned(),
    }
}

fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::gates::{
        CreditFacts, Decision, QuietFacts, QuotaFacts, RateFacts, SpacingFacts, WindowFacts, decide,
        sendable::{at, sendable},
    };

    fn explained(facts: &Facts) -> String {
        match decide(facts).decision {
            Decision::Send => "leaves now".to_owned(),
            Decision::Wait { gate, reason, .. } | Decision::Refuse { gate, reason } => sentence(reason, gate, facts),
        }
    }

    #[test]
    fn quiet_hours_are_told_in_local_time_with_the_zone_and_the_next_moment() {
        let quiet = QuietFacts { zone: Tz::Asia__Jakarta, ..sendable().quiet.unwrap() };
        let facts = Facts { now: at("2026-03-02T15:14:00Z"), quiet: Some(quiet), ..sendable() };
        assert_eq!(
            explained(&facts),
            "quiet hours 21:00-08:00 in Asia/Jakarta (the contact's zone): it is 22:14 there; \
             leaves at 08:00, which is 2026-03-03T01:00:00Z"
        );
    }

    #[test]
    fn a_cap_is_told_with_its_count_its_zone_and_its_day() {
        let mut facts = sendable();
        let caps = facts.caps.as_mut().unwrap();
        caps.uses = vec![at("2026-03-02T11:30:00Z"), at("2026-03-02T11:40:00Z")];
        assert_eq!(
            explained(&facts),
            "frequency cap: this person has got 2 marketing messages lately, and that is as many as one may get; \
             leaves at 13:30 on 2 March 2026 in Europe/Paris, which is 2026-03-02T12:30:00Z"
        );
    }

    #[test]
    fn what_only_a_person_lifts_says_so() {
        let mut facts = sendable();
        facts.account.sending_paused = true;
        assert_eq!(
            explained(&facts),
            "account: all sending is paused; leaves when somebody acts, next look at 2026-03-02T12:15:00Z"
        );
    }

    #[test]
    fn a_refusal_says_that_it_is_final_and_what_would_have_helped() {
        let window = Some(WindowFacts { content_is_free: false, closes_at: Some(at("2026-03-01T09:00:00Z")) });
        assert_eq!(
            explained(&Facts { window, ..sendable() }),
            "session window: the person last wrote too long ago (the window closed at 2026-03-01T09:00:00Z); \
             a template may go; it will not be sent"
        );
    }

    #[test]
    fn a_lane_and_a_person_are_told_apart() {
        let rate = RateFacts { rests_until: Some(at("2026-03-02T12:01:00Z")) };
        let lane = explained(&Facts { rate, ..sendable() });
        assert_eq!(lane, "rate: the provider asked the account to rest; leaves at 2026-03-02T12:01:00Z");
        let spacing = SpacingFacts { free_at: Some(at("2026-03-02T12:00:06Z")), backoff_until: None };
        let person = explained(&Facts { spacing: Some(spacing), ..sendable() });
        assert_eq!(
            person,
            "spacing: this person got a message from this account a moment ago; leaves at 2026-03-02T12:00:06Z"
        );
    }

    #[test]
    fn a_quota_is_told_with_its_size_and_the_next_free_place() {
        let quota = QuotaFacts { people_max: 2_000, counted_until: None, free_at: Some(at("2026-03-03T09:30:00Z")) };
        let credit = CreditFacts { quota: Some(quota), ..sendable().credit };
        assert_eq!(
            explained(&Facts { credit, ..sendable() }),
            "credit: the portfolio's limit of 2,000 new people in 24 hours is used up; leaves at 2026-03-03T09:30:00Z"
        );
    }

    #[test]
    fn every_reason_has_words_of_its_own_whatever_the_facts() {
        let said: Vec<String> = Reason::ALL.iter().map(|reason| obstacle(*reason, &sendable())).collect();
        for (position, words) in said.iter().enumerate() {
            assert!(words.len() > 10 && words != "a rule holds it" && !said[..position].contains(words), "{words}");
        }
    }
}
