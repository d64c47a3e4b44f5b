//! Files on their way in and out: what is to be fetched, what became of it, and what is deleted. Of all tenants, so as the
//! system role.
//!
//! Bytes lie under their hash, and several files may have the same. So a file says which hash it will have before its bytes
//! are written, bytes are deleted only when no other file says theirs, and who comes while they are being deleted waits.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    ids::{AccountId, AttachmentId, MessageId, TenantId},
    limits::{FETCH_LEASE, UPLOAD_MAX},
    media::{MediaLoss, MediaRefusal},
    message::{Direction, MediaKind},
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// A file that somebody sent, and that lies at the provider.
#[derive(Debug)]
pub struct Sent<'a> {
    pub tenant: TenantId,
    pub id: AttachmentId,
    pub message: MessageId,
    pub account: AccountId,
    pub channel: Channel,
    pub kind: MediaKind,
    pub provider_ref: &'a str,
    pub declared_type: Option<&'a str>,
    pub file_name: Option<&'a str>,
}

/// Wants these to be fetched.
pub async fn want(tx: &mut SystemTx, sent: &[Sent<'_>], now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into attachments (tenant_id, id, direction, state, kind, channel, message_id, account_id, provider_ref, declared_type,
                                 file_name, due_at, created_at, updated_at)
        select x.tenant_id, x.id, 'inbound', 'wanted', x.kind, x.channel, x.message_id, x.account_id, left(x.provider_ref, 2048),
               left(x.declared_type, 200), nullif(left(x.file_name, 240), ''), $10, $10, $10
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
               as x (tenant_id, id, message_id, account_id, channel, kind, provider_ref, declared_type, file_name)
        order  by x.tenant_id, x.id
        on conflict do nothing
        "#,
        &each(sent, |one| one.tenant.uuid()),
        &each(sent, |one| one.id.uuid()),
        &each(sent, |one| one.message.uuid()),
        &each(sent, |one| one.account.uuid()),
        &each(sent, |one| one.channel.as_str()) as &[&str],
        &each(sent, |one| one.kind.as_str()) as &[&str],
        &each(sent, |one| one.provider_ref) as &[&str],
        &each(sent, |one| one.declared_type) as &[Option<&str>],
        &each(sent, |one| one.file_name) as &[Option<&str>],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn each<'a, T, V>(rows: &'a [T], value: impl FnMut(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// A file that is being looked at. Whoever has it, has it until the lease ends; the number of the attempt is its fence.
#[derive(Debug, Clone)]
pub struct Taken {
    pub tenant: TenantId,
    pub id: AttachmentId,
    pub direction: Direction,
    pub kind: MediaKind,
    pub channel: Channel,
    pub account: Option<AccountId>,
    /// Of the account; none for uploads.
    pub provider: Option<String>,
    pub external_id: Option<String>,
    pub provider_ref: Option<String>,
    pub declared_type: Option<String>,
    /// Of an upload.
    pub parts: i32,
    /// From 1.
    pub attempt: i32,
}

/// Takes up to `limit` files that are due, the longest due first.
pub async fn take(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<Taken>> {
    let rows = sqlx::query_as!(
        Taken,
        r#"
        with due as (
            select a.tenant_id, a.id from attachments a
            where  a.state = 'wanted' and a.due_at <= $1
            order  by a.due_at
            limit  $2
            for    update skip locked
        ), taken as (
            update attachments a set attempts = a.attempts + 1, due_at = $3, updated_at = $1
            from   due
            where  a.tenant_id = due.tenant_id and a.id = due.id
            returning a.*
        )
        select t.tenant_id as "tenant: TenantId", t.id as "id: AttachmentId", t.direction as "direction: Direction",
               t.kind as "kind: MediaKind", t.channel as "channel: Channel", t.account_id as "account: AccountId",
               c.provider as "provider?", c.external_id as "external_id?", t.provider_ref, t.declared_type, t.parts,
               t.attempts as attempt
        from   taken t
        left   join accounts c on c.tenant_id = t.tenant_id and c.id = t.account_id
        "#,
        now,
        limit,
        now + FETCH_LEASE,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The file that is longest due, if any was due at that instant.
pub async fn longest_due(tx: &mut SystemTx, at: DateTime<Utc>) -> Result<Option<AttachmentId>> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: AttachmentId" from attachments where state = 'wanted' and due_at <= $1 order by due_at limit 1"#,
        at
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Whether bytes of this hash may be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// They may, and nobody deletes them.
    Named,
    /// They are being deleted: another attempt will do.
    Later,
    /// Somebody else has the file by now, or nobody wants it.
    Overtaken,
}

/// Says which hash a file will have. Until the transaction ends, nobody decides about bytes of this hash.
pub async fn name(tx: &mut SystemTx, taken: &Taken, sha256: &str, now: DateTime<Utc>) -> Result<Naming> {
    hold_hash(tx, taken.tenant, sha256).await?;
    let deleted = sqlx::query_scalar!(
        r#"select exists (select 1 from attachments where tenant_id = $1 and sha256 = $2 and state = 'purging') as "deleted!""#,
        taken.tenant.uuid(),
        sha256,
    )
    .fetch_one(tx.conn())
    .await?;
    if deleted {
        return Ok(Naming::Later);
    }
    let done = sqlx::query!(
        "update attachments set sha256 = $4, updated_at = $5 where tenant_id = $1 and id = $2 and state = 'wanted' and attempts = $3",
        taken.tenant.uuid(),
        taken.id.uuid(),
        taken.attempt,
        sha256,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(if done.rows_affected() == 1 { Naming::Named } else { Naming::Overtaken })
}

async fn hold_hash(tx: &mut SystemTx, tenant: TenantId, sha256: &str) -> Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 20))", format!("{tenant}{sha256}"))
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// What a file was found to be.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    pub sha256: &'a str,
    pub media_type: &'a str,
    pub size_bytes: i64,
    /// Pixels.
    pub sides: Option<(i32, i32)>,
    pub thumbnail_type: Option<&'a str>,
}

/// Its bytes are there: it can be read. False: somebody else has it by now, or nobody wants it.
pub async fn store(tx: &mut SystemTx, taken: &Taken, found: &Found<'_>, now: DateTime<Utc>) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update attachments
        set    state = 'stored', due_at = null, media_type = $5, size_bytes = $6, width = $7, height = $8, thumbnail_type = $9,
               trouble = null, stored_at = $10, updated_at = $10
        where  tenant_id = $1 and id = $2 and state = 'wanted' and attempts = $3 and sha256 = $4
        "#,
        taken.tenant.uuid(),
        taken.id.uuid(),
        taken.attempt,
        found.sha256,
        found.media_type,
        found.size_bytes,
        found.sides.map(|(width, _)| width),
        found.sides.map(|(_, height)| height),
        found.thumbnail_type,
        now,
    )
    .execute(tx.conn())
    .await?;
    delete_parts(tx, taken.tenant, taken.id).await?;
    Ok(done.rows_affected() == 1)
}

/// What becomes of a file that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Another attempt, not before.
    Again(DateTime<Utc>),
    Refused(MediaRefusal),
    Lost(MediaLoss),
}

