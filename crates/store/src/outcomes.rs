//! Settle: what calls ended in, many at a time. The second half of a lane's step.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::{AccountId, AddressId, ContactId, MessageId, TenantId},
    provider::FaultClass,
    send::{AttemptResult, SendState},
};
use uuid::Uuid;

use crate::{Result, SystemTx};

/// How one attempt ended, and where its send goes.
#[derive(Debug, Clone)]
pub struct Settled {
    pub tenant: TenantId,
    pub id: MessageId,
    pub account: AccountId,
    pub attempt: i32,
    pub result: AttemptResult,
    /// `accepted`, `rejected`, `unknown`, `waiting`, `queued` or `dead`.
    pub state: SendState,
    /// Of `waiting`: why, and until when.
    pub wait: Option<(GateName, Reason, DateTime<Utc>)>,
    pub provider_ref: Option<String>,
    pub code: Option<String>,
    pub fault: Option<FaultClass>,
    pub http_status: Option<i16>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
}

/// A send that a call settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub tenant: TenantId,
    pub id: MessageId,
    /// Credit is reserved for it alone.
    pub holds_credit: bool,
}

/// Settles attempts by their number, whoever holds the lane by now; returns those that this call settled. What is not
/// returned was settled by somebody else, by a receipt for example; its evidence is stored all the same.
pub async fn settle(tx: &mut SystemTx, settled: &[Settled], now: DateTime<Utc>) -> Result<Vec<Moved>> {
    let rows = Columns::of(settled);
    let moved = sqlx::query_as!(
        Moved,
        r#"
        update sends s
        set    state = case when s.state not in ('attempting', 'unknown') then s.state
                            when x.state in ('waiting', 'queued') and s.no_resend then 'cancelled'
                            else x.state end,
               busy = s.state in ('attempting', 'unknown') and x.state in ('waiting', 'queued', 'unknown')
                      and not (s.no_resend and x.state <> 'unknown'),
               starts = 0,
               state_at = case when s.state in ('attempting', 'unknown') then $10 else s.state_at end,
               run_at = coalesce(x.until_at, s.run_at),
               gate = case when x.state = 'waiting' and not s.no_resend then x.gate end,
               reason = case when x.state = 'waiting' and not s.no_resend then x.reason end,
               decided_at = case when x.state = 'waiting' then null else s.decided_at end,
               provider_ref = coalesce(x.provider_ref, s.provider_ref),
               provider_code = coalesce(x.code, s.provider_code),
               fault_class = coalesce(x.fault, s.fault_class),
               settled_at = case when s.state not in ('attempting', 'unknown') then s.settled_at
                                 when x.state in ('rejected', 'dead') or (x.state in ('waiting', 'queued') and s.no_resend) then $10 end
        from   unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $11::text[])
               as x (tenant_id, id, attempt, state, until_at, gate, reason, provider_ref, code, fault)
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.attempt = x.attempt
        and    (s.state in ('attempting', 'unknown')
                or (x.state = 'accepted' and s.state in ('accepted', 'sent', 'delivered', 'read', 'failed')))
        returning s.tenant_id as "tenant: TenantId", s.id as "id: MessageId", s.credits is not null as "holds_credit!"
        "#,
        &rows.tenants,
        &rows.ids,
        &rows.attempts,
        &rows.states,
        &rows.until as &[Option<DateTime<Utc>>],
        &rows.gates as &[Option<String>],
        &rows.reasons as &[Option<String>],
        &rows.refs as &[Option<String>],
        &rows.codes as &[Option<String>],
        now,
        &rows.faults as &[Option<String>],
    )
    .fetch_all(tx.conn())
    .await?;
    write_attempts(tx, &rows).await?;
    Ok(moved)
}

