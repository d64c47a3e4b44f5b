//! What people do with messages that were said already: they react to them, change them, and take them back.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, ContactId, ConversationId, MessageId, TenantId},
    message::{Body, Content, InboundMedia},
};
use uuid::Uuid;

use crate::{
    Result, SystemTx, TenantTx,
    bodies::{self, Kept, Keys, Ward},
};

/// A message of a conversation that somebody wants to do something with.
#[derive(Debug)]
pub struct Target {
    pub conversation: Option<ConversationId>,
    pub provider: String,
    pub is_inbound: bool,
    /// Of inbound messages. None: it was erased.
    pub provider_ref: Option<String>,
}

pub async fn target(tx: &mut TenantTx, message: MessageId) -> Result<Option<Target>> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Target,
        r#"
        select m.conversation_id as "conversation: ConversationId", a.provider, m.direction = 'inbound' as "is_inbound!", m.provider_ref
        from   messages m
        join   accounts a on a.tenant_id = m.tenant_id and a.id = m.account_id
        where  m.tenant_id = $1 and m.id = $2
        "#,
        tenant.uuid(),
        message.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found)
}

/// Our reaction to a message, instead of the one before. An empty emoji takes it back.
pub async fn put_ours(
    tx: &mut TenantTx,
    message: MessageId,
    emoji: &str,
    carried_by: MessageId,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into reactions (tenant_id, message_id, who, emoji, reaction_id, at) values ($1, $2, 'us', $3, $4, $5)
        on conflict (tenant_id, message_id, who) do update
        set    emoji = excluded.emoji, reaction_id = excluded.reaction_id, at = excluded.at
        "#,
        tenant.uuid(),
        message.uuid(),
        emoji,
        carried_by.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether we react to a message.
pub async fn have_ours(tx: &mut TenantTx, message: MessageId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"
        select true as "found!" from reactions
        where  tenant_id = $1 and message_id = $2 and who = 'us' and emoji <> ''
        "#,
        tenant.uuid(),
        message.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.is_some())
}

/// Something that a person did with a message, which the provider names by its own id.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    pub tenant: TenantId,
    pub account: AccountId,
    pub contact: ContactId,
    /// The provider's id of the message it is about.
    pub about: &'a str,
    /// The emoji, or the text as it reads now.
    pub words: &'a str,
    /// The message that said so.
    pub message: MessageId,
    pub at: DateTime<Utc>,
}

