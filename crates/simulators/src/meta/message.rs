//! What `POST /{phone number id}/messages` may carry, read once and as far as Meta checks it.
//!
//! Source: the OpenAPI document of facebook/openapi, `BaseMessageProperties` and `Message`. The content of
//! each type is checked in `content.rs`; templates against their registration in `templates.rs`.

use std::borrow::Cow;

use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::content;
use super::errors::Refusal;
use super::templates::TemplateSend;

/// Source: maxLength of `biz_opaque_callback_data`.
const CALLBACK_CHARS_MAX: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    Image,
    Video,
    Audio,
    Document,
    Sticker,
    Location,
    Contacts,
    Reaction,
    Interactive,
    Template,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }
}

/// A well-formed call.
#[derive(Debug)]
pub(crate) enum Call<'a> {
    Send(Box<Draft<'a>>),
    /// Mark as read, with or without a typing indicator.
    Read,
}

/// A well-formed message that nobody accepted yet.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) kind: Kind,
    /// As the caller wrote it.
    pub(crate) input: Cow<'a, str>,
    pub(crate) recipient: Recipient<'a>,
    pub(crate) callback: Option<Cow<'a, str>>,
    /// An uploaded medium the message refers to.
    pub(crate) media_id: Option<Cow<'a, str>>,
    pub(crate) template: Option<TemplateSend<'a>>,
}

#[derive(Debug)]
pub(crate) struct Recipient<'a> {
    pub(crate) address: Address,
    /// The digits of a phone number, or the id: what names this recipient everywhere in the simulator.
    pub(crate) id: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    Phone,
    /// A business-scoped user id, with which WhatsApp addresses users who hide their number.
    User,
    Group,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    messaging_product: Option<Str<'a>>,
    #[serde(borrow)]
    recipient_type: Option<Str<'a>>,
    #[serde(borrow)]
    to: Option<Str<'a>>,
    #[serde(borrow)]
    recipient: Option<Str<'a>>,
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    biz_opaque_callback_data: Option<Str<'a>>,
    #[serde(borrow)]
    status: Option<Str<'a>>,
    #[serde(borrow)]
    message_id: Option<Str<'a>>,
    typing_indicator: Option<TypingIndicator>,
    context: Option<Context>,
    #[serde(rename = "recipient_identity_key_hash")]
    _recipient_identity_key_hash: Option<serde::de::IgnoredAny>,
    #[serde(rename = "message_activity_sharing")]
    _message_activity_sharing: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    image: Option<&'a RawValue>,
    #[serde(borrow)]
    video: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    #[serde(borrow)]
    sticker: Option<&'a RawValue>,
    #[serde(borrow)]
    location: Option<&'a RawValue>,
    #[serde(borrow)]
    contacts: Option<&'a RawValue>,
    #[serde(borrow)]
    reaction: Option<&'a RawValue>,
    #[serde(borrow)]
    interactive: Option<&'a RawValue>,
    #[serde(borrow)]
    template: Option<&'a RawValue>,
}

/// A string that is borrowed where the JSON has no escapes: serde would copy an `Option<Cow<str>>`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Str<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[derive(Deserialize)]
struct TypingIndicator {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Context {
    message_id: Option<String>,
}

/// Reads a body. `template_only` is the path for marketing messages.
pub(crate) fn parse(bytes: &[u8], path: Path) -> Result<Call<'_>, Refusal> {
    let body: Body<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable(bytes, &error))?;
    match body.messaging_product.as_ref().map(|product| &*product.0) {
        Some("whatsapp") => {}
        Some(_) => return Err(Refusal::because(100, "Param messaging_product must be one of {WHATSAPP}.")),
        None => return Err(Refusal::because(100, "The parameter messaging_product is required.")),
    }
    if body.status.is_some() { read(body) } else { send(body, path).map(|draft| Call::Send(Box::new(draft))) }
}

/// Why a body is refused as a whole: for a type nobody knows, whose content is of course unknown too, or for its form.
fn unreadable(bytes: &[u8], error: &serde_json::Error) -> Refusal {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    match serde_json::from_slice::<Typed>(bytes) {
        Ok(Typed { kind }) if Kind::named(&kind).is_none() => unsupported(&kind),
        _ => Refusal::because(100, error.to_string()),
    }
}

fn unsupported(kind: &str) -> Refusal {
    Refusal::because(131_051, format!("Unsupported message type {kind}"))
}

/// Which of the two sending paths a message came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    Messages,
    /// `marketing_messages` takes templates only.
    Marketing,
}

