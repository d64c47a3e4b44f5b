//! What providers report about sends. Every receipt is kept once; states only rise.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, AddressId, MessageId, TenantId},
    message::Class,
    provider::FaultClass,
    send::SendState,
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// One receipt as it will be stored.
#[derive(Debug, Clone)]
pub struct ReceiptRow {
    pub tenant: TenantId,
    pub account: AccountId,
    /// Equal for repetitions of one report. At most 300 characters.
    pub event_key: String,
    /// From our correlation, when the provider echoed it.
    pub message: Option<(MessageId, i32)>,
    /// sent, delivered, read or failed.
    pub state: SendState,
    pub provider_ref: String,
    pub code: Option<String>,
    pub fault: Option<FaultClass>,
    pub price_category: Option<String>,
    pub provider_at: DateTime<Utc>,
}

/// Stores receipts, in the order of their keys so that two workers with the same ones wait for each other instead of
/// falling into a deadlock, and returns the places of those that were new. A receipt without our correlation is matched by the
/// provider's id, now or, while that is not known, by a later sweep.
pub async fn insert(tx: &mut SystemTx, receipts: &[ReceiptRow], now: DateTime<Utc>) -> Result<Vec<usize>> {
    let rows = Columns::of(receipts);
    let fresh = sqlx::query!(
        r#"
        insert into receipts (tenant_id, account_id, event_key, message_id, attempt, kind, provider_ref, code, fault_class,
                              price_category, provider_at, received_at)
        select x.tenant_id, x.account_id, x.event_key, coalesce(x.message_id, a.message_id), coalesce(x.attempt, a.attempt), x.kind,
               x.provider_ref, x.code, x.fault_class, x.price_category, x.provider_at, $12
        from   unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
                      $10::text[], $11::timestamptz[])
               as x (tenant_id, account_id, event_key, message_id, attempt, kind, provider_ref, code, fault_class, price_category, provider_at)
        left   join lateral (
            select a.message_id, a.attempt from attempts a
            where  x.message_id is null and a.tenant_id = x.tenant_id and a.account_id = x.account_id and a.provider_ref = x.provider_ref
            limit  1) a on true
        order  by x.tenant_id, x.account_id, x.event_key
        on conflict (tenant_id, account_id, event_key) do nothing
        returning tenant_id as "tenant: TenantId", account_id as "account: AccountId", event_key
        "#,
        &rows.tenants,
        &rows.accounts,
        &rows.keys,
        &rows.messages as &[Option<Uuid>],
        &rows.attempts as &[Option<i32>],
        &rows.kinds,
        &rows.refs,
        &rows.codes as &[Option<String>],
        &rows.faults as &[Option<String>],
        &rows.prices as &[Option<String>],
        &rows.provider_at,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let fresh: std::collections::HashSet<(TenantId, AccountId, String)> =
        fresh.into_iter().map(|row| (row.tenant, row.account, row.event_key)).collect();
    let mut seen = std::collections::HashSet::new();
    let mut is_fresh = |row: &ReceiptRow| {
        let key = (row.tenant, row.account, row.event_key.clone());
        fresh.contains(&key) && seen.insert(key)
    };
    Ok(receipts.iter().enumerate().filter_map(|(place, row)| is_fresh(row).then_some(place)).collect())
}

/// A send that receipts raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    pub tenant: TenantId,
    pub id: MessageId,
    pub class: Class,
    /// Credit is reserved for it alone.
    pub holds_credit: bool,
}

/// Raises sends to what these receipts report; returns those that moved. A later rank wins; `failed` never undoes a delivery
/// nor a definite answer that is being acted on.
pub async fn apply(tx: &mut SystemTx, receipts: &[&ReceiptRow], now: DateTime<Utc>) -> Result<Vec<Raised>> {
    let matched: Vec<&&ReceiptRow> = receipts.iter().filter(|row| row.message.is_some()).collect();
    let tenants: Vec<Uuid> = matched.iter().map(|r| r.tenant.uuid()).collect();
    let ids: Vec<Option<Uuid>> = matched.iter().map(|r| r.message.map(|(id, _)| id.uuid())).collect();
    let attempts: Vec<Option<i32>> = matched.iter().map(|r| r.message.map(|(_, attempt)| attempt)).collect();
    let states: Vec<String> = matched.iter().map(|r| r.state.as_str().to_owned()).collect();
    let ranks: Vec<i16> = matched.iter().map(|r| r.state.rank()).collect();
    let refs: Vec<String> = matched.iter().map(|r| r.provider_ref.clone()).collect();
    let codes: Vec<Option<String>> = matched.iter().map(|r| r.code.clone()).collect();
    let faults: Vec<Option<String>> = matched.iter().map(|r| r.fault.map(|f| f.as_str().to_owned())).collect();
    let raised = sqlx::query_as!(
        Raised,
        r#"
        with x as (
            select distinct on (x.tenant_id, x.id) x.*
            from   unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[])
                   as x (tenant_id, id, attempt, state, rank, provider_ref, code, fault)
            order  by x.tenant_id, x.id, x.rank desc
        ), suspects as (
            insert into double_send_suspects (tenant_id, message_id, detector, detail, noticed_at)
            select s.tenant_id, s.id, case when x.attempt < s.attempt then 'late_evidence' else 'two_refs' end,
                   x.attempt || ' of ' || s.attempt, $9
            from   x join sends s on s.tenant_id = x.tenant_id and s.id = x.id
            where  s.resends > 0 and x.attempt < s.attempt
            or     (x.attempt = s.attempt and s.provider_ref is not null and s.provider_ref <> x.provider_ref)
            on conflict do nothing
        )
        update sends s
        set    state = x.state, busy = false, starts = 0, state_at = $9, gate = null, reason = null,
               provider_ref = coalesce(s.provider_ref, x.provider_ref),
               provider_code = coalesce(x.code, s.provider_code), fault_class = coalesce(x.fault, s.fault_class),
               settled_at = case when x.state = 'failed' then $9 else s.settled_at end
        from   x
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.attempt >= x.attempt
        and    x.rank > case s.state when 'accepted' then 1 when 'sent' then 2 when 'failed' then 3 when 'delivered' then 4
                                     when 'read' then 5 else 0 end
        and    (x.state <> 'failed' or s.state in ('attempting', 'unknown', 'accepted', 'sent') or s.reason = 'resend_after_unknown')
        and    s.state <> 'refused'
        returning s.tenant_id as "tenant: TenantId", s.id as "id: MessageId", s.class as "class: Class",
                  s.credits is not null as "holds_credit!"
        "#,
        &tenants,
        &ids as &[Option<Uuid>],
        &attempts as &[Option<i32>],
        &states,
        &ranks,
        &refs,
        &codes as &[Option<String>],
        &faults as &[Option<String>],
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(raised)
}

