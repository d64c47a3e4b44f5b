//! What people are asked when their conversation is resolved, and when nobody asks.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    account::Channel,
    conversation::ConversationState,
    limits::{RATING_EVERY_DAYS_MAX, RATING_QUESTION_CHARS_MAX},
};

/// What a tenant wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    pub ask: bool,
    /// The link stands behind it.
    pub question: String,
    /// Where it is asked. Empty: everywhere.
    pub channels: Vec<Channel>,
    /// One person is asked at most once in so many days.
    pub every_days: u32,
}

impl Default for Asking {
    fn default() -> Self {
        let question = "How was our help? Please tell us:".to_owned();
        Self { ask: false, question, channels: Vec::new(), every_days: 7 }
    }
}

/// What decides whether a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub state: ConversationState,
    pub channel: Channel,
    /// Messages of the person.
    pub inbound: i32,
    /// Free text may be sent until then, where the channel has such a window.
    pub window_closes_at: Option<DateTime<Utc>>,
    /// When the person was asked last, about anything.
    pub asked_at: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

impl Asking {
    /// May be kept.
    pub fn is_sound(&self) -> bool {
        let chars = self.question.trim().chars().count();
        (1..=RATING_QUESTION_CHARS_MAX).contains(&chars)
            && self.channels.len() <= Channel::ALL.len()
            && (1..=RATING_EVERY_DAYS_MAX).contains(&self.every_days)
    }

    /// Only who said something is asked, while the conversation is resolved and the window lets a question through.
    pub fn asks(&self, moment: &Moment) -> bool {
        let open =
            !moment.channel.has_session_window() || moment.window_closes_at.is_some_and(|closes| moment.now < closes);
        let again_from = moment.now - TimeDelta::days(self.every_days.into());
        self.ask
            && open
            && moment.state == ConversationState::Resolved
            && moment.inbound > 0
            && (self.channels.is_empty() || self.channels.contains(&moment.channel))
            && moment.asked_at.is_none_or(|asked| asked <= again_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn moment() -> Moment {
        Moment {
            state: ConversationState::Resolved,
            channel: Channel::Whatsapp,
            inbound: 1,
            window_closes_at: Some(at("2026-03-02T12:00:01Z")),
            asked_at: None,
            now: at("2026-03-02T12:00:00Z"),
        }
    }

    #[test]
    fn a_person_is_asked_within_the_window_and_not_again_for_a_week() {
        let asking = Asking { ask: true, ..Asking::default() };
        let closed = Some(at("2026-03-02T12:00:00Z"));
        let cases = [
            (moment(), true),
            (Moment { state: ConversationState::Open, ..moment() }, false),
            (Moment { inbound: 0, ..moment() }, false),
            (Moment { window_closes_at: closed, ..moment() }, false),
            (Moment { window_closes_at: None, ..moment() }, false),
            (Moment { window_closes_at: None, channel: Channel::Sms, ..moment() }, true),
            (Moment { asked_at: Some(at("2026-02-23T12:00:00Z")), ..moment() }, true),
            (Moment { asked_at: Some(at("2026-02-23T12:00:01Z")), ..moment() }, false),
        ];
        for (moment, expected) in cases {
            assert_eq!(asking.asks(&moment), expected, "{moment:?}");
        }
        assert!(!Asking::default().asks(&moment()), "nobody is asked until the tenant says so");
        assert!(!Asking { channels: vec![Channel::Sms], ..asking }.asks(&moment()));
    }

    #[test]
    fn a_question_has_words_and_a_week_has_days() {
        let asking = Asking::default();
        assert!(asking.is_sound());
        assert!(!Asking { question: " ".to_owned(), ..asking.clone() }.is_sound());
        assert!(!Asking { question: "x".repeat(RATING_QUESTION_CHARS_MAX + 1), ..asking.clone() }.is_sound());
        assert!(!Asking { every_days: 0, ..asking.clone() }.is_sound());
        assert!(!Asking { every_days: RATING_EVERY_DAYS_MAX + 1, ..asking }.is_sound());
    }
}
