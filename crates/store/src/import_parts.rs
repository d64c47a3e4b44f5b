//! The bytes of uploaded files, in parts as long as a request: in the database, where every worker can reach them, until
//! the file is read.

use chrono::{DateTime, Utc};
use postroad_core::ids::ImportId;

use crate::{Result, TenantTx};

/// Takes the next part of a file that is being received. False: it is not the next one, or the file is whole.
/// `file_sha256`: what the file is called with this part.
pub async fn append(
    tx: &mut TenantTx,
    id: ImportId,
    (part, bytes): (i32, &[u8]),
    file_sha256: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let counted = sqlx::query!(
        r#"
        update contact_imports
        set    parts = parts + 1, size_bytes = coalesce(size_bytes, 0) + $4, file_sha256 = $5, progressed_at = $6
        where  tenant_id = $1 and id = $2 and parts = $3 and state = 'receiving'
        "#,
        tenant.uuid(),
        id.uuid(),
        part,
        i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        file_sha256,
        now,
    )
    .execute(tx.conn())
    .await?;
    if counted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "insert into contact_import_parts (tenant_id, import_id, part, bytes) values ($1, $2, $3, $4)",
        tenant.uuid(),
        id.uuid(),
        part,
        bytes,
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// The file is whole; its reading begins. False: it began before.
pub async fn end(tx: &mut TenantTx, id: ImportId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_imports set state = 'running', started_at = $3, progressed_at = $3
        where  tenant_id = $1 and id = $2 and state = 'receiving'
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One part; none behind the last.
pub async fn find(tx: &mut TenantTx, id: ImportId, part: i32) -> Result<Option<Vec<u8>>> {
    let tenant = tx.tenant();
    let bytes = sqlx::query_scalar!(
        "select bytes from contact_import_parts where tenant_id = $1 and import_id = $2 and part = $3",
        tenant.uuid(),
        id.uuid(),
        part,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(bytes)
}

/// The file is read, or never will be.
pub async fn delete(tx: &mut TenantTx, id: ImportId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from contact_import_parts where tenant_id = $1 and import_id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
