//! Messages from contacts, on command.
//!
//! Source: facebook/openapi `/whatsapp/webhooks`, pywa's fixtures, and the pages on business-scoped user ids, edits and
//! revocations. Inbound messages are told, not counted against the number's throughput.

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;

use super::events::{TellError, Told};
use super::payload::{Metadata, user_id};
use super::state::State;
use super::wamid;

/// One message of `POST /_sim/inbound`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inbound {
    /// The phone number id that receives it; the first one unless given.
    pub number: Option<String>,
    /// The sender's phone number. Without it the sender hides it, and `user_id` is needed.
    pub from: Option<String>,
    /// The sender's business-scoped user id; derived from `from` unless given.
    pub user_id: Option<String>,
    pub name: Option<String>,
    pub username: Option<String>,
    /// The message id of ours it answers.
    pub reply_to: Option<String>,
    /// Its id; made up unless given. Giving one twice tells the same message twice.
    pub id: Option<String>,
    pub message: Content,
    /// Added to the message as it is: `referral`, `context`, `errors`...
    pub extra: Option<serde_json::Map<String, Value>>,
}

/// What a contact can send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    Text {
        body: String,
    },
    Image(Attachment),
    Video(Attachment),
    Audio(Attachment),
    Document(Attachment),
    Sticker(Attachment),
    Location {
        latitude: f64,
        longitude: f64,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        address: Option<String>,
    },
    /// The contacts as Meta has them.
    Contacts {
        contacts: Value,
    },
    /// A tap on a quick reply of a template.
    Button {
        payload: String,
        text: String,
    },
    ButtonReply {
        id: String,
        title: String,
    },
    ListReply {
        id: String,
        title: String,
        #[serde(default)]
        description: Option<String>,
    },
    /// An answer to a flow.
    FlowReply {
        response: Value,
    },
    /// Without an emoji the reaction is removed.
    Reaction {
        message_id: String,
        #[serde(default)]
        emoji: Option<String>,
    },
    Order {
        order: Value,
    },
    Edit {
        original_message_id: String,
        body: String,
    },
    Revoke {
        original_message_id: String,
    },
    /// The sender has a new phone number.
    ChangedNumber {
        wa_id: String,
    },
    Unsupported,
}

impl Default for Content {
    fn default() -> Self {
        Self::Text { body: "Hello".to_owned() }
    }
}

/// A file from a contact. It can be fetched by its id, like any medium.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attachment {
    pub mime_type: Option<String>,
    pub caption: Option<String>,
    pub filename: Option<String>,
    pub voice: Option<bool>,
    /// What a download gives.
    pub content: Option<String>,
    /// The same for bytes that are no text: base64.
    pub content_base64: Option<String>,
}

impl Attachment {
    fn bytes(&self) -> Bytes {
        let decoded = self.content_base64.as_ref().and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let content = decoded.or_else(|| self.content.clone().map(String::into_bytes));
        Bytes::from(content.unwrap_or_else(|| b"simulated medium".to_vec()))
    }
}

