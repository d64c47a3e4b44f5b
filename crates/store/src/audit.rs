//! What somebody changed. Triggers write it; here it is only read.

use chrono::{DateTime, Utc};
use postroad_core::ids::AuditId;
use serde_json::Value;

use crate::{Result, TenantTx};

/// One row that somebody made, changed or deleted.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: AuditId,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub ip: Option<String>,
    pub request_id: Option<String>,
    /// The table.
    pub noun: String,
    /// The key of the row, as it is stored.
    pub noun_id: String,
    pub action: String,
    pub before: Value,
    pub after: Value,
}

/// Of which entries to tell; absent: of all.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub actor: Option<String>,
    pub noun: Option<String>,
    pub noun_id: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

/// Up to `limit` entries before `before`, the newest first.
pub async fn list(tx: &mut TenantTx, wanted: &Wanted, before: Option<AuditId>, limit: i64) -> Result<Vec<Entry>> {
    let tenant = tx.tenant();
    let entries = sqlx::query_as!(
        Entry,
        r#"
        select id as "id: AuditId", at, actor, ip, request_id, noun, noun_id, action, before, after
        from   audit_entries
        where  tenant_id = $1
        and    ($2::uuid is null or id < $2)
        and    ($3::text is null or actor = $3)
        and    ($4::text is null or noun = $4)
        and    ($5::text is null or noun_id = $5)
        and    ($6::uuid is null or id >= $6)
        and    ($7::uuid is null or id < $7)
        order  by id desc
        limit  $8
        "#,
        tenant.uuid(),
        before.map(AuditId::uuid),
        wanted.actor,
        wanted.noun,
        wanted.noun_id,
        wanted.since.map(|at| AuditId::first_at(at).uuid()),
        wanted.until.map(|at| AuditId::first_at(at).uuid()),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(entries)
}
