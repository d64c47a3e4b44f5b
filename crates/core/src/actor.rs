//! Who does something, for the history of what was done.

use std::fmt;

use crate::ids::{ClientId, MemberId};

/// Written as one word: `system`, `operator`, or the id of an API client or of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Rules and clocks.
    System,
    /// Whoever has the command line.
    Operator,
    Client(ClientId),
    Member(MemberId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::Client(client) => client.fmt(f),
            Self::Member(member) => member.fmt(f),
        }
    }
}
