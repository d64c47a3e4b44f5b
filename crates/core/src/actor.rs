//! Who does something, for the history of what was done.

use std::fmt;

use crate::ids::{ClientId, MemberId, RunId, UserId};

/// Written as one word: `system`, `operator`, or the id of an API client, of a member, of a
/// superadmin, or of an automation's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Rules and clocks.
    System,
    /// Whoever has the command line.
    Operator,
    Client(ClientId),
    Member(MemberId),
    /// Somebody who runs the installation, from outside the tenant.
    User(UserId),
    /// A step of an automation.
    Run(RunId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::Client(client) => client.fmt(f),
            Self::Member(member) => member.fmt(f),
            Self::User(user) => user.fmt(f),
            Self::Run(run) => run.fmt(f),
        }
    }
}
