//! What every answer tells browsers to refuse. A route that says something of its own is not overruled.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use crate::{ApiState, sessions};

/// Answers are data: nothing in them is run, drawn or framed.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The page that shows the description, from files of this server. It draws its symbols from `data:`, and sizes things inline.
const DOCS: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
);
/// A year, as long as the public address is one of TLS.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(crate) async fn raise(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_docs, is_api) = (path.starts_with("/docs"), path.starts_with("/v1/"));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut unless_said = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    unless_said(header::CONTENT_SECURITY_POLICY, if is_docs { DOCS } else { DATA });
    unless_said(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    unless_said(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    unless_said(OPENER, HeaderValue::from_static("same-origin"));
    unless_said(RESOURCE, HeaderValue::from_static("same-origin"));
    if is_api {
        unless_said(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if sessions::is_secure(&api.settings) {
        unless_said(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    response
}
