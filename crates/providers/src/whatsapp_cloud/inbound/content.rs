//! The content of an inbound message, by its `type`. A type that Meta invents tomorrow is kept as [`Content::Other`].

use postroad_core::message::{Body, Content, InboundMedia, MediaKind};
use serde_json::Value;

use super::super::{
    address::phone_of_wa_id,
    field::{array, cut_line, id, line, said, text},
};

/// Characters of the word for an unknown type.
const KIND_CHARS_MAX: usize = 40;
/// Things that a summary of contacts or of an order names.
const NAMED_MAX: usize = 10;

pub(super) fn read(message: &Value) -> Content {
    let kind = text(message, "/type").unwrap_or("untyped");
    let understood = match kind {
        "text" => said(message, "/text/body").map(|body| Content::Text { body: Body(body), preview_url: false }),
        "image" | "video" | "audio" | "document" | "sticker" => media(kind, &message[kind]),
        "button" => pressed(&message["button"], "/text", "/payload"),
        "interactive" => interactive(&message["interactive"]),
        "reaction" => reaction(&message["reaction"]),
        _ => None,
    };
    understood.unwrap_or_else(|| other(kind, message))
}

fn media(kind: &str, file: &Value) -> Option<Content> {
    Some(Content::InboundMedia(InboundMedia {
        kind: kind.parse::<MediaKind>().ok()?,
        provider_media_id: id(file, "/id")?,
        mime: text(file, "/mime_type").map(str::to_owned),
        caption: said(file, "/caption").map(Body),
        filename: line(file, "/filename").map(Body),
    }))
}

/// A press on a quick reply of a template, on a reply button, or a row of a list.
fn pressed(button: &Value, title: &str, payload: &str) -> Option<Content> {
    Some(Content::Reply { body: Body(line(button, title)?), id: text(button, payload)?.to_owned() })
}

fn interactive(answer: &Value) -> Option<Content> {
    match text(answer, "/type")? {
        "button_reply" => pressed(&answer["button_reply"], "/title", "/id"),
        "list_reply" => pressed(&answer["list_reply"], "/title", "/id"),
        "nfm_reply" => Some(Content::Other {
            kind: "flow_reply".to_owned(),
            summary: said(answer, "/nfm_reply/response_json").map(Body),
        }),
        _ => None,
    }
}

/// No emoji, or an empty one, takes the reaction back.
fn reaction(reaction: &Value) -> Option<Content> {
    let to = text(reaction, "/message_id")?.to_owned();
    Some(Content::Reaction { to, emoji: text(reaction, "/emoji").unwrap_or_default().to_owned() })
}

fn other(kind: &str, message: &Value) -> Content {
    let summary = match kind {
        "location" => location(&message["location"]),
        "contacts" => names(array(message, "/contacts")),
        "order" => order(&message["order"]),
        "edit" => edited(&message["edit"]["message"]),
        "unsupported" => line(message, "/unsupported/type"),
        "system" => return system(&message["system"]),
        _ => None,
    };
    Content::Other { kind: kind.chars().take(KIND_CHARS_MAX).collect(), summary: summary.map(Body) }
}

/// A change of number carries the new one; other notes carry what Meta wrote.
fn system(note: &Value) -> Content {
    let kind = text(note, "/type").unwrap_or("system").chars().take(KIND_CHARS_MAX).collect();
    let new_phone = ["/wa_id", "/new_wa_id"].into_iter().find_map(|pointer| phone_of_wa_id(text(note, pointer)?));
    let new_address = new_phone.or_else(|| text(note, "/user_id").map(str::to_owned));
    Content::Other { kind, summary: new_address.or_else(|| line(note, "/body")).map(Body) }
}

/// The text as it reads now, or the caption.
fn edited(message: &Value) -> Option<String> {
    let kind = text(message, "/type").unwrap_or("text");
    said(message, "/text/body").or_else(|| said(message.get(kind)?, "/caption"))
}

fn location(place: &Value) -> Option<String> {
    let described = ["/name", "/address"].into_iter().filter_map(|pointer| line(place, pointer));
    let point = match (place["latitude"].as_f64(), place["longitude"].as_f64()) {
        (Some(latitude), Some(longitude)) => Some(format!("{latitude}, {longitude}")),
        _ => None,
    };
    cut_line(&described.chain(point).collect::<Vec<_>>().join("; "))
}

fn names(cards: &[Value]) -> Option<String> {
    let names = cards.iter().take(NAMED_MAX).filter_map(|card| line(card, "/name/formatted_name"));
    cut_line(&names.collect::<Vec<_>>().join(", "))
}

fn order(order: &Value) -> Option<String> {
    let items = array(order, "/product_items").iter().take(NAMED_MAX).filter_map(|item| {
        let product = line(item, "/product_retailer_id")?;
        Some(format!("{} x {product}", id(item, "/quantity").unwrap_or_else(|| "?".to_owned())))
    });
    cut_line(&line(order, "/text").into_iter().chain(items).collect::<Vec<_>>().join(", "))
}
