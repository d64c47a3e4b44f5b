//! What members are told of in the application.

use crate::words::words;

words! {
    /// Why a member is told.
    NotificationKind {
        /// A person said something in a conversation that is the member's.
        NewMessage = "new_message",
        /// A conversation was given to the member by somebody else.
        ConversationAssigned = "conversation_assigned",
        /// A note names the member.
        Mention = "mention",
        /// Somebody else is done with a conversation that is the member's.
        ConversationResolved = "conversation_resolved",
        /// Nobody answered, or was done, in time: in a conversation that is the member's, or of nobody in their department.
        TargetMissed = "target_missed",
        TeamInvite = "team_invite",
        System = "system",
    }
}

impl NotificationKind {
    /// What it says, without anything that somebody wrote.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NewMessage => "New message",
            Self::ConversationAssigned => "A conversation was assigned to you",
            Self::Mention => "You were mentioned in a note",
            Self::ConversationResolved => "Your conversation was resolved",
            Self::TargetMissed => "A target was missed",
            Self::TeamInvite => "You were invited",
            Self::System => "Notice",
        }
    }
}
