//! Where a message stands. The words here are the public API's; ranks only rise.

use crate::{ids::MessageId, message::Class, words::words};

words! {
    SendState {
        /// Wanted later than now.
        Scheduled = "scheduled",
        Queued = "queued",
        /// A gate holds it, with a reason and the next check.
        Waiting = "waiting",
        /// A lane runner has it, nothing was sent.
        Claimed = "claimed",
        /// The call may be on the wire.
        Attempting = "attempting",
        /// The call may have been carried out: nobody may resend without evidence or policy.
        Unknown = "unknown",
        Accepted = "accepted",
        Sent = "sent",
        Delivered = "delivered",
        Read = "read",
        /// The provider took it and reported later that it did not arrive.
        Failed = "failed",
        /// The provider said no.
        Rejected = "rejected",
        /// A gate said no.
        Refused = "refused",
        Expired = "expired",
        Cancelled = "cancelled",
        /// Poison, or attempts used up.
        Dead = "dead",
    }
}

words! {
    /// How one call ended.
    AttemptResult {
        Accepted = "accepted",
        /// A definite "not now".
        Retry = "retry",
        Rejected = "rejected",
        Unknown = "unknown",
        /// It never left.
        NotSent = "not_sent",
    }
}

impl SendState {
    /// No timer moves it any more. `accepted`, `sent` and `delivered` still rise by receipts; `unknown` is final once it
    /// is settled, which the row knows and the word does not.
    pub const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::Scheduled | Self::Queued | Self::Waiting | Self::Claimed | Self::Attempting | Self::Unknown
        )
    }

    /// The five words of the short list: queued, sent, delivered, read, failed.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Scheduled | Self::Queued | Self::Waiting | Self::Claimed | Self::Attempting => "queued",
            Self::Accepted | Self::Sent | Self::Unknown => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed | Self::Rejected | Self::Refused | Self::Expired | Self::Cancelled | Self::Dead => "failed",
        }
    }

    /// How far delivery got: 0 not accepted, 1 accepted, 2 sent, 3 failed, 4 delivered, 5 read. A receipt is applied only
    /// when it raises this, so a late `sent` never undoes `delivered`, and `failed` after `delivered` is kept as an event.
    pub const fn rank(self) -> i16 {
        match self {
            Self::Accepted => 1,
            Self::Sent => 2,
            Self::Failed => 3,
            Self::Delivered => 4,
            Self::Read => 5,
            _ => 0,
        }
    }

    /// Where a receipt leaves a send: further, or where it stands.
    #[must_use]
    pub const fn raised_by(self, receipt: Self) -> Self {
        if receipt.rank() > self.rank() { receipt } else { self }
    }
}

/// Names one attempt at the provider: it travels with the call and comes back in receipts. `<32 hex digits>.<attempt>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correlation {
    pub message: MessageId,
    pub attempt: i32,
}

impl std::fmt::Display for Correlation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.message.uuid().simple(), self.attempt)
    }
}

impl Correlation {
    /// Reads what [`Display`](std::fmt::Display) wrote; anything else is somebody else's.
    pub fn parse(text: &str) -> Option<Self> {
        let (hex, attempt) = text.split_once('.')?;
        let uuid = uuid::Uuid::try_parse(hex).ok().filter(|_| hex.len() == 32)?;
        let attempt = attempt.parse().ok().filter(|n| *n > 0)?;
        Some(Self { message: MessageId::from_uuid(uuid), attempt })
    }
}

/// What takes turns in a lane: a campaign takes them as itself, everything else as its class.
pub const fn flow_of(class: Class) -> uuid::Uuid {
    uuid::Uuid::from_u128(match class {
        Class::Auth => 1,
        Class::Transactional => 2,
        Class::AgentReply => 3,
        Class::Automation => 4,
        Class::Campaign => 5,
    })
}

/// Share of the lane when several flows have something due. Codes and replies go first; a campaign keeps at least a
/// thirtieth.
pub const fn weight_of(class: Class) -> i16 {
    match class {
        Class::Auth => 64,
        Class::Transactional | Class::AgentReply => 32,
        Class::Automation => 8,
        Class::Campaign => 4,
    }
}
