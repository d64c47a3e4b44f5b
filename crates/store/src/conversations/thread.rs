//! What is said within a conversation: messages that belong to it, and notes that never leave.

use chrono::{DateTime, Utc};
use postroad_core::ids::{ConversationId, MemberId, MessageId, NoteId};
use uuid::Uuid;

use crate::{
    Result, TenantTx,
    bodies::{self, Keys, Place, Ward},
};

/// A message that was accepted is a member's answer in the conversation.
pub async fn adopt(
    tx: &mut TenantTx,
    message: MessageId,
    conversation: ConversationId,
    member: Option<MemberId>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update messages set conversation_id = $3, member_id = $4, source = 'agent' where tenant_id = $1 and id = $2",
        tenant.uuid(),
        message.uuid(),
        conversation.uuid(),
        member.map(MemberId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A note. Never printed, and never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Note {
    pub id: NoteId,
    /// Member or client, by id.
    pub author: String,
    pub body: String,
    pub mentions: Vec<Uuid>,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
}

pub async fn insert_note(tx: &mut TenantTx, conversation: ConversationId, note: &Note) -> Result<()> {
    let tenant = tx.tenant();
    let (body, sealed) = kept(tx, conversation, note).await?;
    sqlx::query!(
        r#"
        insert into notes (tenant_id, id, conversation_id, author, body, mentions, created_at, sealed)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        tenant.uuid(),
        note.id.uuid(),
        conversation.uuid(),
        note.author,
        body,
        &note.mentions,
        note.created_at,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What it says, as it is stored.
async fn kept(tx: &mut TenantTx, conversation: ConversationId, note: &Note) -> Result<(String, bool)> {
    let (ward, account) = Ward::of_conversation(tx, conversation).await?;
    ward.text(account, Place::Note(note.id.uuid()), &note.body)
}

/// A page, newest first.
pub async fn notes(
    tx: &mut TenantTx,
    conversation: ConversationId,
    before: Option<NoteId>,
    limit: i64,
) -> Result<Vec<Note>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        NoteRow,
        r#"
        select id as "id: NoteId", author, body, mentions, created_at, edited_at, sealed from notes
        where  tenant_id = $1 and conversation_id = $2 and ($3::uuid is null or id < $3)
        order  by id desc
        limit  $4
        "#,
        tenant.uuid(),
        conversation.uuid(),
        before.map(NoteId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let keys = Keys::of(tx, bodies::named(rows.iter().filter(|row| row.sealed).map(|row| (tenant, row.body.as_str()))))
        .await?;
    let note = |row: NoteRow| {
        let NoteRow { id, author, mut body, mentions, created_at, edited_at, sealed } = row;
        if sealed {
            body = keys.text(tenant, Place::Note(id.uuid()), &body)?;
        }
        Ok(Note { id, author, body, mentions, created_at, edited_at })
    };
    rows.into_iter().map(note).collect()
}

struct NoteRow {
    id: NoteId,
    author: String,
    body: String,
    mentions: Vec<Uuid>,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    sealed: bool,
}

/// What its author makes of it. False: there is no such note of theirs.
pub async fn edit_note(tx: &mut TenantTx, conversation: ConversationId, note: &Note) -> Result<bool> {
    let tenant = tx.tenant();
    let (body, sealed) = kept(tx, conversation, note).await?;
    let done = sqlx::query!(
        r#"
        update notes set body = $5, mentions = $6, edited_at = $7, sealed = $8
        where  tenant_id = $1 and conversation_id = $2 and id = $3 and author = $4
        "#,
        tenant.uuid(),
        conversation.uuid(),
        note.id.uuid(),
        note.author,
        body,
        &note.mentions,
        note.edited_at,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there is no such note of theirs.
pub async fn delete_note(tx: &mut TenantTx, conversation: ConversationId, note: NoteId, author: &str) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from notes where tenant_id = $1 and conversation_id = $2 and id = $3 and author = $4",
        tenant.uuid(),
        conversation.uuid(),
        note.uuid(),
        author,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
