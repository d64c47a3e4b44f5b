//! The life of a campaign. Each move is compare-and-set in SQL; this is the table of legal moves.

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

impl CampaignState {
    pub const fn may_become(self, next: Self) -> bool {
        use CampaignState as S;
        matches!(
            (self, next),
            (S::Draft, S::Scheduled | S::Preparing | S::Cancelled)
                | (S::Scheduled, S::Preparing | S::Draft | S::Cancelled | S::Expired)
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
