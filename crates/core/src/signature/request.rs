//! The signed parts of a request, as they stand on the wire.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::SignatureError;

/// What is signed beside the stamp. Path and query are raw: percent-encoding untouched.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Without query: `/v1/contacts/a%2Fb`.
    pub path: &'a str,
    /// Without `?`; none where the request line has no `?`.
    pub query: Option<&'a str>,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    pub fn new(method: &'a http::Method, uri: &'a http::Uri, body: &'a [u8]) -> Self {
        Self { method: method.as_str(), path: uri.path(), query: uri.query(), body }
    }

    /// Lower-case hex. Also kept in the audit log, and compared when a request id comes again.
    pub fn body_sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.body))
    }

    /// Refuses what proxies rewrite, and what would give two requests one canonical string.
    pub(super) fn check(&self) -> Result<(), SignatureError> {
        if self.method.is_empty() || !self.method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(SignatureError::Method);
        }
        if !is_plain_path(self.path) {
            return Err(SignatureError::Path);
        }
        match self.query {
            Some(query) if query.is_empty() || !query.bytes().all(is_visible) => Err(SignatureError::Query),
            _ => Ok(()),
        }
    }
}

/// Absolute, and no part is empty, `.` or `..`; only the last part may be empty, as in `/v1/`.
fn is_plain_path(path: &str) -> bool {
    let Some(parts) = path.strip_prefix('/') else {
        return false;
    };
    let dotted = parts.split('/').any(|part| matches!(part, "." | ".."));
    !dotted && !path.contains("//") && path.bytes().all(|b| is_visible(b) && b != b'?')
}

/// Neither blank nor control, and no fragment.
fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}
