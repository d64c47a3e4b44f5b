//! Filters with a name.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{CampaignId, GroupId, ImportId, SegmentId},
    segment::{Filter, References},
};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    pub id: SegmentId,
    /// Unique in the tenant, whatever its case.
    pub name: String,
    pub filter: Json<Filter>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A name that is taken is [`crate::Error::Taken`].
pub async fn insert(tx: &mut TenantTx, new: &Segment) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into segments (tenant_id, id, name, filter, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        serde_json::to_value(&new.filter.0)?,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn find(tx: &mut TenantTx, id: SegmentId) -> Result<Option<Segment>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Segment,
        r#"
        select id as "id: SegmentId", name, filter as "filter: Json<Filter>", created_at, updated_at
        from   segments
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Holds a segment until the transaction ends. False: there is none.
pub async fn lock(tx: &mut TenantTx, id: SegmentId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query!(
        "select id from segments where tenant_id = $1 and id = $2 for no key update",
        tenant.uuid(),
        id.uuid(),
    );
    Ok(found.fetch_optional(tx.conn()).await?.is_some())
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<SegmentId>, limit: i64) -> Result<Vec<Segment>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Segment,
        r#"
        select id as "id: SegmentId", name, filter as "filter: Json<Filter>", created_at, updated_at
        from   segments
        where  tenant_id = $1 and ($2::uuid is null or id > $2)
        order  by id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(SegmentId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Writes a segment as it is to be. False: there is no such segment.
pub async fn update(tx: &mut TenantTx, segment: &Segment, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update segments set name = $3, filter = $4, updated_at = $5 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        segment.id.uuid(),
        segment.name,
        serde_json::to_value(&segment.filter.0)?,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False: there was no such segment.
pub async fn delete(tx: &mut TenantTx, id: SegmentId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from segments where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Of what a filter names, what does not exist.
pub async fn missing(tx: &mut TenantTx, named: &References) -> Result<References> {
    let tenant = tx.tenant();
    let campaigns: Vec<Uuid> = named.campaigns.iter().map(|id| id.uuid()).collect();
    let groups: Vec<Uuid> = named.groups.iter().map(|id| id.uuid()).collect();
    let imports: Vec<Uuid> = named.imports.iter().map(|id| id.uuid()).collect();
    // Nobody takes a group away before it is written down who means it.
    sqlx::query!(
        "select id from groups where tenant_id = $1 and id = any($2) order by id for key share",
        tenant.uuid(),
        &groups,
    )
    .fetch_all(tx.conn())
    .await?;
    let row = sqlx::query!(
        r#"
        select array(select x from unnest($2::uuid[]) x
                     where not exists (select 1 from campaigns c where c.tenant_id = $1 and c.id = x)) as "campaigns!: Vec<CampaignId>",
               array(select x from unnest($3::uuid[]) x
                     where not exists (select 1 from groups g where g.tenant_id = $1 and g.id = x)) as "groups!: Vec<GroupId>",
               array(select x from unnest($4::uuid[]) x
                     where not exists (select 1 from contact_imports i where i.tenant_id = $1 and i.id = x)) as "imports!: Vec<ImportId>"
        "#,
        tenant.uuid(),
        &campaigns,
        &groups,
        &imports,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(References { campaigns: row.campaigns, groups: row.groups, imports: row.imports })
}

/// Something still names it: a segment, or a campaign that is to begin, whose recipients are being written, or whose rest waits
/// for the end of an experiment. `id`: as it
/// stands in JSON.
pub async fn is_named(tx: &mut TenantTx, id: &str) -> Result<bool> {
    let tenant = tx.tenant();
    let named = sqlx::query_scalar!(
        r#"
        select exists (select 1 from segments s where s.tenant_id = $1 and strpos(s.filter::text, $2) > 0)
            or exists (select 1 from campaigns c
                       where  c.tenant_id = $1
                       and    (c.state in ('scheduled', 'preparing', 'paused') or exists (
                                   select 1 from experiments e where e.tenant_id = $1 and e.campaign_id = c.id
                                   and e.decide_at is not null and e.decided_at is null))
                       and    strpos(concat(c.audience, c.exclude, c.frozen), $2) > 0) as "named!"
        "#,
        tenant.uuid(),
        id,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(named)
}
