//! What is told to endpoints, where it stands, and every attempt.

use chrono::{DateTime, Utc};
use postroad_core::{
    endpoint::DeliveryState,
    ids::{DeliveryId, EndpointId, TenantId},
};
use uuid::Uuid;

use crate::{Result, SystemTx, TenantTx};

/// Something to be told.
#[derive(Debug)]
pub struct New<'a> {
    pub id: DeliveryId,
    pub endpoint: EndpointId,
    /// `automation` or `test`.
    pub event: &'a str,
    pub body: &'a str,
    pub ends_at: DateTime<Utc>,
}

/// False: the endpoint is not there, is off, or wants no such events. A test reaches any that is on.
pub async fn insert(tx: &mut TenantTx, new: &New<'_>, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        insert into webhook_deliveries (tenant_id, id, endpoint_id, event, body, state, due_at, ends_at, created_at)
        select $1, $2, e.id, $4, $5, 'waiting', $6, $7, $6
        from   webhook_endpoints e
        where  e.tenant_id = $1 and e.id = $3 and e.enabled and ($4 = 'test' or $4 = any(e.events))
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.endpoint.uuid(),
        new.event,
        new.body,
        now,
        new.ends_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A delivery on its way. The number of the attempt is its fence.
#[derive(Debug, Clone)]
pub struct Taken {
    pub id: DeliveryId,
    pub body: String,
    /// From 1.
    pub attempt: i32,
    pub tried_before: i32,
    pub ends_at: DateTime<Utc>,
}

/// Takes up to `limit` that are due, the longest due first; until `lease_ends` nobody else has them.
pub async fn take(
    tx: &mut TenantTx,
    endpoint: EndpointId,
    limit: i64,
    (now, lease_ends): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Taken>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Taken,
        r#"
        with due as (
            select id from webhook_deliveries
            where  tenant_id = $1 and endpoint_id = $2 and state = 'waiting' and due_at <= $3
            order  by due_at, id
            limit  $4
            for    update skip locked
        )
        update webhook_deliveries d set attempts = d.attempts + 1, due_at = $5
        from   due
        where  d.tenant_id = $1 and d.id = due.id
        returning d.id as "id: DeliveryId", d.body, d.attempts as attempt, d.tried_before, d.ends_at
        "#,
        tenant.uuid(),
        endpoint.uuid(),
        now,
        limit,
        lease_ends,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub n: i32,
    pub at: DateTime<Utc>,
    pub duration_ms: i32,
    pub status: Option<i32>,
    /// Why there is no answer.
    pub failure: Option<String>,
    /// The beginning of what was answered.
    pub answer: Option<String>,
}

pub async fn insert_attempt(tx: &mut TenantTx, id: DeliveryId, attempt: &Attempt) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into webhook_attempts (tenant_id, delivery_id, n, at, duration_ms, status, failure, answer)
        select $1, $2, $3, $4, $5, $6, left($7, 100), $8
        where  exists (select 1 from webhook_deliveries where tenant_id = $1 and id = $2)
        on conflict do nothing
        "#,
        tenant.uuid(),
        id.uuid(),
        attempt.n,
        attempt.at,
        attempt.duration_ms,
        attempt.status,
        attempt.failure,
        attempt.answer,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Where a delivery stands after an attempt: waiting until `due_at`, or at its end. False: somebody else has it by now.
pub async fn settle(
    tx: &mut TenantTx,
    (id, attempt): (DeliveryId, i32),
    state: DeliveryState,
    due_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update webhook_deliveries set state = $4, due_at = $5, ended_at = case when $4 = 'waiting' then null else $6::timestamptz end
        where  tenant_id = $1 and id = $2 and attempts = $3 and state = 'waiting'
        "#,
        tenant.uuid(),
        id.uuid(),
        attempt,
        state.as_str(),
        due_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The one of an endpoint that is due first, and when.
pub async fn next_due(tx: &mut TenantTx, endpoint: EndpointId) -> Result<Option<(DeliveryId, DateTime<Utc>)>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select id as "id: DeliveryId", due_at as "due_at!" from webhook_deliveries
        where  tenant_id = $1 and endpoint_id = $2 and state = 'waiting'
        order  by due_at, id
        limit  1
        "#,
        tenant.uuid(),
        endpoint.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.id, row.due_at)))
}

/// A delivery as it is shown.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: String,
    pub body: String,
    pub state: DeliveryState,
    pub attempts: i32,
    pub due_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Newest first.
