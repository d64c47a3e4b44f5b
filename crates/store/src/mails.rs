//! Mail of the installation itself: rows that are written with what they tell of, and sent by a worker.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{InvitationId, MailId, TenantId, UserId},
    mail::{MailKind, MailState},
};

use crate::{AnyTx, Result, SystemTx};

/// A mail to be written down. Never printed: it holds somebody's address.
#[derive(Clone, Copy)]
pub struct New<'a> {
    pub id: MailId,
    pub kind: MailKind,
    pub email: &'a str,
    /// Whom it is about; none of an invitation, and of an address that may be nobody's.
    pub user: Option<UserId>,
    pub invitation: Option<(TenantId, InvitationId)>,
    pub ends_at: DateTime<Utc>,
}

/// A mail in the hands of whoever sends it. Never printed.
#[derive(Clone)]
pub struct Mail {
    pub id: MailId,
    pub kind: MailKind,
    pub email: String,
    pub user: Option<UserId>,
    pub invited_to: Option<TenantId>,
    pub invitation: Option<InvitationId>,
    /// How often it was tried, with this time.
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// A mail as an operator is shown it.
#[derive(Clone)]
pub struct Shown {
    pub id: MailId,
    pub kind: MailKind,
    pub email: String,
    pub state: MailState,
    pub attempts: i32,
    pub due_at: DateTime<Utc>,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut impl AnyTx, new: New<'_>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into mails (id, kind, email, user_id, invited_to, invitation_id, due_at, created_at, ends_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7, $8)
        "#,
        new.id.uuid(),
        new.kind.as_str(),
        new.email,
        new.user.map(UserId::uuid),
        new.invitation.map(|(tenant, _)| tenant.uuid()),
        new.invitation.map(|(_, id)| id.uuid()),
        now,
        new.ends_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a mail that is due; nobody else does before the lease ends. None: it is not due, or not to be sent any more.
pub async fn take(
    tx: &mut SystemTx,
    id: MailId,
    lease_ends: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Mail>> {
    let row = sqlx::query_as!(
        Mail,
        r#"
        update mails
        set    due_at = $2, attempts = attempts + 1
        where  id = $1 and state = 'waiting' and due_at <= $3
        returning id as "id: MailId", kind as "kind: MailKind", email, user_id as "user: UserId", invited_to as "invited_to: TenantId",
                  invitation_id as "invitation: InvitationId", attempts, created_at, ends_at
        "#,
        id.uuid(),
        lease_ends,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// When a mail that waits is due. None: it waits no more.
pub async fn due_at(tx: &mut SystemTx, id: MailId) -> Result<Option<DateTime<Utc>>> {
    let due = sqlx::query_scalar!("select due_at from mails where id = $1 and state = 'waiting'", id.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(due)
}

/// Lets a mail wait, and says why. False: it waits no more.
pub async fn rest(tx: &mut SystemTx, id: MailId, until: DateTime<Utc>, reason: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update mails set due_at = $2, reason = $3 where id = $1 and state = 'waiting'",
        id.uuid(),
        until,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a mail. Without a reason the last one stays. False: it has ended.
pub async fn end(
    tx: &mut SystemTx,
    id: MailId,
    (state, reason): (MailState, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update mails set state = $2, reason = coalesce($3, reason), ended_at = $4
        where  id = $1 and state = 'waiting'
        "#,
        id.uuid(),
        state.as_str(),
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Mails that were due before `before` and that nobody sends: their jobs were lost.
pub async fn late(tx: &mut SystemTx, before: DateTime<Utc>, limit: i64) -> Result<Vec<MailId>> {
    let rows = sqlx::query_scalar!(
        r#"select id as "id: MailId" from mails where state = 'waiting' and due_at < $1 order by due_at limit $2"#,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The newest, newest first.
pub async fn list(tx: &mut SystemTx, limit: i64) -> Result<Vec<Shown>> {
    let rows = sqlx::query_as!(
        Shown,
        r#"
        select id as "id: MailId", kind as "kind: MailKind", email, state as "state: MailState", attempts, due_at, reason, created_at
        from   mails
        order  by id desc
        limit  $1
        "#,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Rows one call deletes.
const PRUNE_MAX: i64 = 5_000;

/// Deletes mails that ended before `before`, and those for nobody that ended before `dropped_before`; returns how many.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>, dropped_before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from mails
        where  id in (select id from mails
                      where  ended_at < $1 or (ended_at < $2 and state = 'dropped')
                      limit  $3)
        "#,
        before,
        dropped_before,
        PRUNE_MAX,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