/// Receipts that came before their provider id was known, and can be matched now. At most 1,000 at a time.
pub async fn match_parked(tx: &mut SystemTx) -> Result<Vec<ReceiptRow>> {
    let rows = sqlx::query!(
        r#"
        with found as (
            select r.tenant_id, r.account_id, r.event_key, a.message_id, a.attempt
            from   receipts r
            join   attempts a on a.tenant_id = r.tenant_id and a.account_id = r.account_id and a.provider_ref = r.provider_ref
            where  r.message_id is null
            limit  1000
        )
        update receipts r
        set    message_id = f.message_id, attempt = f.attempt
        from   found f
        where  r.tenant_id = f.tenant_id and r.account_id = f.account_id and r.event_key = f.event_key
        returning r.tenant_id as "tenant: TenantId", r.account_id as "account: AccountId", r.event_key, r.message_id as "message!: MessageId",
                  r.attempt as "attempt!", r.kind as "kind: SendState", r.provider_ref, r.code, r.fault_class as "fault: FaultClass",
                  r.price_category, r.provider_at
        "#,
    )
    .fetch_all(tx.conn())
    .await?;
    let receipts = rows.into_iter().map(|r| ReceiptRow {
        tenant: r.tenant,
        account: r.account,
        event_key: r.event_key,
        message: Some((r.message, r.attempt)),
        state: r.kind,
        provider_ref: r.provider_ref,
        code: r.code,
        fault: r.fault,
        price_category: r.price_category,
        provider_at: r.provider_at,
    });
    Ok(receipts.collect())
}

/// Receipts that nothing matches yet, and the age of the oldest.
pub async fn parked(tx: &mut SystemTx) -> Result<(i64, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", min(received_at) as oldest_at from receipts where message_id is null"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.oldest_at))
}

/// Where a message went: what an effect on a person needs.
pub async fn address_of(tx: &mut SystemTx, tenant: TenantId, message: MessageId) -> Result<Option<AddressId>> {
    Ok(sqlx::query_scalar!(
        r#"select address_id as "id: AddressId" from messages where tenant_id = $1 and id = $2"#,
        tenant.uuid(),
        message.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?)
}

#[derive(Default)]
struct Columns {
    tenants: Vec<Uuid>,
    accounts: Vec<Uuid>,
    keys: Vec<String>,
    messages: Vec<Option<Uuid>>,
    attempts: Vec<Option<i32>>,
    kinds: Vec<String>,
    refs: Vec<String>,
    codes: Vec<Option<String>>,
    faults: Vec<Option<String>>,
    prices: Vec<Option<String>>,
    provider_at: Vec<DateTime<Utc>>,
}

impl Columns {
    fn of(receipts: &[ReceiptRow]) -> Self {
        let mut rows = Self::default();
        for receipt in receipts {
            rows.push(receipt);
        }
        rows
    }

    fn push(&mut self, receipt: &ReceiptRow) {
        self.tenants.push(receipt.tenant.uuid());
        self.accounts.push(receipt.account.uuid());
        self.keys.push(receipt.event_key.clone());
        self.messages.push(receipt.message.map(|(id, _)| id.uuid()));
        self.attempts.push(receipt.message.map(|(_, attempt)| attempt));
        self.kinds.push(receipt.state.as_str().to_owned());
        self.refs.push(receipt.provider_ref.clone());
        self.codes.push(receipt.code.clone());
        self.faults.push(receipt.fault.map(|fault| fault.as_str().to_owned()));
        self.prices.push(receipt.price_category.clone());
        self.provider_at.push(receipt.provider_at);
    }
}
