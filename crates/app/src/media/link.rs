//! Links to files: signatures, which end. Whoever has one reads the file until then; nobody changes what it leads to.
//!
//! A link names tenant and file, so it needs no row of its own. What a link leads to is looked up when it is opened: a file
//! that was purged is not there, whatever links still say.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use postroad_core::ids::{AttachmentId, TenantId};
use postroad_media::Variant;
use postroad_store::{TenantTx, attachments::Attachment};
use sha2::Sha256;
use uuid::Uuid;

use crate::App;

/// Tenant, file, end, variant.
const PAYLOAD_BYTES: usize = 16 + 16 + 4 + 1;
/// 128 bits: nobody guesses one.
const TAG_BYTES: usize = 16;
/// Before what is signed: the key signs other links too.
const PURPOSE: &[u8] = b"postroad file 1";

/// What a link says, once its signature was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) tenant: TenantId,
    pub(super) id: AttachmentId,
    /// Unix seconds.
    ends: u32,
    pub(super) variant: Variant,
}

impl Claim {
    fn payload(&self) -> Vec<u8> {
        let variant = u8::from(self.variant == Variant::Thumbnail);
        [&self.tenant.uuid().into_bytes()[..], &self.id.uuid().into_bytes(), &self.ends.to_be_bytes(), &[variant]]
            .concat()
    }

    fn token(&self, key: &[u8]) -> String {
        let payload = self.payload();
        let tag = mac(key, &payload).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&[&payload[..], &tag[..TAG_BYTES]].concat())
    }

    /// Until it ends. Not below nothing.
    pub(super) fn lasts(&self, now: DateTime<Utc>) -> TimeDelta {
        TimeDelta::seconds((i64::from(self.ends) - now.timestamp()).max(0))
    }

    pub(super) fn has_ended(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= i64::from(self.ends)
    }
}

fn mac(key: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key has any length");
    mac.update(PURPOSE);
    mac.update(payload);
    mac
}

/// A token as it came. Nothing of it is believed yet.
pub(super) struct Token {
    claim: Claim,
    payload: Vec<u8>,
    tag: Vec<u8>,
}

impl Token {
    /// None: nobody made such a one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (payload, tag) = bytes.split_at_checked(PAYLOAD_BYTES).filter(|(_, tag)| tag.len() == TAG_BYTES)?;
        let variant = match payload[36] {
            0 => Variant::Whole,
            1 => Variant::Thumbnail,
            _ => return None,
        };
        let claim = Claim {
            tenant: TenantId::from_uuid(Uuid::from_slice(&payload[..16]).ok()?),
            id: AttachmentId::from_uuid(Uuid::from_slice(&payload[16..32]).ok()?),
            ends: u32::from_be_bytes(payload[32..36].try_into().ok()?),
            variant,
        };
        Some(Self { claim, payload: payload.to_vec(), tag: tag.to_vec() })
    }

    /// Whose key says whether it is ours.
    pub(super) const fn tenant(&self) -> TenantId {
        self.claim.tenant
    }

    pub(super) fn verify(&self, key: &[u8]) -> Option<Claim> {
        mac(key, &self.payload).verify_truncated_left(&self.tag).ok().map(|()| self.claim)
    }
}

/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    pub url: String,
    pub thumbnail_url: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// Links to files that are stored, which end then.
pub async fn links(
    app: &App,
    tx: &mut TenantTx,
    files: &[Attachment],
    expires_at: DateTime<Utc>,
) -> postroad_store::Result<HashMap<AttachmentId, Links>> {
    let readable: Vec<&Attachment> = files.iter().filter(|file| file.sha256.is_some()).collect();
    if readable.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = tx.tenant();
    let key = app.keyring.link_key(&app.store, tenant, app.clock.now()).await?;
    let ends = u32::try_from(expires_at.timestamp()).unwrap_or(u32::MAX);
    let link = |id, variant| url(&app.public_url, &Claim { tenant, id, ends, variant }.token(key.bytes()));
    let mut made = HashMap::with_capacity(readable.len());
    for file in readable {
        let small = file.thumbnail_type.as_ref().map(|_| link(file.id, Variant::Thumbnail));
        made.insert(file.id, Links { url: link(file.id, Variant::Whole), thumbnail_url: small, expires_at });
    }
    Ok(made)
}

/// Where a token is opened.
pub fn url(public_url: &str, token: &str) -> String {
    format!("{public_url}/files/{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        let now = DateTime::UNIX_EPOCH;
        Claim { tenant: TenantId::new(now), id: AttachmentId::new(now), ends: 1_000, variant: Variant::Whole }
    }

    #[test]
    fn a_token_says_what_was_signed_and_nothing_else_opens() {
        let claim = claim();
        let text = claim.token(b"key");
        assert_eq!(Token::parse(&text).unwrap().verify(b"key"), Some(claim));
        assert_eq!(Token::parse(&text).unwrap().verify(b"another"), None);
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let parsed = Token::parse(&BASE64URL_NOPAD.encode(&changed));
            assert!(parsed.is_none_or(|token| token.verify(b"key").is_none()), "byte {place}");
        }
        for text in ["", "a", &text[1..], &format!("{text}A"), "../../etc/passwd"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn it_ends_at_its_second() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert!(!claim().has_ended(at(999)) && claim().has_ended(at(1_000)));
    }
}
