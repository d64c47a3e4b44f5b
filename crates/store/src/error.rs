//! What can go wrong between us and the database.

use crate::bodies::Shut;

/// Errors of every query. A row that did not match is not an error here: it is simply not returned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, restarting or out of connections. Retry sensible.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A unique key is taken; the name of the constraint says which.
    #[error("{constraint} is taken")]
    Taken { constraint: String },
    /// A row that this one points to does not exist, or a check does not hold.
    #[error("{constraint} does not hold")]
    Violated { constraint: String },
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
    /// U+0000, which PostgreSQL holds in no text.
    #[error("a text contains the character U+0000, which no text can hold")]
    NulCharacter,
    /// A row would be written that whoever does it may not see.
    #[error("this concerns somebody, or something, that you do not see")]
    OutOfSight,
    #[error(transparent)]
    Shut(#[from] Shut),
    /// A role that could step over row-level security.
    #[error("{0}")]
    UnsafeRole(String),
    #[error(transparent)]
    Sql(sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Waiting and trying again may help; nothing about the request is wrong.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            sqlx::Error::Database(cause) => match from_database(cause.as_ref()) {
                Some(known) => known,
                None if is_outage(cause.code().as_deref()) => Self::Unavailable(error),
                None => Self::Sql(error),
            },
            _ => Self::Sql(error),
        }
    }
}

fn from_database(cause: &dyn sqlx::error::DatabaseError) -> Option<Error> {
    let constraint = cause.constraint().unwrap_or_default().to_owned();
    match cause.kind() {
        sqlx::error::ErrorKind::UniqueViolation => Some(Error::Taken { constraint }),
        sqlx::error::ErrorKind::ForeignKeyViolation
        | sqlx::error::ErrorKind::CheckViolation
        | sqlx::error::ErrorKind::NotNullViolation => Some(Error::Violated { constraint }),
        _ => match cause.code().as_deref() {
            Some("42501") if cause.message().contains("row-level security") => Some(Error::OutOfSight),
            // In a text, or escaped in JSON: of all that UTF-8 can hold, nothing else is refused.
            Some("22021" | "22P05") => Some(Error::NulCharacter),
            _ => None,
        },
    }
}

/// Class 08 connection, 53 resources, 57P01-57P05 shutdown and recovery, 40001/40P01 serialisation and deadlock, 55P03 lock, 57014 a
/// statement that took longer than it may.
fn is_outage(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        code.starts_with("08")
            || code.starts_with("53")
            || code.starts_with("57P")
            || matches!(code, "40001" | "40P01" | "55P03" | "57014")
    })
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}
