//! Files as their tenant sees them, and as whoever has a link reads them.

use std::{collections::HashMap, ops::Range};

use chrono::TimeDelta;
use postroad_core::{
    ids::{AttachmentId, MessageId, TenantId},
    limits::{FILE_LINK_LASTS, MEDIA_DAYS_MAX},
    media::{self as types, MediaState},
};
use postroad_media::{Key, ObjectError, Reading, Variant};
use postroad_store::{
    Error, TenantTx,
    attachments::{self, Attachment, Wanted},
};

use super::link::{self, Claim, Links, Token};
use crate::App;

/// Why nothing is done about a file.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("there is no such file")]
    NotFound,
    #[error("the file was deleted; it cannot be kept any more")]
    Gone,
    #[error("files are kept for 1 to {MEDIA_DAYS_MAX} days")]
    Days,
    #[error(transparent)]
    Store(#[from] Error),
}

/// A file with its links, if it can be read.
pub async fn get(app: &App, tenant: TenantId, id: AttachmentId) -> Result<(Attachment, Option<Links>), MediaError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = attachments::find(&mut tx, Wanted::These(&[id])).await?;
    let mut links = read_links(app, &mut tx, &found).await?;
    let file = found.into_iter().next().ok_or(MediaError::NotFound)?;
    Ok((file, links.remove(&id)))
}

/// What was said with each of these messages, with its links.
pub async fn of_messages(
    app: &App,
    tenant: TenantId,
    messages: &[MessageId],
) -> postroad_store::Result<HashMap<MessageId, (Attachment, Option<Links>)>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = attachments::find(&mut tx, Wanted::SaidWith(messages)).await?;
    let mut links = read_links(app, &mut tx, &found).await?;
    let with_links = found.into_iter().filter_map(|file| {
        let links = links.remove(&file.id);
        Some((file.message?, (file, links)))
    });
    Ok(with_links.collect())
}

async fn read_links(
    app: &App,
    tx: &mut TenantTx,
    files: &[Attachment],
) -> postroad_store::Result<HashMap<AttachmentId, Links>> {
    let mut readable = files.to_vec();
    readable.retain(|file| file.state == MediaState::Stored);
    link::links(app, tx, &readable, app.clock.now() + FILE_LINK_LASTS).await
}

/// Keeps a file whatever its age, or not any more.
pub async fn hold(app: &App, tenant: TenantId, id: AttachmentId, hold: bool) -> Result<Attachment, MediaError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let done = attachments::set_legal_hold(&mut tx, id, hold, app.clock.now()).await?;
    let found = attachments::find(&mut tx, Wanted::These(&[id])).await?.pop().ok_or(MediaError::NotFound)?;
    if !done {
        return Err(MediaError::Gone);
    }
    tx.commit().await?;
    Ok(found)
}

/// Days for which the tenant's files are kept.
pub async fn days(app: &App, tenant: TenantId) -> Result<i32, MediaError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    attachments::media_days(&mut tx).await?.ok_or(MediaError::NotFound)
}

/// Files that are older go with the next run of the purge.
pub async fn set_days(app: &App, tenant: TenantId, days: i32) -> Result<(), MediaError> {
    if !(1..=MEDIA_DAYS_MAX).contains(&days) {
        return Err(MediaError::Days);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !attachments::set_media_days(&mut tx, days, app.clock.now()).await? {
        return Err(MediaError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// A file that is being read by a link.
pub struct Served {
    pub reading: Reading,
    pub media_type: String,
    /// A browser may show it; else it is a download.
    pub shown: bool,
    pub file_name: Option<String>,
    /// Until the link ends.
    pub lasts: TimeDelta,
}

/// Why a link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the link leads nowhere")]
    Nowhere,
    #[error("the link has ended; ask for a new one")]
    Ended,
    #[error("the file was deleted")]
    Gone,
    #[error("the file has {size} bytes")]
    Range { size: u64 },
    #[error("the file cannot be read now: {0}")]
    Away(ObjectError),
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<ObjectError> for FileError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Missing => Self::Gone,
            away @ ObjectError::Away(_) => Self::Away(away),
        }
    }
}

/// Which bytes of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// From the first on, up to and with the last, if there is one.
    From { first: u64, last: Option<u64> },
    /// So many at the end.
    Last(u64),
}

impl Section {
    /// None: nothing of the file is in it.
    fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// Opens a link. A thumbnail is always read whole.
pub async fn open(app: &App, token: &str, section: Option<Section>) -> Result<Served, FileError> {
    let claim = check(app, token).await?;
    let now = app.clock.now();
    if claim.has_ended(now) {
        return Err(FileError::Ended);
    }
    let mut tx = TenantTx::begin(&app.store, claim.tenant).await?;
    let file = attachments::find(&mut tx, Wanted::These(&[claim.id])).await?.pop().ok_or(FileError::Nowhere)?;
    drop(tx);
    let sha256 = file.sha256.as_deref().filter(|_| file.state == MediaState::Stored).ok_or(FileError::Gone)?;
    let range =
        section.filter(|_| claim.variant == Variant::Whole).map(|section| ranged(section, &file)).transpose()?;
    let reading = app.media.objects.read(&Key::of(claim.tenant, sha256, claim.variant), range).await?;
    let (media_type, shown) = kind_of(&file, claim.variant);
    Ok(Served { reading, media_type, shown, file_name: file.file_name, lasts: claim.lasts(now) })
}

fn ranged(section: Section, file: &Attachment) -> Result<Range<u64>, FileError> {
    let size = file.size_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    section.of(size).ok_or(FileError::Range { size })
}

/// Whose key it is, a link says itself, and nothing of it is believed before.
async fn check(app: &App, token: &str) -> Result<Claim, FileError> {
    let token = Token::parse(token).ok_or(FileError::Nowhere)?;
    let key = app.keyring.link_key(&app.store, token.tenant(), app.clock.now()).await?;
    token.verify(key.bytes()).ok_or(FileError::Nowhere)
}

/// Only what we drew ourselves, sounds and films are shown.
fn kind_of(file: &Attachment, variant: Variant) -> (String, bool) {
    match variant {
        Variant::Thumbnail => (file.thumbnail_type.clone().unwrap_or_default(), true),
        Variant::Whole => {
            let name = file.media_type.clone().unwrap_or_default();
            let shown = types::find(&name).is_some_and(|known| known.shown);
            (name, shown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_what_of_it_the_file_has() {
        let from = |first, last| Section::From { first, last };
        let cases = [
            (from(0, None), Some(0..10)),
            (from(3, Some(5)), Some(3..6)),
            (from(9, Some(u64::MAX)), Some(9..10)),
            (from(10, None), None),
            (from(5, Some(3)), None),
            (Section::Last(4), Some(6..10)),
            (Section::Last(100), Some(0..10)),
            (Section::Last(0), None),
        ];
        for (section, expected) in cases {
            assert_eq!(section.of(10), expected, "{section:?}");
        }
    }
}
