//! Words about what providers tell us: how it is counted, and why an account counts as silent.

use crate::words::words;

words! {
    /// What is counted of webhooks and of what they hold.
    ///
    /// Of webhooks: journalled and replayed are what was to be read; applied and quarantined what was. Of what those that were
    /// applied held: events are all, and each of them became exactly one of the rest.
    Counted {
        Journalled = "journalled",
        /// Made unread again: it is read once more.
        Replayed = "replayed",
        Applied = "applied",
        Quarantined = "quarantined",
        Events = "events",
        Receipt = "receipt",
        Message = "message",
        /// A receipt or a message that was known.
        Duplicate = "duplicate",
        /// Of templates, choices and the account.
        Notice = "notice",
        /// Understood to be there, and not acted on.
        Ignored = "ignored",
        /// Of another account than the one whose secret verified it.
        Foreign = "foreign",
    }
}

impl Counted {
    /// What an event becomes.
    pub const BECAME: [Self; 6] =
        [Self::Receipt, Self::Message, Self::Duplicate, Self::Notice, Self::Ignored, Self::Foreign];

    /// Of whole webhooks, not of what they hold.
    pub const fn is_of_webhooks(self) -> bool {
        matches!(self, Self::Journalled | Self::Replayed | Self::Applied | Self::Quarantined)
    }
}

words! {
    /// Why the webhook of an account counts as silent.
    Silence {
        /// None ever came.
        NeverHeard = "never_heard",
        /// They came once, and come no more.
        WentSilent = "went_silent",
    }
}
