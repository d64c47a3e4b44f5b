//! How soon people are to be answered, and conversations to be done.
//!
//! A [`Clock`] follows a conversation: whoever changes where it stands asks for the clock as it is then. It knows no
//! database and reads no time. What is missed is for a sweep to find, because nothing happens at that moment.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    automation::BusinessHours,
    conversation::{ConversationState, Priority},
    limits::TARGET_MINUTES_MAX,
    words::words,
};

words! {
    /// Which time counts.
    CountedIn {
        /// While the business is open.
        BusinessHours = "business_hours",
        Always = "always",
    }
}

words! {
    TargetKind {
        /// A person waits for an answer.
        Response = "response",
        /// The conversation is to be done.
        Resolution = "resolution",
    }
}

words! {
    /// How a conversation stands to its targets.
    Timeliness {
        /// There is still time.
        Due = "due",
        Missed = "missed",
    }
}

/// Minutes for conversations of one priority. None: no such target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// From the oldest message that nobody answered to the answer.
    pub response_minutes: Option<u32>,
    /// From the beginning until it is resolved.
    pub resolution_minutes: Option<u32>,
}

impl Target {
    fn is_sound(self) -> bool {
        let fits = |minutes: Option<u32>| minutes.is_none_or(|minutes| (1..=TARGET_MINUTES_MAX).contains(&minutes));
        fits(self.response_minutes) && fits(self.resolution_minutes)
    }
}

/// What a tenant promises itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    pub counted_in: CountedIn,
    #[serde(default)]
    pub low: Target,
    #[serde(default)]
    pub normal: Target,
    #[serde(default)]
    pub high: Target,
    #[serde(default)]
    pub urgent: Target,
}

impl Default for Targets {
    fn default() -> Self {
        let none = Target::default();
        Self { counted_in: CountedIn::Always, low: none, normal: none, high: none, urgent: none }
    }
}

impl Targets {
    pub const fn of(&self, priority: Priority) -> Target {
        match priority {
            Priority::Low => self.low,
            Priority::Normal => self.normal,
            Priority::High => self.high,
            Priority::Urgent => self.urgent,
        }
    }

    /// No priority has any.
    pub fn is_empty(&self) -> bool {
        Priority::ALL.iter().all(|priority| self.of(*priority) == Target::default())
    }

    /// May be kept: each has 1 to [`TARGET_MINUTES_MAX`] minutes.
    pub fn is_sound(&self) -> bool {
        Priority::ALL.iter().all(|priority| self.of(*priority).is_sound())
    }
}

/// Targets, and the hours in which they may be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub targets: Targets,
    pub hours: BusinessHours,
}

impl Rules {
    fn after(&self, from: DateTime<Utc>, length: TimeDelta) -> Option<DateTime<Utc>> {
        match self.targets.counted_in {
            CountedIn::BusinessHours => self.hours.open_for(from, length),
            CountedIn::Always => from.checked_add_signed(length),
        }
    }

    fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        match self.targets.counted_in {
            CountedIn::BusinessHours => self.hours.open_between(from, to),
            CountedIn::Always => (to - from).max(TimeDelta::zero()),
        }
    }
}

/// What of a conversation moves its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub state: ConversationState,
    pub priority: Priority,
    pub waiting_since: Option<DateTime<Utc>>,
}

/// Until when somebody should answer and be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    pub response_due_at: Option<DateTime<Utc>>,
    pub resolution_due_at: Option<DateTime<Utc>>,
    /// Since when time to the end is counted. None: it is not our turn.
    pub running_since: Option<DateTime<Utc>>,
    /// Seconds that were counted before. Whoever opens what was done begins at 0.
    pub used_s: i64,
}

impl Clock {
    /// The clock after something happened. Asked twice, it says the same.
    ///
    /// Whoever waits for an answer waits, wherever we have put the conversation. Time to the end is counted while it is open:
    /// pending and snoozed ones are not our turn.
    #[must_use]
    pub fn follow(self, standing: Standing, rules: &Rules, now: DateTime<Utc>) -> Self {
        let target = rules.targets.of(standing.priority);
        let Self { running_since, used_s, .. } = match standing.state {
            ConversationState::Open => Self { running_since: self.running_since.or(Some(now)), ..self },
            _ => self.paused(rules, now),
        };
        let response = standing.waiting_since.zip(target.response_minutes);
        let resolution = running_since.zip(target.resolution_minutes);
        Self {
            response_due_at: response.and_then(|(since, minutes)| rules.after(since, length(minutes, 0))),
            resolution_due_at: resolution.and_then(|(since, minutes)| rules.after(since, length(minutes, used_s))),
            running_since,
            used_s,
        }
    }

