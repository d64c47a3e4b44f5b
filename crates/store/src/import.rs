//! How far each import of a file got, and which of its lines could not be taken. Its uploaded bytes: [`crate::import_parts`].

use chrono::{DateTime, Utc};
use postroad_core::ids::{ImportId, TenantId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx};

/// One reading of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub id: ImportId,
    pub file_name: String,
    pub file_sha256: String,
    /// `receiving`, `running`, `completed`, `failed`.
    pub state: String,
    /// How its lines are read: a JSON object.
    pub options: serde_json::Value,
    /// The header as it was read.
    pub columns: Vec<String>,
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    /// Parts that were uploaded. 0: whoever began the import has the file.
    pub parts: i32,
    pub size_bytes: Option<i64>,
    /// Of the file, about: reading is ahead of writing.
    pub read_bytes: i64,
    /// Rows read so far, without the header; always the sum of the next three.
    pub lines_done: i64,
    pub created: i64,
    pub updated: i64,
    pub invalid: i64,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub progressed_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Of a failed one: why its file could not be read on.
    pub failure: Option<String>,
}

/// A line that could not be taken. Never printed: it has the line.
#[derive(Clone, PartialEq, Eq)]
pub struct LineError {
    /// Of the file, from 1; the header is line 1.
    pub line: i64,
    pub code: String,
    pub detail: String,
    /// The line as it stood in the file. None: it was too long to keep.
    pub fields: Option<Vec<String>>,
}

/// What is known of a file when its import begins.
#[derive(Debug, Clone)]
pub struct NewImport {
    pub id: ImportId,
    pub file_name: String,
    pub file_sha256: String,
    /// `receiving` or `running`.
    pub state: &'static str,
    /// A JSON object.
    pub options: serde_json::Value,
    pub columns: Vec<String>,
    pub encoding: String,
    pub delimiter: &'static str,
    pub size_bytes: Option<i64>,
}

pub async fn insert(tx: &mut TenantTx, new: &NewImport, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into contact_imports (tenant_id, id, file_name, file_sha256, state, options, columns, encoding, delimiter, size_bytes,
                                     created_at, started_at, progressed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, case when $5 = 'running' then $11::timestamptz end, $11)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.file_name,
        new.file_sha256,
        new.state,
        new.options,
        &new.columns,
        new.encoding,
        new.delimiter,
        new.size_bytes,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The unfinished import of this file, if one was cut. `uploaded`: of those whose file is here, or of the others.
pub async fn find_running(tx: &mut TenantTx, file_sha256: &str, uploaded: bool) -> Result<Option<Import>> {
    let tenant = tx.tenant();
    let import = sqlx::query_as!(
        Import,
        r#"
        select id as "id: ImportId", file_name, file_sha256, state, options, columns, encoding, delimiter, parts, size_bytes, read_bytes,
               lines_done, created, updated, invalid, created_at, started_at, progressed_at, finished_at, failure
        from   contact_imports
        where  tenant_id = $1 and file_sha256 = $2 and state = 'running' and (parts > 0) = $3
        order  by created_at desc, id desc
        limit  1
        "#,
        tenant.uuid(),
        file_sha256,
        uploaded,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(import)
}

pub async fn find(tx: &mut TenantTx, id: ImportId) -> Result<Option<Import>> {
    let tenant = tx.tenant();
    let import = sqlx::query_as!(
        Import,
        r#"
        select id as "id: ImportId", file_name, file_sha256, state, options, columns, encoding, delimiter, parts, size_bytes, read_bytes,
               lines_done, created, updated, invalid, created_at, started_at, progressed_at, finished_at, failure
        from   contact_imports
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(import)
}

/// What one chunk of lines came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub created: i64,
    pub updated: i64,
    pub invalid: i64,
    /// Where in the file the chunk ended, about.
    pub read_bytes: i64,
}

/// Moves the import behind a chunk that began at `lines_done`. False: somebody else has read that chunk.
pub async fn advance(
    tx: &mut TenantTx,
    (id, lines_done): (ImportId, i64),
    counts: Counts,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_imports
        set    lines_done = lines_done + $3 + $4 + $5, created = created + $3, updated = updated + $4, invalid = invalid + $5,
               read_bytes = greatest(read_bytes, $6), progressed_at = $7
        where  tenant_id = $1 and id = $2 and state = 'running' and lines_done = $8
        "#,
        tenant.uuid(),
        id.uuid(),
        counts.created,
        counts.updated,
        counts.invalid,
        counts.read_bytes,
        now,
        lines_done,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn insert_errors(tx: &mut TenantTx, id: ImportId, errors: &[LineError]) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let lines: Vec<i64> = errors.iter().map(|e| e.line).collect();
    let codes: Vec<String> = errors.iter().map(|e| e.code.clone()).collect();
    let details: Vec<String> = errors.iter().map(|e| e.detail.clone()).collect();
    let fields: Vec<Option<String>> =
        errors.iter().map(|e| e.fields.as_ref().map(serde_json::to_string).transpose()).collect::<Result<_, _>>()?;
    sqlx::query!(
        r#"
        insert into contact_import_errors (tenant_id, import_id, line, code, detail, fields)
        select $1, $2, x.line, x.code, x.detail, x.fields::jsonb
        from   unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) as x (line, code, detail, fields)
        "#,
        tenant.uuid(),
        id.uuid(),
        &lines,
        &codes,
        &details,
        &fields as &[Option<String>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Up to `limit` lines that could not be taken, after line `after`.
pub async fn list_errors(tx: &mut TenantTx, id: ImportId, after: i64, limit: i64) -> Result<Vec<LineError>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select line, code, detail, fields as "fields: Json<Vec<String>>" from contact_import_errors
        where  tenant_id = $1 and import_id = $2 and line > $3
        order  by line
        limit  $4
        "#,
        tenant.uuid(),
        id.uuid(),
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let error =
        |line, code, detail, fields: Option<Json<_>>| LineError { line, code, detail, fields: fields.map(|f| f.0) };
    Ok(rows.into_iter().map(|row| error(row.line, row.code, row.detail, row.fields)).collect())
}

/// How often each error occurred.
pub async fn count_errors(tx: &mut TenantTx, id: ImportId) -> Result<Vec<(String, i64)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select code, count(*) as "count!" from contact_import_errors
        where  tenant_id = $1 and import_id = $2
        group  by code
        order  by code
        limit  100
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.count)).collect())
}

