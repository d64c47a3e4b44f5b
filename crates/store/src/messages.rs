//! What is said and where it stands: written together, read together.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, AddressId, ClientId, ContactId, MessageId},
    message::{Class, Content},
    send::SendState,
};
use uuid::Uuid;

mod cancel;
mod read;

pub use cancel::{Cancelled, cancel};
pub use read::{Filter, MessageRow, Reach, Reaction, get, list};

use crate::{Result, TenantTx, bodies::Ward};

/// An account that may say it.
#[derive(Debug, Clone)]
pub struct Sender {
    pub account: AccountId,
    pub provider: String,
    pub channel: Channel,
    pub is_primary: bool,
    /// The tenant pays from a wallet.
    pub credit_enforced: bool,
}

/// The account of this id, whatever its state.
pub async fn sender(tx: &mut TenantTx, account: AccountId) -> Result<Option<Sender>> {
    let tenant = tx.tenant();
    let sender = sqlx::query_as!(
        Sender,
        r#"
        select a.id as "account: AccountId", a.provider, a.channel as "channel: Channel", a.is_primary, t.credit_enforced
        from   accounts a join tenants t on t.id = a.tenant_id
        where  a.tenant_id = $1 and a.id = $2
        "#,
        tenant.uuid(),
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(sender)
}

/// The first accounts that can reach people on this channel, or on any; primaries first. Three are enough to see whether there
/// is one, a clear one, or a choice.
pub async fn senders(tx: &mut TenantTx, channel: Option<Channel>) -> Result<Vec<Sender>> {
    let tenant = tx.tenant();
    let senders = sqlx::query_as!(
        Sender,
        r#"
        select a.id as "account: AccountId", a.provider, a.channel as "channel: Channel", a.is_primary, t.credit_enforced
        from   accounts a join tenants t on t.id = a.tenant_id
        where  a.tenant_id = $1 and ($2::text is null or a.channel = $2)
        and    a.channel not in ('sandbox', 'generic') and a.status <> 'disconnected'
        order  by a.is_primary desc, a.id
        limit  3
        "#,
        tenant.uuid(),
        channel.map(Channel::as_str),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(senders)
}

/// The tenant's sandbox account, if it has one.
pub async fn sandbox(tx: &mut TenantTx) -> Result<Option<Sender>> {
    let tenant = tx.tenant();
    let sender = sqlx::query_as!(
        Sender,
        r#"
        select a.id as "account: AccountId", a.provider, a.channel as "channel: Channel", a.is_primary, t.credit_enforced
        from   accounts a join tenants t on t.id = a.tenant_id
        where  a.tenant_id = $1 and a.provider = 'sandbox' and a.external_id = 'sandbox' and a.status <> 'disconnected'
        "#,
        tenant.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(sender)
}

/// Where a person is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub channel: Channel,
    /// In the channel's one spelling.
    pub address: String,
    pub contact: ContactId,
    pub address_id: AddressId,
}

/// Addresses that are known, in any order.
pub async fn find_addresses(tx: &mut TenantTx, wanted: &[(Channel, String)]) -> Result<Vec<Reached>> {
    let tenant = tx.tenant();
    let (channels, addresses): (Vec<String>, Vec<String>) =
        wanted.iter().map(|(channel, address)| (channel.as_str().to_owned(), address.clone())).unzip();
    let found = sqlx::query_as!(
        Reached,
        r#"
        select d.channel as "channel: Channel", d.address, d.contact_id as "contact: ContactId", d.id as "address_id: AddressId"
        from   unnest($2::text[], $3::text[]) as x (channel, address)
        join   addresses d on d.tenant_id = $1 and d.channel = x.channel and d.address = x.address
        "#,
        tenant.uuid(),
        &channels,
        &addresses,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found)
}

/// Makes addresses, each with a contact of its own; returns those that this call made. One that somebody else makes at the
/// same time is waited for and then not returned: [`find_addresses`] sees it afterwards. Sorted, so that two batches never
/// wait for each other in a ring.
pub async fn insert_addresses(tx: &mut TenantTx, wanted: &[Reached], now: DateTime<Utc>) -> Result<Vec<Reached>> {
    let tenant = tx.tenant();
    let channels: Vec<String> = wanted.iter().map(|w| w.channel.as_str().to_owned()).collect();
    let addresses: Vec<String> = wanted.iter().map(|w| w.address.clone()).collect();
    let contacts: Vec<Uuid> = wanted.iter().map(|w| w.contact.uuid()).collect();
    let ids: Vec<Uuid> = wanted.iter().map(|w| w.address_id.uuid()).collect();
    let made = sqlx::query_as!(
        Reached,
        r#"
        with fresh as (
            insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
            select $1, x.id, x.contact_id, x.channel, x.address, $6
            from   unnest($2::text[], $3::text[], $4::uuid[], $5::uuid[]) as x (channel, address, contact_id, id)
            order  by x.channel, x.address
            on conflict (tenant_id, channel, address) do nothing
            returning tenant_id, id, contact_id, channel, address
        ), people as (
            insert into contacts (tenant_id, id, created_at, updated_at)
            select f.tenant_id, f.contact_id, $6, $6 from fresh f
        )
        select f.channel as "channel: Channel", f.address, f.contact_id as "contact: ContactId", f.id as "address_id: AddressId"
        from   fresh f
        "#,
        tenant.uuid(),
        &channels,
        &addresses,
        &contacts,
        &ids,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(made)
}

/// A message with its send, ready to be written.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub id: MessageId,
    pub account: AccountId,
    pub channel: Channel,
    pub contact: ContactId,
    pub address: AddressId,
    pub class: Class,
    pub purpose: Purpose,
    pub quiet_policy: QuietPolicy,
    pub content: Content,
    /// The provider's id of the message this one answers.
    pub reply_to: Option<String>,
    /// Who asked for it by the API, and under which id. None: nobody did.
    pub request: Option<(ClientId, String)>,
    pub flow: Uuid,
    pub weight: i16,
    /// `queued`, or `scheduled` when `run_at` lies ahead.
    pub state: SendState,
    pub run_at: DateTime<Utc>,
    pub not_after: Option<DateTime<Utc>>,
    /// What is reserved of the wallet for it, if anything.
    pub credits: Option<i64>,
}

/// Writes messages and their sends in one statement.
pub async fn insert(tx: &mut TenantTx, messages: &[NewMessage], now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    let ward = Ward::of(tx, messages.iter().map(|message| (tenant, message.account)).collect()).await?;
    let rows = Columns::of(messages, &ward)?;
    sqlx::query!(
        r#"
        with x as (
            select * from unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[],
                                 $12::text[], $13::text[], $14::uuid[], $15::text[], $16::uuid[], $17::smallint[], $18::text[],
                                 $19::timestamptz[], $20::timestamptz[], $21::bigint[])
                 as x (id, account_id, channel, contact_id, address_id, class, purpose, quiet_policy, kind, content, reply_to, client_id,
                       request_id, flow, weight, state, run_at, not_after, credits)
        ), said as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, reply_to, client_id, request_id, created_at)
            select $1, x.id, 'outbound', x.account_id, x.contact_id, x.address_id, x.channel, 'api', x.class, x.purpose,
                   x.quiet_policy, x.kind, x.content::jsonb, x.reply_to, x.client_id, x.request_id, $2
            from   x
        )
        insert into sends (tenant_id, id, lane_id, address_id, contact_id, flow, weight, class, state, run_at, not_after, state_at,
                           credits)
        select $1, x.id, x.account_id, x.address_id, x.contact_id, x.flow, x.weight, x.class, x.state, x.run_at, x.not_after, $2,
               x.credits
        from   x
        "#,
        tenant.uuid(),
        now,
        &rows.ids,
        &rows.accounts,
        &rows.channels,
        &rows.contacts,
        &rows.addresses,
        &rows.classes,
        &rows.purposes,
        &rows.quiet_policies,
        &rows.kinds,
        &rows.contents,
        &rows.replies as &[Option<String>],
        &rows.clients as &[Option<Uuid>],
        &rows.requests as &[Option<String>],
        &rows.flows,
        &rows.weights,
        &rows.states,
        &rows.run_at,
        &rows.not_after as &[Option<DateTime<Utc>>],
        &rows.credits as &[Option<i64>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    accounts: Vec<Uuid>,
    channels: Vec<String>,
    contacts: Vec<Uuid>,
    addresses: Vec<Uuid>,
    classes: Vec<String>,
    purposes: Vec<String>,
    quiet_policies: Vec<String>,
    kinds: Vec<String>,
    contents: Vec<String>,
    replies: Vec<Option<String>>,
    clients: Vec<Option<Uuid>>,
    requests: Vec<Option<String>>,
    flows: Vec<Uuid>,
    weights: Vec<i16>,
    states: Vec<String>,
    run_at: Vec<DateTime<Utc>>,
    not_after: Vec<Option<DateTime<Utc>>>,
    credits: Vec<Option<i64>>,
}

impl Columns {
    fn of(messages: &[NewMessage], ward: &Ward) -> Result<Self> {
        let mut rows = Self::default();
        for message in messages {
            rows.push(message, ward)?;
        }
        Ok(rows)
    }

    fn push(&mut self, message: &NewMessage, ward: &Ward) -> Result<()> {
        self.ids.push(message.id.uuid());
        self.accounts.push(message.account.uuid());
        self.channels.push(message.channel.as_str().to_owned());
        self.contacts.push(message.contact.uuid());
        self.addresses.push(message.address.uuid());
        self.classes.push(message.class.as_str().to_owned());
        self.purposes.push(message.purpose.as_str().to_owned());
        self.quiet_policies.push(message.quiet_policy.as_str().to_owned());
        self.kinds.push(message.content.kind().to_owned());
        self.contents.push(ward.content(message.account, message.id, &message.content)?.to_string());
        self.replies.push(message.reply_to.clone());
        self.clients.push(message.request.as_ref().map(|(client, _)| client.uuid()));
        self.requests.push(message.request.as_ref().map(|(_, id)| id.clone()));
        self.flows.push(message.flow);
        self.weights.push(message.weight);
        self.states.push(message.state.as_str().to_owned());
        self.run_at.push(message.run_at);
        self.not_after.push(message.not_after);
        self.credits.push(message.credits);
        Ok(())
    }
}

/// The provider's ids of messages, with the address and account they were exchanged through: what an answer refers to.
pub async fn provider_refs(
    tx: &mut TenantTx,
    ids: &[MessageId],
) -> Result<Vec<(MessageId, AccountId, AddressId, String)>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select m.id as "id: MessageId", m.account_id as "account: AccountId", m.address_id as "address: AddressId",
               coalesce(m.provider_ref, s.provider_ref) as "provider_ref!"
        from   messages m
        left   join sends s on s.tenant_id = m.tenant_id and s.id = m.id
        where  m.tenant_id = $1 and m.id = any($2) and coalesce(m.provider_ref, s.provider_ref) is not null
        "#,
        tenant.uuid(),
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.account, row.address, row.provider_ref)).collect())
}
