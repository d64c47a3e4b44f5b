//! Files as callers see them.

use chrono::{DateTime, Utc};
use postroad_app::media::Links;
use postroad_core::message::{Direction, MediaKind};
use postroad_store::attachments as stored;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{DirectionWord, MediaKindWord, MediaStateWord};

/// A file that was sent or uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Attachment {
    #[schema(pattern = "^att_[0-9a-f]{32}$")]
    id: String,
    /// `inbound`: a person sent it. `outbound`: it was uploaded to be sent.
    #[schema(value_type = DirectionWord)]
    direction: Direction,
    #[schema(value_type = MediaStateWord)]
    state: &'static str,
    #[schema(value_type = MediaKindWord)]
    kind: MediaKind,
    /// With which it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    /// What it was found to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<i64>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i32>,
    /// Parts that came, of an upload.
    parts: i32,
    /// Why it was refused, or is lost: `too_large`, `type_not_allowed`, `type_disagrees`, `bomb`, `unreadable_image`, `empty`;
    /// `gone`, `forbidden`, `attempts_used_up`, `no_account`, `abandoned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What the last attempt met, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    attempts: i32,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    /// It is kept whatever its age.
    legal_hold: bool,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_at: Option<DateTime<Utc>>,
    /// Reads it without a signature, until `expires_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
}

impl Attachment {
    pub(in crate::routes) fn of(file: stored::Attachment, links: Option<Links>) -> Self {
        let expires_at = links.as_ref().map(|links| links.expires_at);
        let (url, thumbnail_url) = links.map_or((None, None), |links| (Some(links.url), links.thumbnail_url));
        Self {
            id: file.id.to_string(),
            direction: file.direction,
            state: file.state.as_str(),
            kind: file.kind,
            message_id: file.message.map(|id| id.to_string()),
            file_name: file.file_name,
            media_type: file.media_type,
            size_bytes: file.size_bytes,
            width: file.width,
            height: file.height,
            parts: file.parts,
            code: file.code,
            trouble: file.trouble,
            attempts: file.attempts,
            due_at: file.due_at,
            legal_hold: file.legal_hold,
            created_at: file.created_at,
            stored_at: file.stored_at,
            url,
            thumbnail_url,
            expires_at,
        }
    }
}
