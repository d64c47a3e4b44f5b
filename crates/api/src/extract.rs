//! Reading requests strictly: what is not understood is refused with a problem, and nothing is ignored.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let body = Bytes::from_request(request, state).await.map_err(|_| unread())?;
        parse(&body).map(Self)
    }
}

fn is_json(headers: &axum::http::HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset = parameters.trim();
    kind.trim().eq_ignore_ascii_case("application/json")
        && (charset.is_empty() || charset.eq_ignore_ascii_case("charset=utf-8"))
}

fn not_json() -> Problem {
    let title = "The body is not JSON";
    let detail = "the body must be sent as application/json in UTF-8";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title, detail)
}

/// The connection broke: nobody reads the answer.
fn unread() -> Problem {
    Problem::invalid("malformed_json", "the body did not arrive whole")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if has_nul(body) {
        return Err(Problem::invalid(
            "nul_character",
            "the body contains the character U+0000, which no text can hold",
        ));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::invalid("invalid_body", error),
        _ => Problem::invalid("malformed_json", error),
    })
}

/// An escaped NUL: the database stores every other character.
fn has_nul(body: &[u8]) -> bool {
    const ESCAPED: &[u8] = b"\\u0000";
    body.windows(ESCAPED.len()).enumerate().any(|(at, window)| {
        let backslashes = body[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        window == ESCAPED && backslashes % 2 == 0
    })
}

/// The query, every parameter known.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|error| Problem::invalid("invalid_query", error.body_text()))
    }
}

/// The ids in the path. One that is none is not found, like one of somebody else.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_nul_is_told_from_a_backslash_and_zeros() {
        let cases: [(&[u8], bool); 5] = [
            (br#"{"text":"\u0000"}"#, true),
            (br#"{"text":"\\u0000"}"#, false),
            (br#"{"text":"\\\u0000"}"#, true),
            (br#"{"text":"u0000"}"#, false),
            (b"", false),
        ];
        for (body, expected) in cases {
            assert_eq!(has_nul(body), expected, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn json_is_recognised_by_its_media_type() {
        let cases = [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=latin1", false),
            ("application/problem+json", false),
            ("text/plain", false),
            ("", false),
        ];
        for (value, expected) in cases {
            let headers = [(header::CONTENT_TYPE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(is_json(&headers), expected, "{value}");
        }
    }
}
