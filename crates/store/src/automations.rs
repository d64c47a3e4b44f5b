//! Automations and their versions.

pub mod facts;
pub mod holding;
pub mod runs;
pub mod starting;

use chrono::{DateTime, Utc};
use postroad_core::{
    automation::References,
    ids::{AutomationId, TenantId},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// A rule as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Automation {
    pub id: AutomationId,
    pub name: String,
    pub enabled: bool,
    /// Raised by every change of the definition. At least 1.
    pub version: i32,
    pub definition: Value,
    /// Of those that wait for no event: when they are looked at next.
    pub fires_at: Option<DateTime<Utc>>,
    pub last_run_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What is written of one.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    pub id: AutomationId,
    pub name: &'a str,
    pub enabled: bool,
    pub version: i32,
    /// The word of its trigger.
    pub trigger: &'a str,
    pub fires_at: Option<DateTime<Utc>>,
}

/// Taken: another one has the name.
pub async fn insert(tx: &mut TenantTx, new: &Written<'_>, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into automations (tenant_id, id, name, enabled, version, trigger, fires_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.enabled,
        new.version,
        new.trigger,
        new.fires_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn update(tx: &mut TenantTx, changed: &Written<'_>, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update automations
        set    name = $3, enabled = $4, version = $5, trigger = $6, fires_at = $7, fired_to = null, updated_at = $8
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        changed.id.uuid(),
        changed.name,
        changed.enabled,
        changed.version,
        changed.trigger,
        changed.fires_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one row")]
pub async fn insert_version(
    tx: &mut TenantTx,
    id: AutomationId,
    version: i32,
    definition: &Value,
    author: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into automation_versions (tenant_id, automation_id, version, definition, author, created_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        tenant.uuid(),
        id.uuid(),
        version,
        definition,
        author,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts it out of sight. False: there is no such automation.
pub async fn delete(tx: &mut TenantTx, id: AutomationId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update automations set enabled = false, fires_at = null, deleted_at = $3, updated_at = $3
        where  tenant_id = $1 and id = $2 and deleted_at is null
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One of them, and nobody changes it until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: AutomationId) -> Result<Option<Automation>> {
    let tenant = tx.tenant();
    let there = sqlx::query_scalar!(
        "select id from automations where tenant_id = $1 and id = $2 and deleted_at is null for no key update",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    match there {
        Some(_) => find(tx, id).await,
        None => Ok(None),
    }
}

pub async fn find(tx: &mut TenantTx, id: AutomationId) -> Result<Option<Automation>> {
    Ok(select(tx, Some(id), None, false, 1).await?.pop())
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<AutomationId>, limit: i64) -> Result<Vec<Automation>> {
    select(tx, None, after, false, limit).await
}

/// Those that are on, oldest first: in this order they answer the same event.
pub async fn enabled(tx: &mut TenantTx, limit: i64) -> Result<Vec<Automation>> {
    select(tx, None, None, true, limit).await
}

async fn select(
    tx: &mut TenantTx,
    only: Option<AutomationId>,
    after: Option<AutomationId>,
    enabled: bool,
    limit: i64,
) -> Result<Vec<Automation>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Automation,
        r#"
        select a.id as "id: AutomationId", a.name, a.enabled, a.version, v.definition, a.fires_at,
               (select r.began_at from automation_runs r where r.tenant_id = $1 and r.automation_id = a.id and r.state <> 'refused'
                order by r.id desc limit 1) as last_run_at,
               a.created_at, a.updated_at
        from   automations a
        join   automation_versions v on v.tenant_id = $1 and v.automation_id = a.id and v.version = a.version
        where  a.tenant_id = $1 and a.deleted_at is null
        and    ($2::uuid is null or a.id = $2) and ($3::uuid is null or a.id > $3) and (not $4::bool or a.enabled)
        order  by a.id
        limit  $5
        "#,
        tenant.uuid(),
        only.map(AutomationId::uuid),
        after.map(AutomationId::uuid),
        enabled,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Those that are on; for the bound on them.
pub async fn count_enabled(tx: &mut TenantTx) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from automations where tenant_id = $1 and enabled"#,
        tenant.uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// The definition of a version.
pub async fn definition(tx: &mut TenantTx, id: AutomationId, version: i32) -> Result<Option<Value>> {
    let tenant = tx.tenant();
    let definition = sqlx::query_scalar!(
        "select definition from automation_versions where tenant_id = $1 and automation_id = $2 and version = $3",
        tenant.uuid(),
        id.uuid(),
        version,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(definition)
}

/// Events are looked at from now on if one is on; what was told before is nobody's business.
pub async fn follow(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into automation_cursors as c (tenant_id, seq, following)
        select $1, coalesce((select e.last_seq from event_counters e where e.tenant_id = $1), 0),
               exists (select 1 from automations a where a.tenant_id = $1 and a.enabled)
        on conflict (tenant_id) do update
        set    following = excluded.following, seq = case when c.following then c.seq else excluded.seq end
        "#,
        tenant.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants among these whose events somebody waits for.
pub async fn followed(tx: &mut impl AnyTx, tenants: &[Uuid]) -> Result<Vec<TenantId>> {
    let rows = sqlx::query_scalar!(
        r#"select tenant_id as "tenant: TenantId" from automation_cursors where tenant_id = any($1) and following"#,
        tenants,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Tenants whose events have been there since `before` and were not looked at, with the newest number.
pub async fn behind(tx: &mut SystemTx, before: DateTime<Utc>, limit: i64) -> Result<Vec<(TenantId, i64)>> {
    let rows = sqlx::query!(
        r#"
        select c.tenant_id as "tenant: TenantId", n.last_seq
        from   automation_cursors c
        join   event_counters n on n.tenant_id = c.tenant_id and n.last_seq > c.seq
        join   events e on e.tenant_id = c.tenant_id and e.seq = c.seq + 1 and e.at < $1
        where  c.following
        limit  $2
        "#,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.last_seq)).collect())
}

/// Of what a definition names, what does not exist, as it stands in JSON.
pub async fn missing(tx: &mut TenantTx, named: &References) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    let (kinds, ids) = pairs(named);
    let rows = sqlx::query!(
        r#"
        select x.kind as "kind!", x.id as "id!"
        from   unnest($2::text[], $3::uuid[]) as x (kind, id)
        where  not case x.kind
            when 'acc' then exists (select 1 from accounts t where t.tenant_id = $1 and t.id = x.id)
            when 'aut' then exists (select 1 from automations t where t.tenant_id = $1 and t.id = x.id and t.deleted_at is null)
            when 'cmp' then exists (select 1 from campaigns t where t.tenant_id = $1 and t.id = x.id)
            when 'dep' then exists (select 1 from departments t where t.tenant_id = $1 and t.id = x.id)
            when 'end' then exists (select 1 from webhook_endpoints t where t.tenant_id = $1 and t.id = x.id)
            when 'lbl' then exists (select 1 from labels t where t.tenant_id = $1 and t.id = x.id)
            when 'mem' then exists (select 1 from members t where t.tenant_id = $1 and t.id = x.id and t.active)
            when 'seg' then exists (select 1 from segments t where t.tenant_id = $1 and t.id = x.id)
            when 'tpl' then exists (select 1 from templates t where t.tenant_id = $1 and t.id = x.id and t.removal is null)
            else false end
        "#,
        tenant.uuid(),
        &kinds as &[&str],
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| format!("{}_{}", row.kind, row.id.simple())).collect())
}

fn pairs(named: &References) -> (Vec<&'static str>, Vec<Uuid>) {
    let References { accounts, automations, campaigns, departments, endpoints, labels, members, segments, templates } =
        named;
    let all = [
        ("acc", accounts.iter().map(|id| id.uuid()).collect::<Vec<_>>()),
        ("aut", automations.iter().map(|id| id.uuid()).collect()),
        ("cmp", campaigns.iter().map(|id| id.uuid()).collect()),
        ("dep", departments.iter().map(|id| id.uuid()).collect()),
        ("end", endpoints.iter().map(|id| id.uuid()).collect()),
        ("lbl", labels.iter().map(|id| id.uuid()).collect()),
        ("mem", members.iter().map(|id| id.uuid()).collect()),
        ("seg", segments.iter().map(|id| id.uuid()).collect()),
        ("tpl", templates.iter().map(|id| id.uuid()).collect()),
    ];
    all.into_iter().flat_map(|(kind, ids)| ids.into_iter().map(move |id| (kind, id))).unzip()
}
