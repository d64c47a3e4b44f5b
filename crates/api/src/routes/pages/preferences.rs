//! What a person wants to hear, and where.

use std::collections::BTreeSet;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::Response,
};
use maud::{Markup, html};
use postroad_app::preferences::{self, Entry, PURPOSES, Preferences, Switch, Wish};
use postroad_core::consent::Purpose;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{look, visitor::Visitor, words::Words};
use crate::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(show, choose))
}

/// A person's own page: channels, and what for.
#[utoipa::path(
    get,
    path = "/p/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}([A-Za-z0-9_-]{18})?$")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn show(State(api): State<ApiState>, visitor: Visitor) -> Response {
    match preferences::open(&api.app, &visitor.token).await {
        Ok(Some(found)) => {
            let words = visitor.words(found.language.as_deref());
            answer(words, &found, None)
        }
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// A person's choice: words of the consent ledger, with the source `preference_page`.
///
/// `shown` and `on` are `<address id>.<purpose>`, as often as wanted: what was shown and is not on is revoked. `stop` revokes
/// everything.
#[utoipa::path(
    post,
    path = "/p/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}([A-Za-z0-9_-]{18})?$")),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The page as it is now", body = String, content_type = "text/html"),
        (status = 400, description = "No form of the page", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn choose(
    State(api): State<ApiState>,
    visitor: Visitor,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let Some(wish) = form.ok().and_then(|Form(fields)| wish(&fields)) else { return visitor.unread() };
    let words = |own: Option<&str>| visitor.words(own).shown();
    match preferences::carry_out(&api.app, &visitor.token, &wish, words).await {
        Ok(Some(found)) => {
            let words = visitor.words(found.language.as_deref());
            let done = if matches!(wish, Wish::StopEverything) { words.stopped } else { words.saved };
            answer(words, &found, Some(done))
        }
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// None: the page has no such field.
fn wish(fields: &[(String, String)]) -> Option<Wish> {
    if fields.iter().any(|(name, _)| name == "stop") {
        return Some(Wish::StopEverything);
    }
    let (mut shown, mut on) = (BTreeSet::new(), BTreeSet::new());
    for (name, value) in fields {
        let list = match name.as_str() {
            "shown" => &mut shown,
            "on" => &mut on,
            _ => return None,
        };
        list.insert(switch(value)?);
    }
    Some(Wish::Choose { shown, on })
}

fn switch(value: &str) -> Option<Switch> {
    let (address, purpose) = value.split_once('.')?;
    let purpose: Purpose = purpose.parse().ok()?;
    PURPOSES.contains(&purpose).then_some((address.parse().ok()?, purpose))
}

fn answer(words: &Words, found: &Preferences, done: Option<&str>) -> Response {
    let body = html! {
        @if let Some(done) = done { (look::status(done)) }
        @if found.entries.is_empty() {
            p { (words.nowhere) }
        } @else {
            p { (words.choose) }
            form method="post" {
                @for entry in &found.entries { (address(words, entry)) }
                button { (words.save) }
            }
            hr;
            form method="post" {
                p id="stop" { (words.stop_means) }
                button name="stop" value="everything" aria-describedby="stop" { (words.stop_everything) }
            }
        }
    };
    look::page_of(StatusCode::OK, words, &found.writer, &body)
}

fn address(words: &Words, entry: &Entry) -> Markup {
    html! {
        fieldset {
            legend { (words.channel(entry.channel)) " " bdi { (entry.masked) } }
            @if entry.is_suppressed { p { (words.suppressed) } }
            (switch_of(entry, Purpose::Marketing, words.marketing, entry.marketing))
            (switch_of(entry, Purpose::Transactional, words.transactional, entry.transactional))
        }
    }
}

fn switch_of(entry: &Entry, purpose: Purpose, label: &str, is_on: bool) -> Markup {
    let value = format!("{}.{}", entry.address, purpose.as_str());
    html! {
        input type="hidden" name="shown" value=(value);
        label { input type="checkbox" name="on" value=(value) checked[is_on]; span { (label) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "adr_019f2b00000070008000000000000001";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_of_the_page_is_a_wish_and_any_other_is_none() {
        let marketing = format!("{ADDRESS}.marketing");
        let good = [("shown", marketing.as_str()), ("on", &marketing), ("shown", &format!("{ADDRESS}.transactional"))];
        let Some(Wish::Choose { shown, on }) = wish(&fields(&good)) else { panic!("a choice") };
        assert_eq!((shown.len(), on.len()), (2, 1));
        assert!(matches!(wish(&fields(&[("stop", "everything")])), Some(Wish::StopEverything)));
        for bad in [("on", "x"), ("on", ADDRESS), ("on", &format!("{ADDRESS}.conversational")), ("of", &marketing)] {
            assert!(wish(&fields(&[bad])).is_none(), "{bad:?}");
        }
    }
}
