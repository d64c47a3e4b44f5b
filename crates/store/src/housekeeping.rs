//! Bounded deletes of rows whose time is over.

use chrono::{DateTime, Utc};

use crate::{Result, SystemTx};

/// Up to 10,000 idempotent answers from before `before`.
pub async fn prune_idempotency(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from idempotency
        where  (tenant_id, client_id, request_id) in
               (select tenant_id, client_id, request_id from idempotency where created_at < $1 limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to 10,000 rows of the request log. Their ids carry the time.
pub async fn prune_request_log(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "delete from request_log where id in (select id from request_log where at < $1 order by id limit 10000)",
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to 10,000 webhooks that were applied. Those set aside stay.
pub async fn prune_journal(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from webhook_journal
        where  id in (select id from webhook_journal where state = 'applied' and received_at < $1 order by id limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
