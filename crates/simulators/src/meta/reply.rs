//! Answers as bytes.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::server::Reply;

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    let bytes = serde_json::to_vec(body).expect("our own answers have string keys and no failing Serialize");
    bytes_as(status, "application/json; charset=UTF-8", bytes.into())
}

pub(crate) fn ok(body: &impl Serialize) -> Reply {
    json(StatusCode::OK, body)
}

/// `{"success":true}`, Meta's answer where there is nothing to say.
pub(crate) fn success() -> Reply {
    ok(&serde_json::json!({ "success": true }))
}

pub(crate) fn bytes_as(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// A 5xx as a proxy in front of the API gives it: no error body, so nobody can tell what happened behind it.
pub(crate) fn proxy_error(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    bytes_as(status, "text/html", Bytes::from_static(b"<html><body><h1>Server Error</h1></body></html>"))
}

/// A 200 that says nothing: the beginning of an answer.
pub(crate) fn garbage() -> Reply {
    let body = Bytes::from_static(br#"{"messaging_product":"whatsapp","contacts":[{"input":"#);
    bytes_as(StatusCode::OK, "application/json; charset=UTF-8", body)
}

/// `value` as a header; what cannot be one becomes empty.
pub(crate) fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
