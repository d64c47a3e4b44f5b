//! What a stream of live updates may carry, and who may see it.
//!
//! To add a kind: a word in [`EventKind`] for what is kept, or in [`Passing`] for what is not, and its line in
//! [`Kind::scope`].

use std::{fmt, str::FromStr};

use crate::{conversation::EventKind, ids::UnknownWord, scope::Scope, words::words};

words! {
    /// What is told once and kept nowhere: it has no number, and whoever was away misses it.
    Passing {
        Typing = "typing",
        Presence = "presence",
    }
}

words! {
    /// Whether a member is there. Who says nothing for a minute is offline.
    Presence {
        Online = "online",
        Away = "away",
        Busy = "busy",
        Offline = "offline",
    }
}

/// Anything that a stream can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Told(EventKind),
    Passing(Passing),
}

impl Kind {
    /// Who may see it: the one table.
    pub const fn scope(self) -> Scope {
        use EventKind as E;
        match self {
            Self::Told(
                E::Opened
                | E::Reopened
                | E::StateChanged
                | E::PriorityChanged
                | E::Assigned
                | E::Labelled
                | E::Edited
                | E::Merged
                | E::Linked
                | E::Read
                | E::TargetMissed
                | E::Rated
                | E::MessageReceived
                | E::MessageQueued
                | E::MessageSent
                | E::MessageDelivered
                | E::MessageRead
                | E::MessageFailed
                | E::MessageCancelled
                | E::NoteAdded
                | E::NoteEdited
                | E::NoteRemoved
                | E::NotificationAdded
                | E::NotificationChanged,
            )
            | Self::Passing(Passing::Typing) => Scope::ConversationsRead,
            Self::Passing(Passing::Presence) => Scope::MembersRead,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told(kind) => kind.as_str(),
            Self::Passing(kind) => kind.as_str(),
        }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        let told = EventKind::ALL.iter().copied().map(Self::Told);
        told.chain(Passing::ALL.iter().copied().map(Self::Passing))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let passing = word.parse().map(Self::Passing);
        passing.or_else(|_: UnknownWord| word.parse().map(Self::Told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_as_it_is_written_and_no_two_are_written_alike() {
        let all: Vec<Kind> = Kind::all().collect();
        for kind in &all {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(all.iter().filter(|other| other.as_str() == kind.as_str()).count(), 1, "{kind}");
        }
        assert!("message.text".parse::<Kind>().is_err());
    }

    #[test]
    fn who_is_there_is_not_for_everybody_who_reads_conversations() {
        let seen = |scope| Kind::all().filter(move |kind| kind.scope() == scope).count();
        assert_eq!(Kind::Passing(Passing::Presence).scope(), Scope::MembersRead);
        assert_eq!(seen(Scope::ConversationsRead) + seen(Scope::MembersRead), Kind::all().count());
    }
}
