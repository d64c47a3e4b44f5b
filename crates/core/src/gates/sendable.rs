//! Facts for the tests of the gates: one message that may leave, and any message at all.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    AccountFacts, Cap, CapFacts, CapKind, CreditFacts, Facts, QuietFacts, QuietPolicy, QuotaFacts, RateFacts, Reason,
    SpacingFacts, TemplateFacts, TemplateStanding, Verdict, WindowFacts, ZoneOf,
};
use crate::{
    account::{AccountStatus, Channel},
    consent::{Consent, ConsentAction, Purpose, SuppressionReason},
    message::{Class, Source},
    quiet_hours::QuietHours,
    template::{TemplateCategory, TemplateStatus},
};

/// A marketing message that every gate lets pass, on a Monday at noon in Greenwich. Tests change one thing of it.
pub(crate) fn sendable() -> Facts {
    Facts {
        now: at("2026-03-02T12:00:00Z"),
        class: Class::Campaign,
        source: Source::Campaign,
        purpose: Purpose::Marketing,
        channel: Channel::Whatsapp,
        not_after: None,
        account: AccountFacts {
            status: AccountStatus::Active,
            sending_paused: false,
            campaign_paused: false,
            restore_hold: false,
            provider_off: false,
        },
        suppressed: None,
        consent: Some(Consent { action: ConsentAction::Granted, at: at("2026-01-01T00:00:00Z") }),
        template: Some(TemplateFacts { found: Some(approved()), parameters: 1 }),
        window: Some(WindowFacts { content_is_free: true, closes_at: None }),
        quiet: Some(QuietFacts {
            hours: QuietHours::DEFAULT,
            zone: Tz::Europe__Paris,
            zone_of: ZoneOf::Contact,
            policy: QuietPolicy::Hold,
        }),
        caps: Some(CapFacts {
            caps: vec![Cap { kind: CapKind::Rolling, window_s: 3_600, max: 2 }],
            zone: Tz::Europe__Paris,
            uses: vec![at("2026-03-02T11:30:00Z")],
        }),
        spacing: Some(SpacingFacts { free_at: None, backoff_until: None }),
        credit: CreditFacts { enforced: true, covered: true, quota: Some(open_quota()) },
        rate: RateFacts { rests_until: None },
    }
}

fn open_quota() -> QuotaFacts {
    QuotaFacts { people_max: 2_000, counted_until: None, free_at: None }
}

pub(crate) fn approved() -> TemplateStanding {
    TemplateStanding { status: TemplateStatus::Approved, category: TemplateCategory::Marketing, placeholders: 1 }
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn wait(until: &str, reason: Reason) -> Verdict {
    Verdict::Wait { until: at(until), reason }
}

pub(crate) fn refuse(reason: Reason) -> Verdict {
    Verdict::Refuse { reason }
}

/// Any instant of 2000 to 2040, to the microsecond.
pub(crate) fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    (946_684_800_000_000..2_240_611_200_000_000_i64).prop_map(|us| DateTime::from_timestamp_micros(us).unwrap())
}

/// An instant within three days of `now`.
fn near(now: DateTime<Utc>) -> impl Strategy<Value = DateTime<Utc>> {
    (-259_200_000_i64..259_200_000).prop_map(move |ms| now + TimeDelta::milliseconds(ms))
}

fn any_quiet() -> impl Strategy<Value = QuietFacts> {
    let time =
        || (0..1_440_u32).prop_map(|minute| chrono::NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap());
    let hours = (time(), time()).prop_map(|(starts, ends)| QuietHours { starts, ends });
    (hours, select(TZ_VARIANTS.as_slice()), select(ZoneOf::ALL), select(QuietPolicy::ALL))
        .prop_map(|(hours, zone, zone_of, policy)| QuietFacts { hours, zone, zone_of, policy })
}

fn any_caps(now: DateTime<Utc>) -> impl Strategy<Value = CapFacts> {
    let cap = (select(CapKind::ALL), 1..4_u32, 1..6_u32).prop_map(|(kind, days, max)| Cap {
        kind,
        window_s: days * 86_400,
        max,
    });
    (vec(cap, 0..3), select(TZ_VARIANTS.as_slice()), vec(near(now), 0..10)).prop_map(|(caps, zone, mut uses)| {
        uses.sort_unstable();
        CapFacts { caps, zone, uses }
    })
}

fn any_account() -> impl Strategy<Value = AccountFacts> {
    (select(AccountStatus::ALL), 0..64_u8).prop_map(|(status, switches)| AccountFacts {
        status,
        sending_paused: switches == 1,
        campaign_paused: switches == 2,
        restore_hold: switches == 3,
        provider_off: switches == 4,
    })
}

fn any_template() -> impl Strategy<Value = TemplateFacts> {
    let standing = (select(TemplateStatus::ALL), select(TemplateCategory::ALL), 0..3_usize)
        .prop_map(|(status, category, placeholders)| TemplateStanding { status, category, placeholders });
    (option::of(standing), 0..3_usize).prop_map(|(found, parameters)| TemplateFacts { found, parameters })
}

/// Facts of every shape, with instants near `now`.
pub(crate) fn any_facts() -> impl Strategy<Value = Facts> {
    any_instant().prop_flat_map(|now| {
        let words = (select(Class::ALL), select(Source::ALL), select(Purpose::ALL), select(Channel::ALL));
        let consent = (select(ConsentAction::ALL), near(now)).prop_map(|(action, at)| Consent { action, at });
        let person = (option::of(select(SuppressionReason::ALL)), option::of(consent), option::of(near(now)));
        let window = (any::<bool>(), option::of(near(now)))
            .prop_map(|(content_is_free, closes_at)| WindowFacts { content_is_free, closes_at });
        let shape = (option::of(any_template()), option::of(window));
        let limits = (option::of(any_quiet()), option::of(any_caps(now)));
        let spacing = (option::of(near(now)), option::of(near(now)))
            .prop_map(|(free_at, backoff_until)| SpacingFacts { free_at, backoff_until });
        let quota = (1..100_000_u32, option::of(near(now)), option::of(near(now)))
            .prop_map(|(people_max, counted_until, free_at)| QuotaFacts { people_max, counted_until, free_at });
        let credit = (any::<bool>(), any::<bool>(), option::of(quota))
            .prop_map(|(enforced, covered, quota)| CreditFacts { enforced, covered, quota });
        let rate = option::of(near(now)).prop_map(|rests_until| RateFacts { rests_until });
        let lane = (any_account(), option::of(spacing), credit, rate);
        (words, person, shape, limits, lane).prop_map(move |(words, person, shape, limits, lane)| Facts {
            now,
            class: words.0,
            source: words.1,
            purpose: words.2,
            channel: words.3,
            suppressed: person.0,
            consent: person.1,
            not_after: person.2,
            template: shape.0,
            window: shape.1,
            quiet: limits.0,
            caps: limits.1,
            account: lane.0,
            spacing: lane.1,
            credit: lane.2,
            rate: lane.3,
        })
    })
}