/// `trouble`: what was met, for people, at most 300 characters. What is lost may have left bytes behind: they are deleted first.
/// False: somebody else has it by now.
pub async fn fail(tx: &mut SystemTx, taken: &Taken, fate: Fate, trouble: &str, now: DateTime<Utc>) -> Result<bool> {
    let (state, due_at, code) = match fate {
        Fate::Again(at) => ("wanted", Some(at), None),
        Fate::Refused(why) => ("refused", None, Some(why.as_str())),
        Fate::Lost(why) => ("lost", None, Some(why.as_str())),
    };
    let done = sqlx::query!(
        r#"
        update attachments
        set    state = case when $4 = 'lost' and sha256 is not null and not legal_hold then 'purging' else $4 end,
               code = case when $4 = 'lost' and sha256 is not null and not legal_hold then null else $6 end,
               due_at = $5, trouble = left($7, 300), updated_at = $8,
               size_bytes = case when $4 = 'wanted' then size_bytes end
        where  tenant_id = $1 and id = $2 and state = 'wanted' and attempts = $3
        "#,
        taken.tenant.uuid(),
        taken.id.uuid(),
        taken.attempt,
        state,
        due_at,
        code,
        trouble,
        now,
    )
    .execute(tx.conn())
    .await?;
    if due_at.is_none() {
        delete_parts(tx, taken.tenant, taken.id).await?;
    }
    Ok(done.rows_affected() == 1)
}

