//! What is still to be done about templates at their providers, and what a listing there leaves over.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, TemplateId, TenantId},
    template::TemplateStatus,
};
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx};

/// Marks as deleted what the account had at its provider and was not seen there since `began`, at most 1,000. Returns how
/// many. Only what the provider has told us of counts: one that somebody registered by hand may have another name there.
pub async fn mark_vanished(
    tx: &mut TenantTx,
    account: AccountId,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update templates
        set    status = 'deleted', status_reason = 'the provider does not have it any more', synced_at = $4, updated_at = $4
        where  tenant_id = $1 and id in (
            select t.id from templates t
            where  t.tenant_id = $1 and t.account_id = $2 and t.provider_ref is not null and t.synced_at < $3
            and    t.status not in ('draft', 'deleted') and t.answered = t.submission
            limit  1000)
        "#,
        tenant.uuid(),
        account.uuid(),
        began,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A template that waits for its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub id: TemplateId,
    pub submission: i32,
    /// To be deleted there; otherwise to be submitted.
    pub removal: bool,
}

/// Submissions without an answer and deletions that are not done, of one account, that were last asked for before `before`.
pub async fn pending(tx: &mut TenantTx, account: AccountId, before: DateTime<Utc>, limit: i64) -> Result<Vec<Pending>> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Pending,
        r#"
        select id as "id: TemplateId", submission, removal is not null as "removal!"
        from   templates
        where  tenant_id = $1 and account_id = $2 and asked_at < $3
        and    (removal = 'wanted' or (status = 'submitted' and answered < submission))
        order  by id
        limit  $4
        "#,
        tenant.uuid(),
        account.uuid(),
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// Says why a submission or a deletion has not happened yet. What has moved meanwhile is left alone.
pub async fn note(
    tx: &mut TenantTx,
    id: TemplateId,
    status: TemplateStatus,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update templates set status_reason = $4, asked_at = $5 where tenant_id = $1 and id = $2 and status = $3",
        tenant.uuid(),
        id.uuid(),
        status.as_str(),
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Accounts of any tenant that work and whose provider is one of these, in the order of their keys.
pub async fn accounts(
    tx: &mut SystemTx,
    providers: &[String],
    after: Option<(TenantId, AccountId)>,
    limit: i64,
) -> Result<Vec<(TenantId, AccountId)>> {
    let (tenant, account) = after.map_or((Uuid::nil(), Uuid::nil()), |(tenant, id)| (tenant.uuid(), id.uuid()));
    let rows = sqlx::query!(
        r#"
        select tenant_id as "tenant: TenantId", id as "id: AccountId" from accounts
        where  (tenant_id, id) > ($2, $3) and provider = any($1) and status <> 'disconnected'
        order  by tenant_id, id
        limit  $4
        "#,
        providers,
        tenant,
        account,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.id)).collect())
}
