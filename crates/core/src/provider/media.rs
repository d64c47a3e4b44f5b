//! Files that people sent, as they lie at the provider: what an adapter writes and reads to get one.
//!
//! Arithmetic on bytes, like the rest of an adapter. The worker calls, follows redirects without the credentials, counts bytes
//! and gives up.

use super::{BuildError, Connection};

/// The next call on the way to a file.
#[derive(Debug)]
pub enum Way {
    /// Asks where the file is: [`MediaDesk::located`] reads the answer.
    Ask(http::Request<Vec<u8>>),
    /// Its answer is the file, or leads to it by redirects.
    Fetch(http::Request<Vec<u8>>),
}

/// Why there is no file. All of them are tried again for a while: a file may be later than the news of it, and a secret may
/// be put right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaFault {
    #[error("the provider does not have the file ({code})")]
    Gone { code: String },
    #[error("the provider does not give us the file ({code})")]
    Forbidden { code: String },
    #[error("the provider has trouble ({code})")]
    Trouble { code: String },
}

/// How files are fetched at one provider.
pub trait MediaDesk: Send + Sync {
    /// `media_ref`: as the webhook named the file. It came from outside: no secret may go to an address that it makes up.
    fn way(&self, connection: &Connection, media_ref: &str) -> Result<Way, BuildError>;

    /// Reads the answer of [`Way::Ask`].
    fn located(
        &self,
        connection: &Connection,
        answer: &http::Response<Vec<u8>>,
    ) -> Result<http::Request<Vec<u8>>, MediaFault>;

    /// What an answer means that is neither the file nor a redirect.
    fn fault(&self, answer: &http::Response<Vec<u8>>) -> MediaFault;
}

/// By the status alone.
pub fn fault_of(status: http::StatusCode) -> MediaFault {
    let code = status.as_u16().to_string();
    match status.as_u16() {
        404 | 410 => MediaFault::Gone { code },
        401 | 403 => MediaFault::Forbidden { code },
        _ => MediaFault::Trouble { code },
    }
}

/// Whether two addresses are served by the same server: scheme, host and port.
pub fn same_server(one: &http::Uri, other: &http::Uri) -> bool {
    one.host().is_some() && (one.scheme(), one.authority()) == (other.scheme(), other.authority())
}
