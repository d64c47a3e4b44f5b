//! Our content in Meta's shapes. What Meta would refuse for its form is refused here, before anything leaves.

use postroad_core::{
    limits::{
        BODY_CHARS_MAX, BUTTON_ID_CHARS_MAX, BUTTON_TITLE_CHARS_MAX, BUTTONS_MAX, CAPTION_CHARS_MAX, LINK_CHARS_MAX,
    },
    message::{Body, Button, Content, Media, MediaKind},
    provider::BuildError,
};
use serde_json::{Value, json};

use super::field::ID_CHARS_MAX;

mod template;

/// The text above reply buttons. Plain text may have four times as many.
const INTERACTIVE_BODY_CHARS_MAX: usize = 1_024;

/// The `type` of the message, and the object under the field of that name.
pub(super) fn write(content: &Content) -> Result<(&'static str, Value), BuildError> {
    match content {
        Content::Text { body, preview_url } => Ok(("text", text(body, *preview_url)?)),
        Content::Template(used) => Ok(("template", template::write(used)?)),
        Content::Media(file) => Ok((file.kind.as_str(), media(file)?)),
        Content::Interactive { body, buttons } => Ok(("interactive", interactive(body, buttons)?)),
        Content::Reaction { to, emoji } => Ok(("reaction", reaction(to, emoji)?)),
        Content::Reply { .. } | Content::InboundMedia(_) | Content::Other { .. } => {
            Err(BuildError::Unsupported { provider: "whatsapp_cloud", kind: content.kind() })
        }
    }
}

fn text(body: &Body, preview_url: bool) -> Result<Value, BuildError> {
    within("the text", &body.0, BODY_CHARS_MAX)?;
    Ok(json!({ "body": body.0, "preview_url": preview_url }))
}

/// Only documents show a file name; only pictures, videos and documents show a caption.
fn media(file: &Media) -> Result<Value, BuildError> {
    let mut object = linked(file)?;
    if let Some(caption) = &file.caption {
        if matches!(file.kind, MediaKind::Audio | MediaKind::Sticker) {
            return Err(BuildError::Malformed(format!("{} cannot carry a caption", file.kind)));
        }
        within("the caption", &caption.0, CAPTION_CHARS_MAX)?;
        object["caption"] = caption.0.as_str().into();
    }
    Ok(object)
}

/// A file without its caption: what a template's header takes.
fn linked(file: &Media) -> Result<Value, BuildError> {
    within("the link", &file.link, LINK_CHARS_MAX)?;
    if !file.link.starts_with("https://") && !file.link.starts_with("http://") {
        return Err(BuildError::Malformed("the link is not an http address".to_owned()));
    }
    let mut object = json!({ "link": file.link });
    if let (MediaKind::Document, Some(name)) = (file.kind, &file.filename) {
        object["filename"] = name.as_str().into();
    }
    Ok(object)
}

fn interactive(body: &Body, buttons: &[Button]) -> Result<Value, BuildError> {
    within("the text above the buttons", &body.0, INTERACTIVE_BODY_CHARS_MAX)?;
    if !(1..=BUTTONS_MAX).contains(&buttons.len()) {
        return Err(BuildError::Malformed(format!("{} buttons, and 1 to {BUTTONS_MAX} are possible", buttons.len())));
    }
    let buttons = buttons.iter().map(reply_button).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "type": "button", "body": { "text": body.0 }, "action": { "buttons": buttons } }))
}

fn reply_button(button: &Button) -> Result<Value, BuildError> {
    within("the button's id", &button.id, BUTTON_ID_CHARS_MAX)?;
    within("the button's title", &button.title.0, BUTTON_TITLE_CHARS_MAX)?;
    Ok(json!({ "type": "reply", "reply": { "id": button.id, "title": button.title.0 } }))
}

/// An empty emoji takes the reaction back.
fn reaction(message_id: &str, emoji: &str) -> Result<Value, BuildError> {
    within("the id of the message reacted to", message_id, ID_CHARS_MAX)?;
    Ok(json!({ "message_id": message_id, "emoji": emoji }))
}

/// 1 to `max` characters. The text itself stays out of the message: it may be somebody's.
fn within(what: &str, text: &str, max: usize) -> Result<(), BuildError> {
    match text.chars().count() {
        0 => Err(BuildError::Malformed(format!("{what} is empty"))),
        chars if chars > max => {
            Err(BuildError::Malformed(format!("{what} has {chars} characters, and {max} are possible")))
        }
        _ => Ok(()),
    }
}
