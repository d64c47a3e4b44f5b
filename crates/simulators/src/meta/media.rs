//! Media: upload, look-up, download, delete.
//!
//! Source: facebook/openapi, `/{Phone-Number-ID}/media` and `/{Media-ID}`. A download address is good for five minutes
//! and wants the same token.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::stream;
use hashbrown::HashMap;
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::server::Reply;

use super::errors::Refusal;
use super::fate::unknown;
use super::message::missing;
use super::reply;
use super::state::State;

/// Seconds a download address works. Source: providers' documents, "media URLs are valid for 5 minutes".
const ADDRESS_LIFETIME_S: u64 = 300;
/// All media together; the oldest go first.
const STORE_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// What may be uploaded, by the beginning of its MIME type, and how large it may be in bytes.
const ACCEPTED: &[(&str, usize)] = &[
    ("image/jpeg", 5 << 20),
    ("image/png", 5 << 20),
    ("image/webp", 500 << 10),
    ("audio/aac", 16 << 20),
    ("audio/amr", 16 << 20),
    ("audio/mpeg", 16 << 20),
    ("audio/mp4", 16 << 20),
    ("audio/ogg", 16 << 20),
    ("video/mp4", 16 << 20),
    ("video/3gp", 16 << 20),
    ("text/plain", 100 << 20),
    ("application/", 100 << 20),
];

#[derive(Debug)]
pub(crate) struct Medium {
    order: u64,
    pub(crate) mime_type: String,
    pub(crate) sha256: String,
    bytes: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct MediaStore {
    all: HashMap<String, Medium>,
    bytes: usize,
    added: u64,
}

impl MediaStore {
    /// Keeps a medium and returns its id.
    pub(crate) fn add(&mut self, mime_type: &str, bytes: Bytes) -> String {
        while self.bytes + bytes.len() > STORE_BYTES_MAX && self.drop_oldest() {}
        self.added += 1;
        let id = (400_000_000_000_000 + self.added).to_string();
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        self.bytes += bytes.len();
        self.all.insert(id.clone(), Medium { order: self.added, mime_type: mime_type.to_owned(), sha256, bytes });
        id
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.all.iter().min_by_key(|(_, medium)| medium.order).map(|(id, _)| id.clone());
        oldest.is_some_and(|id| self.remove(&id))
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.all.contains_key(id)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Medium> {
        self.all.get(id)
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let removed = self.all.remove(id);
        self.bytes -= removed.as_ref().map_or(0, |medium| medium.bytes.len());
        removed.is_some()
    }
}

/// A file from a form.
#[derive(Debug)]
pub(crate) struct Upload {
    mime_type: String,
    bytes: Bytes,
}

/// Reads the form of an upload.
pub(crate) async fn read(head: &Parts, body: Bytes) -> Result<Upload, Refusal> {
    let invalid = |error: multer::Error| Refusal::because(100, error.to_string());
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let boundary = multer::parse_boundary(content_type).map_err(invalid)?;
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, std::io::Error>(body)]), boundary);
    let (mut product, mut upload) = (None, None);
    while let Some(field) = form.next_field().await.map_err(invalid)? {
        match field.name() {
            Some("messaging_product") => product = Some(field.text().await.map_err(invalid)?),
            Some("file") => {
                let mime_type = field.content_type().map(ToString::to_string).unwrap_or_default();
                upload = Some(Upload { mime_type, bytes: field.bytes().await.map_err(invalid)? });
            }
            _ => {}
        }
    }
    if product.as_deref() != Some("whatsapp") {
        return Err(Refusal::because(100, "The parameter messaging_product is required."));
    }
    upload.ok_or_else(|| missing("file"))
}

impl State {
    pub(crate) fn upload(&mut self, upload: Upload) -> Result<Reply, Refusal> {
        let known = ACCEPTED.iter().find(|(mime_type, _)| upload.mime_type.starts_with(mime_type));
        let Some((_, bytes_max)) = known else {
            let details =
                format!("Param file must be a file with one of the supported types, got {}.", upload.mime_type);
            return Err(Refusal::because(100, details));
        };
        if upload.bytes.is_empty() || upload.bytes.len() > *bytes_max {
            return Err(Refusal::new(131_053));
        }
        let id = self.media.add(&upload.mime_type, upload.bytes);
        Ok(reply::ok(&json!({ "id": id })))
    }

    /// `GET /{media id}`
    pub(crate) fn medium(&self, id: &str, head: &Parts) -> Option<Reply> {
        let medium = self.media.get(id)?;
        let host = head.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
        let expires = clock::unix_s() + ADDRESS_LIFETIME_S;
        Some(reply::ok(&json!({
            "messaging_product": "whatsapp",
            "url": format!("http://{host}/_media/{id}?ext={expires}"),
            "mime_type": medium.mime_type,
            "sha256": medium.sha256,
            "file_size": medium.bytes.len(),
            "id": id,
        })))
    }

    pub(crate) fn download(&self, id: &str, head: &Parts) -> Result<Reply, Refusal> {
        let query = url::form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes());
        let expires =
            query.into_iter().find(|(name, _)| name == "ext").and_then(|(_, value)| value.parse::<u64>().ok());
        if expires.is_none_or(|expires| expires < clock::unix_s()) {
            return Err(Refusal { status: Some(404), ..Refusal::because(803, "The media URL has expired.") });
        }
        let medium = self.media.get(id).ok_or_else(|| unknown(id))?;
        let mut reply = Response::new(Full::new(medium.bytes.clone()));
        *reply.status_mut() = StatusCode::OK;
        reply.headers_mut().insert(CONTENT_TYPE, reply::header(&medium.mime_type));
        Ok(reply)
    }
}
