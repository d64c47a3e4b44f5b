//! One of everything that can be said, and an account to say it from. Numbers are fictional, tokens open nothing.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use postroad_core::{
    ids::MessageId,
    message::{Body, Button, Content, InboundMedia, Media, MediaKind, TemplateUse},
    provider::{Connection, Credentials, Hook, Lost, Outbound, StoredTemplate, Told},
    send::Correlation,
};
use uuid::Uuid;

pub(crate) const PHONE: &str = "+12025550123";
pub(crate) const SCOPED_ID: &str = "US.13491208655302741918";

/// None of them may be printed.
pub(crate) const SECRETS: [&str; 4] = ["EAABdemo", "appsecret", "a verify & token", "twilio-token"];

pub(crate) fn credentials() -> Credentials {
    let [access_token, app_secret, verify_token, auth_token] = SECRETS;
    let named = [
        ("access_token", access_token),
        ("app_secret", app_secret),
        ("verify_token", verify_token),
        ("auth_token", auth_token),
        ("account_sid", "AC00000000000000000000000000000001"),
    ];
    Credentials::new(named.map(|(name, secret)| (name.to_owned(), secret.to_owned().into())).into())
}

pub(crate) fn connection() -> Connection {
    Connection {
        external_id: "106540352242922".to_owned(),
        base_url: "https://graph.example".to_owned(),
        public_url: "https://messages.example".to_owned(),
        credentials: credentials(),
    }
}

pub(crate) fn correlation() -> Correlation {
    Correlation {
        message: MessageId::from_uuid(Uuid::from_u128(0x0198_c1b2_0000_7000_8000_0000_0000_0001)),
        attempt: 1,
    }
}

pub(crate) fn outbound(content: &Content) -> Outbound<'_> {
    let template = stored(content);
    Outbound { to: PHONE, content, correlation: correlation(), reply_to: None, template, valid_for: None }
}

/// 2026-01-01.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).expect("it is a time")
}

/// A call of 2026-01-01 whose answer was lost.
pub(crate) fn lost(content: &Content) -> Lost<'_> {
    Lost { outbound: outbound(content), began_at: now() }
}

/// The template that the content names, with as many placeholders as it has values.
fn stored(content: &Content) -> Option<StoredTemplate<'static>> {
    let Content::Template(used) = content else { return None };
    let body = match used.parameters.len() {
        0 => "Your order is ready.",
        1 => "Hello {{1}}, your order is ready.",
        _ => "Hello {{1}}, your order {{2}} is ready.",
    };
    Some(StoredTemplate { provider_ref: Some("HX00000000000000000000000000000001"), body })
}

pub(crate) const WEBHOOK_URL: &str = "https://messages.example/webhooks";

pub(crate) fn hook<'a>(body: &'a [u8], headers: &'a HeaderMap) -> Hook<'a> {
    Hook { headers, url: WEBHOOK_URL, body, received_at: now() }
}

pub(crate) fn told(body: &[u8], received_at: DateTime<Utc>) -> Told<'_> {
    Told { account: "106540352242922", url: WEBHOOK_URL, body, received_at }
}

pub(crate) fn text(body: &str) -> Content {
    Content::Text { body: Body(body.to_owned()), preview_url: false }
}

pub(crate) fn media(kind: MediaKind, caption: Option<&str>, filename: Option<&str>) -> Media {
    Media {
        kind,
        link: format!("https://files.example/{kind}"),
        caption: caption.map(|text| Body(text.to_owned())),
        filename: filename.map(str::to_owned),
        attachment: None,
    }
}

pub(crate) fn template() -> TemplateUse {
    TemplateUse {
        name: "order_confirmation".to_owned(),
        language: "en_US".to_owned(),
        parameters: vec![],
        header: None,
        button_payloads: vec![],
    }
}

pub(crate) fn buttons(count: usize) -> Vec<Button> {
    (1..=count).map(|n| Button { id: format!("choice:{n}"), title: Body(format!("Choice {n}")) }).collect()
}

/// Every kind of content that can be sent, in the forms that differ on the wire.
pub(crate) fn sendable() -> Vec<(&'static str, Content)> {
    let values = |texts: &[&str]| texts.iter().map(|text| Body((*text).to_owned())).collect();
    vec![
        ("text", text("Your order is ready ✅")),
        ("text_with_preview", Content::Text { body: Body("https://shop.example".to_owned()), preview_url: true }),
        ("template", Content::Template(template())),
        ("template_with_values", Content::Template(TemplateUse { parameters: values(&["Amina", "42"]), ..template() })),
        (
            "template_with_everything",
            Content::Template(TemplateUse {
                parameters: values(&["Amina"]),
                header: Some(media(MediaKind::Document, None, Some("invoice.pdf"))),
                button_payloads: vec!["confirm:42".to_owned(), "stop".to_owned()],
                ..template()
            }),
        ),
        ("image", Content::Media(media(MediaKind::Image, Some("The blue one"), Some("ignored.jpg")))),
        ("video", Content::Media(media(MediaKind::Video, None, None))),
        ("audio", Content::Media(media(MediaKind::Audio, None, Some("ignored.ogg")))),
        ("document", Content::Media(media(MediaKind::Document, Some("Your invoice"), Some("invoice.pdf")))),
        ("sticker", Content::Media(media(MediaKind::Sticker, None, None))),
        ("interactive", Content::Interactive { body: Body("Will you come?".to_owned()), buttons: buttons(3) }),
        ("reaction", Content::Reaction { to: "wamid.THEIRS".to_owned(), emoji: "👍".to_owned() }),
        ("reaction_taken_back", Content::Reaction { to: "wamid.THEIRS".to_owned(), emoji: String::new() }),
    ]
}

/// What only people send.
pub(crate) fn inbound_only() -> Vec<(&'static str, Content)> {
    let file = InboundMedia {
        kind: MediaKind::Image,
        provider_media_id: "1".to_owned(),
        mime: None,
        caption: None,
        filename: None,
    };
    vec![
        ("reply", Content::Reply { body: Body("Yes".to_owned()), id: "choice:1".to_owned() }),
        ("inbound_media", Content::InboundMedia(file)),
        ("other", Content::Other { kind: "location".to_owned(), summary: None }),
    ]
}