/// Shows reactions with the messages that they are about, which are this person's: the last one counts, in whatever order they
/// come.
pub async fn put_theirs(tx: &mut SystemTx, reactions: &[Done<'_>]) -> Result<()> {
    if reactions.is_empty() {
        return Ok(());
    }
    let rows = Columns::of(reactions);
    sqlx::query!(
        r#"
        insert into reactions as r (tenant_id, message_id, who, emoji, reaction_id, at)
        select distinct on (m.tenant_id, m.id) m.tenant_id, m.id, 'contact', left(x.words, 40), x.id, x.at
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[])
               as x (tenant_id, account_id, contact_id, about, words, id, at)
        cross  join lateral (
            select i.id from messages i
            where  i.tenant_id = x.tenant_id and i.account_id = x.account_id and i.provider_ref = x.about
            union  all
            select a.message_id from attempts a
            where  a.tenant_id = x.tenant_id and a.account_id = x.account_id and a.provider_ref = x.about
            limit  1) found
        join   messages m on m.tenant_id = x.tenant_id and m.id = found.id and m.contact_id = x.contact_id
        order  by m.tenant_id, m.id, x.at desc, x.id desc
        on conflict (tenant_id, message_id, who) do update
        set    emoji = excluded.emoji, reaction_id = excluded.reaction_id, at = excluded.at
        where  r.at <= excluded.at
        "#,
        &rows.tenants,
        &rows.accounts,
        &rows.contacts,
        &rows.abouts as &[&str],
        &rows.words as &[&str],
        &rows.messages,
        &rows.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets messages read as the person has changed them; returns those that did change. An older change that comes later changes
/// nothing.
pub async fn edit(tx: &mut SystemTx, edits: &[Done<'_>]) -> Result<Vec<(TenantId, MessageId)>> {
    if edits.is_empty() {
        return Ok(Vec::new());
    }
    let edited = take_edited(tx, edits).await?;
    let keys = Keys::of(tx, bodies::named(edited.iter().filter_map(|one| Some((one.tenant, one.content.0.sealed()?)))))
        .await?;
    let ward = Ward::of(tx, edited.iter().map(|one| (one.tenant, one.account)).collect()).await?;
    let (mut ids, mut contents, mut at) = (Vec::new(), Vec::new(), Vec::new());
    for one in edited {
        let content = reworded(keys.content(one.tenant, one.id, one.content.0)?, &one.words);
        contents.push(ward.content(one.account, one.id, &content)?);
        ids.push((one.tenant, one.id));
        at.push(one.at);
    }
    let (tenants, messages): (Vec<Uuid>, Vec<Uuid>) = ids.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    sqlx::query!(
        r#"
        update messages m set edited_at = x.at, content = x.content
        from   unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::timestamptz[]) as x (tenant_id, id, content, at)
        where  m.tenant_id = x.tenant_id and m.id = x.id
        "#,
        &tenants,
        &messages,
        &contents,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(ids)
}

/// A message that reads differently from now on.
struct Edited {
    tenant: TenantId,
    id: MessageId,
    account: AccountId,
    content: sqlx::types::Json<Kept>,
    words: String,
    at: DateTime<Utc>,
}

/// The messages that are changed, locked, each with its newest words.
async fn take_edited(tx: &mut SystemTx, edits: &[Done<'_>]) -> Result<Vec<Edited>> {
    let rows = Columns::of(edits);
    let edited = sqlx::query_as!(
        Edited,
        r#"
        with x as materialized (
            select distinct on (tenant_id, account_id, about) *
            from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
                   as x (tenant_id, account_id, contact_id, about, words, at)
            order  by tenant_id, account_id, about, at desc
        )
        select m.tenant_id as "tenant: TenantId", m.id as "id: MessageId", m.account_id as "account: AccountId",
               m.content as "content: sqlx::types::Json<Kept>", x.words as "words!", x.at as "at!"
        from   x
        join   messages m on m.tenant_id = x.tenant_id and m.account_id = x.account_id and m.provider_ref = x.about
                         and m.contact_id = x.contact_id
        where  m.direction = 'inbound' and (m.edited_at is null or m.edited_at <= x.at)
        order  by m.tenant_id, m.id
        for    no key update of m
        "#,
        &rows.tenants,
        &rows.accounts,
        &rows.contacts,
        &rows.abouts as &[&str],
        &rows.words as &[&str],
        &rows.at,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(edited)
}

/// What cannot be changed by words stays as it is.
fn reworded(content: Content, words: &str) -> Content {
    let words = Body(words.to_owned());
    match content {
        content if words.0.is_empty() => content,
        Content::Text { preview_url, .. } => Content::Text { body: words, preview_url },
        Content::InboundMedia(file) => Content::InboundMedia(InboundMedia { caption: Some(words), ..file }),
        content => content,
    }
}

/// Marks messages that the person took back. What was said stays for those who have read it.
pub async fn take_back(tx: &mut SystemTx, revoked: &[Done<'_>]) -> Result<()> {
    if revoked.is_empty() {
        return Ok(());
    }
    let rows = Columns::of(revoked);
    sqlx::query!(
        r#"
        update messages m
        set    deleted_at = x.at
        from   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[]) as x (tenant_id, account_id, contact_id, about, at)
        where  m.tenant_id = x.tenant_id and m.account_id = x.account_id and m.provider_ref = x.about and m.contact_id = x.contact_id
        and    m.direction = 'inbound' and m.deleted_at is null
        "#,
        &rows.tenants,
        &rows.accounts,
        &rows.contacts,
        &rows.abouts as &[&str],
        &rows.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    tenants: Vec<Uuid>,
    accounts: Vec<Uuid>,
    contacts: Vec<Uuid>,
    abouts: Vec<&'a str>,
    words: Vec<&'a str>,
    messages: Vec<Uuid>,
    at: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn of(done: &[Done<'a>]) -> Self {
        let mut rows = Self::default();
        for one in done {
            rows.tenants.push(one.tenant.uuid());
            rows.accounts.push(one.account.uuid());
            rows.contacts.push(one.contact.uuid());
            rows.abouts.push(one.about);
            rows.words.push(one.words);
            rows.messages.push(one.message.uuid());
            rows.at.push(one.at);
        }
        rows
    }
}
