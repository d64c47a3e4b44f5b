//! The journal's reading side, and what people say.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{AccountId, AddressId, ConsentId, ContactId, JournalId, TenantId},
    template::{TemplateCategory, TemplateStatus},
};

use crate::{
    Error, Result, SystemTx,
    bodies::{self, Keys, Place, Shut},
};

/// A stored webhook that nobody has read.
#[derive(Debug)]
pub struct Unread {
    pub id: JournalId,
    pub provider: String,
    pub tenant: TenantId,
    pub account: AccountId,
    /// The provider's id of the account whose secret verified it.
    pub external_id: String,
    /// Other ids of the account that events may name: WhatsApp's business account id.
    pub business_id: Option<String>,
    pub channel: Channel,
    /// The public address it was sent to.
    pub url: String,
    pub body: Vec<u8>,
    /// It lies sealed. Here it is open.
    pub sealed: bool,
    pub received_at: DateTime<Utc>,
}

/// Takes up to `limit` unread webhooks, oldest first; they are locked until the transaction ends, and other readers pass
/// over them.
pub async fn take_unread(tx: &mut SystemTx, limit: i64) -> Result<Vec<Unread>> {
    let rows = sqlx::query_as!(
        Unread,
        r#"
        select j.id as "id: JournalId", j.provider, j.tenant_id as "tenant: TenantId", j.account_id as "account: AccountId",
               a.external_id, a.settings ->> 'waba_id' as business_id, a.channel as "channel: Channel", j.url, j.body,
               j.sealed, j.received_at
        from   webhook_journal j
        join   accounts a on a.tenant_id = j.tenant_id and a.id = j.account_id
        where  j.state = 'unread'
        order  by j.received_at, j.id
        limit  $1
        for    update of j skip locked
        "#,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    opened(tx, rows).await
}

/// What was changed and does not open stays as it lies: no adapter reads it, so it is set aside.
async fn opened(tx: &mut SystemTx, mut rows: Vec<Unread>) -> Result<Vec<Unread>> {
    let text = |row: &Unread| row.sealed.then(|| String::from_utf8_lossy(&row.body).into_owned());
    let sealed: Vec<Option<String>> = rows.iter().map(text).collect();
    let named =
        bodies::named(rows.iter().zip(&sealed).filter_map(|(row, sealed)| Some((row.tenant, sealed.as_deref()?))));
    let keys = Keys::of(tx, named).await?;
    for (row, sealed) in rows.iter_mut().zip(&sealed) {
        let Some(sealed) = sealed else { continue };
        match keys.bytes(row.tenant, Place::Webhook(row.id.uuid()), sealed) {
            Err(Error::Shut(Shut::Broken)) => {}
            opened => row.body = opened?,
        }
    }
    Ok(rows)
}

/// Marks webhooks as read, with the number of events each held.
pub async fn mark_applied(tx: &mut SystemTx, read: &[(JournalId, i32)], now: DateTime<Utc>) -> Result<()> {
    let ids: Vec<_> = read.iter().map(|(id, _)| id.uuid()).collect();
    let events: Vec<i32> = read.iter().map(|(_, events)| *events).collect();
    sqlx::query!(
        r#"
        update webhook_journal j
        set    state = 'applied', read_at = $3, events = x.events
        from   unnest($1::uuid[], $2::int[]) as x (id, events)
        where  j.id = x.id
        "#,
        &ids,
        &events,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets one webhook aside with the reason. It stays, and can be replayed.
pub async fn quarantine(tx: &mut SystemTx, id: JournalId, error: &str, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        update webhook_journal
        set    state = 'quarantined', read_at = $2, tries = tries + 1,
               error = case when sealed then 'it cannot be read; why is not kept, because what it says is sealed' else left($3, 500) end
        where  id = $1
        "#,
        id.uuid(),
        now,
        error,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes webhooks of a span of time unread again; returns how many. Applying one twice changes nothing.
pub async fn replay(tx: &mut SystemTx, from: DateTime<Utc>, to: DateTime<Utc>, only_quarantined: bool) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update webhook_journal
        set    state = 'unread'
        where  id in (select id from webhook_journal
                      where  received_at >= $1 and received_at < $2
                      and    (state = 'quarantined' or (state = 'applied' and not $3))
                      limit  100000)
        "#,
        from,
        to,
        only_quarantined,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Webhooks that nobody has read yet, and the age of the oldest; and those set aside.
pub async fn backlog(tx: &mut SystemTx) -> Result<(i64, Option<DateTime<Utc>>, i64)> {
    let row = sqlx::query!(
        r#"
        select count(*) filter (where state = 'unread') as "unread!",
               min(received_at) filter (where state = 'unread') as oldest_at,
               count(*) filter (where state = 'quarantined') as "quarantined!"
        from   webhook_journal
        where  state in ('unread', 'quarantined')
        "#,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.unread, row.oldest_at, row.quarantined))
}

/// Finds the address, or makes it with a new contact.
#[expect(clippy::too_many_arguments, reason = "each names one column")]
pub async fn address(
    tx: &mut SystemTx,
    tenant: TenantId,
    channel: Channel,
    address: &str,
    name: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(ContactId, AddressId)> {
    if let Some(found) = find_address(tx, tenant, channel, address).await? {
        return Ok(found);
    }
    let contact = ContactId::new(now);
    sqlx::query!(
        "insert into contacts (tenant_id, id, display_name, created_at, updated_at) values ($1, $2, left($3, 200), $4, $4)",
        tenant.uuid(),
        contact.uuid(),
        name,
        now,
    )
    .execute(tx.conn())
    .await?;
    let row = sqlx::query!(
        r#"
        insert into addresses as a (tenant_id, id, contact_id, channel, address, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, channel, address) do update set channel = excluded.channel
        returning a.contact_id as "contact: ContactId", a.id as "address: AddressId"
        "#,
        tenant.uuid(),
        AddressId::new(now).uuid(),
        contact.uuid(),
        channel.as_str(),
        address,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.contact, row.address))
}

async fn find_address(
    tx: &mut SystemTx,
    tenant: TenantId,
    channel: Channel,
    address: &str,
) -> Result<Option<(ContactId, AddressId)>> {
    let row = sqlx::query!(
        r#"
        select contact_id as "contact: ContactId", id as "address: AddressId"
        from   addresses where tenant_id = $1 and channel = $2 and address = $3
        "#,
        tenant.uuid(),
        channel.as_str(),
        address,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.contact, row.address)))
}

/// A person's choice, as an entry of the consent ledger.
#[derive(Debug)]
pub struct Choice<'a> {
    pub tenant: TenantId,
    pub address: AddressId,
    pub channel: Channel,
    pub purpose: Purpose,
    pub action: ConsentAction,
    pub source: &'a str,
    pub wording: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// Appends to the ledger, unless the same entry stands there already.
pub async fn record_choice(tx: &mut SystemTx, choice: &Choice<'_>, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into consents (tenant_id, id, address_id, channel, purpose, action, source, wording, occurred_at, recorded_at)
        select $1, $2, $3, $4, $5, $6, $7, left($8, 2000), $9, $10
        where  not exists (select 1 from consents c
                           where  c.tenant_id = $1 and c.address_id = $3 and c.purpose = $5 and c.action = $6 and c.occurred_at = $9)
        "#,
        choice.tenant.uuid(),
        ConsentId::new(now).uuid(),
        choice.address.uuid(),
        choice.channel.as_str(),
        choice.purpose.as_str(),
        choice.action.as_str(),
        choice.source,
        choice.wording,
        choice.at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the provider says of a template; returns whether we know it. Decided: what waits for it is looked at now. One that
/// was changed here since it was submitted, or was deleted here, keeps its status: the provider speaks of the older text.
pub async fn change_template(
    tx: &mut SystemTx,
    account: (TenantId, AccountId),
    template: (&str, &str),
    to: (Option<TemplateStatus>, Option<TemplateCategory>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update templates
        set    status = coalesce($5, status), category = coalesce($6, category), status_reason = $7, synced_at = $8
        where  tenant_id = $1 and account_id = $2 and name = $3 and language = $4 and removal is null
        and    not (status = 'draft' and submission > 0)
        "#,
        account.0.uuid(),
        account.1.uuid(),
        template.0,
        template.1,
        to.0.map(TemplateStatus::as_str),
        to.1.map(TemplateCategory::as_str),
        to.2,
        now,
    )
    .execute(tx.conn())
    .await?;
    if to.0.is_some_and(TemplateStatus::is_decided) {
        make_due(tx, account, "template", now).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Sends of a lane that wait at this gate are checked now instead of at their next time.
pub async fn make_due(tx: &mut SystemTx, lane: (TenantId, AccountId), gate: &str, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        "update sends set run_at = $4 where tenant_id = $1 and lane_id = $2 and state = 'waiting' and gate = $3 and run_at > $4",
        lane.0.uuid(),
        lane.1.uuid(),
        gate,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to when everything that arrived is read: at most `now`.
pub async fn read_to(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let oldest = sqlx::query_scalar!("select min(received_at) from webhook_journal where state = 'unread'")
        .fetch_one(tx.conn())
        .await?;
    Ok(oldest.map_or(now, |oldest| oldest.min(now)))
}

/// The oldest unread webhook that arrived before `before`: a wake-up may have been lost.
pub async fn oldest_unread(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<Option<JournalId>> {
    Ok(sqlx::query_scalar!(
        r#"
        select id as "id: JournalId" from webhook_journal
        where  state = 'unread' and received_at < $1
        order  by received_at, id
        limit  1
        "#,
        before,
    )
    .fetch_optional(tx.conn())
    .await?)
}
