//! Conversations: their records, how they change, and their lists.

pub mod merging;
pub mod targets;
pub mod thread;
pub mod timers;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    conversation::{ConversationState, Holder, Priority},
    ids::{AccountId, AddressId, AutomationId, ContactId, ConversationId, DepartmentId, LabelId, MemberId},
    sight::Standing,
    targets::Timeliness,
};
use uuid::Uuid;

use crate::{Result, TenantTx};

/// A conversation as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub account: AccountId,
    pub channel: Channel,
    pub address: AddressId,
    pub contact: ContactId,
    pub state: ConversationState,
    pub priority: Priority,
    pub subject: Option<String>,
    pub assignee: Option<MemberId>,
    /// Never beside a member, and never of what is done.
    pub automation: Option<AutomationId>,
    pub department: Option<DepartmentId>,
    pub pinned_at: Option<DateTime<Utc>>,
    pub snoozed_until: Option<DateTime<Utc>>,
    pub window_closes_at: Option<DateTime<Utc>>,
    /// Messages of the person.
    pub inbound: i32,
    /// Messages to the person that belong to the conversation.
    pub outbound: i32,
    pub last_message_at: DateTime<Utc>,
    pub last_inbound_at: Option<DateTime<Utc>>,
    pub last_outbound_at: Option<DateTime<Utc>>,
    /// The oldest message of the person that nobody answered.
    pub waiting_since: Option<DateTime<Utc>>,
    pub first_response_s: Option<i64>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolution_s: Option<i64>,
    /// Until then somebody should answer, and somebody should be done.
    pub response_due_at: Option<DateTime<Utc>>,
    pub resolution_due_at: Option<DateTime<Utc>>,
    pub response_missed_at: Option<DateTime<Utc>>,
    pub resolution_missed_at: Option<DateTime<Utc>>,
    /// What the person said of it last, 1 to 5.
    pub rating: Option<i16>,
    pub rated_at: Option<DateTime<Utc>>,
    /// What it became a part of. It is closed, and stays so.
    pub merged_into: Option<ConversationId>,
    pub labels: Vec<Uuid>,
    /// Messages of the person that the member who asks has not seen; 0 if no member asks.
    pub unread: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Conversation {
    pub const fn standing(&self) -> Standing {
        Standing { assignee: self.assignee, department: self.department, account: self.account }
    }

    pub fn holder(&self) -> Holder {
        Holder::of(self.assignee, self.automation).unwrap_or_default()
    }

    /// Gives it to somebody else.
    pub const fn hold(&mut self, holder: Holder) {
        self.assignee = holder.member();
        self.automation = holder.automation();
    }
}

/// One conversation; `member`: with how much of it they have not seen.
pub async fn find(tx: &mut TenantTx, id: ConversationId, member: Option<MemberId>) -> Result<Option<Conversation>> {
    let one = Listed { only: Some(id), member, limit: 1, ..Listed::default() };
    Ok(list(tx, &one).await?.pop())
}

/// The same, and nobody changes it until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: ConversationId) -> Result<Option<Conversation>> {
    let tenant = tx.tenant();
    sqlx::query!(
        "select id from conversations where tenant_id = $1 and id = $2 for no key update",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    find(tx, id, None).await
}

/// Whose conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Assigned {
    #[default]
    Any,
    /// To no member and no automation.
    Nobody,
    To(MemberId),
    ToAutomation(AutomationId),
    ToAnyAutomation,
}

impl Assigned {
    const fn member(self) -> Option<Uuid> {
        if let Self::To(member) = self { Some(member.uuid()) } else { None }
    }

    const fn automation(self) -> Option<Uuid> {
        if let Self::ToAutomation(automation) = self { Some(automation.uuid()) } else { None }
    }
}

/// Which conversations, latest message first.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub only: Option<ConversationId>,
    /// Empty: all but archived ones and those that became part of another.
    pub states: Vec<ConversationState>,
    pub assigned: Assigned,
    pub department: Option<DepartmentId>,
    pub label: Option<LabelId>,
    pub account: Option<AccountId>,
    pub channel: Option<Channel>,
    pub contact: Option<ContactId>,
    pub priority: Option<Priority>,
    pub pinned: Option<bool>,
    /// Somebody waits for an answer.
    pub waiting: Option<bool>,
    /// How it stands to what the tenant has set.
    pub target: Option<Timeliness>,
    /// Who asks: for what they have not seen.
    pub member: Option<MemberId>,
    pub only_unread: bool,
    /// Part of the contact's name, of the address, of the subject, or of a label, whatever its case.
    pub containing: Option<String>,
    /// Before this one.
    pub before: Option<(DateTime<Utc>, ConversationId)>,
    /// At least 1.
    pub limit: i64,
}

