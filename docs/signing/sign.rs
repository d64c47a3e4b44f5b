//! Headers of a signed request, with the crates data-encoding, hmac and sha2.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// A request as it goes over the wire.
pub struct Request<'a> {
    pub method: &'a str,
    /// The path with its query.
    pub target: &'a str,
    pub body: &'a [u8],
    /// Unix seconds.
    pub timestamp: u64,
    /// 16 to 64 of A-Z, a-z, 0-9, _ and -: a new one for each request, the same for its repetitions.
    pub id: &'a str,
}

/// None: the secret is none.
pub fn headers(key: &str, secret: &str, request: &Request<'_>) -> Option<[(&'static str, String); 4]> {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let raw_key = BASE64URL_NOPAD.decode(secret.strip_prefix("prs_")?.as_bytes()).ok()?;
    let timestamp = request.timestamp.to_string();
    let body_sha256 = HEXLOWER.encode(&Sha256::digest(request.body));
    let lines = ["POSTROAD-HMAC-SHA256-V1", key, &timestamp, request.id, request.method, path, query, &body_sha256];
    let mut mac = Hmac::<Sha256>::new_from_slice(&raw_key).ok()?;
    mac.update(lines.join("\n").as_bytes());
    let signature = format!("v1={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
    Some([
        ("X-Postroad-Key", key.to_owned()),
        ("X-Postroad-Timestamp", timestamp),
        ("X-Postroad-Request-Id", request.id.to_owned()),
        ("X-Postroad-Signature", signature),
    ])
}
