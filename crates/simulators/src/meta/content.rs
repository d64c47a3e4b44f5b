//! The content of each message type: what is required, what is allowed, and how long it may be.
//!
//! Source: facebook/openapi (`MediaObject`, `InteractiveObject`, `ActionObject`...) and the reference of the
//! messages endpoint. Not checked: whether a link leads to a file, and what is inside flows, products and orders.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::errors::Refusal;
use super::message::{Kind, Str, missing};
use super::templates::TemplateSend;

const TEXT_CHARS_MAX: usize = 4_096;
const CAPTION_CHARS_MAX: usize = 1_024;
const CONTACTS_MAX: usize = 257;
const INTERACTIVE_BODY_CHARS_MAX: usize = 1_024;
const LIST_BODY_CHARS_MAX: usize = 4_096;
const SHORT_CHARS_MAX: usize = 60;
const BUTTONS_MAX: usize = 3;
const TITLE_CHARS_MAX: usize = 20;
const ROWS_MAX: usize = 10;

/// The medium a message refers to, and its template when it is one.
type Checked<'a> = (Option<Cow<'a, str>>, Option<TemplateSend<'a>>);

pub(crate) fn check(kind: Kind, payload: &RawValue) -> Result<Checked<'_>, Refusal> {
    match kind {
        Kind::Text => text(&read(payload)?).map(|()| (None, None)),
        Kind::Image | Kind::Video | Kind::Audio | Kind::Document | Kind::Sticker => {
            media(kind, read(payload)?).map(|id| (id, None))
        }
        Kind::Location => location(&read(payload)?).map(|()| (None, None)),
        Kind::Contacts => contacts(&read::<Vec<Contact>>(payload)?).map(|()| (None, None)),
        Kind::Reaction => reaction(&read(payload)?).map(|()| (None, None)),
        Kind::Interactive => interactive(&read(payload)?).map(|()| (None, None)),
        Kind::Template => TemplateSend::read(payload).map(|template| (None, Some(template))),
    }
}

/// A part of a body. What does not have the documented shape is an invalid parameter.
pub(crate) fn read<'a, T: Deserialize<'a>>(payload: &'a RawValue) -> Result<T, Refusal> {
    serde_json::from_str(payload.get()).map_err(|error| Refusal::because(100, error.to_string()))
}

fn at_most(parameter: &str, value: &str, chars: usize) -> Result<(), Refusal> {
    // Bytes first: counting characters is needed only near the limit.
    if value.len() > chars && value.chars().count() > chars {
        return Err(Refusal::because(100, format!("Param {parameter} must be at most {chars} characters long.")));
    }
    Ok(())
}

fn filled(parameter: &str, value: Option<&Str<'_>>, chars: usize) -> Result<(), Refusal> {
    let value = value.ok_or_else(|| missing(parameter))?;
    if value.0.is_empty() {
        return Err(missing(parameter));
    }
    at_most(parameter, &value.0, chars)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<'a> {
    #[serde(borrow)]
    body: Option<Str<'a>>,
    #[serde(rename = "preview_url")]
    _preview_url: Option<bool>,
}

fn text(text: &Text<'_>) -> Result<(), Refusal> {
    filled("text['body']", text.body.as_ref(), TEXT_CHARS_MAX)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Media<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    link: Option<Str<'a>>,
    #[serde(borrow)]
    caption: Option<Str<'a>>,
    filename: Option<IgnoredAny>,
    #[serde(rename = "provider")]
    _provider: Option<IgnoredAny>,
    voice: Option<bool>,
}

fn media(kind: Kind, media: Media<'_>) -> Result<Option<Cow<'_, str>>, Refusal> {
    if media.caption.is_some() && !matches!(kind, Kind::Image | Kind::Video | Kind::Document) {
        return Err(Refusal::because(100, "caption is not supported for this media type"));
    }
    if media.filename.is_some() && kind != Kind::Document {
        return Err(Refusal::because(100, "filename is supported for documents only"));
    }
    if media.voice.is_some() && kind != Kind::Audio {
        return Err(Refusal::because(100, "voice is supported for audio only"));
    }
    if let Some(caption) = &media.caption {
        at_most("caption", &caption.0, CAPTION_CHARS_MAX)?;
    }
    match (media.id, media.link) {
        (Some(id), None) => Ok(Some(id.0)),
        (None, Some(link)) if is_web_address(&link.0) => Ok(None),
        (None, Some(_)) => Err(Refusal::because(131_009, "link must be an http or https address")),
        (None, None) => Err(missing("id or link")),
        (Some(_), Some(_)) => Err(Refusal::because(131_009, "give id or link, not both")),
    }
}

fn is_web_address(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Location {
    latitude: Option<Degrees>,
    longitude: Option<Degrees>,
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    #[serde(rename = "address")]
    _address: Option<IgnoredAny>,
}

/// The documents write degrees as numbers and as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Degrees {
    Number(f64),
    Text(String),
}

impl Degrees {
    fn within(&self, limit: f64) -> bool {
        match self {
            Self::Number(degrees) => degrees.abs() <= limit,
            Self::Text(degrees) => degrees.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= limit),
        }
    }
}

fn location(location: &Location) -> Result<(), Refusal> {
    let latitude = location.latitude.as_ref().ok_or_else(|| missing("location['latitude']"))?;
    let longitude = location.longitude.as_ref().ok_or_else(|| missing("location['longitude']"))?;
    if latitude.within(90.0) && longitude.within(180.0) {
        return Ok(());
    }
    Err(Refusal::because(131_009, "latitude or longitude is out of range"))
}

#[derive(Deserialize)]
struct Contact {
    name: Option<ContactName>,
}

