//! Files, read by a link that says who may: for browsers that show them, and for providers that send them on.
//!
//! Whatever a person sent comes from our own address, so a browser is told not to guess what it is, to run nothing in it, and,
//! but for pictures that we drew, sounds and films, to save and not to show it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    body::Body,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use postroad_app::media::{self, FileError, Section, Served};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    problem::{Body as ProblemBody, Problem},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// Read a file by a link of ours.
///
/// The link stands with the attachment, and ends. `Range` reads a part.
#[utoipa::path(
    get,
    path = "/files/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{71}$")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/octet-stream"),
        (status = 206, description = "A part of it", body = String, content_type = "application/octet-stream"),
        (status = 404, description = "The link leads nowhere", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The link has ended, or the file was deleted", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "The file is shorter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many links that lead nowhere", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Files or the database are away", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn read(
    State(api): State<ApiState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let peer = if peer.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { peer.ip() };
    let ip = api.proxies.client_ip(peer, &headers);
    let now = api.app.clock.now();
    api.visitors.check(ip, now).map_err(|wait| too_many().retry_after(wait.as_secs() + 1))?;
    match media::open(&api.app, &token, section(&headers)).await {
        Ok(served) => Ok(answer(served)),
        Err(error) => {
            if matches!(error, FileError::Nowhere) {
                api.visitors.note_failure(ip, now);
            }
            Err(error.into())
        }
    }
}

fn too_many() -> Problem {
    let detail = "too many links that lead nowhere came from this address";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests", detail)
}

/// One section. Several, or what cannot be read: none, and the whole file is the answer, as RFC 9110 has it.
fn section(headers: &HeaderMap) -> Option<Section> {
    let value = headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = value.strip_prefix("bytes=")?.trim().split_once('-')?;
    match (first, last) {
        ("", count) => count.parse().ok().map(Section::Last),
        (first, "") => first.parse().ok().map(|first| Section::From { first, last: None }),
        (first, last) => Some(Section::From { first: first.parse().ok()?, last: Some(last.parse().ok()?) }),
    }
}

/// Nothing in a file runs, loads anything or frames anything.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";

fn answer(served: Served) -> Response {
    let reading = served.reading;
    let length = reading.range.end - reading.range.start;
    let disposition = disposition(served.shown, served.file_name.as_deref());
    let fixed: [(HeaderName, &str); 6] = [
        (
            header::CONTENT_TYPE,
            if served.media_type.is_empty() { "application/octet-stream" } else { &served.media_type },
        ),
        (header::CONTENT_DISPOSITION, &disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::ACCEPT_RANGES, "bytes"),
    ];
    let mut response = Response::new(Body::from_stream(reading.bytes));
    let headers = response.headers_mut();
    for (name, value) in fixed {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let kept = format!("private, max-age={}, immutable", served.lasts.num_seconds());
    headers.extend(HeaderValue::try_from(kept).ok().map(|value| (header::CACHE_CONTROL, value)));
    if length != reading.size {
        let range = format!("bytes {}-{}/{}", reading.range.start, reading.range.end - 1, reading.size);
        headers.extend(HeaderValue::try_from(range).ok().map(|value| (header::CONTENT_RANGE, value)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// RFC 6266: the name for everybody in ASCII, and as it is for those who read RFC 8187.
fn disposition(shown: bool, name: Option<&str>) -> String {
    let kind = if shown { "inline" } else { "attachment" };
    let Some(name) = name else { return kind.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let encoded: String = name
        .bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        let gone = |code| Self::new(StatusCode::GONE, code, "Not there any more", &error);
        match error {
            FileError::Nowhere => Self::not_found(),
            FileError::Ended => gone("link_expired"),
            FileError::Gone => gone("file_gone"),
            FileError::Range { .. } => {
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", "The file is shorter", &error)
            }
            FileError::Away(cause) => {
                tracing::error!(error = %cause, "a file cannot be read");
                let detail = "files cannot be read now; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "files_unavailable", "Not available", detail).retry_after(5)
            }
            FileError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_one_section_or_not_at_all() {
        let from = |first, last| Some(Section::From { first, last });
        let cases = [
            ("bytes=0-", from(0, None)),
            ("bytes=5-9", from(5, Some(9))),
            ("bytes=-3", Some(Section::Last(3))),
            ("bytes=0-1,4-5", None),
            ("items=0-1", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
        ];
        for (value, expected) in cases {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(value))]);
            assert_eq!(section(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_name_breaks_out_of_no_header() {
        assert_eq!(disposition(true, None), "inline");
        assert_eq!(
            disposition(false, Some("a\"; x=\"b\r\nä.pdf")),
            "attachment; filename=\"a__ x__b___.pdf\"; filename*=UTF-8''a%22%3B%20x%3D%22b%0D%0A%C3%A4.pdf"
        );
    }
}
