//! Lists of people that somebody put together. By a filter: [`crate::audiences`].

use chrono::{DateTime, Utc};
use postroad_core::ids::{ContactId, GroupId};
use uuid::Uuid;

use crate::{Result, TenantTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    /// Unique in the tenant, whatever its case.
    pub name: String,
    pub members: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A name that is taken is [`crate::Error::Taken`].
pub async fn insert(tx: &mut TenantTx, new: &Group) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into groups (tenant_id, id, name, created_at, updated_at) values ($1, $2, $3, $4, $4)",
        tenant.uuid(),
        new.id.uuid(),
        new.name,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn find(tx: &mut TenantTx, id: GroupId) -> Result<Option<Group>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Group,
        r#"
        select g.id as "id: GroupId", g.name, g.created_at, g.updated_at,
               (select count(*) from group_members m where m.tenant_id = g.tenant_id and m.group_id = g.id) as "members!"
        from   groups g
        where  g.tenant_id = $1 and g.id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Holds a group until the transaction ends, also from those who would name it. False: there is none.
pub async fn lock(tx: &mut TenantTx, id: GroupId) -> Result<bool> {
    let tenant = tx.tenant();
    let found =
        sqlx::query!("select id from groups where tenant_id = $1 and id = $2 for update", tenant.uuid(), id.uuid());
    Ok(found.fetch_optional(tx.conn()).await?.is_some())
}

pub async fn exists(tx: &mut TenantTx, id: GroupId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query!("select id from groups where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid());
    Ok(found.fetch_optional(tx.conn()).await?.is_some())
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<GroupId>, limit: i64) -> Result<Vec<Group>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Group,
        r#"
        select g.id as "id: GroupId", g.name, g.created_at, g.updated_at,
               (select count(*) from group_members m where m.tenant_id = g.tenant_id and m.group_id = g.id) as "members!"
        from   groups g
        where  g.tenant_id = $1 and ($2::uuid is null or g.id > $2)
        order  by g.id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(GroupId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// False: there is no such group.
pub async fn rename(tx: &mut TenantTx, id: GroupId, name: &str, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update groups set name = $3, updated_at = $4 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
        name,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// With all its memberships. False: there was no such group.
pub async fn delete(tx: &mut TenantTx, id: GroupId) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from groups where tenant_id = $1 and id = $2", tenant.uuid(), id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes contacts members; for whoever was merged, whom they became. Who does not exist is left out; returns how many were
/// none before.
pub async fn add(tx: &mut TenantTx, id: GroupId, contacts: &[ContactId], now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        with meant as (
            select coalesce(c.merged_into, c.id) as id from contacts c
            where  c.tenant_id = $1 and c.id = any($3) and c.erased_at is null
            order  by c.id
            for    key share
        )
        insert into group_members (tenant_id, group_id, contact_id, added_at)
        select distinct $1::uuid, $2::uuid, m.id, $4::timestamptz from meant m
        on conflict do nothing
        "#,
        tenant.uuid(),
        id.uuid(),
        &uuids(contacts),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Whoever was merged leaves as whom they became. Returns how many were members.
pub async fn remove(tx: &mut TenantTx, id: GroupId, contacts: &[ContactId]) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        delete from group_members
        where  tenant_id = $1 and group_id = $2
        and    contact_id in (select coalesce(c.merged_into, c.id) from contacts c where c.tenant_id = $1 and c.id = any($3))
        "#,
        tenant.uuid(),
        id.uuid(),
        &uuids(contacts),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

fn uuids(contacts: &[ContactId]) -> Vec<Uuid> {
    contacts.iter().map(|id| id.uuid()).collect()
}

/// Somebody in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub contact: ContactId,
    pub added_at: DateTime<Utc>,
}

/// A page, by the ids of the contacts.
pub async fn members(tx: &mut TenantTx, id: GroupId, after: Option<ContactId>, limit: i64) -> Result<Vec<Member>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Member,
        r#"
        select m.contact_id as "contact: ContactId", m.added_at
        from   group_members m
        join   contacts c on c.tenant_id = m.tenant_id and c.id = m.contact_id and c.erased_at is null and c.merged_into is null
        where  m.tenant_id = $1 and m.group_id = $2 and ($3::uuid is null or m.contact_id > $3)
        order  by m.contact_id
        limit  $4
        "#,
        tenant.uuid(),
        id.uuid(),
        after.map(ContactId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
