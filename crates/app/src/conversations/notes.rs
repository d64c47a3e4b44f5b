//! What members say to each other. Another table than messages: no mistake can send one.

use postroad_core::{
    conversation::EventKind,
    ids::{ConversationId, MemberId, NoteId, TenantId},
};
pub use postroad_store::conversations::thread::Note;
use postroad_store::{
    TenantTx,
    conversations::{self as stored, thread},
};
use serde_json::json;

use super::{By, ConversationError, Happening, Result, Work, change::fitting, know};
use crate::App;

/// Characters of a note.
const NOTE_CHARS_MAX: usize = 10_000;
/// Members that one note names.
const MENTIONS_MAX: usize = 20;

/// A note to be written, or what becomes of one.
#[derive(Clone)]
pub struct NewNote {
    pub body: String,
    pub mentions: Vec<MemberId>,
}

/// A page, newest first.
pub async fn notes(
    app: &App,
    tenant: TenantId,
    id: ConversationId,
    before: Option<NoteId>,
    limit: i64,
) -> Result<Vec<Note>> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::find(&mut tx, id, None).await?.ok_or(ConversationError::NotFound)?;
    Ok(thread::notes(&mut tx, id, before, limit).await?)
}

pub async fn add_note(app: &App, by: By, id: ConversationId, new: NewNote) -> Result<Note> {
    let mut work = Work::begin(app, by, id).await?;
    let (note, happening) = noted(&mut work, new).await?;
    work.tell(happening).await?;
    Ok(note)
}

pub(crate) async fn noted(work: &mut Work, new: NewNote) -> Result<(Note, Happening)> {
    let id = NoteId::new(work.now);
    let note = written(work, id, new).await?;
    thread::insert_note(&mut work.tx, work.conversation.id, &note).await?;
    let happening = (EventKind::NoteAdded, json!({"note": note.id, "mentions": names(&note)}));
    Ok((note, happening))
}

/// Only its author changes a note.
pub async fn edit_note(app: &App, by: By, id: ConversationId, note: NoteId, new: NewNote) -> Result<Note> {
    let mut work = Work::begin(app, by, id).await?;
    let edited_at = Some(work.now);
    let edited = Note { edited_at, ..written(&mut work, note, new).await? };
    if !thread::edit_note(&mut work.tx, id, &edited).await? {
        return Err(ConversationError::UnknownNote(note));
    }
    work.tell((EventKind::NoteEdited, json!({"note": note, "mentions": names(&edited)}))).await?;
    Ok(edited)
}

/// Only its author takes a note away.
pub async fn delete_note(app: &App, by: By, id: ConversationId, note: NoteId) -> Result<()> {
    let mut work = Work::begin(app, by, id).await?;
    if !thread::delete_note(&mut work.tx, id, note, &by.actor().to_string()).await? {
        return Err(ConversationError::UnknownNote(note));
    }
    work.tell((EventKind::NoteRemoved, json!({"note": note}))).await?;
    Ok(())
}

async fn written(work: &mut Work, id: NoteId, new: NewNote) -> Result<Note> {
    if new.mentions.len() > MENTIONS_MAX {
        return Err(ConversationError::TooMany(MENTIONS_MAX));
    }
    know(&mut work.tx, &new.mentions).await?;
    Ok(Note {
        id,
        author: work.by.actor().to_string(),
        body: fitting("note", &new.body, NOTE_CHARS_MAX)?,
        mentions: new.mentions.iter().map(|member| member.uuid()).collect(),
        created_at: work.now,
        edited_at: None,
    })
}

fn names(note: &Note) -> Vec<MemberId> {
    note.mentions.iter().copied().map(MemberId::from_uuid).collect()
}
