//! At most so many marketing messages to one person. What counts is when a message was reserved, so an unknown outcome
//! counts too.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Cap, CapFacts, CapKind, Facts, Reason, Verdict, bounded};
use crate::{consent::Purpose, time};

const DAY_S: u32 = 86_400;

pub fn check(facts: &Facts) -> Verdict {
    let (Some(caps), Purpose::Marketing) = (&facts.caps, facts.purpose) else {
        return Verdict::Pass;
    };
    match caps.free_at(facts.now) {
        until if until > facts.now => Verdict::Wait { until: bounded(facts.now, until), reason: Reason::FrequencyCap },
        _ => Verdict::Pass,
    }
}

impl CapFacts {
    /// The first instant, not before `now`, at which no cap is used up. Each cap is free from its own instant on, so the
    /// latest of them is free for all.
    pub fn free_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut uses = self.uses.clone();
        uses.sort_unstable();
        self.caps.iter().map(|cap| cap.free_at(&uses, self.zone, now)).fold(now, DateTime::max)
    }
}

impl Cap {
    /// Uses after this instant count at `now`.
    pub fn counts_after(&self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.kind {
            CapKind::Rolling => now - TimeDelta::seconds(self.window_s.into()),
            CapKind::Calendar => {
                let days_before = Days::new(u64::from((self.window_s / DAY_S).max(1)) - 1);
                let first_day = time::local_date(zone, now).checked_sub_days(days_before).unwrap_or(NaiveDate::MIN);
                time::day_starts_at(zone, first_day) - TimeDelta::microseconds(1)
            }
        }
    }

