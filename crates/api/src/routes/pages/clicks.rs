//! Links of campaigns: counted, and led on.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_app::clicks::{self, Visit};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::visitor::Visitor;
use crate::ApiState;

/// What stands in the names of programs that look at links before people do, to show what is behind them: lower case.
/// <https://developers.facebook.com/docs/sharing/webmasters/web-crawlers>, WhatsApp's previews call themselves `WhatsApp/…`.
const PROGRAMS: [&str; 7] = ["bot", "crawler", "spider", "preview", "facebookexternalhit", "whatsapp", "curl"];

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(follow))
}

/// Open a link of a campaign: leads on to where the campaign says.
///
/// Programs that look at links before people do are led on too, and not counted.
#[utoipa::path(
    get,
    path = "/l/{token}/{place}",
    tag = "pages",
    params(
        ("token" = String, Path, pattern = "^[A-Za-z0-9_-]{40}$"),
        ("place" = i16, Path, minimum = 1, maximum = 10, description = "The placeholder that the link fills"),
    ),
    responses(
        (status = 302, description = "Led on", headers(("location" = String))),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn follow(
    State(api): State<ApiState>,
    method: Method,
    headers: HeaderMap,
    path: Path<(String, String)>,
    visitor: Visitor,
) -> Response {
    let visit = visit(&method, &headers);
    // What is no number leads nowhere, like every other place without a link.
    let place = path.1.parse().unwrap_or_default();
    match clicks::follow(&api.app, &visitor.token, place, visit).await {
        Ok(Some(link)) => led_on(&link),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

fn visit(method: &Method, headers: &HeaderMap) -> Visit {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    let looks = method == Method::HEAD || PROGRAMS.iter().any(|program| agent.contains(program));
    if looks { Visit::Program } else { Visit::Person }
}

/// Kept by nobody, so that the next person counts too; where it leads learns nothing of the link.
fn led_on(link: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(link) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_look_before_people_do_are_no_visit() {
        let agents = [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15", Visit::Person),
            ("", Visit::Person),
            ("WhatsApp/2.23.20.0", Visit::Program),
            ("facebookexternalhit/1.1", Visit::Program),
            ("TelegramBot (like TwitterBot)", Visit::Program),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", Visit::Program),
        ];
        for (agent, expected) in agents {
            let headers = HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(agent))]);
            assert_eq!(visit(&Method::GET, &headers), expected, "{agent}");
            assert_eq!(visit(&Method::HEAD, &headers), Visit::Program);
        }
    }
}
