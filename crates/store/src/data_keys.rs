//! Tenants' data keys, each wrapped by a master key. This room never sees an unwrapped one.

use chrono::{DateTime, Utc};
use postroad_core::ids::{DataKeyId, TenantId};
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx, TenantTx};

/// A data key as it is stored.
#[derive(Debug, Clone)]
pub struct WrappedKey {
    pub tenant: TenantId,
    pub id: DataKeyId,
    /// Names the master key that wraps it.
    pub kek_id: String,
    pub wrapped: String,
}

/// Counts one use of the tenant's newest key that is neither retired nor used `uses_max` times; none: it needs a new one.
pub async fn count_use(tx: &mut TenantTx, uses_max: i64) -> Result<Option<WrappedKey>> {
    let tenant = tx.tenant();
    let key = sqlx::query_as!(
        WrappedKey,
        r#"
        update data_keys k
        set    uses = uses + 1
        where  k.tenant_id = $1
        and    k.id = (select n.id from data_keys n
                       where  n.tenant_id = $1 and n.retired_at is null and n.uses < $2
                       order  by n.created_at desc, n.id desc limit 1)
        returning k.tenant_id as "tenant: TenantId", k.id as "id: DataKeyId", k.kek_id, k.wrapped
        "#,
        tenant.uuid(),
        uses_max,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(key)
}

/// Stores a new key that is about to be used once.
pub async fn insert(tx: &mut impl AnyTx, key: &WrappedKey, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "insert into data_keys (tenant_id, id, kek_id, wrapped, uses, created_at) values ($1, $2, $3, $4, 1, $5)",
        key.tenant.uuid(),
        key.id.uuid(),
        key.kek_id,
        key.wrapped,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub async fn find(tx: &mut impl AnyTx, tenant: TenantId, id: DataKeyId) -> Result<Option<WrappedKey>> {
    Ok(find_all(tx, [(tenant, id)]).await?.pop())
}

/// Those of them that there are.
pub(crate) async fn find_all(
    tx: &mut impl AnyTx,
    named: impl IntoIterator<Item = (TenantId, DataKeyId)>,
) -> Result<Vec<WrappedKey>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) =
        named.into_iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let keys = sqlx::query_as!(
        WrappedKey,
        r#"
        select k.tenant_id as "tenant: TenantId", k.id as "id: DataKeyId", k.kek_id, k.wrapped
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        join   data_keys k on k.tenant_id = x.tenant_id and k.id = x.id
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys)
}

/// Takes all keys of the tenant out of use for new secrets; old secrets still open.
pub async fn retire_all(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update data_keys set retired_at = $2 where tenant_id = $1 and retired_at is null",
        tenant.uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to `limit` keys that another master key than `kek_id` wraps, locked; other rotations pass over them.
pub async fn take_wrapped_by_others(tx: &mut SystemTx, kek_id: &str, limit: i64) -> Result<Vec<WrappedKey>> {
    let keys = sqlx::query_as!(
        WrappedKey,
        r#"
        select k.tenant_id as "tenant: TenantId", k.id as "id: DataKeyId", k.kek_id, k.wrapped
        from   data_keys k
        where  k.kek_id <> $1
        order  by k.tenant_id, k.id
        limit  $2
        for    update skip locked
        "#,
        kek_id,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys)
}

/// Stores the same data key under another master key.
pub async fn rewrap(tx: &mut SystemTx, key: &WrappedKey) -> Result<bool> {
    let done = sqlx::query!(
        "update data_keys set kek_id = $3, wrapped = $4 where tenant_id = $1 and id = $2",
        key.tenant.uuid(),
        key.id.uuid(),
        key.kek_id,
        key.wrapped,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many data keys each master key wraps; the installation's own counts as one.
pub async fn count_by_kek(tx: &mut SystemTx) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"
            select kek_id as "kek_id!", count(*) as "keys!"
            from   (select kek_id from data_keys
                    union all
                    select own_key_kek from installation where own_key_kek is not null) wrapping
            group  by kek_id
            order  by kek_id
            limit  1000
            "#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kek_id, row.keys)).collect())
}

/// What stays shut without one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub kek_id: String,
    /// Data keys that it wraps.
    pub keys: i64,
    pub tenants: i64,
    /// Up to five of them.
    pub slugs: Vec<String>,
    /// Accounts whose credentials are sealed under those data keys.
    pub accounts: i64,
    pub api_keys: i64,
    pub endpoints: i64,
}

/// By master key that is none of `known`: what is sealed under the data keys that it wraps.
pub async fn lost_without(tx: &mut SystemTx, known: &[String]) -> Result<Vec<Lost>> {
    let lost = sqlx::query_as!(
        Lost,
        r#"
        with shut as (
            select k.tenant_id, k.kek_id, t.slug, 'dek_' || replace(k.id::text, '-', '') as name
            from   data_keys k join tenants t on t.id = k.tenant_id
            where  k.kek_id <> all($1)
        )
        select s.kek_id as "kek_id!", count(*) as "keys!", count(distinct s.tenant_id) as "tenants!",
               (array_agg(distinct s.slug))[1:5] as "slugs!",
               coalesce(sum((select count(*) from accounts a
                             where  a.tenant_id = s.tenant_id and split_part(a.credentials, ':', 3) = s.name)), 0)::bigint as "accounts!",
               coalesce(sum((select count(*) from api_keys a
                             where  a.tenant_id = s.tenant_id and split_part(a.secret, ':', 3) = s.name)), 0)::bigint as "api_keys!",
               coalesce(sum((select count(*) from webhook_endpoints e
                             where  e.tenant_id = s.tenant_id and split_part(e.secret, ':', 3) = s.name)), 0)::bigint as "endpoints!"
        from   shut s
        group  by s.kek_id
        order  by s.kek_id
        limit  100
        "#,
        known,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(lost)
}
