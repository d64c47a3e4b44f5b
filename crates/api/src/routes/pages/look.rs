//! How a page looks, and with which headers it goes out.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use postroad_app::business::{Business, Writer};
use sha2::{Digest, Sha256};

use super::words::Words;

/// Legible at any width, in light and dark, with a visible focus: nothing more.
const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; line-height: 1.25; overflow-wrap: anywhere; }
fieldset { border: 1px solid GrayText; border-radius: .5rem; margin: 0 0 1rem; padding: .5rem 1rem; }
label { display: flex; gap: .75rem; align-items: center; min-height: 2.75rem; }
input { inline-size: 1.25rem; block-size: 1.25rem; flex: none; }
textarea { font: inherit; inline-size: 100%; box-sizing: border-box; }
button { font: inherit; min-height: 2.75rem; padding: .5rem 1.25rem; }
blockquote { border-inline-start: .25rem solid GrayText; margin: 1rem 0; padding-inline-start: 1rem; overflow-wrap: anywhere; }
footer { border-block-start: 1px solid GrayText; margin-block-start: 2rem; overflow-wrap: anywhere; }
[role=status] { border: 2px solid currentColor; border-radius: .5rem; padding: .5rem 1rem; }
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
";

/// Nothing but this style, and forms that come back to us (CSP level 3).
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("the policy is ASCII")
});

/// The address of a page is a secret: nobody keeps it, passes it on or lists it.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow, noarchive")),
    (header::VARY, HeaderValue::from_static("accept-language")),
];

/// A whole page. `title` is its heading too.
pub(super) fn page(status: StatusCode, words: &Words, title: &str, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang=(words.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (body) } }
        }
    };
    let mut response = (status, HEADERS, markup.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(words.language));
    response
}

/// A whole page of a business: its name is the heading, and how it is reached stands below.
pub(super) fn page_of(status: StatusCode, words: &Words, writer: &Writer, body: &Markup) -> Response {
    let title = format!("{} {}", words.messages_from, writer.name);
    page(status, words, &title, &html! { (body) (reach(words, &writer.name, &writer.business)) })
}

/// Nothing, where nobody has said how.
pub(super) fn reach(words: &Words, name: &str, business: &Business) -> Markup {
    let Business { email, phone, website } = business;
    html! {
        @if *business != Business::default() {
            footer {
                p { (words.reach) " " bdi { (name) } ":" }
                ul {
                    @if let Some(email) = email { li { (mail(email)) } }
                    @if let Some(phone) = phone { li { a href={ "tel:" (phone) } { (phone) } } }
                    @if let Some(website) = website { li { a href=(website) { (website) } } }
                }
            }
        }
    }
}

/// An address with other signs could say more to a mail program than whom to write to: it is text.
fn mail(email: &str) -> Markup {
    let is_plain = email.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-_+".contains(&b));
    html! { @if is_plain { a href={ "mailto:" (email) } { (email) } } @else { (email) } }
}

/// What just happened, said aloud by screen readers.
pub(super) fn status(text: &str) -> Markup {
    html! { p role="status" { (text) } }
}
