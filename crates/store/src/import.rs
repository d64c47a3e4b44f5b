//! How far each import of a file got, and which of its lines could not be taken.

use chrono::{DateTime, Utc};
use postroad_core::ids::ImportId;
use uuid::Uuid;

use crate::{Result, TenantTx};

/// One reading of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub file_name: String,
    pub file_sha256: String,
    /// `running`, `completed`.
    pub state: String,
    /// Rows read so far, without the header; always the sum of the next three.
    pub lines_done: i64,
    pub created: i64,
    pub updated: i64,
    pub invalid: i64,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// A line that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Of the file, from 1; the header is line 1.
    pub line: i64,
    pub code: String,
    pub detail: String,
}

pub async fn insert(
    tx: &mut TenantTx,
    id: ImportId,
    file_name: &str,
    file_sha256: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into contact_imports (tenant_id, id, file_name, file_sha256, state, created_at) values ($1, $2, $3, $4, 'running', $5)",
        tenant.uuid(),
        id.uuid(),
        file_name,
        file_sha256,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The unfinished import of this file, if one was cut.
pub async fn find_running(tx: &mut TenantTx, file_sha256: &str) -> Result<Option<Import>> {
    let tenant = tx.tenant();
    let import = sqlx::query_as!(
        Import,
        r#"
        select id as "id: ImportId", file_name, file_sha256, state, lines_done, created, updated, invalid, created_at, finished_at
        from   contact_imports
        where  tenant_id = $1 and file_sha256 = $2 and state = 'running'
        order  by created_at desc, id desc
        limit  1
        "#,
        tenant.uuid(),
        file_sha256,
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
        select id as "id: ImportId", file_name, file_sha256, state, lines_done, created, updated, invalid, created_at, finished_at
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
}

/// Moves the import behind a chunk that began at `lines_done`. False: somebody else has read that chunk.
pub async fn advance(tx: &mut TenantTx, id: ImportId, lines_done: i64, counts: Counts) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_imports
        set    lines_done = lines_done + $4 + $5 + $6, created = created + $4, updated = updated + $5, invalid = invalid + $6
        where  tenant_id = $1 and id = $2 and lines_done = $3 and state = 'running'
        "#,
        tenant.uuid(),
        id.uuid(),
        lines_done,
        counts.created,
        counts.updated,
        counts.invalid,
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
    sqlx::query!(
        r#"
        insert into contact_import_errors (tenant_id, import_id, line, code, detail)
        select $1, $2, x.* from unnest($3::bigint[], $4::text[], $5::text[]) as x
        "#,
        tenant.uuid(),
        id.uuid(),
        &lines,
        &codes,
        &details,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Up to `limit` lines that could not be taken, after line `after`.
pub async fn list_errors(tx: &mut TenantTx, id: ImportId, after: i64, limit: i64) -> Result<Vec<LineError>> {
    let tenant = tx.tenant();
    let errors = sqlx::query_as!(
        LineError,
        r#"
        select line, code, detail from contact_import_errors
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
    Ok(errors)
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
        "update contact_imports set state = 'completed', finished_at = $3 where tenant_id = $1 and id = $2 and state = 'running'",
        tenant.uuid(),
        id.uuid(),
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
        select id as "id: ImportId", file_name, file_sha256, state, lines_done, created, updated, invalid, created_at, finished_at
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