fn read(body: Body<'_>) -> Result<Call<'_>, Refusal> {
    if body.status.is_none_or(|status| status.0 != "read") {
        return Err(Refusal::because(131_009, "status must be read"));
    }
    if body.typing_indicator.is_some_and(|typing| typing.kind != "text") {
        return Err(Refusal::because(131_009, "typing_indicator.type must be text"));
    }
    let message_id = body.message_id.ok_or_else(|| missing("message_id"))?.0;
    if !message_id.starts_with("wamid.") {
        return Err(Refusal::because(131_009, "message_id is not a WhatsApp message id"));
    }
    Ok(Call::Read)
}

fn send(body: Body<'_>, path: Path) -> Result<Draft<'_>, Refusal> {
    let (input, recipient) = recipient(body.recipient_type.as_ref(), body.to, body.recipient)?;
    if body.context.is_some_and(|context| context.message_id.is_none()) {
        return Err(missing("context.message_id"));
    }
    let callback = body.biz_opaque_callback_data.map(|data| data.0).filter(|data| !data.is_empty());
    if callback.as_ref().is_some_and(|data| data.chars().count() > CALLBACK_CHARS_MAX) {
        return Err(Refusal::because(100, "Param biz_opaque_callback_data must be at most 512 characters long."));
    }
    // The type is text when none is given.
    let name = body.kind.as_ref().map_or("text", |kind| &kind.0);
    let kind = Kind::named(name).ok_or_else(|| unsupported(name))?;
    let payload = match kind {
        Kind::Text => body.text,
        Kind::Image => body.image,
        Kind::Video => body.video,
        Kind::Audio => body.audio,
        Kind::Document => body.document,
        Kind::Sticker => body.sticker,
        Kind::Location => body.location,
        Kind::Contacts => body.contacts,
        Kind::Reaction => body.reaction,
        Kind::Interactive => body.interactive,
        Kind::Template => body.template,
    };
    if path == Path::Marketing && kind != Kind::Template {
        return Err(Refusal::new(134_100));
    }
    let payload = payload.ok_or_else(|| missing(name))?;
    let (media_id, template) = content::check(kind, payload)?;
    Ok(Draft { kind, input, recipient, callback, media_id, template })
}

pub(crate) fn missing(parameter: &str) -> Refusal {
    Refusal::because(131_008, format!("Parameter {parameter} is required"))
}

/// Who it goes to, and how the caller wrote that. `to` wins when `recipient` is there as well.
fn recipient<'a>(
    kind: Option<&Str<'a>>,
    to: Option<Str<'a>>,
    user: Option<Str<'a>>,
) -> Result<(Cow<'a, str>, Recipient<'a>), Refusal> {
    let invalid = |why: &'static str| Refusal::because(131_009, why);
    let (input, address, id) = match (kind.map_or("individual", |kind| &kind.0), to, user) {
        ("individual", Some(to), _) => {
            let digits = digits(&to.0).ok_or_else(|| invalid("to is not a phone number"))?;
            (to.0, Address::Phone, digits)
        }
        ("individual", None, Some(user)) if is_user_id(&user.0) => (user.0.clone(), Address::User, user.0),
        ("individual", None, Some(_)) => return Err(invalid("recipient is not a business-scoped user id")),
        ("group", Some(to), _) if !to.0.is_empty() => (to.0.clone(), Address::Group, to.0),
        ("individual" | "group", _, _) => return Err(missing("to")),
        _ => return Err(invalid("recipient_type must be individual or group")),
    };
    Ok((input, Recipient { address, id }))
}

/// `+1 (555) 010-0001` and `15550100001` name the same phone: its digits.
pub(crate) fn digits<'a>(phone: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let bare = match phone {
        Cow::Borrowed(phone) => Cow::Borrowed(phone.strip_prefix('+').unwrap_or(phone)),
        Cow::Owned(phone) => Cow::Owned(phone.strip_prefix('+').unwrap_or(phone).to_owned()),
    };
    let count = bare.bytes().filter(u8::is_ascii_digit).count();
    let formatted = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'(' | b')' | b'.');
    if !(5..=17).contains(&count) || !bare.bytes().all(formatted) {
        return None;
    }
    Some(if count == bare.len() { bare } else { bare.chars().filter(char::is_ascii_digit).collect() })
}

/// `US.13491208655302741918` or, for a portfolio's parent, `US.ENT.11815799212886844830`.
pub(crate) fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