    fn paused(self, rules: &Rules, now: DateTime<Utc>) -> Self {
        let counted = self.running_since.map_or(0, |since| rules.between(since, now).num_seconds());
        Self { running_since: None, used_s: self.used_s.saturating_add(counted), ..self }
    }
}

/// What is left of so many minutes.
fn length(minutes: u32, used_s: i64) -> TimeDelta {
    TimeDelta::seconds((i64::from(minutes) * 60).saturating_sub(used_s).max(0))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn rules(counted_in: CountedIn) -> Rules {
        let target =
            |response, resolution| Target { response_minutes: Some(response), resolution_minutes: Some(resolution) };
        let targets = Targets { counted_in, normal: target(60, 120), urgent: target(10, 30), ..Targets::default() };
        Rules { targets, hours: BusinessHours::usual(Tz::UTC) }
    }

    fn standing(state: ConversationState, waiting_since: Option<&str>) -> Standing {
        Standing { state, priority: Priority::Normal, waiting_since: waiting_since.map(at) }
    }

    const MONDAY: &str = "2026-03-02T16:30:00Z";

    #[test]
    fn an_hour_that_begins_before_the_evening_ends_in_the_morning() {
        let open = standing(ConversationState::Open, Some(MONDAY));
        let always = Clock::default().follow(open, &rules(CountedIn::Always), at(MONDAY));
        assert_eq!(always.response_due_at, Some(at("2026-03-02T17:30:00Z")));
        let counted = Clock::default().follow(open, &rules(CountedIn::BusinessHours), at(MONDAY));
        assert_eq!(counted.response_due_at, Some(at("2026-03-03T09:30:00Z")));
        assert_eq!(counted.resolution_due_at, Some(at("2026-03-03T10:30:00Z")));
    }

    #[test]
    fn a_target_moves_with_the_priority_and_ends_with_the_answer() {
        let rules = rules(CountedIn::Always);
        let open = standing(ConversationState::Open, Some(MONDAY));
        let clock = Clock::default().follow(open, &rules, at(MONDAY));
        let urgent = clock.follow(Standing { priority: Priority::Urgent, ..open }, &rules, at("2026-03-02T16:35:00Z"));
        assert_eq!(urgent.response_due_at, Some(at("2026-03-02T16:40:00Z")));
        assert_eq!(urgent.resolution_due_at, Some(at("2026-03-02T17:00:00Z")));
        let none = clock.follow(Standing { priority: Priority::Low, ..open }, &rules, at(MONDAY));
        assert_eq!((none.response_due_at, none.resolution_due_at), (None, None));
        let answered = clock.follow(Standing { waiting_since: None, ..open }, &rules, at(MONDAY));
        assert_eq!((answered.response_due_at, answered.resolution_due_at), (None, clock.resolution_due_at));
    }

    #[test]
    fn time_to_the_end_stands_still_while_it_is_not_our_turn_and_waiting_does_not() {
        let rules = rules(CountedIn::Always);
        let clock = Clock::default().follow(standing(ConversationState::Open, Some(MONDAY)), &rules, at(MONDAY));
        for state in [ConversationState::Pending, ConversationState::Snoozed] {
            let paused = clock.follow(standing(state, Some(MONDAY)), &rules, at("2026-03-02T17:00:00Z"));
            assert_eq!((paused.resolution_due_at, paused.used_s), (None, 1_800), "{state}");
            assert_eq!(paused.response_due_at, clock.response_due_at, "{state}");
            assert_eq!(paused.follow(standing(state, Some(MONDAY)), &rules, at("2026-03-02T18:00:00Z")), paused);
            let open = standing(ConversationState::Open, None);
            let again = paused.follow(open, &rules, at("2026-03-02T20:00:00Z"));
            assert_eq!(again.resolution_due_at, Some(at("2026-03-02T21:30:00Z")), "{state}");
        }
    }

    #[test]
    fn a_target_that_is_used_up_is_due_at_once() {
        let used = Clock { used_s: 100_000, ..Clock::default() };
        let clock = used.follow(standing(ConversationState::Open, None), &rules(CountedIn::Always), at(MONDAY));
        assert_eq!(clock.resolution_due_at, Some(at(MONDAY)));
    }
}
