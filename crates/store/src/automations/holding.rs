//! Automations that have conversations, and how those come back from one that takes none any more.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AutomationId, ConversationId, DepartmentId, TenantId};

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// Whether an automation can have conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    pub enabled: bool,
    /// It starts on what people say.
    pub listens: bool,
}

/// None: there is no such automation.
pub async fn taker(tx: &mut TenantTx, id: AutomationId) -> Result<Option<Taker>> {
    let tenant = tx.tenant();
    let taker = sqlx::query_as!(
        Taker,
        r#"
        select enabled, trigger = 'inbound_message' as "listens!" from automations
        where  tenant_id = $1 and id = $2 and deleted_at is null
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(taker)
}

/// Some automation of the tenant takes no conversations any more from now on: those that it has are looked for.
pub async fn look_for(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update automation_cursors set gives_back_at = $2 where tenant_id = $1", tenant.uuid(), now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A conversation that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    pub tenant: TenantId,
    pub conversation: ConversationId,
    pub automation: AutomationId,
    pub department: Option<DepartmentId>,
}

/// Takes up to `limit` conversations from automations that take none any more. Those that somebody holds are left for the next
/// time, so that nobody who changes an automation waits for whoever goes on with its runs.
pub async fn give_back(tx: &mut impl AnyTx, limit: i64, now: DateTime<Utc>) -> Result<Vec<GivenBack>> {
    let rows = sqlx::query_as!(
        GivenBack,
        r#"
        update conversations c
        set    automation_id = null, updated_at = $1
        from   (select c.tenant_id, c.id, c.automation_id
                from   automation_cursors u
                join   automations a on a.tenant_id = u.tenant_id and not (a.enabled and a.trigger = 'inbound_message')
                join   conversations c on c.tenant_id = a.tenant_id and c.automation_id = a.id
                where  u.gives_back_at is not null
                limit  $2
                for    no key update of c skip locked) x
        where  c.tenant_id = x.tenant_id and c.id = x.id
        returning c.tenant_id as "tenant: TenantId", c.id as "conversation: ConversationId", x.automation_id as "automation!: AutomationId",
                  c.department_id as "department: DepartmentId"
        "#,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Tenants among which one look chooses.
const TENANTS_MAX: i64 = 100;

/// Of tenants that were looked at since `before` nobody looks any more, if all came back: whoever gave one away at that very moment
/// has done so by then.
pub async fn all_back(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        update automation_cursors u set gives_back_at = null
        from   (select u.tenant_id from automation_cursors u
                where  u.gives_back_at < $1
                and    not exists (select 1 from automations a
                                   join   conversations c on c.tenant_id = a.tenant_id and c.automation_id = a.id
                                   where  a.tenant_id = u.tenant_id and not (a.enabled and a.trigger = 'inbound_message'))
                limit  $2
                for    no key update skip locked) x
        where  u.tenant_id = x.tenant_id
        "#,
        before,
        TENANTS_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
