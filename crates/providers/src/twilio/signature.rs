//! Is it Twilio who calls? <https://www.twilio.com/docs/usage/webhooks/webhooks-security>
//!
//! The signature covers the public address and the fields of the form; of a body that is no form it covers a hash that stands
//! in the address. Twilio is not consistent about the port, so both spellings count.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use postroad_core::provider::{Credentials, Forged, Hook};
use secrecy::ExposeSecret;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::{AUTH_TOKEN, WEBHOOK_SECRET};

const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// `key=…,algorithm=HMAC_SHA256`; absent where the auth token signs.
const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";
/// Of the address, where the body is no form.
const BODY_HASH: &str = "bodySHA256";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

pub(super) fn verify(hook: &Hook<'_>, credentials: &Credentials) -> Result<(), Forged> {
    let claimed = BASE64.decode(only(hook.headers, SIGNATURE_HEADER)?.ok_or(Forged)?.as_bytes()).map_err(|_| Forged)?;
    let algorithm = algorithm(only(hook.headers, SETTINGS_HEADER)?)?;
    let secret = secret(credentials, algorithm).ok_or(Forged)?;
    let fields = signed_fields(hook)?;
    let holds = |url: String| algorithm.holds(secret, &[&url, &fields], &claimed);
    if spellings(hook.url).into_iter().any(holds) { Ok(()) } else { Err(Forged) }
}

/// The one value of a header; two would be a riddle.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Forged> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Forged),
        _ => Err(Forged),
    }
}

fn algorithm(settings: Option<&str>) -> Result<Algorithm, Forged> {
    let mut named = settings.unwrap_or_default().split(',').filter_map(|part| part.split_once('='));
    let named = named.find(|(name, _)| name.trim() == "algorithm").map(|(_, value)| value.trim().to_ascii_uppercase());
    match named.as_deref() {
        None | Some("" | "HMAC_SHA1") => Ok(Algorithm::Sha1),
        Some("HMAC_SHA256") => Ok(Algorithm::Sha256),
        Some(_) => Err(Forged),
    }
}

fn secret(credentials: &Credentials, algorithm: Algorithm) -> Option<&str> {
    let names: &[&str] = match algorithm {
        Algorithm::Sha1 => &[AUTH_TOKEN],
        Algorithm::Sha256 => &[WEBHOOK_SECRET, AUTH_TOKEN],
    };
    let mut found = names.iter().filter_map(|name| Some(credentials.get(name)?.expose_secret()));
    found.find(|secret| !secret.is_empty())
}

impl Algorithm {
    fn holds(self, secret: &str, parts: &[&str], claimed: &[u8]) -> bool {
        match self {
            Self::Sha1 => holds::<Hmac<Sha1>>(secret, parts, claimed),
            Self::Sha256 => holds::<Hmac<Sha256>>(secret, parts, claimed),
        }
    }
}

fn holds<M: Mac + KeyInit>(secret: &str, parts: &[&str], claimed: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.as_bytes()) else { return false };
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(claimed).is_ok()
}

/// What is signed behind the address: nothing where the address vouches for the body, else every field.
fn signed_fields(hook: &Hook<'_>) -> Result<String, Forged> {
    match body_hash(hook.url) {
        Some(hash) if !is_form(hook.headers) => {
            let ours = HEXLOWER.encode(&Sha256::digest(hook.body));
            if bool::from(ours.as_bytes().ct_eq(hash.as_bytes())) { Ok(String::new()) } else { Err(Forged) }
        }
        _ => Ok(fields(hook.body)),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// Names in order, each with its different values in order, and nothing between them.
fn fields(body: &[u8]) -> String {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.iter().flat_map(|(name, value)| [name.as_str(), value]).collect()
}

fn body_hash(url: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_HASH).map(|(_, value)| value.into_owned())
}

/// The address without a port, and with one.
fn spellings(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let usual = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (authority, usual),
    };
    vec![format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_tried_with_and_without_its_port() {
        let cases = [
            ("https://a.example/x?y=1:2", ["https://a.example/x?y=1:2", "https://a.example:443/x?y=1:2"]),
            ("http://a.example", ["http://a.example", "http://a.example:80"]),
            ("https://a.example:8443/x", ["https://a.example/x", "https://a.example:8443/x"]),
            ("http://[::1]:7800/x", ["http://[::1]/x", "http://[::1]:7800/x"]),
            ("http://[::1]/x", ["http://[::1]/x", "http://[::1]:80/x"]),
        ];
        for (url, expected) in cases {
            assert_eq!(spellings(url), expected, "{url}");
        }
        assert_eq!(spellings("nonsense"), ["nonsense"]);
    }

    #[test]
    fn the_algorithm_is_named_or_the_old_one() {
        let cases = [
            (None, Ok(Algorithm::Sha1)),
            (Some(""), Ok(Algorithm::Sha1)),
            (Some("key=k"), Ok(Algorithm::Sha1)),
            (Some("key=k,algorithm=HMAC_SHA1"), Ok(Algorithm::Sha1)),
            (Some("key=k, algorithm = hmac_sha256"), Ok(Algorithm::Sha256)),
            (Some("algorithm=HMAC_MD5"), Err(Forged)),
        ];
        for (settings, expected) in cases {
            assert_eq!(algorithm(settings), expected, "{settings:?}");
        }
    }
}
