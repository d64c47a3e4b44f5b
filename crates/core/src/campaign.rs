//! The life of a campaign: its states, when it leaves, what it stands on, and when it stops by itself. Each move is
//! compare-and-set in SQL; this is the table of legal moves.

pub mod experiment;
pub mod landing;
pub mod local;
pub mod preflight;
pub mod variable;
pub mod watch;

use crate::words::words;

words! {
    CampaignState {
        Draft = "draft",
        Scheduled = "scheduled",
        /// Recipients are being written, page by page.
        Preparing = "preparing",
        Running = "running",
        Paused = "paused",
        /// Nothing is left to send; outcomes are awaited.
        Completing = "completing",
        Completed = "completed",
        PartiallyFailed = "partially_failed",
        Cancelled = "cancelled",
        Expired = "expired",
    }
}

words! {
    /// What becomes of people for whom the local time has passed when the campaign starts.
    LocalLate {
        /// They get it at once, by their own quiet hours.
        Send = "send",
        /// They do not get it.
        Skip = "skip",
    }
}

words! {
    /// What happened to a campaign, for its history.
    CampaignEvent {
        Created = "created",
        Changed = "changed",
        Approved = "approved",
        Scheduled = "scheduled",
        Unscheduled = "unscheduled",
        Fired = "fired",
        /// An experiment has a winner.
        Decided = "decided",
        Started = "started",
        /// It was due and could not begin; the detail says why.
        Refused = "refused",
        Paused = "paused",
        Resumed = "resumed",
        Cancelled = "cancelled",
        Expired = "expired",
        Ended = "ended",
        Archived = "archived",
        Restored = "restored",
    }
}

impl CampaignState {
    pub const fn may_become(self, next: Self) -> bool {
        use CampaignState as S;
        matches!(
            (self, next),
            (S::Draft, S::Scheduled | S::Preparing | S::Cancelled)
                // A series is completed when it has no fire left.
                | (S::Scheduled, S::Preparing | S::Draft | S::Cancelled | S::Expired | S::Completed)
                | (S::Preparing, S::Running | S::Paused | S::Cancelled)
                | (S::Running, S::Paused | S::Completing | S::Cancelled)
                | (S::Paused, S::Preparing | S::Running | S::Cancelled)
                | (S::Completing, S::Completed | S::PartiallyFailed | S::Paused | S::Cancelled)
        )
    }

    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::PartiallyFailed | Self::Cancelled | Self::Expired)
    }
}
