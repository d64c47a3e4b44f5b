//! Files of ours in messages: providers fetch them by a link, which is made when the message is accepted.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::AttachmentId,
    limits::SENT_FILE_LINK_LASTS,
    media::{self as types, MediaState},
    message::{Content, Media, MediaKind},
};
use postroad_store::{
    Result, TenantTx,
    attachments::{self, Attachment, Wanted},
};

use super::{Draft, Refused};
use crate::{App, media};

/// Puts links into drafts that name a file of ours, all in as many statements as one. By place.
pub(super) async fn attach(
    app: &App,
    tx: &mut TenantTx,
    drafts: &mut [Draft],
    now: DateTime<Utc>,
) -> Result<Vec<Result<(), Refused>>> {
    let mut named: Vec<AttachmentId> = drafts.iter_mut().filter_map(|draft| file(draft)?.attachment).collect();
    if named.is_empty() {
        return Ok(drafts.iter().map(|_| Ok(())).collect());
    }
    named.sort_unstable();
    named.dedup();
    let mut found = attachments::find(tx, Wanted::These(&named)).await?;
    found.retain(|file| file.state == MediaState::Stored);
    let latest = drafts.iter().filter_map(|draft| draft.send_at).fold(now, DateTime::max);
    let links = media::links(app, tx, &found, latest + SENT_FILE_LINK_LASTS).await?;
    let files: HashMap<AttachmentId, (Attachment, String)> = found
        .into_iter()
        .filter_map(|file| Some((file.id, (file.clone(), links.get(&file.id)?.url.clone()))))
        .collect();
    Ok(drafts.iter_mut().map(|draft| file(draft).map_or(Ok(()), |file| link(file, &files))).collect())
}

fn file(draft: &mut Draft) -> Option<&mut Media> {
    match &mut draft.content {
        Content::Media(file) => Some(file),
        Content::Template(used) => used.header.as_mut(),
        _ => None,
    }
}

fn link(file: &mut Media, files: &HashMap<AttachmentId, (Attachment, String)>) -> Result<(), Refused> {
    let Some(id) = file.attachment else { return Ok(()) };
    let (found, link) = files.get(&id).ok_or(Refused::UnknownAttachment { id })?;
    let name = found.media_type.as_deref().unwrap_or_default();
    let kind = types::find(name).map(|known| known.kind);
    if file.kind != MediaKind::Document && kind.is_none_or(|kind| !types::is_sent_as(kind, file.kind)) {
        return Err(Refused::AttachmentKind { said: file.kind, found: name.to_owned() });
    }
    file.link.clone_from(link);
    if file.kind == MediaKind::Document && file.filename.is_none() {
        file.filename.clone_from(&found.file_name);
    }
    Ok(())
}
