//! Business portfolios: whom each wrote to within the last day, and how many more it may.
//!
//! A portfolio's row carries its count, and whoever changes the people of a portfolio holds that row: so a limit is kept by
//! one comparison, whoever sends. Rows are taken in order, and before any other reservation, so two workers never wait for
//! each other in a ring. An account whose portfolio is not known is one by itself, under its own id.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AddressId, TenantId},
    limits::PORTFOLIO_WINDOW,
};
use uuid::Uuid;

use crate::{AnyTx, Result, SystemTx};

mod settings;

pub use settings::{absorb, accounts, lock_all, open, set, taken};

/// A portfolio of a tenant.
pub type Key = (TenantId, String);

/// One message to one person outside the window, to be counted.
#[derive(Debug, Clone)]
pub struct PlaceWanted {
    pub tenant: TenantId,
    pub portfolio: String,
    pub address: AddressId,
}

/// Who may be written to, and when the next places come back for the others.
#[derive(Debug, Default)]
pub struct Places {
    granted: HashSet<(TenantId, String, AddressId)>,
    /// Soonest first.
    back_at: HashMap<Key, Vec<DateTime<Utc>>>,
}

impl Places {
    pub fn has(&self, wanted: &PlaceWanted) -> bool {
        self.granted.contains(&(wanted.tenant, wanted.portfolio.clone(), wanted.address))
    }

    /// When the message that comes after so many others without a place may hope for one. None: nobody knows.
    pub fn back_at(&self, key: &Key, others: usize) -> Option<DateTime<Utc>> {
        let back = self.back_at.get(key)?;
        back.get(others).or_else(|| back.last()).copied()
    }
}

/// Reserves a place for each person, the first ones first. Whoever has one keeps it, for a day from now on.
pub async fn reserve(tx: &mut SystemTx, wanted: &[PlaceWanted], now: DateTime<Utc>) -> Result<Places> {
    let (people, messages) = Columns::of(wanted);
    let portfolios = lock(tx, &people.keys()).await?;
    let full: Vec<(Key, i64)> =
        portfolios.iter().filter_map(|portfolio| Some((portfolio.key(), portfolio.lacks(&people)?))).collect();
    if !full.is_empty() {
        forget(tx, &full, now).await?;
    }
    let mut places = Places { granted: count(tx, &people, &messages, now).await?, ..Places::default() };
    // A limit that was lifted in this instant counts nobody.
    let lifted: HashSet<Key> = portfolios.iter().filter(|p| p.people_max.is_none()).map(Locked::key).collect();
    places.granted.extend(people.all().filter(|one| lifted.contains(&(one.0, one.1.clone()))));
    places.back_at = back_at(tx, &people.without(&places.granted)).await?;
    Ok(places)
}

/// Each person once, in the order of the batch.
#[derive(Default)]
struct Columns {
    tenants: Vec<Uuid>,
    portfolios: Vec<String>,
    addresses: Vec<Uuid>,
}

/// More messages than that to one person in one instant are not told apart.
const MESSAGES_MAX: i32 = 32;

impl Columns {
    /// The people, and how many messages each is to get.
    fn of(wanted: &[PlaceWanted]) -> (Self, Vec<i32>) {
        let mut positions: HashMap<(TenantId, &str, AddressId), usize> = HashMap::new();
        let (mut people, mut messages) = (Self::default(), Vec::new());
        for one in wanted {
            let position = *positions.entry((one.tenant, &one.portfolio, one.address)).or_insert(messages.len());
            if let Some(count) = messages.get_mut(position) {
                *count = MESSAGES_MAX.min(*count + 1);
                continue;
            }
            people.push(one.tenant, &one.portfolio, one.address);
            messages.push(1);
        }
        (people, messages)
    }

    fn push(&mut self, tenant: TenantId, portfolio: &str, address: AddressId) {
        self.tenants.push(tenant.uuid());
        self.portfolios.push(portfolio.to_owned());
        self.addresses.push(address.uuid());
    }

