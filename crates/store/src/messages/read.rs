//! Messages as a caller sees them.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    gates::{GateName, QuietPolicy, Reason},
    ids::{AccountId, CampaignId, ClientId, ContactId, ConversationId, MemberId, MessageId},
    message::{Class, Direction},
    send::SendState,
    sight::Sight,
};

use crate::{
    Result, TenantTx,
    bodies::{self, Kept, Keys},
};

/// A message with where it stands. Of an inbound message the standing is absent.
#[derive(Debug, Clone)]
pub struct MessageRow {
    pub id: MessageId,
    pub direction: Direction,
    pub account: AccountId,
    pub contact: ContactId,
    pub channel: Channel,
    pub address: String,
    /// `contact` for inbound messages.
    pub source: String,
    pub class: Class,
    pub purpose: Purpose,
    pub quiet_policy: QuietPolicy,
    pub content: sqlx::types::Json<Kept>,
    pub reply_to: Option<String>,
    pub campaign: Option<CampaignId>,
    pub client: Option<ClientId>,
    pub conversation: Option<ConversationId>,
    pub member: Option<MemberId>,
    pub request_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    pub reactions: Option<sqlx::types::Json<Vec<Reaction>>>,
    pub state: Option<SendState>,
    pub state_at: Option<DateTime<Utc>>,
    /// When it is due, or looked at again.
    pub run_at: Option<DateTime<Utc>>,
    pub not_after: Option<DateTime<Utc>>,
    pub attempt: Option<i32>,
    pub gate: Option<GateName>,
    pub reason: Option<Reason>,
    pub provider_ref: Option<String>,
    pub provider_code: Option<String>,
    pub fault_class: Option<String>,
}

/// The last reaction of one side, unless it was taken back, or ours did not get through.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Reaction {
    pub is_ours: bool,
    pub emoji: String,
    pub at: DateTime<Utc>,
}

/// Which messages a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these; empty: whatever the state, inbound messages included.
    pub states: Vec<SendState>,
    pub channel: Option<Channel>,
    pub campaign: Option<CampaignId>,
    pub contact: Option<ContactId>,
    pub conversation: Option<ConversationId>,
    pub request_id: Option<String>,
    /// Older than this one.
    pub after: Option<MessageId>,
}

/// What a caller may see: a test key sees the sandbox and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    All,
    SandboxOnly,
}

impl Reach {
    const fn channel(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::SandboxOnly => Some(Channel::Sandbox.as_str()),
        }
    }
}

pub async fn get(tx: &mut TenantTx, reach: Reach, id: MessageId) -> Result<Option<MessageRow>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        MessageRow,
        r#"
        select m.id as "id: MessageId", m.direction as "direction: Direction", m.account_id as "account: AccountId",
               m.contact_id as "contact: ContactId", m.channel as "channel: Channel", d.address, m.source,
               m.class as "class: Class", m.purpose as "purpose: Purpose", m.quiet_policy as "quiet_policy: QuietPolicy",
               m.content as "content: sqlx::types::Json<Kept>", m.reply_to, m.campaign_id as "campaign: CampaignId",
               m.client_id as "client: ClientId", m.conversation_id as "conversation: ConversationId",
               m.member_id as "member: MemberId", m.request_id, m.created_at, m.edited_at, m.deleted_at,
               (select jsonb_agg(jsonb_build_object('is_ours', r.who = 'us', 'emoji', r.emoji, 'at', r.at) order by r.who)
                from   reactions r left join sends x on x.tenant_id = r.tenant_id and x.id = r.reaction_id
                where  r.tenant_id = m.tenant_id and r.message_id = m.id and r.emoji <> ''
                and    (x.state is null or x.state not in ('failed', 'rejected', 'refused', 'expired', 'cancelled', 'dead')))
                   as "reactions: sqlx::types::Json<Vec<Reaction>>",
               s.state as "state?: SendState", s.state_at as "state_at?", s.run_at as "run_at?", s.not_after as "not_after?",
               s.attempt as "attempt?", s.gate as "gate?: GateName", s.reason as "reason?: Reason",
               coalesce(s.provider_ref, m.provider_ref) as provider_ref, s.provider_code as "provider_code?", s.fault_class as "fault_class?"
        from   messages m
        join   addresses d on d.tenant_id = m.tenant_id and d.id = m.address_id
        left   join sends s on s.tenant_id = m.tenant_id and s.id = m.id
        where  m.tenant_id = $1 and m.id = $2 and ($3::text is null or m.channel = $3)
        "#,
        tenant.uuid(),
        id.uuid(),
        reach.channel(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(opened(tx, row.into_iter().collect()).await?.pop())
}