#[expect(clippy::too_many_lines, reason = "one statement")]
pub async fn list(tx: &mut TenantTx, wanted: &Listed) -> Result<Vec<Conversation>> {
    let tenant = tx.tenant();
    let states: Vec<&str> = wanted.states.iter().map(|state| state.as_str()).collect();
    let rows = sqlx::query_as!(
        Conversation,
        r#"
        select c.id as "id: ConversationId", c.account_id as "account: AccountId", c.channel as "channel: Channel",
               c.address_id as "address: AddressId", d.contact_id as "contact: ContactId", c.state as "state: ConversationState",
               c.priority as "priority: Priority", c.subject, c.assignee_id as "assignee: MemberId",
               c.automation_id as "automation: AutomationId", c.department_id as "department: DepartmentId", c.pinned_at, c.snoozed_until, c.window_closes_at, c.inbound, c.outbound,
               c.last_message_at, c.last_inbound_at, c.last_outbound_at, c.waiting_since, c.first_response_s, c.resolved_at,
               c.resolution_s, c.response_due_at, c.resolution_due_at, c.response_missed_at, c.resolution_missed_at,
               c.rating, c.rated_at, c.merged_into as "merged_into: ConversationId",
               array(select l.label_id from conversation_labels l
                     where  l.tenant_id = $1 and l.conversation_id = c.id order by l.labelled_at, l.label_id) as "labels!",
               case when $13::uuid is null then 0 else c.inbound - coalesce(r.seen, 0) end as "unread!",
               c.created_at, c.updated_at
        from   conversations c
        join   addresses d on d.tenant_id = $1 and d.id = c.address_id
        left   join conversation_reads r on r.tenant_id = $1 and r.conversation_id = c.id and r.member_id = $13
        where  c.tenant_id = $1
        and    ($2::uuid is null or c.id = $2)
        and    case when cardinality($3::text[]) = 0 then $2 is not null or c.state <> 'archived' else c.state = any($3) end
        and    ($2::uuid is not null or cardinality($3::text[]) > 0 or c.merged_into is null)
        and    (not $4::bool or (c.assignee_id is null and c.automation_id is null))
        and    ($5::uuid is null or c.assignee_id = $5)
        and    ($21::uuid is null or c.automation_id = $21)
        and    (not $22::bool or c.automation_id is not null)
        and    ($6::uuid is null or c.department_id = $6)
        and    ($7::uuid is null or exists (select 1 from conversation_labels l
                                            where l.tenant_id = $1 and l.label_id = $7 and l.conversation_id = c.id))
        and    ($8::uuid is null or c.account_id = $8)
        and    ($9::text is null or c.channel = $9)
        and    ($10::uuid is null or c.address_id in (select a.id from addresses a where a.tenant_id = $1 and a.contact_id = $10))
        and    ($11::text is null or c.priority = $11)
        and    ($12::bool is null or (c.pinned_at is not null) = $12)
        and    ($14::bool is null or (c.waiting_since is not null) = $14)
        and    (not $15::bool or c.inbound > coalesce(r.seen, 0))
        and    ($19::text is null or c.subject ilike $19 or d.address ilike $19
                or exists (select 1 from contacts p where p.tenant_id = $1 and p.id = d.contact_id and p.display_name ilike $19)
                or exists (select 1 from conversation_labels l join labels n on n.tenant_id = $1 and n.id = l.label_id
                           where l.tenant_id = $1 and l.conversation_id = c.id and n.name ilike $19))
        and    case $20::text when 'missed' then c.response_missed_at is not null or c.resolution_missed_at is not null
                              when 'due' then (c.response_due_at is not null and c.response_missed_at is null)
                                           or (c.resolution_due_at is not null and c.resolution_missed_at is null)
                              else true end
        and    ($16::timestamptz is null or (c.last_message_at, c.id) < ($16, $17::uuid))
        order  by c.last_message_at desc, c.id desc
        limit  $18
        "#,
        tenant.uuid(),
        wanted.only.map(ConversationId::uuid),
        &states as &[&str],
        wanted.assigned == Assigned::Nobody,
        wanted.assigned.member(),
        wanted.department.map(DepartmentId::uuid),
        wanted.label.map(LabelId::uuid),
        wanted.account.map(AccountId::uuid),
        wanted.channel.map(Channel::as_str),
        wanted.contact.map(ContactId::uuid),
        wanted.priority.map(Priority::as_str),
        wanted.pinned,
        wanted.member.map(MemberId::uuid),
        wanted.waiting,
        wanted.only_unread,
        wanted.before.map(|(at, _)| at),
        wanted.before.map(|(_, id)| id.uuid()),
        wanted.limit,
        wanted.containing.as_deref().map(pattern),
        wanted.target.map(Timeliness::as_str),
        wanted.assigned.automation(),
        wanted.assigned == Assigned::ToAnyAutomation,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Whatever has this in it. Signs of patterns stand for themselves.
fn pattern(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// A conversation that a member begins. Taken: there is a live one of this account and address.
pub async fn insert(tx: &mut TenantTx, new: &Conversation) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into conversations (tenant_id, id, account_id, channel, address_id, state, priority, subject, last_message_at,
                                   window_closes_at, created_at, updated_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9,
               (select w.closes_at from session_windows w where w.tenant_id = $1 and w.account_id = $3 and w.address_id = $5), $9, $9
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.account.uuid(),
        new.channel.as_str(),
        new.address.uuid(),
        new.state.as_str(),
        new.priority.as_str(),
        new.subject,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what members may change.
pub async fn update(tx: &mut TenantTx, conversation: &Conversation, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update conversations
        set    state = $3, priority = $4, subject = $5, assignee_id = $6, automation_id = $14, department_id = $7, pinned_at = $8, snoozed_until = $9,
               resolved_at = $10, resolution_s = $11, waiting_since = $12, updated_at = $13,
               used_s = case when state in ('resolved', 'closed', 'archived') and $3 in ('open', 'pending', 'snoozed') then 0 else used_s end,
               resolution_missed_at = case when state in ('resolved', 'closed', 'archived') and $3 in ('open', 'pending', 'snoozed') then null
                                           else resolution_missed_at end,
               rating_due_at = case when $3 <> 'resolved' then null
                                    when state in ('open', 'pending', 'snoozed')
                                    then (select $13::timestamptz + interval '1 minute' from tenants t where t.id = $1 and t.asking -> 'ask' = 'true')
                                    else rating_due_at end
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        conversation.id.uuid(),
        conversation.state.as_str(),
        conversation.priority.as_str(),
        conversation.subject,
        conversation.assignee.map(MemberId::uuid),
        conversation.department.map(DepartmentId::uuid),
        conversation.pinned_at,
        conversation.snoozed_until,
        conversation.resolved_at,
        conversation.resolution_s,
        conversation.waiting_since,
        now,
        conversation.automation.map(AutomationId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Somebody answered: nobody waits any more, and the first answer tells how long it took. `taken_by`: it is theirs now, and not an
/// automation's.
pub async fn answered(
    tx: &mut TenantTx,
    id: ConversationId,
    taken_by: Option<MemberId>,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update conversations c
        set    outbound = c.outbound + 1, last_outbound_at = $3, last_message_at = greatest(c.last_message_at, $3), updated_at = $3,
               first_response_s = coalesce(c.first_response_s, extract(epoch from greatest($3 - c.waiting_since, interval '0'))::bigint),
               waiting_since = null, response_due_at = null,
               assignee_id = coalesce($4, c.assignee_id), automation_id = case when $4::uuid is null then c.automation_id end
        where  c.tenant_id = $1 and c.id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
        taken_by.map(MemberId::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How much of it a member has seen; less than before makes it unread again.
pub async fn set_seen(
    tx: &mut TenantTx,
    id: ConversationId,
    member: MemberId,
    seen: i32,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into conversation_reads as r (tenant_id, conversation_id, member_id, seen, seen_at)
        values ($1, $2, $3, $4, $5)
        on conflict (tenant_id, conversation_id, member_id) do update set seen = excluded.seen, seen_at = excluded.seen_at
        "#,
        tenant.uuid(),
        id.uuid(),
        member.uuid(),
        seen,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Messages of the person up to and with this one; none: it is no message of the person here.
pub async fn number_of(tx: &mut TenantTx, id: ConversationId, message: Uuid) -> Result<Option<i32>> {
    let tenant = tx.tenant();
    let number = sqlx::query_scalar!(
        r#"
        select (select count(*) from messages m
                where  m.tenant_id = $1 and m.conversation_id = $2 and m.direction = 'inbound'
                and    m.id <= o.id)::int as "number!"
        from   messages o
        where  o.tenant_id = $1 and o.id = $3 and o.conversation_id = $2 and o.direction = 'inbound'
        "#,
        tenant.uuid(),
        id.uuid(),
        message,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(number)
}

/// Something elsewhere that a conversation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `order`
    pub kind: String,
    pub external_id: String,
    pub title: String,
    pub url: Option<String>,
    pub linked_at: DateTime<Utc>,
}

/// At most `limit`, oldest first.
pub async fn links(tx: &mut TenantTx, id: ConversationId, limit: i64) -> Result<Vec<Link>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Link,
        r#"
        select kind, external_id, title, url, linked_at from conversation_links
        where  tenant_id = $1 and conversation_id = $2
        order  by linked_at, kind, external_id
        limit  $3
        "#,
        tenant.uuid(),
        id.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The same record again has the newer title and address.
pub async fn link(tx: &mut TenantTx, id: ConversationId, link: &Link) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into conversation_links (tenant_id, conversation_id, kind, external_id, title, url, linked_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant_id, conversation_id, kind, external_id) do update set title = excluded.title, url = excluded.url
        "#,
        tenant.uuid(),
        id.uuid(),
        link.kind,
        link.external_id,
        link.title,
        link.url,
        link.linked_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// False: it was not linked.
pub async fn unlink(tx: &mut TenantTx, id: ConversationId, kind: &str, external_id: &str) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from conversation_links where tenant_id = $1 and conversation_id = $2 and kind = $3 and external_id = $4",
        tenant.uuid(),
        id.uuid(),
        kind,
        external_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