    fn all(&self) -> impl Iterator<Item = (TenantId, String, AddressId)> {
        let keys = self.tenants.iter().zip(&self.portfolios).zip(&self.addresses);
        keys.map(|((tenant, portfolio), address)| {
            (TenantId::from_uuid(*tenant), portfolio.clone(), AddressId::from_uuid(*address))
        })
    }

    fn keys(&self) -> HashSet<Key> {
        self.all().map(|(tenant, portfolio, _)| (tenant, portfolio)).collect()
    }

    fn without(&self, granted: &HashSet<(TenantId, String, AddressId)>) -> HashMap<Key, i64> {
        let mut left: HashMap<Key, i64> = HashMap::new();
        for (tenant, portfolio, _) in self.all().filter(|one| !granted.contains(one)) {
            *left.entry((tenant, portfolio)).or_default() += 1;
        }
        left
    }
}

struct Locked {
    tenant: TenantId,
    id: String,
    people_max: Option<i32>,
    people: i32,
}

impl Locked {
    fn key(&self) -> Key {
        (self.tenant, self.id.clone())
    }

    /// How many people must be forgotten so that all of these find a place. None: none.
    fn lacks(&self, wanted: &Columns) -> Option<i64> {
        let wanted = wanted.all().filter(|(tenant, portfolio, _)| (*tenant, portfolio) == (self.tenant, &self.id));
        let all = i64::from(self.people) + i64::try_from(wanted.count()).unwrap_or(i64::MAX);
        Some(all - i64::from(self.people_max?)).filter(|lacking| *lacking > 0)
    }
}

fn split<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<Uuid>, Vec<String>) {
    keys.into_iter().map(|(tenant, portfolio)| (tenant.uuid(), portfolio.clone())).unzip()
}

async fn lock(tx: &mut SystemTx, keys: &HashSet<Key>) -> Result<Vec<Locked>> {
    let (tenants, ids) = split(keys);
    let locked = sqlx::query_as!(
        Locked,
        r#"
        select p.tenant_id as "tenant: TenantId", p.id, p.people_max, p.people
        from   unnest($1::uuid[], $2::text[]) as x (tenant_id, id)
        join   portfolios p on p.tenant_id = x.tenant_id and p.id = x.id
        order  by p.tenant_id, p.id
        for    no key update of p
        "#,
        &tenants,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(locked)
}

/// People that one statement forgets of one portfolio.
const FORGET_MAX: i64 = 5_000;

/// Forgets so many of the people whose day is over, of portfolios that this transaction holds.
async fn forget(tx: &mut SystemTx, of: &[(Key, i64)], now: DateTime<Utc>) -> Result<u64> {
    let (tenants, ids) = split(of.iter().map(|(key, _)| key));
    let most: Vec<i64> = of.iter().map(|(_, lacking)| (*lacking).min(FORGET_MAX)).collect();
    let gone = sqlx::query_scalar!(
        r#"
        with old as materialized (
            select o.tenant_id, o.portfolio_id, o.address_id
            from   unnest($1::uuid[], $2::text[], $3::bigint[]) as x (tenant_id, id, most)
            cross  join lateral (
                select h.tenant_id, h.portfolio_id, h.address_id
                from   portfolio_people h
                where  h.tenant_id = x.tenant_id and h.portfolio_id = x.id and h.last_at <= $4
                order  by h.last_at
                limit  x.most) o
        ), gone as (
            delete from portfolio_people h
            using  old
            where  h.tenant_id = old.tenant_id and h.portfolio_id = old.portfolio_id and h.address_id = old.address_id
            returning h.tenant_id, h.portfolio_id
        ), fewer as (
            update portfolios p
            set    people = p.people - g.people
            from   (select tenant_id, portfolio_id, count(*)::int as people from gone group by tenant_id, portfolio_id) g
            where  p.tenant_id = g.tenant_id and p.id = g.portfolio_id
        )
        select count(*) as "gone!" from gone
        "#,
        &tenants,
        &ids,
        &most,
        now - PORTFOLIO_WINDOW,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(gone.unsigned_abs())
}

/// Counts the people who have a place, or find one. Whose row is old and not forgotten yet is among `people`, and needs no
/// more room than that.
async fn count(
    tx: &mut SystemTx,
    wanted: &Columns,
    messages: &[i32],
    now: DateTime<Utc>,
) -> Result<HashSet<(TenantId, String, AddressId)>> {
    let rows = sqlx::query!(
        r#"
        with ranked as materialized (
            select x.*, h.last_at, row_number() over (partition by x.tenant_id, x.portfolio_id, h.last_at is null order by x.turn) as place
            from   unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[])
                   with ordinality as x (tenant_id, portfolio_id, address_id, messages, turn)
            left   join portfolio_people h on h.tenant_id = x.tenant_id and h.portfolio_id = x.portfolio_id and h.address_id = x.address_id
        ), granted as materialized (
            select r.*
            from   ranked r
            join   portfolios p on p.tenant_id = r.tenant_id and p.id = r.portfolio_id
            where  case when r.last_at > $6 then p.people_max is not null
                        when r.last_at is not null then p.people <= p.people_max
                        else r.place <= p.people_max - p.people end
        ), counted as (
            insert into portfolio_people as h (tenant_id, portfolio_id, address_id, reached)
            select tenant_id, portfolio_id, address_id, array_fill($5::timestamptz, array[messages]) from granted
            on conflict (tenant_id, portfolio_id, address_id) do update
            set    reached = array(select u from (select u from unnest(h.reached || excluded.reached) u where u > $6
                                                  order by u desc limit 32) newest order by u)
        ), more as (
            update portfolios p
            set    people = p.people + g.people
            from   (select tenant_id, portfolio_id, count(*)::int as people from granted where last_at is null
                    group by tenant_id, portfolio_id) g
            where  p.tenant_id = g.tenant_id and p.id = g.portfolio_id
        )
        select tenant_id as "tenant!: TenantId", portfolio_id as "portfolio!", address_id as "address!: AddressId" from granted
        "#,
        &wanted.tenants,
        &wanted.portfolios,
        &wanted.addresses,
        messages,
        now,
        now - PORTFOLIO_WINDOW,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.portfolio, row.address)).collect())
}

