//! Search in what was said. A message is found once it is written here, and only messages of conversations are.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    ids::{AccountId, ContactId, ConversationId, MemberId, MessageId, TenantId},
    message::Direction,
};
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// Makes messages of conversations findable. Those without a word are left out.
pub async fn add(tx: &mut impl AnyTx, messages: &[(TenantId, MessageId)]) -> Result<()> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = messages.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    sqlx::query!(
        r#"
        insert into message_texts (tenant_id, message_id, conversation_id, address_id, account_id, member_id, channel, direction,
                                   kind, at, words)
        select m.tenant_id, m.id, m.conversation_id, m.address_id, m.account_id, m.member_id, m.channel, m.direction, m.kind,
               m.created_at, words_of(m.tenant_id, text_of(m.content), c.language)
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        join   messages m on m.tenant_id = x.tenant_id and m.id = x.id
        left   join contacts c on c.tenant_id = m.tenant_id and c.id = m.contact_id
        where  m.conversation_id is not null and text_of(m.content) <> ''
        order  by m.tenant_id, m.id
        on conflict do nothing
        "#,
        &tenants,
        &ids,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets messages be found by what they say now.
pub async fn renew(tx: &mut SystemTx, messages: &[(TenantId, MessageId)]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = messages.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    sqlx::query!(
        r#"
        delete from message_texts t using unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        where  t.tenant_id = x.tenant_id and t.message_id = x.id
        "#,
        &tenants,
        &ids,
    )
    .execute(tx.conn())
    .await?;
    add(tx, messages).await
}

/// What a person said, and what was said to them, is found no more.
pub async fn forget(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        delete from message_texts t using addresses d
        where  d.tenant_id = $1 and d.contact_id = $2 and t.tenant_id = $1 and t.address_id = d.id
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is looked for, and where.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// As people type it: words, "a phrase", -not, or.
    pub phrase: String,
    /// Whose stems are compared beside the words themselves: `de`.
    pub language: Option<String>,
    pub conversation: Option<ConversationId>,
    pub contact: Option<ContactId>,
    pub account: Option<AccountId>,
    pub member: Option<MemberId>,
    pub channel: Option<Channel>,
    pub direction: Option<Direction>,
    /// `text`, `template`…
    pub kind: Option<String>,
    /// Included.
    pub since: Option<DateTime<Utc>>,
    /// Excluded.
    pub until: Option<DateTime<Utc>>,
    /// Before this one.
    pub before: Option<(DateTime<Utc>, MessageId)>,
    /// 1 to 201.
    pub limit: i64,
}

/// Begin and end of a hit in a snippet.
pub const HIT: [char; 2] = ['\u{2}', '\u{3}'];

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub message: MessageId,
    pub conversation: ConversationId,
    pub contact: ContactId,
    pub account: AccountId,
    pub member: Option<MemberId>,
    pub channel: Channel,
    pub direction: Direction,
    pub kind: String,
    pub at: DateTime<Utc>,
    /// Some words around what was found, with [`HIT`] around each hit.
    pub snippet: String,
}

/// A page, newest first.
pub async fn search(tx: &mut TenantTx, wanted: &Search) -> Result<Vec<Hit>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Hit,
        r#"
        with found as materialized (
            select f.message_id, f.at
            from   search_messages($2, $3, $4,
                       case when $5::uuid is not null
                            then array(select d.id from addresses d where d.tenant_id = $1 and d.contact_id = $5) end,
                       $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) f
        )
        select m.id as "message: MessageId", m.conversation_id as "conversation!: ConversationId", d.contact_id as "contact: ContactId",
               m.account_id as "account: AccountId", m.member_id as "member: MemberId", m.channel as "channel: Channel",
               m.direction as "direction: Direction", m.kind, f.at as "at!",
               ts_headline(stems_of($3), translate(text_of(m.content), chr(2) || chr(3), ''),
                           websearch_to_tsquery('pg_catalog.simple', $2) || websearch_to_tsquery(stems_of($3), $2),
                           'StartSel="' || chr(2) || '", StopSel="' || chr(3) || '", MaxWords=30, MinWords=10') as "snippet!"
        from   found f
        join   messages m on m.tenant_id = $1 and m.id = f.message_id
        join   addresses d on d.tenant_id = $1 and d.id = m.address_id
        order  by f.at desc, m.id desc
        limit  $15
        "#,
        tenant.uuid(),
        wanted.phrase,
        wanted.language,
        wanted.conversation.map(ConversationId::uuid),
        wanted.contact.map(ContactId::uuid),
        wanted.account.map(AccountId::uuid),
        wanted.member.map(MemberId::uuid),
        wanted.channel.map(Channel::as_str),
        wanted.direction.map(Direction::as_str),
        wanted.kind,
        wanted.since,
        wanted.until,
        wanted.before.map(|(at, _)| at),
        wanted.before.map(|(_, id)| id.uuid()),
        wanted.limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
