//! What people say. A message with several files is one event for each.

use postroad_core::{
    message::{Body, Content, InboundMedia, MediaKind},
    opt_out::asks_to_stop,
    provider::{EventKind, Inbound},
};

use super::{
    address::{Medium, is_e164},
    form::Form,
    webhook::Post,
};

/// Files of one message.
const MEDIA_MAX: usize = 10;
/// Characters of the word for a kind of message.
const KIND_CHARS_MAX: usize = 40;
/// Words on which Twilio stops sending to a person by itself: <https://help.twilio.com/articles/223134027>. Ours would not all
/// count ("end" answers other questions too), but nothing would reach the person anyway.
const STOPS_AT_TWILIO: &[&str] = &["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];

/// The keys and the events of a post that tells what a person said.
pub(super) fn events(post: &Post<'_>) -> Vec<(String, EventKind)> {
    let key = format!("message|{}", post.message);
    let Some(phone) = post.medium.read(&post.theirs).filter(|address| is_e164(address)) else {
        return vec![(key, EventKind::Ignored { what: "message from no telephone number".to_owned() })];
    };
    let contents = contents(&post.form);
    let said = contents.into_iter().enumerate().map(|(place, content)| {
        // The id of the message stands for its first part.
        let suffix = if place == 0 { String::new() } else { format!("/{place}") };
        let said = inbound(post, phone, content, &suffix);
        (format!("{key}{suffix}"), EventKind::Inbound(said))
    });
    said.collect()
}

fn inbound(post: &Post<'_>, phone: &str, content: Content, suffix: &str) -> Inbound {
    Inbound {
        provider_ref: format!("{}{suffix}", post.message),
        phone: Some(phone.to_owned()),
        scoped_id: None,
        profile_name: post.form.line("ProfileName"),
        reply_to: post.form.id("OriginalRepliedMessageSid").map(str::to_owned),
        opts_out: opts_out(post, &content),
        opens_session: post.medium == Medium::Whatsapp,
        content,
    }
}

fn opts_out(post: &Post<'_>, content: &Content) -> bool {
    let by_words = match content {
        Content::Text { body, .. } => asks_to_stop(&body.0) || stops_at_twilio(post.medium, &body.0),
        Content::Reply { body, id } => asks_to_stop(&body.0) || asks_to_stop(id),
        _ => false,
    };
    by_words || post.form.id("OptOutType") == Some("STOP")
}

fn stops_at_twilio(medium: Medium, text: &str) -> bool {
    medium == Medium::Sms && STOPS_AT_TWILIO.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// At least one.
fn contents(form: &Form) -> Vec<Content> {
    let files = files(form);
    if !files.is_empty() {
        return files;
    }
    let one = pressed(form, "ButtonText", "ButtonPayload")
        .or_else(|| pressed(form, "ListTitle", "ListId"))
        .or_else(|| location(form))
        .or_else(|| Some(Content::Text { body: Body(form.said("Body")?), preview_url: false }));
    vec![one.unwrap_or_else(|| other(form))]
}

/// The text goes with the first file.
fn files(form: &Form) -> Vec<Content> {
    let count = form.number("NumMedia").unwrap_or(0).min(MEDIA_MAX);
    let found = (0..count).filter_map(|nth| {
        let mime = form.id(&format!("MediaContentType{nth}"));
        Some((form.id(&format!("MediaUrl{nth}"))?.to_owned(), mime.map(str::to_owned)))
    });
    let files = found.enumerate().map(|(place, (link, mime))| {
        Content::InboundMedia(InboundMedia {
            kind: kind(form, mime.as_deref()),
            provider_media_id: link,
            mime,
            caption: form.said("Body").filter(|_| place == 0).map(Body),
            filename: None,
        })
    });
    files.collect()
}

fn kind(form: &Form, mime: Option<&str>) -> MediaKind {
    let family = mime.and_then(|mime| mime.split('/').next()).unwrap_or_default();
    match (form.id("MessageType"), family) {
        (Some("sticker"), _) => MediaKind::Sticker,
        (_, "image") => MediaKind::Image,
        (_, "video") => MediaKind::Video,
        (_, "audio") => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

/// A button of a template, or a row of a list.
fn pressed(form: &Form, title: &str, id: &str) -> Option<Content> {
    let body = form.line(title).or_else(|| form.line("Body"))?;
    Some(Content::Reply { body: Body(body), id: form.id(id)?.to_owned() })
}

fn location(form: &Form) -> Option<Content> {
    let point = format!("{}, {}", form.id("Latitude")?, form.id("Longitude")?);
    let described = ["Label", "Address"].into_iter().filter_map(|name| form.line(name));
    let summary: Vec<String> = described.chain([point]).collect();
    Some(Content::Other { kind: "location".to_owned(), summary: Some(Body(summary.join("; "))) })
}

fn other(form: &Form) -> Content {
    let kind = form.id("MessageType").unwrap_or("empty").chars().take(KIND_CHARS_MAX).collect();
    Content::Other { kind, summary: None }
}
