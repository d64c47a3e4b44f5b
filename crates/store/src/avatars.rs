//! How people look. One picture for each person, whatever tenants they work for.

use chrono::{DateTime, Utc};
use postroad_core::ids::{MemberId, TenantId, UserId};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// A picture as it is served. Never printed.
#[derive(Clone)]
pub struct Avatar {
    pub media_type: String,
    pub bytes: Vec<u8>,
    pub updated_at: DateTime<Utc>,
}

/// In the place of the one that was there.
pub async fn set(
    tx: &mut SystemTx,
    user: UserId,
    (media_type, bytes): (&str, &[u8]),
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        r#"
        insert into avatars (user_id, media_type, bytes, updated_at) values ($1, $2, $3, $4)
        on conflict (user_id) do update set media_type = excluded.media_type, bytes = excluded.bytes, updated_at = excluded.updated_at
        "#,
        user.uuid(),
        media_type,
        bytes,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// False: there was none.
pub async fn remove(tx: &mut SystemTx, user: UserId) -> Result<bool> {
    let done = sqlx::query!("delete from avatars where user_id = $1", user.uuid()).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn is_there(tx: &mut SystemTx, user: UserId) -> Result<bool> {
    let is_there =
        sqlx::query_scalar!(r#"select exists (select 1 from avatars where user_id = $1) as "is_there!""#, user.uuid())
            .fetch_one(tx.conn())
            .await?;
    Ok(is_there)
}

pub async fn find(tx: &mut SystemTx, user: UserId) -> Result<Option<Avatar>> {
    let row =
        sqlx::query_as!(Avatar, "select media_type, bytes, updated_at from avatars where user_id = $1", user.uuid())
            .fetch_optional(tx.conn())
            .await?;
    Ok(row)
}

/// Of whoever is, or was, a member of a tenant.
pub async fn of_member(tx: &mut SystemTx, tenant: TenantId, member: MemberId) -> Result<Option<Avatar>> {
    let row = sqlx::query_as!(
        Avatar,
        r#"
        select a.media_type, a.bytes, a.updated_at
        from   members m join avatars a on a.user_id = m.user_id
        where  m.tenant_id = $1 and m.id = $2
        "#,
        tenant.uuid(),
        member.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Which of these members of a tenant have one.
pub async fn among(tx: &mut SystemTx, tenant: TenantId, members: &[MemberId]) -> Result<Vec<MemberId>> {
    let members: Vec<Uuid> = members.iter().map(|member| member.uuid()).collect();
    let found = sqlx::query_scalar!(
        r#"
        select m.id as "id: MemberId"
        from   members m join avatars a on a.user_id = m.user_id
        where  m.tenant_id = $1 and m.id = any($2)
        "#,
        tenant.uuid(),
        &members,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}