pub async fn mark_completed(tx: &mut TenantTx, id: ImportId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_imports
        set    state = 'completed', finished_at = $3, read_bytes = coalesce(size_bytes, read_bytes)
        where  tenant_id = $1 and id = $2 and state = 'running'
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Its file cannot be read on. What was read stays.
pub async fn mark_failed(tx: &mut TenantTx, id: ImportId, failure: &str, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_imports set state = 'failed', failure = $3, finished_at = $4
        where  tenant_id = $1 and id = $2 and state in ('receiving', 'running')
        "#,
        tenant.uuid(),
        id.uuid(),
        failure,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Imports of the transaction's tenant, newest first, before `before`.
pub async fn list(tx: &mut TenantTx, before: Option<ImportId>, limit: i64) -> Result<Vec<Import>> {
    let tenant = tx.tenant();
    let imports = sqlx::query_as!(
        Import,
        r#"
        select id as "id: ImportId", file_name, file_sha256, state, options, columns, encoding, delimiter, parts, size_bytes, read_bytes,
               lines_done, created, updated, invalid, created_at, started_at, progressed_at, finished_at, failure
        from   contact_imports
        where  tenant_id = $1 and ($2::uuid is null or id < $2)
        order  by id desc
        limit  $3
        "#,
        tenant.uuid(),
        before.map(ImportId::uuid) as Option<Uuid>,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(imports)
}

/// An import that nobody moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Still {
    pub tenant: TenantId,
    pub id: ImportId,
    pub lines_done: i64,
}

/// Imports of uploaded files in this state that have not moved since `before`, those that rest longest first.
pub async fn still(tx: &mut SystemTx, state: &str, before: DateTime<Utc>, limit: i64) -> Result<Vec<Still>> {
    let still = sqlx::query_as!(
        Still,
        r#"
        select tenant_id as "tenant: TenantId", id as "id: ImportId", lines_done
        from   contact_imports
        where  state = $1 and state in ('receiving', 'running') and parts > 0 and progressed_at < $2
        order  by progressed_at
        limit  $3
        "#,
        state,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(still)
}
