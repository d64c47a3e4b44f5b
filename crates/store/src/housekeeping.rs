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

/// Takes the lines out of up to 10,000 errors of imports that ended before `before`: they are personal data that nobody
/// corrects any more. Line, code and reason stay.
pub async fn prune_import_lines(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update contact_import_errors e set fields = null
        from   (select x.tenant_id, x.import_id, x.line
                from   contact_imports i
                join   contact_import_errors x on x.tenant_id = i.tenant_id and x.import_id = i.id and x.fields is not null
                where  i.finished_at < $1
                limit  10000) old
        where  e.tenant_id = old.tenant_id and e.import_id = old.import_id and e.line = old.line
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
