//! People who work for a tenant, and their departments.

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId, RoleId},
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// A member. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
    /// What they may do and see, in the place of what their role says.
    pub custom_role: Option<RoleId>,
    pub active: bool,
    pub department: Option<DepartmentId>,
    /// How many conversations that are not done are enough for rules that give them by turns. None: any number.
    pub capacity: Option<i32>,
    /// The accounts whose conversations they see. None: all.
    pub accounts: Option<Vec<AccountId>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, member: &Member) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into members (tenant_id, id, name, email, role, active, department_id, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        "#,
        tenant.uuid(),
        member.id.uuid(),
        member.name,
        member.email,
        member.role.as_str(),
        member.active,
        member.department.map(DepartmentId::uuid),
        member.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes everything but its beginning. False: there is no such member.
pub async fn update(tx: &mut TenantTx, member: &Member) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update members set name = $3, email = $4, role = $5, active = $6, department_id = $7, updated_at = $8, capacity = $9,
               accounts = $10, role_id = $11
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        member.id.uuid(),
        member.name,
        member.email,
        member.role.as_str(),
        member.active,
        member.department.map(DepartmentId::uuid),
        member.updated_at,
        member.capacity,
        member.accounts.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect::<Vec<_>>()) as Option<Vec<Uuid>>,
        member.custom_role.map(RoleId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a member who works has this address of mail, and signs in.
pub async fn signs_in(tx: &mut TenantTx, email: &str) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"
        select exists (select 1 from members
                       where tenant_id = $1 and lower(email) = lower($2) and user_id is not null and active) as "found!"
        "#,
        tenant.uuid(),
        email,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

pub async fn find(tx: &mut TenantTx, id: MemberId) -> Result<Option<Member>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Member,
        r#"
        select id as "id: MemberId", name, email, role as "role: Role", role_id as "custom_role: RoleId", active, department_id as "department: DepartmentId", capacity,
               accounts as "accounts: Vec<AccountId>", created_at, updated_at
        from   members where tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<MemberId>, limit: i64) -> Result<Vec<Member>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Member,
        r#"
        select id as "id: MemberId", name, email, role as "role: Role", role_id as "custom_role: RoleId", active, department_id as "department: DepartmentId", capacity,
               accounts as "accounts: Vec<AccountId>", created_at, updated_at
        from   members
        where  tenant_id = $1 and ($2::uuid is null or id > $2)
        order  by id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(MemberId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Of these, how many are members who may work.
pub async fn count_active(tx: &mut TenantTx, ids: &[MemberId]) -> Result<usize> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from members where tenant_id = $1 and id = any($2) and active"#,
        tenant.uuid(),
        &ids,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Members who see the same conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    pub id: DepartmentId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert_department(tx: &mut TenantTx, department: &Department) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into departments (tenant_id, id, name, created_at, updated_at) values ($1, $2, $3, $4, $4)",
        tenant.uuid(),
        department.id.uuid(),
        department.name,
        department.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn rename_department(
    tx: &mut TenantTx,
    id: DepartmentId,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<Department>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Department,
        r#"
        update departments set name = $3, updated_at = $4 where tenant_id = $1 and id = $2
        returning id as "id: DepartmentId", name, created_at, updated_at
        "#,
        tenant.uuid(),
        id.uuid(),
        name,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A page, oldest first.
pub async fn departments(tx: &mut TenantTx, after: Option<DepartmentId>, limit: i64) -> Result<Vec<Department>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Department,
        r#"
        select id as "id: DepartmentId", name, created_at, updated_at from departments
        where  tenant_id = $1 and ($2::uuid is null or id > $2)
        order  by id
        limit  $3
        "#,
        tenant.uuid(),
        after.map(DepartmentId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
