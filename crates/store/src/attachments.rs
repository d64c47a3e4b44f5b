//! Files as their tenant sees them. Where bytes come from and go to is [`crate::media`].

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    ids::{AttachmentId, ContactId, MessageId},
    media::MediaState,
    message::{Direction, MediaKind},
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// A file, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub direction: Direction,
    pub state: MediaState,
    pub kind: MediaKind,
    /// Where it came from, or whose bounds it keeps.
    pub channel: Channel,
    pub message: Option<MessageId>,
    pub file_name: Option<String>,
    /// As it was found. None: nobody has looked yet.
    pub media_type: Option<String>,
    pub size_bytes: Option<i64>,
    pub sha256: Option<String>,
    /// Pixels.
    pub width: Option<i32>,
    pub height: Option<i32>,
    /// None: it has no thumbnail.
    pub thumbnail_type: Option<String>,
    /// Of an upload: parts that came.
    pub parts: i32,
    pub attempts: i32,
    pub due_at: Option<DateTime<Utc>>,
    /// Why it was refused, or is lost.
    pub code: Option<String>,
    /// What the last attempt met.
    pub trouble: Option<String>,
    pub legal_hold: bool,
    pub created_at: DateTime<Utc>,
    pub stored_at: Option<DateTime<Utc>>,
}

/// A file that is uploaded.
#[derive(Debug, Clone)]
pub struct NewUpload {
    pub id: AttachmentId,
    pub kind: MediaKind,
    pub channel: Channel,
    pub declared_type: Option<String>,
    pub file_name: Option<String>,
}

pub async fn insert(tx: &mut TenantTx, new: &NewUpload, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into attachments (tenant_id, id, direction, state, kind, channel, declared_type, file_name, created_at, updated_at)
        values ($1, $2, 'outbound', 'receiving', $3, $4, $5, $6, $7, $7)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.kind.as_str(),
        new.channel.as_str(),
        new.declared_type,
        new.file_name,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the next part of an upload, as long as all parts have at most `bytes_max`. False: it is not the next one, the file
/// is whole, or it would be too large.
pub async fn append(
    tx: &mut TenantTx,
    id: AttachmentId,
    (part, bytes): (i32, &[u8]),
    bytes_max: i64,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let counted = sqlx::query!(
        r#"
        update attachments
        set    parts = parts + 1, size_bytes = coalesce(size_bytes, 0) + $4, updated_at = $6
        where  tenant_id = $1 and id = $2 and parts = $3 and state = 'receiving' and coalesce(size_bytes, 0) + $4 <= $5
        "#,
        tenant.uuid(),
        id.uuid(),
        part,
        size,
        bytes_max,
        now,
    )
    .execute(tx.conn())
    .await?;
    if counted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "insert into attachment_parts (tenant_id, attachment_id, part, bytes) values ($1, $2, $3, $4)",
        tenant.uuid(),
        id.uuid(),
        part,
        bytes,
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// The file is whole; whoever is free looks at it. False: it was whole before.
pub async fn end(tx: &mut TenantTx, id: AttachmentId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update attachments set state = 'wanted', due_at = $3, updated_at = $3 where tenant_id = $1 and id = $2 and state = 'receiving'",
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One part of an upload; none behind the last.
pub async fn part(tx: &mut TenantTx, id: AttachmentId, part: i32) -> Result<Option<Vec<u8>>> {
    let tenant = tx.tenant();
    let bytes = sqlx::query_scalar!(
        "select bytes from attachment_parts where tenant_id = $1 and attachment_id = $2 and part = $3",
        tenant.uuid(),
        id.uuid(),
        part,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(bytes)
}

/// Which files.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    These(&'a [AttachmentId]),
    /// Those that were said with these messages.
    SaidWith(&'a [MessageId]),
}

/// At most one for each of what is wanted, in any order.
pub async fn find(tx: &mut TenantTx, wanted: Wanted<'_>) -> Result<Vec<Attachment>> {
    let tenant = tx.tenant();
    let (ids, messages): (Vec<Uuid>, Vec<Uuid>) = match wanted {
        Wanted::These(ids) => (ids.iter().map(|id| id.uuid()).collect(), Vec::new()),
        Wanted::SaidWith(messages) => (Vec::new(), messages.iter().map(|id| id.uuid()).collect()),
    };
    let rows = sqlx::query_as!(
        Attachment,
        r#"
        select a.id as "id: AttachmentId", a.direction as "direction: Direction", a.state as "state: MediaState",
               a.kind as "kind: MediaKind", a.channel as "channel: Channel", a.message_id as "message: MessageId", a.file_name,
               a.media_type, a.size_bytes, a.sha256, a.width, a.height, a.thumbnail_type, a.parts, a.attempts, a.due_at, a.code,
               a.trouble, a.legal_hold, a.created_at, a.stored_at
        from   attachments a
        where  a.tenant_id = $1
        and    (a.id = any($2) or a.message_id = any($3))
        limit  $4
        "#,
        tenant.uuid(),
        &ids,
        &messages,
        i64::try_from(ids.len() + messages.len()).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Keeps a file whatever its age, or not any more. False: there is no such file, or it is gone.
pub async fn set_legal_hold(tx: &mut TenantTx, id: AttachmentId, hold: bool, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update attachments set legal_hold = $3, updated_at = $4
        where  tenant_id = $1 and id = $2 and state not in ('purging', 'purged')
        "#,
        tenant.uuid(),
        id.uuid(),
        hold,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a person sent is forgotten: nobody reads it from now on, and its bytes are deleted soon. What is held for a court
/// stays.
pub async fn forget(tx: &mut TenantTx, contact: ContactId, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update attachments a
        set    state = case when a.sha256 is not null then 'purging' else 'purged' end, due_at = null, code = null, trouble = null,
               file_name = null, provider_ref = null, declared_type = null, updated_at = $3
        from   messages m
        where  m.tenant_id = $1 and m.contact_id = $2 and a.tenant_id = $1 and a.message_id = m.id and not a.legal_hold
        and    a.state <> 'purged'
        "#,
        tenant.uuid(),
        contact.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Days for which the tenant keeps files.
pub async fn media_days(tx: &mut TenantTx) -> Result<Option<i32>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!("select media_days from tenants where id = $1", tenant.uuid())
        .fetch_optional(tx.conn())
        .await?)
}

/// False: there is no such tenant.
pub async fn set_media_days(tx: &mut TenantTx, days: i32, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("update tenants set media_days = $2, updated_at = $3 where id = $1", tenant.uuid(), days, now)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}
