//! The journal's writing side: webhooks as they came, and whose secrets may verify them.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AccountId, JournalId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Result, Store, SystemTx,
    bodies::{Place, Ward},
};

/// Accounts that a webhook names, by the provider's id of the account or of its business or by our own id, of whichever tenant: a
/// webhook names them before the tenant is known. Returned with the name that it goes by.
pub async fn find_signers(
    store: &Store,
    provider: &str,
    names: &[String],
    limit: i64,
) -> Result<Vec<(String, TenantId, AccountId)>> {
    let ours: Vec<Uuid> = names.iter().filter_map(|name| Some(name.parse::<AccountId>().ok()?.uuid())).collect();
    let rows = sqlx::query!(
        r#"
        select external_id as "name!", tenant_id as "tenant!: TenantId", id as "account!: AccountId"
        from   accounts
        where  provider = $1 and external_id = any($2)
        union
        select settings ->> 'waba_id', tenant_id, id
        from   accounts
        where  provider = $1 and settings ->> 'waba_id' = any($2)
        union
        select 'acc_' || replace(id::text, '-', ''), tenant_id, id
        from   accounts
        where  provider = $1 and id = any($4)
        limit  $3
        "#,
        provider,
        names,
        limit,
        &ours,
    )
    .fetch_all(&store.system)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.tenant, row.account)).collect())
}

/// Accounts of a provider, the oldest first: for a webhook that names none, or a handshake.
pub async fn list_signers(store: &Store, provider: &str, limit: i64) -> Result<Vec<(TenantId, AccountId)>> {
    let rows = sqlx::query!(
        r#"
        select tenant_id as "tenant: TenantId", id as "account: AccountId"
        from   accounts where provider = $1
        order  by created_at, id
        limit  $2
        "#,
        provider,
        limit,
    )
    .fetch_all(&store.system)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.account)).collect())
}

/// One webhook that one account's secret verified.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub id: JournalId,
    pub provider: &'static str,
    pub tenant: TenantId,
    pub account: AccountId,
    pub headers: Value,
    /// The public address it was sent to.
    pub url: String,
    pub body: Vec<u8>,
    /// What the post goes by when it is repeated, where posts have such a name.
    pub delivery: Option<String>,
    pub received_at: DateTime<Utc>,
}

/// Stores webhooks, raw and whole, before anybody reads them; returns how many are new. In the order of their names: whoever
/// stores the same ones at the same time waits, and no two wait for each other.
pub async fn insert(tx: &mut SystemTx, arrived: &[Arrived]) -> Result<u64> {
    let ids: Vec<Uuid> = arrived.iter().map(|a| a.id.uuid()).collect();
    let providers: Vec<String> = arrived.iter().map(|a| a.provider.to_owned()).collect();
    let tenants: Vec<Uuid> = arrived.iter().map(|a| a.tenant.uuid()).collect();
    let accounts: Vec<Uuid> = arrived.iter().map(|a| a.account.uuid()).collect();
    let headers: Vec<Value> = arrived.iter().map(|a| a.headers.clone()).collect();
    let urls: Vec<String> = arrived.iter().map(|a| a.url.clone()).collect();
    let ward = Ward::of(tx, arrived.iter().map(|a| (a.tenant, a.account)).collect()).await?;
    let kept = arrived.iter().map(|a| ward.sealed(a.account, Place::Webhook(a.id.uuid()), &a.body));
    let kept = kept.collect::<Result<Vec<_>>>()?;
    let sealed: Vec<bool> = kept.iter().map(Option::is_some).collect();
    let bodies: Vec<Vec<u8>> =
        arrived.iter().zip(kept).map(|(a, sealed)| sealed.map_or_else(|| a.body.clone(), String::into_bytes)).collect();
    let received: Vec<DateTime<Utc>> = arrived.iter().map(|a| a.received_at).collect();
    let deliveries: Vec<Option<String>> = arrived.iter().map(|a| a.delivery.clone()).collect();
    let done = sqlx::query!(
        r#"
        insert into webhook_journal (id, provider, tenant_id, account_id, headers, url, body, received_at, delivery, sealed)
        select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::jsonb[], $6::text[], $7::bytea[], $8::timestamptz[], $9::text[],
                      $10::boolean[])
                      as x (id, provider, tenant_id, account_id, headers, url, body, received_at, delivery, sealed)
        order  by x.tenant_id, x.account_id, x.delivery, x.id
        on conflict (tenant_id, account_id, delivery) where delivery is not null do nothing
        "#,
        &ids,
        &providers,
        &tenants,
        &accounts,
        &headers,
        &urls,
        &bodies,
        &received,
        &deliveries as &[Option<String>],
        &sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
