//! What members may still spend of their tenant's wallet.

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::Role,
    ids::{MemberId, TenantId},
};
use uuid::Uuid;

use crate::{AnyTx, Result, TenantTx};

/// A member, and what they may still spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub member: MemberId,
    pub role: Role,
    /// None: no limit of their own.
    pub credits: Option<i64>,
    /// Owners and admins of a tenant that says so need none.
    pub is_free: bool,
    pub updated_at: Option<DateTime<Utc>>,
}

impl Allowance {
    /// What limits the member. None: nothing but the wallet.
    pub fn limit(&self) -> Option<i64> {
        self.credits.filter(|_| !self.is_free)
    }
}

/// None: there is no such member.
pub async fn find(tx: &mut TenantTx, member: MemberId) -> Result<Option<Allowance>> {
    Ok(select(tx, Some(member), None, 1).await?.pop())
}

/// A page of all members, oldest first.
pub async fn list(tx: &mut TenantTx, after: Option<MemberId>, limit: i64) -> Result<Vec<Allowance>> {
    select(tx, None, after, limit).await
}

async fn select(
    tx: &mut TenantTx,
    only: Option<MemberId>,
    after: Option<MemberId>,
    limit: i64,
) -> Result<Vec<Allowance>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Allowance,
        r#"
        select m.id as "member: MemberId", m.role as "role: Role", a.credits as "credits?",
               (t.credit_free_admins and m.role in ('owner', 'admin')) as "is_free!", a.updated_at as "updated_at?"
        from   members m
        join   tenants t on t.id = m.tenant_id
        left   join credit_allowances a on a.tenant_id = m.tenant_id and a.member_id = m.id
        where  m.tenant_id = $1
        and    ($2::uuid is null or m.id = $2)
        and    ($3::uuid is null or m.id > $3)
        order  by m.id
        limit  $4
        "#,
        tenant.uuid(),
        only.map(MemberId::uuid),
        after.map(MemberId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

pub async fn set(tx: &mut TenantTx, member: MemberId, credits: i64, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into credit_allowances (tenant_id, member_id, credits, updated_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, member_id) do update set credits = excluded.credits, updated_at = excluded.updated_at
        "#,
        tenant.uuid(),
        member.uuid(),
        credits,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// As much as there is, from now on.
pub async fn lift(tx: &mut TenantTx, member: MemberId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("delete from credit_allowances where tenant_id = $1 and member_id = $2", tenant.uuid(), member.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Holds what limits the member until the transaction ends. None: nothing does.
pub async fn lock(tx: &mut TenantTx, member: MemberId) -> Result<Option<i64>> {
    let tenant = tx.tenant();
    let left = sqlx::query_scalar!(
        r#"
        select a.credits
        from   credit_allowances a
        join   members m on m.tenant_id = a.tenant_id and m.id = a.member_id
        join   tenants t on t.id = a.tenant_id
        where  a.tenant_id = $1 and a.member_id = $2 and not (t.credit_free_admins and m.role in ('owner', 'admin'))
        for    update of a
        "#,
        tenant.uuid(),
        member.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(left)
}

/// Takes from an allowance that is locked and has as much.
pub async fn take(tx: &mut TenantTx, member: MemberId, credits: i64) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update credit_allowances set credits = credits - $3 where tenant_id = $1 and member_id = $2",
        tenant.uuid(),
        member.uuid(),
        credits,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives members of any tenants back what their messages did not cost. Who has no limit any more gets nothing.
pub async fn give_back(tx: &mut impl AnyTx, returned: &[(TenantId, MemberId, i64)]) -> Result<()> {
    let tenants: Vec<Uuid> = returned.iter().map(|(tenant, ..)| tenant.uuid()).collect();
    let members: Vec<Uuid> = returned.iter().map(|(_, member, _)| member.uuid()).collect();
    let credits: Vec<i64> = returned.iter().map(|(.., credits)| *credits).collect();
    sqlx::query!(
        r#"
        with back as (
            select x.tenant_id, x.member_id, sum(x.credits)::bigint as credits
            from   unnest($1::uuid[], $2::uuid[], $3::bigint[]) as x (tenant_id, member_id, credits)
            group  by x.tenant_id, x.member_id
        ), held as materialized (
            select a.tenant_id, a.member_id, b.credits
            from   back b
            join   credit_allowances a on a.tenant_id = b.tenant_id and a.member_id = b.member_id
            order  by a.tenant_id, a.member_id
            for    update of a
        )
        update credit_allowances a
        set    credits = a.credits + h.credits
        from   held h
        where  a.tenant_id = h.tenant_id and a.member_id = h.member_id
        "#,
        &tenants,
        &members,
        &credits,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether owners and admins need no allowance.
pub async fn admins_are_free(tx: &mut TenantTx) -> Result<bool> {
    let tenant = tx.tenant();
    let free = sqlx::query_scalar!("select credit_free_admins from tenants where id = $1", tenant.uuid())
        .fetch_one(tx.conn())
        .await?;
    Ok(free)
}

pub async fn set_admins_free(tx: &mut TenantTx, free: bool) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!("update tenants set credit_free_admins = $2 where id = $1", tenant.uuid(), free)
        .execute(tx.conn())
        .await?;
    Ok(())
}