#[derive(Deserialize)]
struct ContactName {
    formatted_name: Option<String>,
}

fn contacts(contacts: &[Contact]) -> Result<(), Refusal> {
    if contacts.is_empty() || contacts.len() > CONTACTS_MAX {
        return Err(Refusal::because(131_009, format!("contacts must have 1 to {CONTACTS_MAX} entries")));
    }
    let named = |contact: &Contact| contact.name.as_ref().is_some_and(|name| name.formatted_name.is_some());
    if contacts.iter().all(named) { Ok(()) } else { Err(missing("contacts[].name.formatted_name")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reaction<'a> {
    #[serde(borrow)]
    message_id: Option<Str<'a>>,
    /// Empty removes the reaction.
    emoji: Option<IgnoredAny>,
}

fn reaction(reaction: &Reaction<'_>) -> Result<(), Refusal> {
    filled("reaction['message_id']", reaction.message_id.as_ref(), usize::MAX)?;
    reaction.emoji.map(drop).ok_or_else(|| missing("reaction['emoji']"))
}

#[derive(Deserialize)]
struct Interactive<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    header: Option<Header<'a>>,
    #[serde(borrow)]
    body: Option<Part<'a>>,
    #[serde(borrow)]
    footer: Option<Part<'a>>,
    #[serde(borrow)]
    action: Option<Action<'a>>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(rename = "type", borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    text: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    button: Option<Str<'a>>,
    #[serde(default, borrow)]
    buttons: Vec<Button<'a>>,
    #[serde(default, borrow)]
    sections: Vec<Section<'a>>,
    parameters: Option<IgnoredAny>,
    product_retailer_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Button<'a> {
    #[serde(borrow)]
    reply: Option<Choice<'a>>,
}

#[derive(Deserialize)]
struct Section<'a> {
    #[serde(default, borrow)]
    rows: Vec<Choice<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    title: Option<Str<'a>>,
    #[serde(borrow)]
    description: Option<Str<'a>>,
}

fn interactive(message: &Interactive<'_>) -> Result<(), Refusal> {
    let kind = message.kind.as_ref().ok_or_else(|| missing("interactive['type']"))?;
    let action = message.action.as_ref().ok_or_else(|| missing("interactive['action']"))?;
    if let Some(header) = &message.header
        && header.kind.0 == "text"
    {
        filled("interactive['header']['text']", header.text.as_ref(), SHORT_CHARS_MAX)?;
    }
    if let Some(footer) = &message.footer {
        filled("interactive['footer']['text']", footer.text.as_ref(), SHORT_CHARS_MAX)?;
    }
    let body = message.body.as_ref().and_then(|body| body.text.as_ref());
    let chars = if kind.0 == "list" { LIST_BODY_CHARS_MAX } else { INTERACTIVE_BODY_CHARS_MAX };
    if kind.0 != "product" {
        filled("interactive['body']['text']", body, chars)?;
    }
    match &*kind.0 {
        "button" => buttons(action),
        "list" => rows(action),
        "product" => action.product_retailer_id.map(drop).ok_or_else(|| missing("product_retailer_id")),
        "product_list" if action.sections.is_empty() => Err(missing("interactive['action']['sections']")),
        "cta_url" | "flow" | "catalog_message" if action.parameters.is_none() => {
            Err(missing("interactive['action']['parameters']"))
        }
        "location_request_message" if action.name.as_ref().is_none_or(|name| name.0 != "send_location") => {
            Err(Refusal::because(131_009, "action.name must be send_location"))
        }
        "cta_url"
        | "flow"
        | "catalog_message"
        | "location_request_message"
        | "product_list"
        | "order_details"
        | "order_status"
        | "call_permission_request"
        | "address_message"
        | "request_contact_info"
        | "voice_call"
        | "carousel" => Ok(()),
        other => Err(Refusal::because(131_009, format!("interactive.type {other} is not valid"))),
    }
}

fn buttons(action: &Action<'_>) -> Result<(), Refusal> {
    if action.buttons.is_empty() || action.buttons.len() > BUTTONS_MAX {
        return Err(Refusal::because(131_009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3"));
    }
    for button in &action.buttons {
        let reply = button.reply.as_ref().ok_or_else(|| missing("buttons[].reply"))?;
        filled("button id", reply.id.as_ref(), 256)?;
        filled("button title", reply.title.as_ref(), TITLE_CHARS_MAX)?;
    }
    let ids = action.buttons.iter().filter_map(|button| button.reply.as_ref()?.id.as_ref());
    distinct(ids, "Duplicate button ids")
}

fn rows(action: &Action<'_>) -> Result<(), Refusal> {
    filled("interactive['action']['button']", action.button.as_ref(), TITLE_CHARS_MAX)?;
    let rows = || action.sections.iter().flat_map(|section| &section.rows);
    if !(1..=ROWS_MAX).contains(&rows().count()) {
        return Err(Refusal::because(131_009, "Total row count exceed max allowed count: 10"));
    }
    for row in rows() {
        filled("row id", row.id.as_ref(), 200)?;
        filled("row title", row.title.as_ref(), 24)?;
        at_most("row description", row.description.as_ref().map_or("", |text| &text.0), 72)?;
    }
    distinct(rows().filter_map(|row| row.id.as_ref()), "Duplicate row ids")
}

fn distinct<'a>(ids: impl Iterator<Item = &'a Str<'a>>, otherwise: &'static str) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::new();
    if ids.map(|id| &*id.0).all(|id| seen.insert(id)) { Ok(()) } else { Err(Refusal::because(131_009, otherwise)) }
}
