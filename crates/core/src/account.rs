//! A tenant's connected number, page, bot or mailbox, and how fast it may speak.

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// Where people are reached.
    Channel {
        Whatsapp = "whatsapp",
        Sms = "sms",
        Instagram = "instagram",
        Messenger = "messenger",
        Telegram = "telegram",
        Discord = "discord",
        X = "x",
        Email = "email",
        Widget = "widget",
        Internal = "internal",
        Voice = "voice",
        /// A platform that has no adapter of its own, and posts to a webhook in our words. Inbound only.
        Generic = "generic",
        /// The built-in provider that test keys reach: nothing leaves the process.
        Sandbox = "sandbox",
    }
}

impl Channel {
    /// Free text only within 24 hours of the person's last message; templates otherwise.
    pub const fn has_session_window(self) -> bool {
        matches!(self, Self::Whatsapp | Self::Messenger | Self::Instagram)
    }

    /// People are heard here, and nothing can be sent to them.
    pub const fn is_inbound_only(self) -> bool {
        matches!(self, Self::Generic)
    }
}

words! {
    /// What an operator or a provider says about an account.
    AccountStatus {
        Active = "active",
        /// By a person: the kill switch.
        Paused = "paused",
        /// Credentials do not work any more; somebody must reconnect.
        Disconnected = "disconnected",
        /// The provider forbids sending: billing, policy, registration.
        Restricted = "restricted",
    }
}

/// How fast one account may send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Messages per second, 0.01 to 100,000.
    pub per_s: f64,
    /// Messages that may leave at once after a silence. 1 to 100,000. One keeps every sliding window exact.
    pub burst: u32,
}

/// The least distance between two messages to one person from one account, as a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spacing {
    /// Seconds that one message uses up. WhatsApp: 6 (one message per 6 s to one person).
    pub every_s: u32,
    /// Messages that may be borrowed ahead. WhatsApp: 45.
    pub burst: u32,
}
