//! Files that come over the API, to be sent: in parts as long as a signed request, kept as rows until they are put together.

use bytes::Bytes;
use postroad_core::{
    account::Channel,
    ids::{AttachmentId, TenantId},
    jobs::FetchMedia,
    limits::UPLOAD_PARTS_MAX,
    media::{self, MediaLoss, MediaState, bytes_max},
    message::MediaKind,
};
use postroad_store::{
    Error, TenantTx,
    attachments::{self, Attachment, NewUpload, Wanted},
    media::Taken,
    queue,
};

use super::{Fetched, Trouble};
use crate::{App, text};

/// The widest bounds that a file to be sent has; what one channel does not carry, its provider refuses.
const CHANNEL: Channel = Channel::Whatsapp;

/// Why a file cannot be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("there is no such file")]
    NotFound,
    #[error("a part has at least one byte")]
    EmptyPart,
    #[error("a file has at most {UPLOAD_PARTS_MAX} parts")]
    TooManyParts,
    #[error("files of this type are not taken")]
    TypeNotAllowed,
    #[error("the name of a file has 1 to 240 characters")]
    Name,
    #[error("a file of this kind has at most {0} bytes")]
    TooLarge(usize),
    #[error("the file is whole; nothing can be added")]
    Whole,
    #[error("part {wanted} is the next one, not {got}")]
    OutOfOrder { wanted: i32, got: i32 },
    #[error(transparent)]
    Store(#[from] Error),
}

/// A file, or its first part. Never printed.
pub struct Upload {
    /// As people know the file.
    pub name: Option<String>,
    /// What it says it is: `image/jpeg`.
    pub declared: Option<String>,
    /// None: what its type usually is.
    pub kind: Option<MediaKind>,
    pub bytes: Bytes,
    /// No further parts follow.
    pub is_whole: bool,
}

/// A further part. Never printed.
pub struct Part {
    /// From 1: the upload was part 0.
    pub number: i32,
    pub bytes: Bytes,
    pub is_last: bool,
}

/// Takes a file, or its first part. It can be sent when it was looked at: a second or so after its last part.
pub async fn upload(app: &App, tenant: TenantId, upload: Upload) -> Result<Attachment, UploadError> {
    let now = app.clock.now();
    let new = new_upload(AttachmentId::new(now), &upload)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    attachments::insert(&mut tx, &new, now).await?;
    let part = Part { number: 0, bytes: upload.bytes, is_last: upload.is_whole };
    append(app, &mut tx, (new.id, new.kind), &part).await?;
    committed(tx, new.id).await
}

fn new_upload(id: AttachmentId, upload: &Upload) -> Result<NewUpload, UploadError> {
    let declared = upload.declared.as_deref().filter(|name| !media::says_nothing(name));
    let known = declared.map(|name| media::find(name).ok_or(UploadError::TypeNotAllowed)).transpose()?;
    let name = upload.name.as_deref().map(str::trim);
    if name.is_some_and(|name| !text::fits(name, 1..=240)) {
        return Err(UploadError::Name);
    }
    let kind = upload.kind.or(known.map(|known| known.kind)).unwrap_or(MediaKind::Document);
    let declared_type = known.map(|known| known.name.to_owned());
    Ok(NewUpload { id, kind, channel: CHANNEL, declared_type, file_name: name.map(str::to_owned) })
}

/// Takes a further part. One that was taken before is not taken again: the answer may have been lost.
pub async fn add_part(app: &App, tenant: TenantId, id: AttachmentId, part: Part) -> Result<Attachment, UploadError> {
    if part.number >= UPLOAD_PARTS_MAX {
        return Err(UploadError::TooManyParts);
    }
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let file = attachments::find(&mut tx, Wanted::These(&[id])).await?.pop().ok_or(UploadError::NotFound)?;
    if part.number < file.parts {
        return Ok(file);
    }
    if file.state != MediaState::Receiving {
        return Err(UploadError::Whole);
    }
    if part.number > file.parts {
        return Err(UploadError::OutOfOrder { wanted: file.parts, got: part.number });
    }
    append(app, &mut tx, (id, file.kind), &part).await?;
    committed(tx, id).await
}

async fn append(
    app: &App,
    tx: &mut TenantTx,
    (id, kind): (AttachmentId, MediaKind),
    part: &Part,
) -> Result<(), UploadError> {
    if part.bytes.is_empty() {
        return Err(UploadError::EmptyPart);
    }
    let (now, most) = (app.clock.now(), bytes_max(CHANNEL, kind));
    let bytes_max = i64::try_from(most).unwrap_or(i64::MAX);
    if !attachments::append(tx, id, (part.number, &part.bytes), bytes_max, now).await? {
        return Err(UploadError::TooLarge(most));
    }
    if part.is_last {
        attachments::end(tx, id, now).await?;
        queue::push(tx, &FetchMedia { first: id, woken: 0 }, now).await?;
    }
    Ok(())
}

async fn committed(mut tx: TenantTx, id: AttachmentId) -> Result<Attachment, UploadError> {
    let file = attachments::find(&mut tx, Wanted::These(&[id])).await?.pop().ok_or(UploadError::NotFound)?;
    tx.commit().await?;
    Ok(file)
}

/// The parts of a file, put together.
pub async fn uploaded(app: &App, taken: &Taken) -> Result<Fetched, Trouble> {
    let mut tx = TenantTx::begin(&app.store, taken.tenant).await?;
    let mut bytes = Vec::new();
    for number in 0..taken.parts {
        match attachments::part(&mut tx, taken.id, number).await? {
            Some(part) => bytes.extend(part),
            None => {
                let words = format!("part {number} of the upload is gone");
                return Err(Trouble::Lost { loss: MediaLoss::Abandoned, words });
            }
        }
    }
    Ok(Fetched { declared: None, bytes: bytes.into() })
}
