//! How a command ends: the exit codes are a contract, and every error finds its own.

use std::process::ExitCode;

use postroad_embedded::EmbeddedError;

use crate::config::ConfigError;

/// Exit codes, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Failure = 1,
    /// The command line or the configuration is wrong. Also what clap ends with.
    Usage = 2,
    NotFound = 3,
    /// Somebody may not, or the state of things does not allow it.
    Refused = 4,
    /// The database or the network is away: trying again is sensible.
    Unavailable = 5,
    /// Some of it was done.
    Partial = 6,
    /// `doctor` found errors.
    Unhealthy = 7,
    /// By Ctrl-C, before it was done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Ended {
    pub exit: Exit,
    message: String,
}

/// Says what was not found: `no tenant called acme`.
pub fn not_found(message: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::NotFound, message: message.into() }.into()
}

pub fn refused(message: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::Refused, message: message.into() }.into()
}

pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::Usage, message: message.into() }.into()
}

/// The code of an error: the first cause that has one of its own.
pub fn code_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(known).unwrap_or(Exit::Failure)
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(ended) = cause.downcast_ref::<Ended>() {
        return Some(ended.exit);
    }
    if cause.is::<ConfigError>() {
        return Some(Exit::Usage);
    }
    if cause.is::<EmbeddedError>() {
        return Some(Exit::Unavailable);
    }
    let store = cause.downcast_ref::<postroad_store::Error>()?;
    match store {
        postroad_store::Error::Taken { .. } | postroad_store::Error::UnsafeRole(_) => Some(Exit::Refused),
        _ if store.is_unavailable() => Some(Exit::Unavailable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_keeps_its_code_under_any_words_put_around_it() {
        let cases = [
            (not_found("no tenant called acme"), Exit::NotFound),
            (refused("the campaign is running"), Exit::Refused),
            (ConfigError(vec!["x".to_owned()]).into(), Exit::Usage),
            (postroad_store::Error::Taken { constraint: "tenants_slug_key".to_owned() }.into(), Exit::Refused),
            (anyhow::anyhow!("something else"), Exit::Failure),
        ];
        for (error, expected) in cases {
            let told = error.to_string();
            assert_eq!(code_of(&Err::<(), _>(error).context("a command failed").unwrap_err()), expected, "{told}");
        }
    }
}
