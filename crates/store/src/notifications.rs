//! What members are told of in the application.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ConversationId, MemberId, NotificationId, TenantId},
    notification::NotificationKind,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// Whom something concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Whose conversation it is.
    Assignee,
    Member(MemberId),
}

/// Something to be told of, if the member works, wants to know, and did not do it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub tenant: TenantId,
    pub whom: Whom,
    pub kind: NotificationKind,
    pub conversation: Option<ConversationId>,
    /// As histories name them.
    pub actor: String,
    /// The member whose doing it is.
    pub by: Option<MemberId>,
    pub data: Value,
    /// Things of its kind; at least 1.
    pub count: i32,
}

/// A notification as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    pub tenant: TenantId,
    pub id: NotificationId,
    pub member: MemberId,
    pub kind: NotificationKind,
    pub conversation: Option<ConversationId>,
    pub count: i32,
}

/// Writes what is wanted, in the order of its keys. New messages of a conversation that the member was told of and did not
/// look at are counted in what is there. What nobody is told of is not returned.
pub async fn add(tx: &mut impl AnyTx, wanted: &[Wanted], now: DateTime<Utc>) -> Result<Vec<Added>> {
    let member = |one: &Wanted| match one.whom {
        Whom::Assignee => None,
        Whom::Member(member) => Some(member.uuid()),
    };
    let rows = sqlx::query_as!(
        Added,
        r#"
        insert into notifications as n (tenant_id, id, member_id, kind, title, conversation_id, actor, data, action, count, created_at, last_at)
        select x.tenant_id, x.id, m.id, x.kind, x.title, x.conversation_id, x.actor, x.data, x.action, x.count, $12, $12
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::jsonb[], $9::text[],
                      $10::int[], $11::uuid[])
               as x (tenant_id, id, member_id, kind, title, conversation_id, actor, data, action, count, by_id)
        left   join conversations c on c.tenant_id = x.tenant_id and c.id = x.conversation_id
        join   members m on m.tenant_id = x.tenant_id and m.id = coalesce(x.member_id, c.assignee_id) and m.active
                         and m.id is distinct from x.by_id
        left   join notification_preferences p on p.tenant_id = x.tenant_id and p.member_id = m.id and p.kind = x.kind
        where  p.in_app is not false
        order  by x.tenant_id, m.id, x.conversation_id, x.id
        on conflict (tenant_id, member_id, conversation_id) where kind = 'new_message' and read_at is null
        do update set count = n.count + excluded.count, last_at = excluded.last_at, data = excluded.data
        returning tenant_id as "tenant: TenantId", id as "id: NotificationId", member_id as "member: MemberId",
                  kind as "kind: NotificationKind", conversation_id as "conversation: ConversationId", count
        "#,
        &each(wanted, |one| one.tenant.uuid()),
        &each(wanted, |_| NotificationId::new(now).uuid()),
        &each(wanted, member) as &[Option<Uuid>],
        &each(wanted, |one| one.kind.as_str()) as &[&str],
        &each(wanted, |one| one.kind.title()) as &[&str],
        &each(wanted, |one| one.conversation.map(ConversationId::uuid)) as &[Option<Uuid>],
        &each(wanted, |one| one.actor.clone()),
        &each(wanted, |one| &one.data) as &[&Value],
        &each(wanted, action) as &[Option<String>],
        &each(wanted, |one| one.count),
        &each(wanted, |one| one.by.map(MemberId::uuid)) as &[Option<Uuid>],
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Where it leads.
fn action(one: &Wanted) -> Option<String> {
    one.conversation.map(|conversation| format!("/v1/conversations/{conversation}"))
}

fn each<'a, T, V>(rows: &'a [T], value: impl FnMut(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// What a member was told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    pub id: NotificationId,
    pub member: MemberId,
    pub kind: NotificationKind,
    pub title: String,
    pub conversation: Option<ConversationId>,
    pub actor: String,
    pub data: Value,
    pub action: Option<String>,
    pub count: i32,
    pub created_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

/// A page, newest first.
pub async fn list(
    tx: &mut TenantTx,
    member: MemberId,
    only_unread: bool,
    before: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<Notification>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Notification,
        r#"
        select id as "id: NotificationId", member_id as "member: MemberId", kind as "kind: NotificationKind", title,
               conversation_id as "conversation: ConversationId", actor, data, action, count, created_at, last_at, read_at
        from   notifications
        where  tenant_id = $1 and member_id = $2 and (not $3::bool or read_at is null) and ($4::uuid is null or id < $4)
        order  by id desc
        limit  $5
        "#,
        tenant.uuid(),
        member.uuid(),
        only_unread,
        before.map(NotificationId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many the member has not looked at; counts to 1,000 and no further.
pub async fn count_unread(tx: &mut TenantTx, member: MemberId) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
        from   (select 1 from notifications where tenant_id = $1 and member_id = $2 and read_at is null limit 1000) n
        "#,
        tenant.uuid(),
        member.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// `whose`: only if it is theirs. The member looked at it, or wants to look again. Taken: they were told of something newer of the same conversation.
pub async fn mark(
    tx: &mut TenantTx,
    (whose, id): (Option<MemberId>, NotificationId),
    read_at: Option<DateTime<Utc>>,
) -> Result<Option<Notification>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Notification,
        r#"
        update notifications set read_at = case when $3::timestamptz is null then null else coalesce(read_at, $3) end
        where  tenant_id = $1 and id = $2 and ($4::uuid is null or member_id = $4)
        returning id as "id: NotificationId", member_id as "member: MemberId", kind as "kind: NotificationKind", title,
                  conversation_id as "conversation: ConversationId", actor, data, action, count, created_at, last_at, read_at
        "#,
        tenant.uuid(),
        id.uuid(),
        read_at,
        whose.map(MemberId::uuid),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// The member looked at everything up to and with `up_to`, at most `limit` of it, oldest first; returns how many that were.
pub async fn mark_all(
    tx: &mut TenantTx,
    member: MemberId,
    up_to: NotificationId,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update notifications n set read_at = $5
        from   (select id from notifications
                where  tenant_id = $1 and member_id = $2 and read_at is null and id <= $3
                order  by conversation_id, id
                limit  $4
                for    no key update) x
        where  n.tenant_id = $1 and n.id = x.id
        "#,
        tenant.uuid(),
        member.uuid(),
        up_to.uuid(),
        limit,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Whose it was. None: there is no such notification of theirs.
pub async fn delete(tx: &mut TenantTx, (whose, id): (Option<MemberId>, NotificationId)) -> Result<Option<MemberId>> {
    let tenant = tx.tenant();
    let member = sqlx::query_scalar!(
        r#"
        delete from notifications where tenant_id = $1 and id = $2 and ($3::uuid is null or member_id = $3)
        returning member_id as "member: MemberId"
        "#,
        tenant.uuid(),
        id.uuid(),
        whose.map(MemberId::uuid),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(member)
}

/// What a member said about kinds; the others they want.
pub async fn preferences(tx: &mut TenantTx, member: MemberId) -> Result<Vec<(NotificationKind, bool)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select kind as "kind: NotificationKind", in_app from notification_preferences
        where  tenant_id = $1 and member_id = $2
        limit  20
        "#,
        tenant.uuid(),
        member.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.in_app)).collect())
}

/// What the member says of these kinds holds from now on; of the others, what they said before.
pub async fn prefer(
    tx: &mut TenantTx,
    member: MemberId,
    wanted: &[(NotificationKind, bool)],
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    let (kinds, in_app): (Vec<&str>, Vec<bool>) = wanted.iter().map(|(kind, in_app)| (kind.as_str(), *in_app)).unzip();
    sqlx::query!(
        r#"
        insert into notification_preferences (tenant_id, member_id, kind, in_app, updated_at)
        select $1, $2, x.kind, x.in_app, $5 from unnest($3::text[], $4::bool[]) as x (kind, in_app)
        order  by x.kind
        on conflict (tenant_id, member_id, kind) do update set in_app = excluded.in_app, updated_at = excluded.updated_at
        "#,
        tenant.uuid(),
        member.uuid(),
        &kinds as &[&str],
        &in_app,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes away up to 10,000 from before `before`.
pub async fn purge(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from notifications
        where  (tenant_id, id) in (select tenant_id, id from notifications where created_at < $1 order by created_at limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
