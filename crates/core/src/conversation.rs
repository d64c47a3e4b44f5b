//! Conversations: what is said with one person through one account, until somebody closes it.

use chrono::{DateTime, Utc};

use crate::{
    ids::{AutomationId, MemberId},
    send::SendState,
    words::words,
};

words! {
    /// Where a conversation stands. Only one of a person and an account is not closed or archived.
    ConversationState {
        /// Somebody should answer.
        Open = "open",
        /// The person's turn, or somebody else's.
        Pending = "pending",
        /// Out of sight until a time, or until the person says something.
        Snoozed = "snoozed",
        /// Done. It is open again when the person says something.
        Resolved = "resolved",
        /// Done for good: what the person says next begins another one.
        Closed = "closed",
        /// Closed, and out of every list that does not ask for it.
        Archived = "archived",
    }
}

impl ConversationState {
    /// What the person says continues it.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Closed | Self::Archived)
    }

    /// Nobody has anything to do about it.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed | Self::Archived)
    }

    /// Whether a member may move it there. Only what is done can be archived; what is archived comes back open.
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Archived, Self::Open) => true,
            (Self::Archived, _) => false,
            (from, Self::Archived) => from.is_done(),
            _ => true,
        }
    }
}

/// Who has a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Holder {
    #[default]
    Nobody,
    Member(MemberId),
    /// While the conversation is not done.
    Automation(AutomationId),
}

impl Holder {
    /// None: nobody can have it together with an automation.
    pub const fn of(member: Option<MemberId>, automation: Option<AutomationId>) -> Option<Self> {
        match (member, automation) {
            (None, None) => Some(Self::Nobody),
            (Some(member), None) => Some(Self::Member(member)),
            (None, Some(automation)) => Some(Self::Automation(automation)),
            (Some(_), Some(_)) => None,
        }
    }

    pub const fn member(self) -> Option<MemberId> {
        if let Self::Member(member) = self { Some(member) } else { None }
    }

    pub const fn automation(self) -> Option<AutomationId> {
        if let Self::Automation(automation) = self { Some(automation) } else { None }
    }

    pub const fn kind(self) -> HolderKind {
        match self {
            Self::Nobody => HolderKind::Nobody,
            Self::Member(_) => HolderKind::Member,
            Self::Automation(_) => HolderKind::Automation,
        }
    }

    /// Who has it once it stands so: an automation gives it back when it is done.
    #[must_use]
    pub const fn once(self, state: ConversationState) -> Self {
        match self.kind().once(state) {
            HolderKind::Nobody => Self::Nobody,
            HolderKind::Member | HolderKind::Automation => self,
        }
    }
}

words! {
    HolderKind {
        Nobody = "nobody",
        Member = "member",
        Automation = "automation",
    }
}

impl HolderKind {
    /// See [`Holder::once`].
    #[must_use]
    pub const fn once(self, state: ConversationState) -> Self {
        match self {
            Self::Automation if state.is_done() => Self::Nobody,
            kind => kind,
        }
    }
}

words! {
    Priority {
        Low = "low",
        Normal = "normal",
        High = "high",
        Urgent = "urgent",
    }
}

words! {
    /// What a member may do. Each may do everything that those below may.
    Role {
        Owner = "owner",
        Admin = "admin",
        Manager = "manager",
        Agent = "agent",
        /// Sees what is assigned to them, and nothing else.
        LimitedAgent = "limited_agent",
    }
}

words! {
    /// What can happen to a conversation. Stored, told to whoever listens, and the triggers of automations.
    EventKind {
        Opened = "conversation.opened",
        /// It was snoozed, pending or resolved, and the person said something.
        Reopened = "conversation.reopened",
        StateChanged = "conversation.state",
        PriorityChanged = "conversation.priority",
        Assigned = "conversation.assigned",
        Labelled = "conversation.labels",
        Edited = "conversation.edited",
        /// Two of one person became one: told of both.
        Merged = "conversation.merged",
        Linked = "conversation.linked",
        Read = "conversation.read",
        /// Nobody answered, or was done, in the time that the tenant has set.
        TargetMissed = "conversation.target_missed",
        /// The person said how it was.
        Rated = "conversation.rated",
        MessageReceived = "message.received",
        MessageQueued = "message.queued",
        /// The provider has it.
        MessageSent = "message.sent",
        MessageDelivered = "message.delivered",
        MessageRead = "message.read",
        /// It did not arrive, or may not leave: `state` in the data says which.
        MessageFailed = "message.failed",
        MessageCancelled = "message.cancelled",
        NoteAdded = "note.added",
        NoteEdited = "note.edited",
        NoteRemoved = "note.removed",
        /// A member is told of something, or of one more of the same.
        NotificationAdded = "notification.added",
        /// A member looked at notifications, or took one away.
        NotificationChanged = "notification.changed",
    }
}

impl EventKind {
    /// What is told when a message of a conversation got so far. None: nobody needs to know.
    pub const fn of_message(state: SendState) -> Option<Self> {
        use SendState as S;
        match state {
            S::Accepted | S::Sent => Some(Self::MessageSent),
            S::Delivered => Some(Self::MessageDelivered),
            S::Read => Some(Self::MessageRead),
            S::Failed | S::Rejected | S::Refused | S::Expired | S::Dead => Some(Self::MessageFailed),
            S::Cancelled => Some(Self::MessageCancelled),
            S::Scheduled | S::Queued | S::Waiting | S::Claimed | S::Attempting | S::Unknown => None,
        }
    }
}

/// Whole seconds from one instant to a later one; 0 where a clock says that it is earlier.
pub fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_seconds().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_is_archived_and_what_is_archived_comes_back_open() {
        use ConversationState::{Archived, Closed, Open, Pending, Resolved, Snoozed};
        for from in [Open, Pending, Snoozed] {
            assert!(!from.may_become(Archived), "{from}");
        }
        for from in [Resolved, Closed] {
            assert!(from.may_become(Archived), "{from}");
        }
        for to in [Pending, Snoozed, Resolved, Closed] {
            assert!(!Archived.may_become(to), "{to}");
        }
        assert!(Archived.may_become(Open));
    }

    #[test]
    fn an_automation_has_a_conversation_until_it_is_done_and_a_member_keeps_it() {
        let now = DateTime::UNIX_EPOCH;
        let (member, automation) = (MemberId::new(now), AutomationId::new(now));
        for &state in ConversationState::ALL {
            let kept = Holder::Automation(automation).once(state);
            let expected = if state.is_done() { Holder::Nobody } else { Holder::Automation(automation) };
            assert_eq!(kept, expected, "{state}");
            assert_eq!(Holder::Member(member).once(state), Holder::Member(member), "{state}");
        }
    }

    #[test]
    fn nobody_has_a_conversation_together_with_an_automation() {
        let now = DateTime::UNIX_EPOCH;
        let (member, automation) = (MemberId::new(now), AutomationId::new(now));
        for (mem, aut) in [(None, None), (Some(member), None), (None, Some(automation))] {
            let holder = Holder::of(mem, aut).unwrap();
            assert_eq!((holder.member(), holder.automation()), (mem, aut));
        }
        assert_eq!(Holder::of(Some(member), Some(automation)), None);
    }

    #[test]
    fn nothing_takes_a_negative_time() {
        let at = DateTime::from_timestamp(1_000, 0).unwrap();
        let later = DateTime::from_timestamp(1_090, 999_000_000).unwrap();
        assert_eq!(seconds_between(at, later), 90);
        assert_eq!(seconds_between(later, at), 0);
    }
}
