//! What content may be: the bounds that hold for every provider. What one provider cannot carry, its adapter refuses later.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    limits::{
        BODY_CHARS_MAX, BUTTON_ID_CHARS_MAX, BUTTON_TITLE_CHARS_MAX, BUTTONS_MAX, CAPTION_CHARS_MAX, EMOJI_CHARS_MAX,
        LINK_CHARS_MAX, PLACEHOLDER_CHARS_MAX, PLACEHOLDERS_MAX,
    },
    message::{Body, Button, Content, Media, TemplateUse},
};

use super::{Draft, Refused};

/// Characters of the text above reply buttons.
pub const INTERACTIVE_CHARS_MAX: usize = 1_024;
/// How far ahead a message can be scheduled.
pub const SEND_AT_AHEAD_MAX: TimeDelta = TimeDelta::days(366);
const FILE_NAME_CHARS_MAX: usize = 240;
const TEMPLATE_NAME_CHARS_MAX: usize = 512;
const LANGUAGE_CHARS: std::ops::RangeInclusive<usize> = 2..=15;
/// Quick-reply buttons of a template.
const TEMPLATE_BUTTONS_MAX: usize = 10;

/// What can be said of a draft without looking anywhere.
pub(super) fn check(draft: &Draft, now: DateTime<Utc>) -> Result<(), Refused> {
    if draft.send_at.is_some_and(|at| at > now + SEND_AT_AHEAD_MAX) {
        return Err(Refused::SendAtTooFar);
    }
    let begins_at = draft.send_at.map_or(now, |at| at.max(now));
    if draft.not_after.is_some_and(|at| at <= begins_at) {
        return Err(Refused::NotAfterPassed);
    }
    check_content(&draft.content)
}

/// Whether it can be said at all.
pub(super) fn check_content(content: &Content) -> Result<(), Refused> {
    match content {
        Content::Text { body, .. } => chars("text", &body.0, BODY_CHARS_MAX),
        Content::Template(used) => template(used),
        Content::Media(file) => media(file),
        Content::Interactive { body, buttons } => interactive(body, buttons),
        Content::Reaction { emoji, .. } => at_most("emoji", emoji, EMOJI_CHARS_MAX),
        Content::Reply { .. } | Content::InboundMedia(_) | Content::Other { .. } => {
            Err(Refused::Kind { kind: content.kind() })
        }
    }
}

fn template(used: &TemplateUse) -> Result<(), Refused> {
    chars("template name", &used.name, TEMPLATE_NAME_CHARS_MAX)?;
    chars("template language", &used.language, *LANGUAGE_CHARS.end())?;
    if used.language.chars().count() < *LANGUAGE_CHARS.start() {
        return Err(Refused::Empty { what: "template language" });
    }
    count("template parameters", used.parameters.len(), PLACEHOLDERS_MAX)?;
    count("template buttons", used.button_payloads.len(), TEMPLATE_BUTTONS_MAX)?;
    for value in &used.parameters {
        chars("template parameter", &value.0, PLACEHOLDER_CHARS_MAX)?;
    }
    for payload in &used.button_payloads {
        chars("button payload", payload, BUTTON_ID_CHARS_MAX)?;
    }
    used.header.as_ref().map_or(Ok(()), media)
}

fn media(file: &Media) -> Result<(), Refused> {
    chars("media link", &file.link, LINK_CHARS_MAX)?;
    // A link of our own leads wherever we are reached.
    if file.attachment.is_none() && !is_https(&file.link) {
        return Err(Refused::Link);
    }
    file.caption.as_ref().map_or(Ok(()), |caption| chars("caption", &caption.0, CAPTION_CHARS_MAX))?;
    file.filename.as_ref().map_or(Ok(()), |name| chars("file name", name, FILE_NAME_CHARS_MAX))
}

/// An address that the provider fetches: a scheme, a host, and nothing that ends a line.
pub(crate) fn is_https(link: &str) -> bool {
    let Some(rest) = link.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && !host.contains('@') && link.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

fn interactive(body: &Body, buttons: &[Button]) -> Result<(), Refused> {
    chars("text", &body.0, INTERACTIVE_CHARS_MAX)?;
    if buttons.is_empty() {
        return Err(Refused::Empty { what: "list of buttons" });
    }
    count("buttons", buttons.len(), BUTTONS_MAX)?;
    for button in buttons {
        chars("button id", &button.id, BUTTON_ID_CHARS_MAX)?;
        chars("button title", &button.title.0, BUTTON_TITLE_CHARS_MAX)?;
    }
    let repeated = buttons.iter().enumerate().any(|(place, button)| buttons[..place].iter().any(|b| b.id == button.id));
    if repeated { Err(Refused::RepeatedButton) } else { Ok(()) }
}

/// 1 to `max` characters.
fn chars(what: &'static str, text: &str, max: usize) -> Result<(), Refused> {
    if text.is_empty() { Err(Refused::Empty { what }) } else { at_most(what, text, max) }
}

fn at_most(what: &'static str, text: &str, max: usize) -> Result<(), Refused> {
    let chars = text.chars().count();
    if chars > max { Err(Refused::TooLong { what, chars, max }) } else { Ok(()) }
}

fn count(what: &'static str, count: usize, max: usize) -> Result<(), Refused> {
    if count > max { Err(Refused::TooMany { what, count, max }) } else { Ok(()) }
}
