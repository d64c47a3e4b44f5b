//! Who sent this request? Signatures of the API, scheme POSTROAD-HMAC-SHA256-V1.
//!
//! A signature covers key, time, request id, method, path, query and body, byte by byte as they stand on the request
//! line: nothing is sorted, decoded or folded, so there is nothing to disagree about. Not covered is the host, which
//! proxies rewrite. Repetition is no concern of this room: the request id is an idempotency key.
//!
//! The order for a server: [`SignedHeaders::read`], [`SignedHeaders::check_age`], look up the key, [`verify`].

mod headers;
mod request;
mod secret;
pub mod standard;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

pub use self::{
    headers::{KEY, REQUEST_ID, SIGNATURE, SignedHeaders, Stamp, TIMESTAMP},
    request::Request,
    secret::{NotASecret, Secret},
};
use crate::limits::SIGNATURE_AGE_MAX_S;

/// The first line of what is signed.
pub const SCHEME: &str = "POSTROAD-HMAC-SHA256-V1";

/// Why a request is not believed. For the audit log: a caller learns only of [`SignatureError::Stale`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {0} stands there twice")]
    Repeated(&'static str),
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    #[error("the method is not written in upper case")]
    Method,
    #[error("the path is empty, relative, has an empty or dotted part, or characters that a path has not")]
    Path,
    #[error("the query is empty or has characters that a query has not")]
    Query,
    #[error("the timestamp is more than {SIGNATURE_AGE_MAX_S} s from {server_time}")]
    Stale { server_time: i64 },
    #[error("the key is unknown or the signature is wrong")]
    Mismatch,
}

/// What a client writes into [`SIGNATURE`]: `v1=` and 64 hex digits.
pub fn sign(stamp: &Stamp, request: &Request<'_>, secret: &Secret) -> Result<String, SignatureError> {
    Ok(format!("v1={}", HEXLOWER.encode(&mac(secret, &canonical(stamp, request)?))))
}

/// Holds if one of the signatures was made with `secret`. `None` stands for an unknown key, and takes as long.
pub fn verify(headers: &SignedHeaders, request: &Request<'_>, secret: Option<&Secret>) -> Result<(), SignatureError> {
    let dummy = Secret::from_bytes([0; 32]);
    let expected = mac(secret.unwrap_or(&dummy), &canonical(&headers.stamp, request)?);
    let known = Choice::from(u8::from(secret.is_some()));
    let matches = headers.signatures().iter().fold(Choice::from(0), |any, given| any | given.ct_eq(&expected));
    if bool::from(matches & known) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The eight lines that are signed. Two different requests never give the same ones: no field can hold a line break.
pub fn canonical(stamp: &Stamp, request: &Request<'_>) -> Result<String, SignatureError> {
    request.check()?;
    Ok(format!(
        "{SCHEME}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
        stamp.key_id(),
        stamp.timestamp(),
        stamp.request_id(),
        request.method,
        request.path,
        request.query.unwrap_or_default(),
        request.body_sha256(),
    ))
}

impl SignedHeaders {
    /// Whole seconds, both bounds included. To be asked before the key is looked up.
    pub fn check_age(&self, now: DateTime<Utc>) -> Result<(), SignatureError> {
        let server_time = now.timestamp();
        if self.stamp.timestamp().abs_diff(server_time) <= SIGNATURE_AGE_MAX_S.unsigned_abs() {
            Ok(())
        } else {
            Err(SignatureError::Stale { server_time })
        }
    }
}

fn mac(secret: &Secret, text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}