/// Up to `limit` messages, newest first.
pub async fn list(tx: &mut TenantTx, reach: Reach, filter: &Filter, limit: i64) -> Result<Vec<MessageRow>> {
    let tenant = tx.tenant();
    plan_each_time(tx).await?;
    // Whoever sees a part finds it by what they see, not by looking through all that campaigns said.
    let sight = tx.sight();
    let theirs = sight.and_then(Sight::only_of).map(MemberId::uuid);
    let is_part = sight.is_some();
    let states: Vec<String> = filter.states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        MessageRow,
        r#"
        select m.id as "id: MessageId", m.direction as "direction: Direction", m.account_id as "account: AccountId",
               m.contact_id as "contact: ContactId", m.channel as "channel: Channel", d.address, m.source,
               m.class as "class: Class", m.purpose as "purpose: Purpose", m.quiet_policy as "quiet_policy: QuietPolicy",
               m.content as "content: sqlx::types::Json<Kept>", m.reply_to, m.campaign_id as "campaign: CampaignId",
               m.client_id as "client: ClientId", m.conversation_id as "conversation: ConversationId",
               m.member_id as "member: MemberId", m.request_id, m.created_at, m.edited_at, m.deleted_at,
               (select jsonb_agg(jsonb_build_object('is_ours', r.who = 'us', 'emoji', r.emoji, 'at', r.at) order by r.who)
                from   reactions r left join sends x on x.tenant_id = r.tenant_id and x.id = r.reaction_id
                where  r.tenant_id = m.tenant_id and r.message_id = m.id and r.emoji <> ''
                and    (x.state is null or x.state not in ('failed', 'rejected', 'refused', 'expired', 'cancelled', 'dead')))
                   as "reactions: sqlx::types::Json<Vec<Reaction>>",
               s.state as "state?: SendState", s.state_at as "state_at?", s.run_at as "run_at?", s.not_after as "not_after?",
               s.attempt as "attempt?", s.gate as "gate?: GateName", s.reason as "reason?: Reason",
               coalesce(s.provider_ref, m.provider_ref) as provider_ref, s.provider_code as "provider_code?", s.fault_class as "fault_class?"
        from   messages m
        join   addresses d on d.tenant_id = m.tenant_id and d.id = m.address_id
        left   join sends s on s.tenant_id = m.tenant_id and s.id = m.id
        where  m.tenant_id = $1
        and    ($2::uuid is null or m.id < $2)
        and    ($3::text is null or m.channel = $3)
        and    ($4::text is null or m.channel = $4)
        and    ($5::uuid is null or m.contact_id = $5)
        and    ($6::text is null or m.request_id = $6)
        and    ($7::uuid is null or s.campaign_id = $7)
        and    (cardinality($8::text[]) = 0 or s.state = any($8))
        and    ($10::uuid is null or m.conversation_id = $10)
        and    (not $11::bool or m.conversation_id is not null)
        and    ($12::uuid is null or m.conversation_id in (select c.id from conversations c where c.tenant_id = $1 and c.assignee_id = $12))
        order  by m.id desc
        limit  $9
        "#,
        tenant.uuid(),
        filter.after.map(MessageId::uuid),
        reach.channel(),
        filter.channel.map(Channel::as_str),
        filter.contact.map(ContactId::uuid),
        filter.request_id,
        filter.campaign.map(CampaignId::uuid),
        &states,
        limit,
        filter.conversation.map(ConversationId::uuid),
        is_part,
        theirs,
    )
    .fetch_all(tx.conn())
    .await?;
    opened(tx, rows).await
}

async fn opened(tx: &mut TenantTx, mut rows: Vec<MessageRow>) -> Result<Vec<MessageRow>> {
    let tenant = tx.tenant();
    let keys =
        Keys::of(tx, bodies::named(rows.iter().filter_map(|row| Some((tenant, row.content.0.sealed()?))))).await?;
    for row in &mut rows {
        keys.open(tenant, row.id, &mut row.content.0)?;
    }
    Ok(rows)
}

/// Filters differ so much that one plan for all of them is wrong for most.
async fn plan_each_time(tx: &mut TenantTx) -> Result<()> {
    sqlx::query_scalar!("select set_config('plan_cache_mode', 'force_custom_plan', true)").fetch_one(tx.conn()).await?;
    Ok(())
}
