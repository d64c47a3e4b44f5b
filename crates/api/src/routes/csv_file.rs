//! Files of CSV: what comes in as one, and what is written while it is sent.

use axum::{
    BoxError,
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures::{Stream, TryStreamExt, stream};
use postroad_app::lines::{Export, Lines};

use crate::{ApiState, problem::Problem};

/// A body of `text/csv`, in whatever encoding. One kind only: a form would have to be taken apart before it is known whose
/// it is.
pub(crate) struct Csv(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Csv {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_csv(request.headers()) {
            return Err(not_csv());
        }
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|_| Problem::invalid("malformed_body", "the body did not arrive whole"))
    }
}

fn is_csv(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv")
}

fn not_csv() -> Problem {
    let detail = "the file must be sent as text/csv";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is not CSV", detail)
}

/// A file that is read while it is sent.
pub(crate) fn exported<L: Lines + 'static>(name: &str, export: Export<L>, api: ApiState) -> Response {
    let pieces = stream::try_unfold((export, api), |(mut export, api)| async move {
        let piece = export.next(&api.app).await?;
        Ok::<_, postroad_store::Error>(piece.map(|piece| (piece, (export, api))))
    });
    attachment(name, pieces)
}

/// A file to be saved, piece by piece. When a piece fails the connection breaks: a file that ends early must not look whole.
fn attachment<E>(name: &str, pieces: impl Stream<Item = Result<Vec<u8>, E>> + Send + 'static) -> Response
where
    E: Into<BoxError> + std::fmt::Display + 'static,
{
    let pieces = pieces.inspect_err(|error| tracing::error!(%error, "a file broke off while it was sent"));
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognised_by_its_media_type() {
        for (value, expected) in [
            ("text/csv", true),
            ("Text/CSV; charset=latin1", true),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("", false),
        ] {
            let headers = [(header::CONTENT_TYPE, value.parse().unwrap())].into_iter().collect();
            assert_eq!(is_csv(&headers), expected, "{value}");
        }
    }
}