    /// Free once the `max`-th newest use has left the window: then fewer than `max` are inside. A use has left a rolling
    /// window when it is `window_s` old, to the instant. May lie before `now`.
    fn free_at(&self, uses: &[DateTime<Utc>], zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        let max = usize::try_from(self.max).unwrap_or(usize::MAX).max(1);
        let Some(oldest_that_counts) = uses.len().checked_sub(max).map(|index| uses[index]) else {
            return now;
        };
        match self.kind {
            CapKind::Rolling => oldest_that_counts + TimeDelta::seconds(self.window_s.into()),
            CapKind::Calendar => {
                let days = Days::new((self.window_s / DAY_S).max(1).into());
                let first_free_day = time::local_date(zone, oldest_that_counts).checked_add_days(days);
                time::day_starts_from(zone, first_free_day.unwrap_or(NaiveDate::MAX), now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::gates::sendable::{any_instant, at, sendable, wait};

    fn facts(cap: Cap, zone: Tz, uses: &[&str]) -> Facts {
        let uses = uses.iter().map(|text| at(text)).collect();
        Facts { caps: Some(CapFacts { caps: vec![cap], zone, uses }), ..sendable() }
    }

    fn rolling(window_s: u32, max: u32) -> Cap {
        Cap { kind: CapKind::Rolling, window_s, max }
    }

    fn calendar(days: u32, max: u32) -> Cap {
        Cap { kind: CapKind::Calendar, window_s: days * DAY_S, max }
    }

    #[test]
    fn a_rolling_cap_frees_when_the_oldest_use_that_counts_is_a_window_old() {
        let hour = |max| rolling(3_600, max);
        let uses = ["2026-03-02T11:00:00.000001Z", "2026-03-02T11:20:00Z", "2026-03-02T11:40:00Z"];
        let cases = [
            (hour(4), None),
            (hour(3), Some("2026-03-02T12:00:00.000001Z")),
            (hour(2), Some("2026-03-02T12:20:00Z")),
            (hour(1), Some("2026-03-02T12:40:00Z")),
        ];
        for (cap, until) in cases {
            let expected = until.map_or(Verdict::Pass, |until| wait(until, Reason::FrequencyCap));
            assert_eq!(check(&facts(cap.clone(), Tz::UTC, &uses)), expected, "{cap:?}");
        }
        assert_eq!(check(&facts(hour(1), Tz::UTC, &["2026-03-02T11:00:00Z"])), Verdict::Pass, "an hour old, exactly");
    }

    #[test]
    fn a_calendar_cap_frees_at_the_persons_midnight() {
        let cases = [
            // (zone, days, use, until). It is 12:00 in Greenwich on Monday, 2 March 2026.
            (Tz::UTC, 1, "2026-03-02T00:00:00Z", Some("2026-03-03T00:00:00Z")),
            (Tz::UTC, 1, "2026-03-01T23:59:59Z", None),
            (Tz::UTC, 7, "2026-02-24T00:00:00Z", Some("2026-03-03T00:00:00Z")),
            (Tz::UTC, 7, "2026-02-23T23:59:59Z", None),
            // 02:00 in Auckland, on the 3rd.
            (Tz::Pacific__Auckland, 1, "2026-03-02T11:00:00Z", Some("2026-03-03T11:00:00Z")),
            (Tz::Pacific__Auckland, 1, "2026-03-02T10:59:59Z", None),
        ];
        for (zone, days, used, until) in cases {
            let expected = until.map_or(Verdict::Pass, |until| wait(until, Reason::FrequencyCap));
            assert_eq!(check(&facts(calendar(days, 1), zone, &[used])), expected, "{zone} {days} {used}");
        }
    }

    #[test]
    fn a_day_that_begins_late_or_twice_frees_when_it_begins() {
        let cases = [
            // Beirut: midnight of 29 March 2026 is in a gap, the day begins at 01:00, which is 22:00 in Greenwich.
            (Tz::Asia__Beirut, "2026-03-28T20:00:00Z", "2026-03-28T08:00:00Z", "2026-03-28T22:00:00Z"),
            // St John's, 1 November 2009: at 00:01 the clocks went back to 23:01 of the day before.
            (Tz::America__St_Johns, "2009-11-01T01:00:00Z", "2009-11-01T00:00:00Z", "2009-11-01T02:30:00Z"),
            (Tz::America__St_Johns, "2009-11-01T02:31:00Z", "2009-11-01T00:00:00Z", "2009-11-01T03:30:00Z"),
        ];
        for (zone, now, used, until) in cases {
            let facts = Facts { now: at(now), ..facts(calendar(1, 1), zone, &[used]) };
            assert_eq!(check(&facts), wait(until, Reason::FrequencyCap), "{zone} at {now}");
        }
    }

    #[test]
    fn only_marketing_is_capped() {
        for purpose in Purpose::ALL {
            let facts = Facts { purpose: *purpose, ..facts(rolling(3_600, 1), Tz::UTC, &["2026-03-02T11:30:00Z"]) };
            let expected = match purpose {
                Purpose::Marketing => wait("2026-03-02T12:30:00Z", Reason::FrequencyCap),
                _ => Verdict::Pass,
            };
            assert_eq!(check(&facts), expected, "{purpose}");
        }
        assert_eq!(check(&Facts { caps: None, ..sendable() }), Verdict::Pass);
    }

    #[test]
    fn of_several_caps_the_longest_wait_counts() {
        let mut facts = facts(rolling(3_600, 1), Tz::UTC, &["2026-03-02T11:30:00Z"]);
        facts.caps.as_mut().unwrap().caps.push(calendar(2, 1));
        assert_eq!(check(&facts), wait("2026-03-04T00:00:00Z", Reason::FrequencyCap));
    }

    #[test]
    fn a_cap_without_messages_is_a_cap_of_one() {
        assert_eq!(check(&facts(rolling(3_600, 0), Tz::UTC, &[])), Verdict::Pass);
        let used = facts(rolling(3_600, 0), Tz::UTC, &["2026-03-02T11:30:00Z"]);
        assert_eq!(check(&used), wait("2026-03-02T12:30:00Z", Reason::FrequencyCap));
    }

    /// Counts what the definition counts, without thinking about when that changes.
    fn counted(cap: &Cap, zone: Tz, uses: &[DateTime<Utc>], now: DateTime<Utc>) -> usize {
        let inside = |used: &&DateTime<Utc>| match cap.kind {
            CapKind::Rolling => now < **used + TimeDelta::seconds(cap.window_s.into()),
            CapKind::Calendar => {
                let days = (time::local_date(zone, now) - time::local_date(zone, **used)).num_days();
                days < i64::from(cap.window_s / DAY_S)
            }
        };
        uses.iter().filter(inside).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn a_capped_message_leaves_at_the_first_instant_at_which_fewer_than_max_count(
            now in any_instant(),
            ages_s in vec(0..500_000_i64, 0..12),
            kind in select(CapKind::ALL),
            days in 1..5_u32,
            max in 1..6_u32,
            zone in select(chrono_tz::TZ_VARIANTS.as_slice()),
        ) {
            let cap = Cap { kind, window_s: days * DAY_S, max };
            let uses: Vec<_> = ages_s.iter().map(|age| now - TimeDelta::seconds(*age)).collect();
            let free_at = CapFacts { caps: vec![cap.clone()], zone, uses: uses.clone() }.free_at(now);
            let is_capped = |at| counted(&cap, zone, &uses, at) >= max as usize;
            prop_assert!(free_at >= now && !is_capped(free_at));
            // Quarters of an hour hit every boundary of a day and every clock change since 2000.
            let first = (now.timestamp() / 900 + 1) * 900;
            for at in (first..free_at.timestamp()).step_by(900) {
                prop_assert!(is_capped(DateTime::from_timestamp(at, 0).unwrap()));
            }
            if free_at > now {
                prop_assert!(is_capped(now) && is_capped(free_at - TimeDelta::microseconds(1)));
            }
        }
    }
}
