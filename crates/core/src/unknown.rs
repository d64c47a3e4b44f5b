//! What to do with a call that may have been carried out, by class. The reasons are on the reliability page of the docs.

use chrono::TimeDelta;

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

/// `echoes`: the provider's receipts carry our correlation.
pub const fn policy(class: Class, echoes: bool) -> Policy {
    match (class, echoes) {
        (Class::Auth, _) | (Class::Transactional, true) => Policy::ResendOnce,
        _ => Policy::Hold,
    }
}
