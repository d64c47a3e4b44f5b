//! The story of one message: decisions with their facts, calls, reports.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{Facts, GateName, Reason},
    ids::MessageId,
    send::{AttemptResult, SendState},
};

use crate::{Result, TenantTx};

/// A stored decision.
#[derive(Debug, Clone)]
pub struct VerdictRow {
    pub decided_at: DateTime<Utc>,
    /// The last time the same was decided.
    pub checked_at: DateTime<Utc>,
    pub gate_set: i16,
    /// `send`, `wait` or `refuse`.
    pub decision: String,
    pub gate: Option<GateName>,
    pub reason: Option<Reason>,
    pub until_at: Option<DateTime<Utc>>,
    pub facts: sqlx::types::Json<Facts>,
}

/// The newest decisions, at most `limit`, in the order in which they were made.
pub async fn verdicts(tx: &mut TenantTx, id: MessageId, limit: i64) -> Result<Vec<VerdictRow>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        VerdictRow,
        r#"
        select v.decided_at, v.checked_at, v.gate_set, v.decision, v.gate as "gate: GateName", v.reason as "reason: Reason", v.until_at,
               v.facts as "facts: sqlx::types::Json<Facts>"
        from   (select * from gate_verdicts where tenant_id = $1 and message_id = $2 order by decided_at desc limit $3) v
        order  by v.decided_at
        "#,
        tenant.uuid(),
        id.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// One call.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub attempt: i32,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub result: AttemptResult,
    pub http_status: Option<i16>,
    pub code: Option<String>,
    pub fault_class: Option<String>,
}

pub async fn attempts(tx: &mut TenantTx, id: MessageId, limit: i64) -> Result<Vec<AttemptRow>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"
        select attempt, started_at, finished_at, result as "result: AttemptResult", http_status, code, fault_class
        from   attempts where tenant_id = $1 and message_id = $2
        order  by attempt
        limit  $3
        "#,
        tenant.uuid(),
        id.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// One report of the provider.
#[derive(Debug, Clone)]
pub struct ReportRow {
    pub kind: SendState,
    pub provider_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub code: Option<String>,
    pub fault_class: Option<String>,
}

pub async fn reports(tx: &mut TenantTx, id: MessageId, limit: i64) -> Result<Vec<ReportRow>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ReportRow,
        r#"
        select kind as "kind: SendState", provider_at, received_at, code, fault_class
        from   receipts where tenant_id = $1 and message_id = $2
        order  by received_at, event_key
        limit  $3
        "#,
        tenant.uuid(),
        id.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