/// When the next places of these portfolios come back, so many of each, soonest first. Places above a limit that was lowered
/// come back for nobody.
pub(crate) async fn back_at(tx: &mut impl AnyTx, of: &HashMap<Key, i64>) -> Result<HashMap<Key, Vec<DateTime<Utc>>>> {
    let mut back: HashMap<Key, Vec<DateTime<Utc>>> = HashMap::new();
    if of.is_empty() {
        return Ok(back);
    }
    let (tenants, ids) = split(of.keys());
    let most: Vec<i64> = of.values().copied().collect();
    let rows = sqlx::query!(
        r#"
        select p.tenant_id as "tenant: TenantId", p.id, o.last_at
        from   unnest($1::uuid[], $2::text[], $3::bigint[]) as x (tenant_id, id, most)
        join   portfolios p on p.tenant_id = x.tenant_id and p.id = x.id and p.people >= p.people_max
        cross  join lateral (
            select h.last_at
            from   portfolio_people h
            where  h.tenant_id = p.tenant_id and h.portfolio_id = p.id
            order  by h.last_at
            offset p.people - p.people_max
            limit  x.most) o
        order  by o.last_at
        "#,
        &tenants,
        &ids,
        &most,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        back.entry((row.tenant, row.id)).or_default().push(row.last_at + PORTFOLIO_WINDOW);
    }
    Ok(back)
}

