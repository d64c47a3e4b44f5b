//! Reading requests strictly: what is not understood is refused with a problem, and nothing is ignored.

use std::borrow::Cow;

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
        serde_json::error::Category::Data => Problem::invalid("invalid_body", without_value(&error.to_string())),
        _ => Problem::invalid("malformed_json", error),
    })
}

/// Of what has the wrong type, the type is told and not what it says: it may be a password, or a token in the wrong place.
fn without_value(error: &str) -> Cow<'_, str> {
    let said = error.split_once("invalid type: ").and_then(|(before, rest)| {
        // The last one is ours: what was sent may say the same.
        let (found, expected) = rest.rsplit_once(", expected ")?;
        let kind = found.split(['`', '"']).next().unwrap_or_default().trim_end();
        Some(format!("{before}invalid type: {kind}, expected {expected}"))
    });
    said.map_or(Cow::Borrowed(error), Cow::Owned)
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
    use secrecy::SecretString;

    use super::*;

    /// Every kind of field that a secret may stand in.
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "it is read and looked at no more")]
    struct Secrets {
        password: SecretString,
        credentials: std::collections::BTreeMap<String, String>,
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let cases = [
            (r#"{"password": 48151623}"#, "integer, expected a string"),
            (r#"{"password": 4815.1623}"#, "floating point, expected a string"),
            (r#"{"password": ["48151623"]}"#, "sequence, expected a string"),
            (r#"{"password": {"48151623": 1}}"#, "map, expected a string"),
            (r#"{"credentials": {"token": 48151623}}"#, "integer, expected a string"),
            (r#"{"credentials": "48151623 is mine, expected by nobody"}"#, "string, expected a map"),
            (r#"{"credentials": "48151623 \"`, expected ` by nobody"}"#, "string, expected a map"),
            (r#""48151623""#, "string, expected struct Secrets"),
        ];
        for (body, expected) in cases {
            let problem = format!("{:?}", parse::<Secrets>(body.as_bytes()).expect_err("it is refused"));
            assert!(problem.contains(expected) && !problem.contains("48151623"), "{body}: {problem}");
        }
    }

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
