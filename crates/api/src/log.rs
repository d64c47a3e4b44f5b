//! The request log's view of a call: who, what, when, and how it ended. Never a body, never a number of a person.

use std::{net::IpAddr, time::Duration};

use axum::{extract::Request, response::Response};
use postroad_core::{
    ids::{CallId, ClientId, TenantId},
    signature::SignedHeaders,
};
use postroad_store::{clients::Credential, request_log::Entry};

use crate::{Api, problem::Told, telling};

/// Digits in a row that may stand in a path: more could be somebody's number.
const DIGITS_MAX: usize = 4;
const PATH_CHARS_MAX: usize = 300;

/// A line being filled in while the call goes on.
pub(crate) struct Line {
    ip: IpAddr,
    method: String,
    path: String,
    key_id: Option<String>,
    request_id: Option<String>,
    pub(crate) body_sha256: Option<String>,
    tenant: Option<TenantId>,
    client: Option<ClientId>,
}

impl Line {
    pub(crate) fn of(request: &Request, ip: IpAddr) -> Self {
        Self {
            ip,
            method: request.method().as_str().chars().take(20).collect(),
            path: without_numbers(request.uri().path()),
            key_id: None,
            request_id: None,
            body_sha256: None,
            tenant: None,
            client: None,
        }
    }

    /// What the caller says of itself.
    pub(crate) fn claims(&mut self, headers: &SignedHeaders) {
        self.key_id = Some(headers.stamp.key_id().to_owned());
        self.request_id = Some(headers.stamp.request_id().to_owned());
    }

    /// What is proven.
    pub(crate) fn is(&mut self, credential: &Credential) {
        self.tenant = Some(credential.tenant);
        self.client = Some(credential.client.id);
    }

    /// A person who is signed in: which of them, the log of programs need not know.
    pub(crate) fn is_member_of(&mut self, tenant: TenantId) {
        self.tenant = Some(tenant);
    }

    pub(crate) fn end(self, api: &Api, response: &Response, took: Duration) -> Entry {
        let now = api.app.clock.now();
        Entry {
            id: telling::call_id().unwrap_or_else(|| CallId::new(now)),
            at: now,
            tenant: self.tenant,
            client: self.client,
            key_id: self.key_id,
            ip: self.ip.to_string(),
            method: self.method,
            path: self.path,
            request_id: self.request_id,
            body_sha256: self.body_sha256,
            status: i16::try_from(response.status().as_u16()).unwrap_or(i16::MAX),
            code: response.extensions().get::<Told>().map(|told| told.code.to_owned()),
            latency_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

/// The path with everything that could be a person's number taken out: our own ids stay.
fn without_numbers(path: &str) -> String {
    let parts = path.split('/').map(|part| if is_ours(part) { part } else { "~" });
    parts.collect::<Vec<_>>().join("/").chars().take(PATH_CHARS_MAX).collect()
}

fn is_ours(part: &str) -> bool {
    let is_id = part.split_once('_').is_some_and(|(prefix, hex)| {
        prefix.len() == 3
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && hex.len() == 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let is_key = part.starts_with("prk_live_") || part.starts_with("prk_test_");
    let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    is_id || (plain && (is_key || part.bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_in_a_path_and_numbers_do_not() {
        let id = "msg_0198c1b20198c1b20198c1b20198c1b2";
        let cases = [
            ("/v1/messages".to_owned(), "/v1/messages".to_owned()),
            (format!("/v1/messages/{id}/cancel"), format!("/v1/messages/{id}/cancel")),
            ("/v1/messages/+12025550123".to_owned(), "/v1/messages/~".to_owned()),
            ("/v1/messages/12025550123".to_owned(), "/v1/messages/~".to_owned()),
            ("/v1/contacts/a%2Fb".to_owned(), "/v1/contacts/~".to_owned()),
            ("/v1/%2B1%32".to_owned(), "/v1/~".to_owned()),
        ];
        for (path, logged) in cases {
            assert_eq!(without_numbers(&path), logged);
        }
    }
}
