//! Calls without an answer, for whoever looks for them at their provider.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    ids::{AccountId, MessageId, TenantId},
};

use crate::{Result, SystemTx};

/// Calls of these providers that have been unknown since before these instants: of one-time codes, and of everything else.
/// The oldest first.
pub async fn due(
    tx: &mut SystemTx,
    providers: &[String],
    before: (DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<(TenantId, MessageId, i32)>> {
    let rows = sqlx::query!(
        r#"
        select s.tenant_id as "tenant: TenantId", s.id as "id: MessageId", s.attempt
        from   sends s
        join   accounts a on a.tenant_id = s.tenant_id and a.id = s.lane_id
        where  s.state = 'unknown' and s.settled_at is null and a.provider = any($1)
        and    s.state_at < case s.class when 'auth' then $2::timestamptz else $3::timestamptz end
        order  by s.state_at, s.id
        limit  $4
        "#,
        providers,
        before.0,
        before.1,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.id, row.attempt)).collect())
}

/// A call without an answer, and the account that made it.
#[derive(Debug, Clone)]
pub struct Lost {
    pub account: AccountId,
    pub provider: String,
    pub external_id: String,
    pub channel: Channel,
    pub began_at: DateTime<Utc>,
}

/// None: something was heard of this attempt, or there is a later one.
pub async fn find(tx: &mut SystemTx, tenant: TenantId, message: MessageId, attempt: i32) -> Result<Option<Lost>> {
    let lost = sqlx::query_as!(
        Lost,
        r#"
        select a.id as "account: AccountId", a.provider, a.external_id, a.channel as "channel: Channel",
               coalesce(t.started_at, s.state_at) as "began_at!"
        from   sends s
        join   accounts a on a.tenant_id = s.tenant_id and a.id = s.lane_id
        left   join attempts t on t.tenant_id = s.tenant_id and t.message_id = s.id and t.attempt = s.attempt
        where  s.tenant_id = $1 and s.id = $2 and s.attempt = $3 and s.state = 'unknown' and s.settled_at is null
        "#,
        tenant.uuid(),
        message.uuid(),
        attempt,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(lost)
}

/// Which of these ids are known to be other attempts: a trace with one of them is none.
pub async fn known_refs(
    tx: &mut SystemTx,
    tenant: TenantId,
    account: AccountId,
    refs: &[String],
) -> Result<Vec<String>> {
    let known = sqlx::query_scalar!(
        r#"
        select provider_ref as "provider_ref!"
        from   attempts where tenant_id = $1 and account_id = $2 and provider_ref = any($3)
        "#,
        tenant.uuid(),
        account.uuid(),
        refs,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(known)
}