async fn write_attempts(tx: &mut SystemTx, rows: &Columns) -> Result<()> {
    sqlx::query!(
        r#"
        insert into attempts as a (tenant_id, message_id, attempt, account_id, started_at, finished_at, result, http_status, code,
                                   fault_class, provider_ref)
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::text[],
                             $8::smallint[], $9::text[], $10::text[], $11::text[])
        on conflict (tenant_id, message_id, attempt) do update
        set    finished_at = excluded.finished_at, result = excluded.result, http_status = excluded.http_status,
               code = excluded.code, fault_class = excluded.fault_class, provider_ref = excluded.provider_ref
        where  a.result = 'unknown'
        "#,
        &rows.tenants,
        &rows.ids,
        &rows.attempts,
        &rows.accounts,
        &rows.started,
        &rows.finished,
        &rows.results,
        &rows.http as &[Option<i16>],
        &rows.codes as &[Option<String>],
        &rows.faults as &[Option<String>],
        &rows.refs as &[Option<String>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    tenants: Vec<Uuid>,
    ids: Vec<Uuid>,
    accounts: Vec<Uuid>,
    attempts: Vec<i32>,
    states: Vec<String>,
    results: Vec<String>,
    until: Vec<Option<DateTime<Utc>>>,
    gates: Vec<Option<String>>,
    reasons: Vec<Option<String>>,
    refs: Vec<Option<String>>,
    codes: Vec<Option<String>>,
    faults: Vec<Option<String>>,
    http: Vec<Option<i16>>,
    started: Vec<DateTime<Utc>>,
    finished: Vec<DateTime<Utc>>,
}

impl Columns {
    fn of(settled: &[Settled]) -> Self {
        // Rows are locked in this order, as receipts lock them.
        let mut sorted: Vec<&Settled> = settled.iter().collect();
        sorted.sort_unstable_by_key(|one| (one.tenant.uuid(), one.id.uuid()));
        let mut rows = Self::default();
        for one in sorted {
            rows.push(one);
        }
        rows
    }

    fn push(&mut self, one: &Settled) {
        self.tenants.push(one.tenant.uuid());
        self.ids.push(one.id.uuid());
        self.accounts.push(one.account.uuid());
        self.attempts.push(one.attempt);
        self.states.push(one.state.as_str().to_owned());
        self.results.push(one.result.as_str().to_owned());
        self.until.push(one.wait.map(|(.., until)| until));
        self.gates.push(one.wait.map(|(gate, ..)| gate.as_str().to_owned()));
        self.reasons.push(one.wait.map(|(_, reason, _)| reason.as_str().to_owned()));
        self.refs.push(one.provider_ref.clone());
        self.codes.push(one.code.clone());
        self.faults.push(one.fault.map(|fault| fault.as_str().to_owned()));
        self.http.push(one.http_status);
        self.started.push(one.started_at);
        self.finished.push(one.finished_at);
    }
}

/// Gives back the frequency use that an attempt reserved at `at`: it definitely did not send.
pub async fn return_uses(tx: &mut SystemTx, uses: &[(TenantId, ContactId, DateTime<Utc>)]) -> Result<()> {
    let mut uses = uses.to_vec();
    uses.sort_unstable();
    let tenants: Vec<Uuid> = uses.iter().map(|(tenant, ..)| tenant.uuid()).collect();
    let contacts: Vec<Uuid> = uses.iter().map(|(_, contact, _)| contact.uuid()).collect();
    let at: Vec<DateTime<Utc>> = uses.iter().map(|(.., at)| *at).collect();
    sqlx::query!(
        r#"
        update frequency_uses f
        set    uses = array_remove(f.uses, x.at)
        from   unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as x (tenant_id, contact_id, at)
        where  f.tenant_id = x.tenant_id and f.contact_id = x.contact_id
        "#,
        &tenants,
        &contacts,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The provider refused this person for pace: nothing to them from this account before `until`. Returns how many times in
/// a row, this one included.
pub async fn back_off(
    tx: &mut SystemTx,
    tenant: TenantId,
    account: AccountId,
    address: AddressId,
    now: DateTime<Utc>,
) -> Result<i16> {
    let backoffs = sqlx::query_scalar!(
        r#"
        insert into spacings as s (tenant_id, account_id, address_id, tat, backoff_until, backoffs)
        values ($1, $2, $3, $4::timestamptz, $4::timestamptz + interval '1 second', 1)
        on conflict (tenant_id, account_id, address_id) do update
        set    backoffs = least(case when s.backoff_until > $4::timestamptz - interval '1 hour' then s.backoffs + 1 else 1 end, 6),
               backoff_until = $4::timestamptz + interval '1 second'
                   * power(4, least(case when s.backoff_until > $4::timestamptz - interval '1 hour' then s.backoffs else 0 end, 5))
        returning s.backoffs
        "#,
        tenant.uuid(),
        account.uuid(),
        address.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(backoffs)
}

/// Stops an account until a person acts. Returns false when it was not active.
pub async fn stop_account(
    tx: &mut SystemTx,
    tenant: TenantId,
    account: AccountId,
    status: &str,
    reason: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "update accounts set status = $3, status_reason = $4 where tenant_id = $1 and id = $2 and status = 'active'",
        tenant.uuid(),
        account.uuid(),
        status,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The provider paused the template that this message uses: sends that need it wait.
pub async fn pause_template_of(
    tx: &mut SystemTx,
    tenant: TenantId,
    message: MessageId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        r#"
        update templates t
        set    status = 'paused', status_reason = 'the provider refused a message for it', synced_at = $3
        from   messages m
        where  m.tenant_id = $1 and m.id = $2 and m.kind = 'template'
        and    t.tenant_id = m.tenant_id and t.account_id = m.account_id
        and    t.name = m.content ->> 'name' and t.language = m.content ->> 'language' and t.status = 'approved'
        "#,
        tenant.uuid(),
        message.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The provider complains about quality: marketing campaigns of the account pause until a person looks. Returns how many.
pub async fn pause_marketing(tx: &mut SystemTx, tenant: TenantId, account: AccountId, reason: &str) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update campaigns
        set    state = 'paused', paused_reason = $3
        where  tenant_id = $1 and account_id = $2 and purpose = 'marketing' and state in ('preparing', 'running')
        "#,
        tenant.uuid(),
        account.uuid(),
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
