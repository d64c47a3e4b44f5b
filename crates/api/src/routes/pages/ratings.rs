//! The page where a person says how a conversation was.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::Response,
};
use maud::{Markup, html};
use postroad_app::ratings::{self, Page};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{look, visitor::Visitor, words::Words};
use crate::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(show, rate))
}

/// Ask the person how the conversation was. Changes nothing: link scanners come here too.
#[utoipa::path(
    get,
    path = "/r/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")),
    responses(
        (status = 200, description = "A page with five choices", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 410, description = "It has expired", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn show(State(api): State<ApiState>, visitor: Visitor) -> Response {
    match ratings::look(&api.app, &visitor.token).await {
        Ok(Some(page)) => answer(&visitor, &page, None),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// What the form of the page says.
#[derive(Deserialize)]
struct Said {
    score: i16,
    #[serde(default)]
    comment: String,
}

/// The person's answer: `score` from 1 to 5 and, if they like, a `comment`. Said anew it replaces what was said before.
#[utoipa::path(
    post,
    path = "/r/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Kept", body = String, content_type = "text/html"),
        (status = 400, description = "No form of the page", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 410, description = "It has expired", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn rate(State(api): State<ApiState>, visitor: Visitor, form: Result<Form<Said>, FormRejection>) -> Response {
    let Some(said) = form.ok().map(|Form(said)| said).filter(|said| (1..=5).contains(&said.score)) else {
        return visitor.unread();
    };
    match ratings::rate(&api.app, &visitor.token, said.score, Some(&said.comment)).await {
        Ok(Some(page)) => answer(&visitor, &page, Some(said.score)),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// `said`: what was just said.
fn answer(visitor: &Visitor, page: &Page, said: Option<i16>) -> Response {
    let words = visitor.words(page.language.as_deref());
    if page.is_over {
        return look::page_of(StatusCode::GONE, words, &page.writer, &look::status(words.rating_over));
    }
    let body = html! {
        @if said.is_some() { (look::status(words.rated)) }
        form method="post" {
            fieldset {
                legend { (page.question) }
                @for score in 1..=5_i16 { (choice(words, page, score)) }
            }
            p { label for="comment" { (words.comment) } }
            textarea id="comment" name="comment" rows="4" maxlength="2000" { (page.comment.as_deref().unwrap_or_default()) }
            p { button { (words.send) } }
        }
    };
    look::page_of(StatusCode::OK, words, &page.writer, &body)
}

fn choice(words: &Words, page: &Page, score: i16) -> Markup {
    let meaning = match score {
        1 => Some(words.worst),
        5 => Some(words.best),
        _ => None,
    };
    html! {
        label {
            input type="radio" name="score" value=(score) required checked[page.score == Some(score)];
            span { (score) @if let Some(meaning) = meaning { " – " (meaning) } }
        }
    }
}
