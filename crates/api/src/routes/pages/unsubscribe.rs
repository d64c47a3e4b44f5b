//! Unsubscribing with one click (RFC 8058), by a mail program or by the person.

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use maud::{Markup, html};
use postroad_app::preferences::{self, Preferences, Wish};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{look, visitor::Visitor, words::Words};
use crate::ApiState;

/// The one field of the form, as RFC 8058 spells it.
const FIELD: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(ask, unsubscribe))
}

/// Ask whether to unsubscribe. Changes nothing: link scanners come here too.
#[utoipa::path(
    get,
    path = "/u/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}([A-Za-z0-9_-]{18})?$")),
    responses(
        (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn ask(State(api): State<ApiState>, visitor: Visitor) -> Response {
    match preferences::open(&api.app, &visitor.token).await {
        Ok(Some(found)) => asked(&visitor, &found, StatusCode::OK),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// Unsubscribe, with the form `List-Unsubscribe=One-Click` (RFC 8058). Doing it again changes nothing.
///
/// By the link of a message: no marketing to its address any more, and nothing of the message's own purpose. By any other
/// link: no marketing to any address of the person.
#[utoipa::path(
    post,
    path = "/u/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}([A-Za-z0-9_-]{18})?$")),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Unsubscribed", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 422, description = "The form does not say it; nothing is changed", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn unsubscribe(State(api): State<ApiState>, visitor: Visitor, body: Bytes) -> Response {
    let done = if says_so(&body) {
        let words = |own: Option<&str>| visitor.words(own).shown();
        preferences::carry_out(&api.app, &visitor.token, &Wish::Unsubscribe, words).await
    } else {
        preferences::open(&api.app, &visitor.token).await
    };
    match done {
        Ok(Some(found)) if says_so(&body) => told(&visitor, &found),
        Ok(Some(found)) => asked(&visitor, &found, StatusCode::UNPROCESSABLE_ENTITY),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// As a form of either kind: mail programs may send `multipart/form-data` too.
fn says_so(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    text.find(FIELD).is_some_and(|at| text[at..].contains(VALUE))
}

fn asked(visitor: &Visitor, found: &Preferences, status: StatusCode) -> Response {
    let words = visitor.words(found.language.as_deref());
    let body = html! {
        p { (words.unsubscribe_means) }
        form method="post" {
            input type="hidden" name=(FIELD) value=(VALUE);
            button { (words.unsubscribe) }
        }
        (more(words, &visitor.token))
    };
    look::page_of(status, words, &found.writer, &body)
}

fn told(visitor: &Visitor, found: &Preferences) -> Response {
    let words = visitor.words(found.language.as_deref());
    let body = html! { (look::status(words.unsubscribed)) (more(words, &visitor.token)) };
    look::page_of(StatusCode::OK, words, &found.writer, &body)
}

/// Beside this page, wherever a proxy has put it.
fn more(words: &Words, token: &str) -> Markup {
    html! { p { a href={ "../p/" (token) } { (words.more_choices) } } }
}

#[cfg(test)]
mod tests {
    use super::says_so;

    #[test]
    fn both_kinds_of_forms_say_so_and_others_do_not() {
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        for (body, expected) in [
            ("List-Unsubscribe=One-Click", true),
            (multipart, true),
            ("", false),
            ("List-Unsubscribe=", false),
            ("One-Click=List-Unsubscribe", false),
        ] {
            assert_eq!(says_so(body.as_bytes()), expected, "{body}");
        }
    }
}
