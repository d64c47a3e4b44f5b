//! People who are asked to work for a tenant.

use chrono::{DateTime, Utc};
use postroad_core::{
    conversation::Role,
    ids::{DepartmentId, InvitationId, TenantId},
    sign_in::TokenHash,
};

use crate::{Result, SystemTx, TenantTx};

/// An invitation. Never printed: it holds somebody's address.
#[derive(Clone)]
pub struct Invitation {
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub department: Option<DepartmentId>,
    /// As histories name it.
    pub invited_by: String,
    /// `open`, `accepted` or `revoked`.
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, new: &Invitation, token: &TokenHash) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into invitations (tenant_id, id, email, role, department_id, token_hash, invited_by, created_at, ends_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.email,
        new.role.as_str(),
        new.department.map(DepartmentId::uuid),
        token,
        new.invited_by,
        new.created_at,
        new.ends_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes back what was open for this address of mail, and late: one more may be asked.
pub async fn end_late(tx: &mut TenantTx, email: &str, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update invitations set state = 'revoked', ended_at = $3
        where  tenant_id = $1 and lower(email) = lower($2) and state = 'open' and ends_at <= $3
        "#,
        tenant.uuid(),
        email,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A page, newest first.
pub async fn list(tx: &mut TenantTx, after: Option<InvitationId>, limit: i64) -> Result<Vec<Invitation>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Invitation,
        r#"
        select id as "id: InvitationId", email, role as "role: Role", department_id as "department: DepartmentId", invited_by, state,
               created_at, ends_at
        from   invitations
        where  tenant_id = $1 and ($2::uuid is null or id < $2)
        order  by id desc
        limit  $3
        "#,
        tenant.uuid(),
        after.map(InvitationId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Takes one back. False: there is none such, or it is not open any more.
pub async fn revoke(tx: &mut TenantTx, id: InvitationId, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update invitations set state = 'revoked', ended_at = $3 where tenant_id = $1 and id = $2 and state = 'open'",
        tenant.uuid(),
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What an invitation asks somebody to be.
#[derive(Clone)]
pub struct Asked {
    pub tenant: TenantId,
    pub id: InvitationId,
    pub email: String,
    pub role: Role,
    pub department: Option<DepartmentId>,
    /// The word is the one that was mailed: whoever has it reads mail at the address.
    pub was_mailed: bool,
}

/// The open invitation of a token, the told or the mailed one, locked until the transaction ends.
pub async fn find_open(tx: &mut SystemTx, token: &TokenHash, now: DateTime<Utc>) -> Result<Option<Asked>> {
    let row = sqlx::query_as!(
        Asked,
        r#"
        select tenant_id as "tenant: TenantId", id as "id: InvitationId", email, role as "role: Role",
               department_id as "department: DepartmentId", coalesce(mail_hash = $1, false) as "was_mailed!"
        from   invitations where (token_hash = $1 or mail_hash = $1) and state = 'open' and ends_at > $2
        for    update
        "#,
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// What the mail of an open invitation says. Never printed.
#[derive(Clone)]
pub struct Mailed {
    pub tenant_name: String,
    pub ends_at: DateTime<Utc>,
}

/// Keeps the word that is mailed. None: the invitation is not open any more.
pub async fn set_mailed(
    tx: &mut SystemTx,
    (tenant, id): (TenantId, InvitationId),
    word: &TokenHash,
    now: DateTime<Utc>,
) -> Result<Option<Mailed>> {
    let row = sqlx::query_as!(
        Mailed,
        r#"
        update invitations i set mail_hash = $3
        from   tenants t
        where  i.tenant_id = $1 and i.id = $2 and i.state = 'open' and i.ends_at > $4 and t.id = i.tenant_id
        returning t.name as tenant_name, i.ends_at
        "#,
        tenant.uuid(),
        id.uuid(),
        word,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

pub async fn accept(tx: &mut SystemTx, asked: &Asked, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "update invitations set state = 'accepted', ended_at = $3 where tenant_id = $1 and id = $2",
        asked.tenant.uuid(),
        asked.id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
