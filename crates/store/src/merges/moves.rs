//! What belongs to a contact, and its moving to another.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AddressId, CampaignId, ContactId, GroupId, MessageId},
    limits::{MERGED_CONTACTS_MAX, MERGED_GROUPS_MAX},
    send::SendState,
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// Campaigns of one tenant that are planned at once.
const PLANNING_MAX: i64 = 1_000;

/// Whether a contact may be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub id: ContactId,
    pub merged_into: Option<ContactId>,
    pub is_erased: bool,
}

/// Locks both contacts until the transaction ends, always in one order: two who merge the same people wait for each other
/// and never in a ring. Returns those that exist.
pub async fn lock(tx: &mut TenantTx, contacts: [ContactId; 2]) -> Result<Vec<Standing>> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Standing,
        r#"
        select c.id as "id: ContactId", c.merged_into as "merged_into: ContactId", c.erased_at is not null as "is_erased!"
        from   contacts c
        where  c.tenant_id = $1 and c.id = any($2)
        order  by c.id
        for    update
        "#,
        tenant.uuid(),
        &contacts.map(ContactId::uuid),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// Whom a contact became part of. None: it is nobody, or somebody by itself, or was erased.
pub async fn survivor(tx: &mut TenantTx, id: ContactId) -> Result<Option<ContactId>> {
    let tenant = tx.tenant();
    let survivor = sqlx::query_scalar!(
        r#"select merged_into as "id: ContactId" from contacts where tenant_id = $1 and id = $2 and erased_at is null"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(survivor.flatten())
}

/// Who became part of a contact: one more than there may be, at most.
pub async fn merged_contacts(tx: &mut TenantTx, into: ContactId) -> Result<Vec<ContactId>> {
    let tenant = tx.tenant();
    let limit = i64::try_from(MERGED_CONTACTS_MAX + 1).unwrap_or(i64::MAX);
    let merged = sqlx::query_scalar!(
        r#"select id as "id: ContactId" from contacts where tenant_id = $1 and merged_into = $2 order by id limit $3"#,
        tenant.uuid(),
        into.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(merged)
}

/// Makes contacts part of another.
pub async fn mark_merged(tx: &mut TenantTx, contacts: &[ContactId], into: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update contacts set merged_into = $3 where tenant_id = $1 and id = any($2)",
        tenant.uuid(),
        &uuids(contacts),
        into.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes a contact somebody by itself again.
pub async fn stand_alone(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update contacts set merged_into = null where tenant_id = $1 and id = $2",
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives addresses of one contact to another, all or only some, with their consents. A message that was decided on older
/// facts does not start. Returns which moved.
pub async fn move_addresses(
    tx: &mut TenantTx,
    from: ContactId,
    to: ContactId,
    only: Option<&[AddressId]>,
) -> Result<Vec<AddressId>> {
    let tenant = tx.tenant();
    let only: Option<Vec<Uuid>> = only.map(|ids| ids.iter().map(|id| id.uuid()).collect());
    let moved = sqlx::query_scalar!(
        r#"
        update addresses set contact_id = $3, consent_version = consent_version + 1
        where  tenant_id = $1 and contact_id = $2 and ($4::uuid[] is null or id = any($4))
        returning id as "id: AddressId"
        "#,
        tenant.uuid(),
        from.uuid(),
        to.uuid(),
        only.as_deref(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(moved)
}

/// Messages and sends follow their addresses.
pub async fn move_messages(tx: &mut TenantTx, from: ContactId, to: ContactId, addresses: &[AddressId]) -> Result<()> {
    let tenant = tx.tenant();
    let addresses: Vec<Uuid> = addresses.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        r#"
        with moved as (
            update messages m set contact_id = $3
            where  m.tenant_id = $1 and m.contact_id = $2 and m.address_id = any($4)
            returning m.id
        )
        update sends s set contact_id = $3 from moved v where s.tenant_id = $1 and s.id = v.id
        "#,
        tenant.uuid(),
        from.uuid(),
        to.uuid(),
        &addresses,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Waits for pages of recipients that are being written, and holds the next ones back until the transaction ends.
pub async fn hold_planning(tx: &mut TenantTx) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        select id from campaigns
        where  tenant_id = $1 and state in ('preparing', 'paused') and planned_at is null
        order  by id
        limit  $2
        for    update
        "#,
        tenant.uuid(),
        PLANNING_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// Of campaigns that planned both contacts and have not sent to both, cancels what the person would get twice: the one that
/// has not left, and of two the other's. The rows of recipients stay.
pub async fn cancel_surplus(
    tx: &mut TenantTx,
    survivor: ContactId,
    other: ContactId,
    now: DateTime<Utc>,
) -> Result<Vec<MessageId>> {
    let tenant = tx.tenant();
    let cancelled = sqlx::query_scalar!(
        r#"
        with twins as materialized (
            select s.id, s.state, s.campaign_id, m.contact_id
            from   messages m
            join   sends s on s.tenant_id = m.tenant_id and s.id = m.id
            where  m.tenant_id = $1 and m.contact_id in ($2, $3) and m.campaign_id is not null and s.campaign_id is not null
            for    update of s
        )
        update sends s
        set    state = case when s.resends > 0 then 'unknown' else 'cancelled' end, busy = false, state_at = $4, settled_at = $4,
               gate = null, reason = null, no_resend = true
        from   twins o
        where  s.tenant_id = $1 and s.id = o.id and o.state = any($5)
        and    exists (select 1 from twins k
                       where  k.campaign_id = o.campaign_id and k.contact_id <> o.contact_id
                       and    (k.state = any($6) or (k.state = any($5) and o.contact_id = $3)))
        returning s.id as "id: MessageId"
        "#,
        tenant.uuid(),
        survivor.uuid(),
        other.uuid(),
        now,
        &words(&[SendState::Scheduled, SendState::Queued, SendState::Waiting, SendState::Claimed]),
        &words(&[
            SendState::Attempting,
            SendState::Unknown,
            SendState::Accepted,
            SendState::Sent,
            SendState::Delivered,
            SendState::Read,
        ]),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(cancelled)
}

fn words(states: &[SendState]) -> Vec<String> {
    states.iter().map(|state| state.as_str().to_owned()).collect()
}

/// Where planning is under way and the other is a recipient already, the survivor counts as one too, by the other's message:
/// so it is planned no second time. Returns those campaigns.
pub async fn mark_planned(tx: &mut TenantTx, survivor: ContactId, other: ContactId) -> Result<Vec<CampaignId>> {
    let tenant = tx.tenant();
    let marked = sqlx::query_scalar!(
        r#"
        insert into recipients (tenant_id, campaign_id, contact_id, message_id)
        select r.tenant_id, r.campaign_id, $2, r.message_id
        from   campaigns c
        join   recipients r on r.tenant_id = c.tenant_id and r.campaign_id = c.id and r.contact_id = $3
        where  c.tenant_id = $1 and c.state in ('preparing', 'paused') and c.planned_at is null
        on     conflict do nothing
        returning campaign_id as "id: CampaignId"
        "#,
        tenant.uuid(),
        survivor.uuid(),
        other.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(marked)
}

/// Groups of a contact and since when: one more than a merge moves, at most.
pub async fn group_memberships(tx: &mut TenantTx, contact: ContactId) -> Result<Vec<(GroupId, DateTime<Utc>)>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        select group_id as "group: GroupId", added_at from group_members
        where  tenant_id = $1 and contact_id = $2
        order  by group_id
        limit  $3
        "#,
        tenant.uuid(),
        contact.uuid(),
        i64::try_from(MERGED_GROUPS_MAX + 1).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.group, row.added_at)).collect())
}

/// Makes a contact a member of groups; returns those in which it was none.
pub async fn join_groups(
    tx: &mut TenantTx,
    contact: ContactId,
    groups: &[(GroupId, DateTime<Utc>)],
) -> Result<Vec<GroupId>> {
    let tenant = tx.tenant();
    let (ids, added) = columns(groups);
    let joined = sqlx::query_scalar!(
        r#"
        insert into group_members (tenant_id, group_id, contact_id, added_at)
        select $1, x.group_id, $2, x.added_at from unnest($3::uuid[], $4::timestamptz[]) as x (group_id, added_at)
        on     conflict do nothing
        returning group_id as "id: GroupId"
        "#,
        tenant.uuid(),
        contact.uuid(),
        &ids,
        &added,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(joined)
}

/// Gives memberships back to a contact, where the one that had them meanwhile still has them; returns these groups. Where it
/// got in by the merge alone (`joined`, since the same instant) it leaves.
pub async fn groups_back(
    tx: &mut TenantTx,
    from: ContactId,
    to: ContactId,
    groups: &[(GroupId, DateTime<Utc>)],
    joined: &[GroupId],
) -> Result<Vec<GroupId>> {
    let tenant = tx.tenant();
    let (ids, added) = columns(groups);
    let joined: Vec<Uuid> = joined.iter().map(|id| id.uuid()).collect();
    let back = sqlx::query_scalar!(
        r#"
        with had as (
            select x.group_id, x.added_at, m.added_at as since
            from   unnest($4::uuid[], $5::timestamptz[]) as x (group_id, added_at)
            join   group_members m on m.tenant_id = $1 and m.group_id = x.group_id and m.contact_id = $2
        ), back as (
            insert into group_members (tenant_id, group_id, contact_id, added_at)
            select $1, h.group_id, $3, h.added_at from had h
            on     conflict do nothing
        ), gone as (
            delete from group_members m using had h
            where  m.tenant_id = $1 and m.group_id = h.group_id and m.contact_id = $2 and h.since = h.added_at
            and    h.group_id = any($6)
        )
        select h.group_id as "id!: GroupId" from had h
        "#,
        tenant.uuid(),
        from.uuid(),
        to.uuid(),
        &ids,
        &added,
        &joined,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(back)
}

fn columns(groups: &[(GroupId, DateTime<Utc>)]) -> (Vec<Uuid>, Vec<DateTime<Utc>>) {
    groups.iter().map(|(id, at)| (id.uuid(), *at)).unzip()
}

/// What counts for a contact's frequency caps, held until the transaction ends: of one who had none, too. Oldest first.
pub async fn uses(tx: &mut TenantTx, contact: ContactId) -> Result<Vec<DateTime<Utc>>> {
    let tenant = tx.tenant();
    let uses = sqlx::query_scalar!(
        r#"
        insert into frequency_uses as f (tenant_id, contact_id, uses) values ($1, $2, '{}')
        on     conflict (tenant_id, contact_id) do update set uses = f.uses
        returning uses
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(uses)
}

pub async fn set_uses(tx: &mut TenantTx, contact: ContactId, uses: &[DateTime<Utc>]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update frequency_uses set uses = $3 where tenant_id = $1 and contact_id = $2",
        tenant.uuid(),
        contact.uuid(),
        uses,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn uuids(contacts: &[ContactId]) -> Vec<Uuid> {
    contacts.iter().map(|id| id.uuid()).collect()
}
