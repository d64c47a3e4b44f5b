//! Every call of the API, refused ones included. Never a body, never a number of a person.

use chrono::{DateTime, Utc};
use postroad_core::ids::{CallId, ClientId, TenantId};
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx};

/// One call.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: CallId,
    pub at: DateTime<Utc>,
    /// None: the caller is not known.
    pub tenant: Option<TenantId>,
    pub client: Option<ClientId>,
    /// As the caller claims it.
    pub key_id: Option<String>,
    pub ip: String,
    pub method: String,
    pub path: String,
    pub request_id: Option<String>,
    pub body_sha256: Option<String>,
    pub status: i16,
    /// Of a refusal, precisely; callers are told less.
    pub code: Option<String>,
    pub latency_us: i64,
}

/// Writes many calls at once.
pub async fn insert(tx: &mut SystemTx, entries: &[Entry]) -> Result<()> {
    let columns = Columns::of(entries);
    sqlx::query!(
        r#"
        insert into request_log (tenant_id, id, at, client_id, key_id, ip, method, path, request_id, body_sha256, status, code, latency_us)
        select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
                             $9::text[], $10::text[], $11::smallint[], $12::text[], $13::bigint[])
        on conflict do nothing
        "#,
        &columns.tenants as &[Option<Uuid>],
        &columns.ids,
        &columns.at,
        &columns.clients as &[Option<Uuid>],
        &columns.keys as &[Option<String>],
        &columns.ips,
        &columns.methods,
        &columns.paths,
        &columns.requests as &[Option<String>],
        &columns.bodies as &[Option<String>],
        &columns.statuses,
        &columns.codes as &[Option<String>],
        &columns.latencies,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes when keys were used last. To the minute: a busy key is not written at every call.
pub async fn touch_keys(tx: &mut SystemTx, entries: &[Entry]) -> Result<()> {
    let used = entries.iter().filter(|entry| entry.client.is_some());
    let (keys, at): (Vec<String>, Vec<DateTime<Utc>>) =
        used.filter_map(|entry| Some((entry.key_id.clone()?, entry.at))).unzip();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        update api_keys k
        set    last_used_at = x.at
        from   (select key_id, max(at) as at from unnest($1::text[], $2::timestamptz[]) as x (key_id, at) group by key_id) x
        where  k.key_id = x.key_id and (k.last_used_at is null or k.last_used_at < x.at - interval '1 minute')
        "#,
        &keys,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Up to `limit` calls of one client, newest first, older than `after`.
pub async fn list(tx: &mut TenantTx, client: ClientId, after: Option<CallId>, limit: i64) -> Result<Vec<Entry>> {
    let tenant = tx.tenant();
    let entries = sqlx::query_as!(
        Entry,
        r#"
        select id as "id: CallId", at, tenant_id as "tenant: TenantId", client_id as "client: ClientId", key_id, ip, method, path,
               request_id, body_sha256, status, code, latency_us
        from   request_log
        where  tenant_id = $1 and client_id = $2 and ($3::uuid is null or id < $3)
        order  by id desc
        limit  $4
        "#,
        tenant.uuid(),
        client.uuid(),
        after.map(CallId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(entries)
}

#[derive(Default)]
struct Columns {
    tenants: Vec<Option<Uuid>>,
    ids: Vec<Uuid>,
    at: Vec<DateTime<Utc>>,
    clients: Vec<Option<Uuid>>,
    keys: Vec<Option<String>>,
    ips: Vec<String>,
    methods: Vec<String>,
    paths: Vec<String>,
    requests: Vec<Option<String>>,
    bodies: Vec<Option<String>>,
    statuses: Vec<i16>,
    codes: Vec<Option<String>>,
    latencies: Vec<i64>,
}

impl Columns {
    fn of(entries: &[Entry]) -> Self {
        let mut columns = Self::default();
        for entry in entries {
            columns.push(entry);
        }
        columns
    }

    fn push(&mut self, entry: &Entry) {
        self.tenants.push(entry.tenant.map(TenantId::uuid));
        self.ids.push(entry.id.uuid());
        self.at.push(entry.at);
        self.clients.push(entry.client.map(ClientId::uuid));
        self.keys.push(entry.key_id.clone());
        self.ips.push(entry.ip.clone());
        self.methods.push(entry.method.clone());
        self.paths.push(entry.path.clone());
        self.requests.push(entry.request_id.clone());
        self.bodies.push(entry.body_sha256.clone());
        self.statuses.push(entry.status);
        self.codes.push(entry.code.clone());
        self.latencies.push(entry.latency_us);
    }
}
