//! Taking a message back, as long as nothing left.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, ClientId, MessageId},
    send::SendState,
};

use crate::{Result, TenantTx};

use super::read::Reach;

/// What stood in the ledger, and what stands there now.
#[derive(Debug, Clone)]
pub struct Cancelled {
    /// `cancelled`: it will not leave. Anything else: it is too late, or it had ended before.
    pub state: SendState,
    /// This call moved it.
    pub moved: bool,
    pub account: AccountId,
    pub client: Option<ClientId>,
    pub created_at: DateTime<Utc>,
}

/// Cancels a send that nobody started. One that may be on its way, or whose outcome is not known, is marked never to be
/// sent again. None: there is no such outbound message.
pub async fn cancel(tx: &mut TenantTx, reach: Reach, id: MessageId, now: DateTime<Utc>) -> Result<Option<Cancelled>> {
    let tenant = tx.tenant();
    let sandbox_only = reach == Reach::SandboxOnly;
    let cancelled = sqlx::query_as!(
        Cancelled,
        r#"
        with before as (
            select s.tenant_id, s.id, s.state, s.resends, m.account_id, m.client_id, m.created_at,
                   s.state in ('scheduled', 'queued', 'waiting', 'claimed') as is_open
            from   sends s
            join   messages m on m.tenant_id = s.tenant_id and m.id = s.id
            where  s.tenant_id = $1 and s.id = $2 and (not $3 or m.channel = 'sandbox')
            for    update of s
        ), moved as (
            update sends s
            set    state = case when not b.is_open then s.state when b.resends > 0 then 'unknown' else 'cancelled' end,
                   busy = s.busy and not b.is_open,
                   state_at = case when b.is_open then $4 else s.state_at end,
                   settled_at = case when b.is_open then $4 else s.settled_at end,
                   gate = case when b.is_open then null else s.gate end,
                   reason = case when b.is_open then null else s.reason end,
                   no_resend = true
            from   before b
            where  s.tenant_id = b.tenant_id and s.id = b.id and (b.is_open or b.state in ('attempting', 'unknown'))
            returning s.id, s.state
        )
        select coalesce(v.state, b.state) as "state!: SendState", (b.is_open and b.resends = 0) as "moved!",
               b.account_id as "account: AccountId", b.client_id as "client: ClientId", b.created_at
        from   before b
        left   join moved v on v.id = b.id
        "#,
        tenant.uuid(),
        id.uuid(),
        sandbox_only,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(cancelled)
}
