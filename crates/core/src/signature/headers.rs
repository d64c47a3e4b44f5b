//! The four headers of a signed request, read strictly: what is not exactly right is refused.

use data_encoding::HEXLOWER;
use http::HeaderMap;

use super::SignatureError;
use crate::limits::SIGNATURES_MAX;

/// `prk_live_…`: names the secret.
pub const KEY: &str = "x-postroad-key";
/// Unix seconds.
pub const TIMESTAMP: &str = "x-postroad-timestamp";
/// 16 to 64 characters of `A-Z a-z 0-9 _ -`: the client's name for what it wants, equal in every repetition.
pub const REQUEST_ID: &str = "x-postroad-request-id";
/// `v1=<64 hex digits>`, several with commas while a secret is rotated.
pub const SIGNATURE: &str = "x-postroad-signature";

const KEY_ID_CHARS: std::ops::RangeInclusive<usize> = 5..=64;
const REQUEST_ID_CHARS: std::ops::RangeInclusive<usize> = 16..=64;
/// Of unix seconds, until the year 5138.
const TIMESTAMP_DIGITS_MAX: usize = 11;

/// Who asks, when, and under which name. Well-formed by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    key_id: String,
    timestamp: i64,
    request_id: String,
}

/// A stamp and the signatures that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    pub stamp: Stamp,
    signatures: Vec<[u8; 32]>,
}

impl Stamp {
    /// For a client. `timestamp` is unix seconds, after 1970.
    pub fn new(key_id: &str, timestamp: i64, request_id: &str) -> Result<Self, SignatureError> {
        Self::read(key_id, &timestamp.to_string(), request_id)
    }

    fn read(key_id: &str, timestamp: &str, request_id: &str) -> Result<Self, SignatureError> {
        let is_key_id = key_id.starts_with("prk_") && is_token(key_id, KEY_ID_CHARS);
        let is_request_id = Self::is_request_id(request_id);
        Ok(Self {
            key_id: is_key_id.then(|| key_id.to_owned()).ok_or(SignatureError::Malformed(KEY))?,
            timestamp: unix_seconds(timestamp).ok_or(SignatureError::Malformed(TIMESTAMP))?,
            request_id: is_request_id.then(|| request_id.to_owned()).ok_or(SignatureError::Malformed(REQUEST_ID))?,
        })
    }

    /// 16 to 64 of `A-Z`, `a-z`, `0-9`, `_` and `-`.
    pub fn is_request_id(text: &str) -> bool {
        is_token(text, REQUEST_ID_CHARS)
    }

    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Unix seconds.
    pub const fn timestamp(&self) -> i64 {
        self.timestamp
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }
}

impl SignedHeaders {
    pub fn read(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let stamp = Stamp::read(only(headers, KEY)?, only(headers, TIMESTAMP)?, only(headers, REQUEST_ID)?)?;
        let signatures = signatures(only(headers, SIGNATURE)?).ok_or(SignatureError::Malformed(SIGNATURE))?;
        Ok(Self { stamp, signatures })
    }

    pub(super) fn signatures(&self) -> &[[u8; 32]] {
        &self.signatures
    }
}

/// Two headers of one name are refused: a proxy and we might look at different ones.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing(name))?;
    match values.next() {
        Some(_) => Err(SignatureError::Repeated(name)),
        None => value.to_str().map_err(|_| SignatureError::Malformed(name)),
    }
}

fn is_token(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Digits without sign and leading zeros, so that each number has one spelling.
fn unix_seconds(text: &str) -> Option<i64> {
    let is_plain = (1..=TIMESTAMP_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    (is_plain && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

fn signatures(text: &str) -> Option<Vec<[u8; 32]>> {
    if text.split(',').count() > SIGNATURES_MAX {
        return None;
    }
    text.split(',').map(|item| HEXLOWER.decode(item.strip_prefix("v1=")?.as_bytes()).ok()?.try_into().ok()).collect()
}