impl State {
    /// Queues the message's webhook and returns its id.
    pub(crate) fn hear(&mut self, inbound: Inbound) -> Result<String, TellError> {
        let number = self.number_or_first(inbound.number.clone())?;
        let phone = inbound.from.as_deref().map(|from| from.trim_start_matches('+').to_owned());
        let user = inbound.user_id.clone().or_else(|| phone.as_deref().map(user_id)).ok_or(TellError::NoSender)?;
        let sender = phone.clone().unwrap_or_else(|| user.clone());
        let id = inbound.id.clone().unwrap_or_else(|| self.inbound_id(&sender));
        // By either name the contact may be answered now.
        for name in [Some(&user), phone.as_ref()].into_iter().flatten() {
            let recipient = self.ledger.recipient_id(name);
            self.heard.insert((number, recipient), self.clock.now());
        }
        let (kind, body) = self.content(&inbound.message);
        let mut message =
            json!({ "id": id, "timestamp": clock::unix_s().to_string(), "type": kind, "from_user_id": user });
        let mut contact =
            json!({ "profile": { "name": inbound.name.as_deref().unwrap_or("Simulated Contact") }, "user_id": user });
        if let Some(username) = &inbound.username {
            contact["profile"]["username"] = username.as_str().into();
        }
        if let Some(phone) = &phone {
            message["from"] = phone.as_str().into();
            contact["wa_id"] = phone.as_str().into();
        }
        let from = self.numbers.get(number);
        if let Some(answered) = &inbound.reply_to {
            message["context"] = json!({ "from": from.digits, "id": answered });
        }
        merge(&mut message, body);
        merge(&mut message, inbound.extra.map_or(Value::Null, Value::Object));
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": Metadata::of(from),
            "contacts": [contact],
            "messages": [message],
        });
        let waba_id = from.number.waba_id.clone();
        self.queue_change(Told { waba_id, field: "messages".to_owned(), value, in_entry: false });
        Ok(id)
    }

    fn inbound_id(&mut self, sender: &str) -> String {
        self.inbound += 1;
        wamid::inbound(sender, self.config.seed, (self.epoch, self.inbound))
    }

    /// The type Meta writes, and the fields that go with it.
    fn content(&mut self, content: &Content) -> (&'static str, Value) {
        match content {
            Content::Text { body } => ("text", json!({ "text": { "body": body } })),
            Content::Image(file) => ("image", json!({ "image": self.attachment(file, "image/jpeg") })),
            Content::Video(file) => ("video", json!({ "video": self.attachment(file, "video/mp4") })),
            Content::Audio(file) => ("audio", json!({ "audio": self.attachment(file, "audio/ogg; codecs=opus") })),
            Content::Document(file) => ("document", json!({ "document": self.attachment(file, "application/pdf") })),
            Content::Sticker(file) => ("sticker", json!({ "sticker": self.attachment(file, "image/webp") })),
            other => plain(other),
        }
    }

    fn attachment(&mut self, file: &Attachment, usual_type: &str) -> Value {
        let mime_type = file.mime_type.as_deref().unwrap_or(usual_type);
        let id = self.media.add(mime_type, file.bytes());
        let sha256 = self.media.get(&id).map(|medium| medium.sha256.clone());
        let mut value = json!({ "id": id, "mime_type": mime_type, "sha256": sha256 });
        let optional = [("caption", &file.caption), ("filename", &file.filename)];
        for (name, given) in optional {
            if let Some(given) = given {
                value[name] = given.as_str().into();
            }
        }
        if let Some(voice) = file.voice {
            value["voice"] = voice.into();
        }
        value
    }
}

/// Content without a file.
fn plain(content: &Content) -> (&'static str, Value) {
    let interactive =
        |kind: &str, reply: Value| ("interactive", json!({ "interactive": { "type": kind, kind: reply } }));
    match content {
        Content::Location { latitude, longitude, name, address } => {
            let mut location = json!({ "latitude": latitude, "longitude": longitude });
            merge(&mut location, name.as_ref().map_or(Value::Null, |name| json!({ "name": name })));
            merge(&mut location, address.as_ref().map_or(Value::Null, |address| json!({ "address": address })));
            ("location", json!({ "location": location }))
        }
        Content::Contacts { contacts } => ("contacts", json!({ "contacts": contacts })),
        Content::Button { payload, text } => ("button", json!({ "button": { "payload": payload, "text": text } })),
        Content::ButtonReply { id, title } => interactive("button_reply", json!({ "id": id, "title": title })),
        Content::ListReply { id, title, description } => {
            interactive("list_reply", json!({ "id": id, "title": title, "description": description }))
        }
        Content::FlowReply { response } => {
            interactive("nfm_reply", json!({ "name": "flow", "body": "Sent", "response_json": response.to_string() }))
        }
        Content::Reaction { message_id, emoji } => {
            let mut reaction = json!({ "message_id": message_id });
            merge(&mut reaction, emoji.as_ref().map_or(Value::Null, |emoji| json!({ "emoji": emoji })));
            ("reaction", json!({ "reaction": reaction }))
        }
        Content::Order { order } => ("order", json!({ "order": order })),
        Content::Edit { original_message_id, body } => {
            let message = json!({ "type": "text", "text": { "body": body } });
            ("edit", json!({ "edit": { "original_message_id": original_message_id, "message": message } }))
        }
        Content::Revoke { original_message_id } => {
            ("revoke", json!({ "revoke": { "original_message_id": original_message_id } }))
        }
        Content::ChangedNumber { wa_id } => {
            let body = format!("The contact changed to {wa_id}");
            ("system", json!({ "system": { "body": body, "wa_id": wa_id, "type": "user_changed_number" } }))
        }
        _ => {
            let error = json!({
                "code": 131_051,
                "title": "Message type unknown",
                "message": "Message type unknown",
                "error_data": { "details": "Message type is currently not supported." },
            });
            ("unsupported", json!({ "errors": [error], "unsupported": { "type": "poll" } }))
        }
    }
}

/// Adds the fields of one object to another; anything else adds nothing.
fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
