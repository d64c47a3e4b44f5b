//! What to do with a call that may have been carried out, by class. The reasons are on the reliability page of the docs.

use chrono::{DateTime, TimeDelta, Utc};

use crate::message::Class;

/// What a class does when no evidence arrives within the grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Send again, once, after the grace; only through a provider that echoes our id, so that late evidence is seen.
    ResendOnce,
    /// Never resend. After the grace it counts as final; late evidence still settles it.
    Hold,
}

/// How long evidence is awaited before the policy applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graces {
    /// One-time codes: never under 20 s in production.
    pub auth: TimeDelta,
    /// Everything else: never under three times the slowest status that was measured.
    pub other: TimeDelta,
}

impl Default for Graces {
    fn default() -> Self {
        Self { auth: TimeDelta::seconds(20), other: TimeDelta::minutes(10) }
    }
}

impl Graces {
    pub const fn of(&self, class: Class) -> TimeDelta {
        match class {
            Class::Auth => self.auth,
            _ => self.other,
        }
    }
}

/// Parts of its grace after which a call without an answer is looked for in the provider's list: early, since most answers
/// are there at once, and just before the policy would apply.
pub const LOOKS: [f64; 2] = [0.1, 0.9];

impl Graces {
    /// What has been unknown since before these instants, of one-time codes and of everything else, is due for a look.
    pub fn look_before(self, part: f64, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let part_of = |grace: TimeDelta| {
            let whole = grace.to_std().unwrap_or_default();
            now - TimeDelta::from_std(whole.mul_f64(part)).unwrap_or(grace)
        };
        (part_of(self.auth), part_of(self.other))
    }
}

/// Receipts of an account are behind when its provider took a message so much later than what its newest receipt tells of.
pub const BEHIND_AFTER: TimeDelta = TimeDelta::seconds(5);
/// Graces after which receipts that are behind are waited for no longer: some never come.
const PATIENCE: i32 = 6;

impl Graces {
    /// How long receipts that are behind are waited for.
    #[must_use]
    pub fn patience(self) -> Self {
        Self { auth: self.auth * PATIENCE, other: self.other * PATIENCE }
    }
}

/// How far evidence has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Everything that arrived before is read.
    pub read_to: DateTime<Utc>,
    /// Since when it could arrive. None: for ever.
    pub listening_since: Option<DateTime<Utc>>,
}

impl Heard {
    /// Outcomes that have been unknown since before this instant have had their grace. Time in which no evidence could
    /// arrive, or in which it lay unread, does not count: a resend on the heels of an outage would overtake its receipts.
    pub fn ripe_before(self, grace: TimeDelta) -> DateTime<Utc> {
        let listened = self.listening_since.is_none_or(|since| since + grace <= self.read_to);
        if listened { self.read_to - grace } else { DateTime::UNIX_EPOCH }
    }
}

/// `echoes`: the provider's receipts carry our correlation.
pub const fn policy(class: Class, echoes: bool) -> Policy {
    match (class, echoes) {
        (Class::Auth, _) | (Class::Transactional, true) => Policy::ResendOnce,
        _ => Policy::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000 + s)
    }

    #[test]
    fn a_grace_ends_when_all_that_came_in_it_is_read() {
        let heard = Heard { read_to: at(60), listening_since: None };
        assert_eq!(heard.ripe_before(TimeDelta::seconds(20)), at(40));
        let behind = Heard { read_to: at(30), ..heard };
        assert_eq!(behind.ripe_before(TimeDelta::seconds(20)), at(10), "half a minute lies unread");
    }

    #[test]
    fn looks_come_early_and_just_before_the_policy() {
        let before = LOOKS.map(|part| Graces::default().look_before(part, at(0)));
        assert_eq!(before, [(at(-2), at(-60)), (at(-18), at(-540))]);
    }

    #[test]
    fn a_grace_begins_anew_after_an_outage() {
        let back = |s| Heard { read_to: at(60), listening_since: Some(at(s)) };
        assert_eq!(back(41).ripe_before(TimeDelta::seconds(20)), DateTime::UNIX_EPOCH, "nothing is ripe");
        assert_eq!(back(40).ripe_before(TimeDelta::seconds(20)), at(40));
    }
}
