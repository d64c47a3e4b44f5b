//! When each account last spoke and was last heard of, and which owes us word: its provider took messages, and no webhook came
//! since.
//!
//! Rows are locked in the order of their keys, and are written at most every few seconds each.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    ids::{AccountId, TenantId},
    inbound::Silence,
};

use crate::{Result, SystemTx, lanes::split};

/// What is known of an account's webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    pub accepted_at: Option<DateTime<Utc>>,
    pub heard_at: Option<DateTime<Utc>>,
    pub silent: Option<(DateTime<Utc>, Silence)>,
}

/// A row is written again after so long at the earliest.
const EVERY: TimeDelta = TimeDelta::seconds(2);

/// Webhooks of these accounts came: nothing is owed any more, and nobody of them is silent.
pub async fn note_heard(tx: &mut SystemTx, accounts: &[(TenantId, AccountId)], now: DateTime<Utc>) -> Result<()> {
    let (tenants, ids) = split(accounts);
    sqlx::query!(
        r#"
        insert into account_pulses as p (tenant_id, account_id, heard_at)
        select distinct x.tenant_id, x.id, $3::timestamptz from unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        order  by x.tenant_id, x.id
        on conflict (tenant_id, account_id) do update
        set    heard_at = excluded.heard_at, owed_since = null, silent_since = null, silent_reason = null
        where  p.heard_at is null or p.heard_at < $4 or p.owed_since is not null
        "#,
        &tenants,
        &ids,
        now,
        now - EVERY,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The provider took messages of these accounts, in calls that began at these times. One that was heard of meanwhile owes
/// nothing: some providers report faster than they answer.
pub async fn note_accepted(
    tx: &mut SystemTx,
    accepted: &[(TenantId, AccountId, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<()> {
    if accepted.is_empty() {
        return Ok(());
    }
    let (tenants, ids) = split(&accepted.iter().map(|(tenant, id, _)| (*tenant, *id)).collect::<Vec<_>>());
    let began: Vec<DateTime<Utc>> = accepted.iter().map(|(.., began)| *began - EVERY).collect();
    sqlx::query!(
        r#"
        insert into account_pulses as p (tenant_id, account_id, accepted_at, owed_since)
        select x.tenant_id, x.id, $4::timestamptz, max(x.began_at)
        from   unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as x (tenant_id, id, began_at)
        group  by x.tenant_id, x.id
        order  by x.tenant_id, x.id
        on conflict (tenant_id, account_id) do update
        set    accepted_at = excluded.accepted_at,
               owed_since = case when p.heard_at >= excluded.owed_since then p.owed_since
                            else coalesce(p.owed_since, $4::timestamptz) end
        where  p.accepted_at is null or p.accepted_at < $5
        "#,
        &tenants,
        &ids,
        &began,
        now,
        now - EVERY,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Receipts tell of these times: what happened before them at the provider has mostly been told.
pub async fn note_told(
    tx: &mut SystemTx,
    told: &[(TenantId, AccountId, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<()> {
    let (tenants, ids) = split(&told.iter().map(|(tenant, id, _)| (*tenant, *id)).collect::<Vec<_>>());
    // A provider's clock that is ahead of ours must not promise what is still to come.
    let at: Vec<DateTime<Utc>> = told.iter().map(|(.., at)| *at.min(&now)).collect();
    sqlx::query!(
        r#"
        insert into account_pulses as p (tenant_id, account_id, told_to)
        select x.tenant_id, x.id, max(x.at)
        from   unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as x (tenant_id, id, at)
        group  by x.tenant_id, x.id
        order  by x.tenant_id, x.id
        on conflict (tenant_id, account_id) do update
        set    told_to = excluded.told_to
        where  p.told_to is null or p.told_to < excluded.told_to - make_interval(secs => $4)
        "#,
        &tenants,
        &ids,
        &at,
        EVERY.as_seconds_f64(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Accounts one look finds.
const LOOK_MAX: i64 = 1_000;

/// Marks accounts that send, and have owed us word since before `before`; returns them. Providers that are not named report
/// nothing.
pub async fn mark_silent(
    tx: &mut SystemTx,
    reporting: &[String],
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(TenantId, AccountId, Silence)>> {
    let rows = sqlx::query!(
        r#"
        with owing as (
            select p.tenant_id, p.account_id
            from   account_pulses p
            join   accounts a on a.tenant_id = p.tenant_id and a.id = p.account_id
            where  p.owed_since < $2 and p.silent_since is null and a.status = 'active' and a.provider = any($1)
            order  by p.tenant_id, p.account_id
            limit  $4
            for    update of p skip locked
        )
        update account_pulses p
        set    silent_since = $3, silent_reason = case when p.heard_at is null then 'never_heard' else 'went_silent' end
        from   owing o
        where  p.tenant_id = o.tenant_id and p.account_id = o.account_id
        returning p.tenant_id as "tenant: TenantId", p.account_id as "account: AccountId", p.silent_reason as "silence!: Silence"
        "#,
        reporting,
        before,
        now,
        LOOK_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.account, row.silence)).collect())
}

/// Accounts that send and are silent.
pub async fn count_silent(tx: &mut SystemTx) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
        from   account_pulses p
        join   accounts a on a.tenant_id = p.tenant_id and a.id = p.account_id
        where  p.owed_since is not null and p.silent_since is not null and a.status = 'active'
        "#,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}
