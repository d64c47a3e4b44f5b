//! What somebody changed. Triggers write it; here it is read. What changes no row of a tenant is told here: how people sign in.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AuditId, UserId},
    sign_in::Deed,
};
use serde_json::Value;

use crate::{Result, SystemTx, TenantTx};

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

/// Tells of somebody who signs in, in every tenant that they work for. `ip`: of themselves; none of what the operator did. Of refusals
/// of one kind one is told in `every_s` seconds.
pub async fn tell_of(
    tx: &mut SystemTx,
    user: UserId,
    ip: Option<&str>,
    (deed, how): (Deed, &Value),
    every_s: i32,
) -> Result<()> {
    // The second of two at once sees what the first one told.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 37))", user.uuid().to_string())
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        r#"
        insert into audit_entries (tenant_id, id, at, actor, ip, noun, noun_id, action, before, after)
        select m.tenant_id, uuid_of(clock_timestamp()), clock_timestamp(),
               case when $2::text is null then coalesce(nullif(current_setting('app.actor', true), ''), 'operator')
                    else 'mem_' || replace(m.id::text, '-', '') end,
               $2, 'sign_ins', m.id::text, $3, '{}', $4
        from   members m
        where  m.user_id = $1 and m.active
        and    not ($5 and exists (
                   select 1 from audit_entries a
                   where  a.tenant_id = m.tenant_id and a.noun = 'sign_ins' and a.noun_id = m.id::text and a.action = $3
                   and    a.id > (select uuid_of(clock_timestamp() - make_interval(secs => $6)))))
        order  by m.created_at, m.tenant_id
        limit  $7
        "#,
        user.uuid(),
        ip,
        deed.as_str(),
        how,
        deed.is_refusal(),
        f64::from(every_s),
        TENANTS_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants of one person that are told.
const TENANTS_MAX: i64 = 200;