/// Until when each of these people counts, of those who do.
pub(crate) async fn counted_until(
    tx: &mut impl AnyTx,
    people: &[(TenantId, String, AddressId)],
) -> Result<HashMap<(TenantId, String, AddressId), DateTime<Utc>>> {
    let mut columns = Columns::default();
    for (tenant, portfolio, address) in people {
        columns.push(*tenant, portfolio, *address);
    }
    let rows = sqlx::query!(
        r#"
        select h.tenant_id as "tenant: TenantId", h.portfolio_id, h.address_id as "address: AddressId", h.last_at
        from   unnest($1::uuid[], $2::text[], $3::uuid[]) as x (tenant_id, portfolio_id, address_id)
        join   portfolio_people h on h.tenant_id = x.tenant_id and h.portfolio_id = x.portfolio_id and h.address_id = x.address_id
        "#,
        &columns.tenants,
        &columns.portfolios,
        &columns.addresses,
    )
    .fetch_all(tx.conn())
    .await?;
    let until = |at: DateTime<Utc>| at + PORTFOLIO_WINDOW;
    Ok(rows.into_iter().map(|row| ((row.tenant, row.portfolio_id, row.address), until(row.last_at))).collect())
}

/// A message that was counted at `at`.
#[derive(Debug, Clone)]
pub struct PlaceTaken {
    pub wanted: PlaceWanted,
    pub at: DateTime<Utc>,
}

/// Gives back what was reserved for messages that were definitely not sent. Whoever got others keeps the place for those.
pub async fn give_back(tx: &mut SystemTx, taken: &[PlaceTaken]) -> Result<()> {
    let mut people = Columns::default();
    for one in taken {
        people.push(one.wanted.tenant, &one.wanted.portfolio, one.wanted.address);
    }
    lock(tx, &people.keys()).await?;
    let at: Vec<DateTime<Utc>> = taken.iter().map(|one| one.at).collect();
    sqlx::query!(
        r#"
        with rest as materialized (
            select h.tenant_id, h.portfolio_id, h.address_id,
                   array(select u from (select u, row_number() over (partition by u) as copy from unnest(h.reached) u) k
                         where  k.copy > (select count(*) from unnest(x.instants) i where i = k.u)
                         order  by u) as reached
            from   (select tenant_id, portfolio_id, address_id, array_agg(at) as instants
                    from   unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[]) as t (tenant_id, portfolio_id, address_id, at)
                    group  by tenant_id, portfolio_id, address_id) x
            join   portfolio_people h on h.tenant_id = x.tenant_id and h.portfolio_id = x.portfolio_id and h.address_id = x.address_id
        ), kept as (
            update portfolio_people h
            set    reached = rest.reached
            from   rest
            where  h.tenant_id = rest.tenant_id and h.portfolio_id = rest.portfolio_id and h.address_id = rest.address_id
            and    cardinality(rest.reached) > 0 and h.reached <> rest.reached
        ), gone as (
            delete from portfolio_people h
            using  rest
            where  h.tenant_id = rest.tenant_id and h.portfolio_id = rest.portfolio_id and h.address_id = rest.address_id
            and    cardinality(rest.reached) = 0
            returning h.tenant_id, h.portfolio_id
        )
        update portfolios p
        set    people = p.people - g.people
        from   (select tenant_id, portfolio_id, count(*)::int as people from gone group by tenant_id, portfolio_id) g
        where  p.tenant_id = g.tenant_id and p.id = g.portfolio_id
        "#,
        &people.tenants,
        &people.portfolios,
        &people.addresses,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Portfolios that one round of [`prune`] looks after.
const PRUNED_MAX: i64 = 20;

/// Forgets up to 5,000 people each of some portfolios that nobody uses at this moment. Whoever sends through a full one does
/// so along the way.
pub async fn prune(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<u64> {
    let rows = sqlx::query!(
        r#"
        select p.tenant_id as "tenant: TenantId", p.id
        from   portfolios p
        where  p.people > 0
        and    exists (select 1 from portfolio_people h where h.tenant_id = p.tenant_id and h.portfolio_id = p.id and h.last_at <= $1)
        order  by p.tenant_id, p.id
        limit  $2
        for    no key update of p skip locked
        "#,
        now - PORTFOLIO_WINDOW,
        PRUNED_MAX,
    )
    .fetch_all(tx.conn())
    .await?;
    let old: Vec<(Key, i64)> = rows.into_iter().map(|row| ((row.tenant, row.id), FORGET_MAX)).collect();
    if old.is_empty() { Ok(0) } else { forget(tx, &old, now).await }
}
