//! What is said: the content of a message, before any provider's shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ids::AttachmentId, words::words};

words! {
    /// How urgent a message is and how an unknown outcome of it is treated. The order is the order of sending.
    Class {
        /// One-time codes.
        Auth = "auth",
        Transactional = "transactional",
        AgentReply = "agent_reply",
        Automation = "automation",
        Campaign = "campaign",
    }
}

impl Class {
    /// Such a message may belong to a conversation; no other does.
    pub const fn converses(self) -> bool {
        matches!(self, Self::AgentReply | Self::Automation)
    }
}

words! {
    /// Who made the message.
    Source {
        Api = "api",
        Agent = "agent",
        Automation = "automation",
        Campaign = "campaign",
    }
}

words! {
    Direction {
        Outbound = "outbound",
        Inbound = "inbound",
    }
}

words! {
    MediaKind {
        Image = "image",
        Video = "video",
        Audio = "audio",
        Document = "document",
        Sticker = "sticker",
    }
}

/// Text that may hold personal data: it serialises, but it never prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(pub String);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} chars)", self.0.chars().count())
    }
}

/// One quick-reply button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Comes back in the reply. 1 to 256 characters.
    pub id: String,
    /// What the person reads. 1 to 20 characters.
    pub title: Body,
}

/// A file by public link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    pub kind: MediaKind,
    /// `https` address that the provider fetches.
    pub link: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Body>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The file of ours that the link leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentId>,
}

/// A file that a person sent. The bytes stay at the provider until somebody asks for them by this id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMedia {
    pub kind: MediaKind,
    pub provider_media_id: String,
    /// As the provider says it, never trusted: `audio/ogg; codecs=opus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Body>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<Body>,
}

/// A template with its numbered values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateUse {
    pub name: String,
    /// As the provider spells it: `en_US`.
    pub language: String,
    /// `{{1}}` is the first. At most [`crate::limits::PLACEHOLDERS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Body>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Media>,
    /// Payloads of quick-reply buttons, by position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub button_payloads: Vec<String>,
}

/// What is said. Stored as JSON with the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    Text {
        body: Body,
        #[serde(default)]
        preview_url: bool,
    },
    Template(TemplateUse),
    Media(Media),
    Interactive {
        body: Body,
        buttons: Vec<Button>,
    },
    /// A person pressed a button or chose a row. Inbound only.
    Reply {
        /// What the person read on it.
        body: Body,
        /// The id or payload that we gave it.
        id: String,
    },
    /// Inbound only: outbound files go by link.
    InboundMedia(InboundMedia),
    /// An empty emoji takes the reaction back.
    Reaction {
        /// The provider's id of the message that is reacted to.
        to: String,
        emoji: String,
    },
    /// Something a person sent that has no outbound shape here: location, contacts, order, sticker pack…
    Other {
        kind: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Body>,
    },
}

impl Content {
    /// The word in the `type` field.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Template(_) => "template",
            Self::Media(_) => "media",
            Self::Interactive { .. } => "interactive",
            Self::Reply { .. } => "reply",
            Self::InboundMedia(_) => "inbound_media",
            Self::Reaction { .. } => "reaction",
            Self::Other { .. } => "other",
        }
    }
}