pub async fn list(
    tx: &mut TenantTx,
    endpoint: EndpointId,
    (state, after): (Option<DeliveryState>, Option<DeliveryId>),
    limit: i64,
) -> Result<Vec<Delivery>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Delivery,
        r#"
        select id as "id: DeliveryId", event, body, state as "state: DeliveryState", attempts, due_at, created_at, ended_at
        from   webhook_deliveries
        where  tenant_id = $1 and endpoint_id = $2
        and    ($3::text is null or state = $3)
        and    ($4::uuid is null or id < $4)
        order  by id desc
        limit  $5
        "#,
        tenant.uuid(),
        endpoint.uuid(),
        state.map(DeliveryState::as_str),
        after.map(DeliveryId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The last attempts of some deliveries, at most `limit` of each, newest first.
pub async fn attempts(tx: &mut TenantTx, of: &[DeliveryId], limit: i64) -> Result<Vec<(DeliveryId, Attempt)>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = of.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        select d.id as "delivery!: DeliveryId", a.n, a.at, a.duration_ms, a.status, a.failure, a.answer
        from   unnest($2::uuid[]) as d (id)
        cross  join lateral (
            select * from webhook_attempts a
            where  a.tenant_id = $1 and a.delivery_id = d.id
            order  by a.n desc
            limit  $3) a
        order  by d.id, a.n desc
        "#,
        tenant.uuid(),
        &ids,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (n, at, duration_ms) = (row.n, row.at, row.duration_ms);
        let attempt = Attempt { n, at, duration_ms, status: row.status, failure: row.failure, answer: row.answer };
        found.push((row.delivery, attempt));
    }
    Ok(found)
}

/// Which ended deliveries are sent again.
#[derive(Debug, Clone, Copy)]
pub enum Again {
    This(DeliveryId),
    /// Those that did not arrive, and ended then or later.
    EndedSince(DateTime<Utc>),
}

/// Makes up to `limit` deliveries wait again, oldest first.
pub async fn again(
    tx: &mut TenantTx,
    endpoint: EndpointId,
    which: Again,
    limit: i64,
    (now, ends_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<DeliveryId>> {
    let tenant = tx.tenant();
    let (only, since) = match which {
        Again::This(id) => (Some(id.uuid()), None),
        Again::EndedSince(at) => (None, Some(at)),
    };
    let rows = sqlx::query_scalar!(
        r#"
        with chosen as (
            select id from webhook_deliveries
            where  tenant_id = $1 and endpoint_id = $2 and state <> 'waiting'
            and    (id = $3 or (state in ('failed', 'gone') and ended_at >= $4))
            order  by id
            limit  $5
            for    update
        )
        update webhook_deliveries d set state = 'waiting', due_at = $6, ends_at = $7, ended_at = null, tried_before = d.attempts
        from   chosen
        where  d.tenant_id = $1 and d.id = chosen.id
        returning d.id as "id: DeliveryId"
        "#,
        tenant.uuid(),
        endpoint.uuid(),
        only,
        since,
        limit,
        now,
        ends_at,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// An endpoint with something due that nobody takes.
#[derive(Debug, Clone, Copy)]
pub struct Late {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    pub first: DeliveryId,
}

/// Endpoints that are on and do not rest, with deliveries that were due before `late`. Looks at up to `limit` deliveries.
pub async fn late(tx: &mut SystemTx, late: DateTime<Utc>, limit: i64, now: DateTime<Utc>) -> Result<Vec<Late>> {
    let rows = sqlx::query_as!(
        Late,
        r#"
        select distinct on (x.tenant_id, x.endpoint_id) x.tenant_id as "tenant!: TenantId", x.endpoint_id as "endpoint!: EndpointId",
               x.id as "first!: DeliveryId"
        from   (select d.tenant_id, d.endpoint_id, d.id, d.due_at
                from   webhook_deliveries d
                join   webhook_endpoints e on e.tenant_id = d.tenant_id and e.id = d.endpoint_id
                where  d.state = 'waiting' and d.due_at <= $1
                and    e.enabled and (e.rests_until is null or e.rests_until <= $3)
                order  by d.due_at
                limit  $2) x
        order  by x.tenant_id, x.endpoint_id, x.due_at
        "#,
        late,
        limit,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Ends up to `limit` deliveries whose time was over before `before`: their endpoint was off.
pub async fn give_up(tx: &mut SystemTx, before: DateTime<Utc>, limit: i64, now: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        update webhook_deliveries d set state = 'failed', due_at = null, ended_at = $3
        from   (select tenant_id, id from webhook_deliveries
                where  state = 'waiting' and ends_at <= $1 order by ends_at limit $2 for update skip locked) over
        where  d.tenant_id = over.tenant_id and d.id = over.id
        "#,
        before,
        limit,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Up to 10,000 deliveries that ended before `before`, with their attempts.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from webhook_deliveries
        where  (tenant_id, id) in (select tenant_id, id from webhook_deliveries where ended_at < $1 limit 10000)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// How many wait, and since when the oldest does.
pub async fn waiting(tx: &mut SystemTx) -> Result<(i64, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", min(created_at) as oldest from webhook_deliveries where state = 'waiting'"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.count, row.oldest))
}
