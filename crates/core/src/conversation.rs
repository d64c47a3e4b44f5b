//! The thread with one contact on one account.

use crate::words::words;

words! {
    /// Where a conversation stands.
    ConversationStatus {
        /// Somebody should answer.
        Open = "open",
        /// Something else must happen first.
        Pending = "pending",
        /// Comes back by itself.
        Snoozed = "snoozed",
        Resolved = "resolved",
        Closed = "closed",
        Archived = "archived",
    }
}