async fn delete_parts(tx: &mut SystemTx, tenant: TenantId, id: AttachmentId) -> Result<()> {
    sqlx::query!("delete from attachment_parts where tenant_id = $1 and attachment_id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Gives up uploads whose last part never came; returns how many.
pub async fn abandon(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        with old as (
            select tenant_id, id from attachments where state = 'receiving' and created_at < $1
            order  by created_at limit $2 for update skip locked
        ), parts as (
            delete from attachment_parts p using old where p.tenant_id = old.tenant_id and p.attachment_id = old.id
        )
        update attachments a set state = 'lost', code = 'abandoned', updated_at = $3
        from   old
        where  a.tenant_id = old.tenant_id and a.id = old.id
        "#,
        now - UPLOAD_MAX,
        limit,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Files that are older than their tenant keeps them can be read no more; returns how many. What is held for a court stays,
/// and what a quick reply sends.
pub async fn expire(tx: &mut SystemTx, limit: i64, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        with old as (
            select a.tenant_id, a.id
            from   tenants t
            cross  join lateral (
                select a.tenant_id, a.id from attachments a
                where  a.tenant_id = t.id and a.state = 'stored' and not a.legal_hold
                and    a.stored_at < $1::timestamptz - make_interval(days => t.media_days)
                and    not exists (select 1 from quick_replies q where q.tenant_id = t.id and q.attachment_id = a.id)
                order  by a.stored_at
                limit  $2
            ) a
            limit  $2
        )
        update attachments a set state = 'purging', updated_at = $1
        from   old
        where  a.tenant_id = old.tenant_id and a.id = old.id and a.state = 'stored' and not a.legal_hold
        "#,
        now,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A file whose bytes are to be deleted.
#[derive(Debug, Clone)]
pub struct Doomed {
    pub tenant: TenantId,
    pub id: AttachmentId,
    pub sha256: String,
}

/// Up to `limit` of them, the oldest first.
pub async fn doomed(tx: &mut SystemTx, limit: i64) -> Result<Vec<Doomed>> {
    Ok(sqlx::query_as!(
        Doomed,
        r#"
        select tenant_id as "tenant: TenantId", id as "id: AttachmentId", sha256 as "sha256!"
        from   attachments where state = 'purging' order by updated_at limit $1
        "#,
        limit,
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Whether another file has the same bytes and is kept, or will be. Until the transaction ends, nobody decides about them.
pub async fn is_shared(tx: &mut SystemTx, doomed: &Doomed) -> Result<bool> {
    hold_hash(tx, doomed.tenant, &doomed.sha256).await?;
    let shared = sqlx::query_scalar!(
        r#"
        select exists (select 1 from attachments
                       where  tenant_id = $1 and sha256 = $2 and state in ('wanted', 'stored')) as "shared!"
        "#,
        doomed.tenant.uuid(),
        doomed.sha256,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(shared)
}

/// Its bytes are deleted, or are another file's.
pub async fn purged(tx: &mut SystemTx, doomed: &[Doomed], now: DateTime<Utc>) -> Result<()> {
    let tenants: Vec<Uuid> = doomed.iter().map(|one| one.tenant.uuid()).collect();
    let ids: Vec<Uuid> = doomed.iter().map(|one| one.id.uuid()).collect();
    sqlx::query!(
        r#"
        update attachments a
        set    state = 'purged', sha256 = null, file_name = null, provider_ref = null, thumbnail_type = null, updated_at = $3
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        where  a.tenant_id = x.tenant_id and a.id = x.id and a.state = 'purging'
        "#,
        &tenants,
        &ids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many files are in each state that ends, and since when the oldest is, for the metrics.
pub async fn open_states(tx: &mut SystemTx) -> Result<Vec<(String, i64, Option<DateTime<Utc>>)>> {
    let rows = sqlx::query!(
        r#"
        select a.state, count(*) as "count!", min(a.created_at) as oldest_at
        from   attachments a
        where  a.state = 'wanted' or a.state = 'receiving' or a.state = 'purging'
        group  by a.state
        limit  10
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.count, row.oldest_at)).collect())
}
