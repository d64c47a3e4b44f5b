//! The body of a signed request: whole, plain and small, because it is hashed before anybody knows who sent it.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::LengthLimitError;
use postroad_core::limits::REQUEST_BYTES_MAX;

use crate::problem::Problem;

/// How long a body may take to arrive.
const ARRIVAL_MAX: Duration = Duration::from_secs(15);

/// A compressed body has two forms, and the signature covers one of them.
pub(super) fn refuse_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            "The body is encoded",
            "signed requests are sent without Content-Encoding",
        )),
        _ => Ok(()),
    }
}

pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if announced(headers).is_some_and(|bytes| bytes > REQUEST_BYTES_MAX) {
        return Err(too_large());
    }
    let whole = axum::body::to_bytes(body, REQUEST_BYTES_MAX);
    match tokio::time::timeout(ARRIVAL_MAX, whole).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => Err(too_large()),
        // The connection broke: nobody reads the answer.
        Ok(Err(_)) => Err(Problem::invalid("malformed_body", "the body did not arrive whole")),
        Err(_) => Err(too_slow()),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> Problem {
    let detail = format_args!("the body has more than {REQUEST_BYTES_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large", detail)
}

fn too_slow() -> Problem {
    let detail = format_args!("the body did not arrive within {} s", ARRIVAL_MAX.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body took too long", detail)
}
