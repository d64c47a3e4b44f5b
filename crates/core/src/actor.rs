//! Who does something, for the history of what was done.

use std::fmt;

use crate::ids::ClientId;

/// Written as one word: `system`, `operator`, or the id of an API client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Rules and clocks.
    System,
    /// Whoever has the command line.
    Operator,
    Client(ClientId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::Client(client) => client.fmt(f),
        }
    }
}
