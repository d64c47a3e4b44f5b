//! Whom a filter means: counted, shown, and walked through in the order of their ids.
//!
//! The one place besides [`crate::filters`] where statements are put together while the program runs, since a filter has no
//! shape that is known before. They are read-only but for groups, and see one tenant.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{ContactId, GroupId},
    segment::{Filter, Reach},
};
use uuid::Uuid;

use crate::{
    Result, TenantTx,
    filters::{self, Frame, Sql},
};

/// Contacts of whom a filter holds. Relative dates count from `at`, and whoever joined later or was erased is not meant.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'a> {
    pub filter: &'a Filter,
    pub at: DateTime<Utc>,
}

/// For which messages people are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub channel: Channel,
    pub purpose: Purpose,
}

/// Longest statement of a preview: somebody waits for it.
const PREVIEW_MAX: &str = "25s";

/// Everybody of whom the filter holds, exactly.
pub async fn count(tx: &mut TenantTx, meant: Meant<'_>) -> Result<i64> {
    bound(tx).await?;
    let mut sql = Sql::new("select count(*)");
    push_meant(&mut sql, tx, meant);
    Ok(sql.build_query_scalar().persistent(false).fetch_one(tx.conn()).await?)
}

/// Of these: who has an address on the channel. `among`: only of these contacts.
pub async fn count_reached(
    tx: &mut TenantTx,
    meant: Meant<'_>,
    among: Option<&[Uuid]>,
    channel: Channel,
) -> Result<i64> {
    let mut sql = Sql::new("select count(*)");
    push_meant(&mut sql, tx, meant);
    if let Some(among) = among {
        sql.push(" and c.id = any(").push_bind(among).push(")");
    }
    sql.push(" and ");
    filters::push(&mut sql, &Filter::Address(channel), frame(tx, meant));
    Ok(sql.build_query_scalar().persistent(false).fetch_one(tx.conn()).await?)
}

/// People who stand alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike {
    pub reach: Reach,
    pub count: i64,
}

#[derive(sqlx::FromRow)]
struct AlikeRow {
    has_address: bool,
    suppressed: bool,
    action: Option<ConsentAction>,
    count: i64,
}

/// Everybody meant, by how they can be reached. At most a row for each combination of the facts.
pub async fn alike(tx: &mut TenantTx, meant: Meant<'_>, for_what: Use) -> Result<Vec<Alike>> {
    bound(tx).await?;
    let mut sql = Sql::new("select has_address, suppressed, action, count(*) as count from (select ");
    push_facts(&mut sql, tx, meant, for_what);
    sql.push(") x group by 1, 2, 3 limit 12");
    let rows: Vec<AlikeRow> = sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?;
    let reach = |row: &AlikeRow| Reach {
        channel: for_what.channel,
        has_address: row.has_address,
        suppressed: row.suppressed,
        consent: row.action,
    };
    Ok(rows.iter().map(|row| Alike { reach: reach(row), count: row.count }).collect())
}

/// Somebody who is meant. Never printed.
pub struct Sampled {
    pub contact: ContactId,
    pub display_name: Option<String>,
    pub reach: Reach,
}

#[derive(sqlx::FromRow)]
struct SampledRow {
    id: ContactId,
    display_name: Option<String>,
    has_address: bool,
    suppressed: bool,
    action: Option<ConsentAction>,
}

/// A page of who is meant, oldest first.
pub async fn sample(
    tx: &mut TenantTx,
    meant: Meant<'_>,
    for_what: Use,
    after: Option<ContactId>,
    limit: i64,
) -> Result<Vec<Sampled>> {
    bound(tx).await?;
    let mut sql = Sql::new("select c.id, c.display_name, ");
    push_facts(&mut sql, tx, meant, for_what);
    sql.push(" and c.id > ").push_bind(behind(after)).push(" order by c.id limit ").push_bind(limit);
    let rows: Vec<SampledRow> = sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?;
    let sampled = |row: SampledRow| Sampled {
        contact: row.id,
        display_name: row.display_name,
        reach: Reach {
            channel: for_what.channel,
            has_address: row.has_address,
            suppressed: row.suppressed,
            consent: row.action,
        },
    };
    Ok(rows.into_iter().map(sampled).collect())
}

/// How people are reached, from everybody meant.
fn push_facts(sql: &mut Sql, tx: &TenantTx, meant: Meant<'_>, for_what: Use) {
    sql.push("d.id is not null as has_address, d.action, exists (select 1 from suppressions s where s.tenant_id = ");
    sql.push_bind(tx.tenant().uuid());
    sql.push(" and s.address = d.address and s.channel in ('*', d.channel)) as suppressed");
    sql.push(" from contacts c left join lateral (select d.id, d.address, d.channel, ");
    sql.push(filters::action_of(for_what.purpose)).push(" as action");
    filters::written_to(sql, for_what.channel.as_str(), tx.tenant().uuid());
    sql.push(") d on true");
    push_where(sql, tx, meant);
}

fn push_meant(sql: &mut Sql, tx: &TenantTx, meant: Meant<'_>) {
    sql.push(" from contacts c");
    push_where(sql, tx, meant);
}

fn push_where(sql: &mut Sql, tx: &TenantTx, meant: Meant<'_>) {
    sql.push(" where c.tenant_id = ").push_bind(tx.tenant().uuid());
    sql.push(" and c.erased_at is null and c.merged_into is null and c.created_at <= ")
        .push_bind(meant.at)
        .push(" and ");
    filters::push(sql, meant.filter, frame(tx, meant));
}

const fn frame(tx: &TenantTx, meant: Meant<'_>) -> Frame {
    Frame { tenant: tx.tenant().uuid(), at: meant.at }
}

/// Compiling such a statement takes as long as running it. Each person's address is the first of an index: a planner that knows nothing of the
/// table would take another one and sort, for each person, the addresses of everybody.
async fn bound(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!(
        "select set_config('statement_timeout', $1, true) as a, set_config('jit', 'off', true) as b, set_config('enable_sort', 'off', true) as c",
        PREVIEW_MAX
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// One step along the contacts.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub after: Option<ContactId>,
    /// At most so many who are meant.
    pub take: i64,
    /// At most so many to look at: nobody of a million may be meant.
    pub look: i64,
}

/// Whom one step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// In the order of their ids.
    pub meant: Vec<Uuid>,
    /// The last contact that was looked at. None: there is nobody further on.
    pub to: Option<ContactId>,
}

/// Goes along the contacts, or along the members of the group that the filter stays within, from `after` on.
pub async fn walk(tx: &mut TenantTx, meant: Meant<'_>, step: Step) -> Result<Walked> {
    keep_order(tx).await?;
    let mut sql = Sql::new("select c.id from (select n.*");
    push_path(&mut sql, tx, meant, step.after);
    // Its limit keeps the filter outside: so it is asked of one contact after the other, and only until there are enough.
    sql.push(" limit ").push_bind(step.look).push(") c where ");
    filters::push(&mut sql, meant.filter, frame(tx, meant));
    sql.push(" order by c.id limit ").push_bind(step.take);
    let found: Vec<Uuid> = sql.build_query_scalar().persistent(false).fetch_all(tx.conn()).await?;
    let to = match found.last() {
        Some(last) if usize::try_from(step.take).is_ok_and(|take| take == found.len()) => Some(*last),
        _ => horizon(tx, meant, step).await?,
    };
    Ok(Walked { meant: found, to: to.map(ContactId::from_uuid) })
}

/// The last contact that one step looks at, if there are more behind it or it just ends there.
async fn horizon(tx: &mut TenantTx, meant: Meant<'_>, step: Step) -> Result<Option<Uuid>> {
    let mut sql = Sql::new("select n.id");
    push_path(&mut sql, tx, meant, step.after);
    sql.push(" offset ").push_bind(step.look - 1).push(" limit 1");
    Ok(sql.build_query_scalar().persistent(false).fetch_optional(tx.conn()).await?)
}

fn push_path(sql: &mut Sql, tx: &TenantTx, meant: Meant<'_>, after: Option<ContactId>) {
    let (tenant, after) = (tx.tenant().uuid(), behind(after));
    match meant.filter.within_group() {
        Some(group) => push_members(sql, (tenant, group), after),
        None => {
            sql.push(" from contacts n where n.tenant_id = ").push_bind(tenant).push(" and n.id > ").push_bind(after);
        }
    }
    sql.push(" and n.erased_at is null and n.merged_into is null and n.created_at <= ")
        .push_bind(meant.at)
        .push(" order by n.id");
}

fn push_members(sql: &mut Sql, (tenant, group): (Uuid, GroupId), after: Uuid) {
    sql.push(" from group_members g join contacts n on n.tenant_id = g.tenant_id and n.id = g.contact_id");
    sql.push(" where g.tenant_id = ").push_bind(tenant).push(" and g.group_id = ").push_bind(group.uuid());
    sql.push(" and g.contact_id > ").push_bind(after);
}

/// Before every id there is.
fn behind(after: Option<ContactId>) -> Uuid {
    after.map_or(Uuid::nil(), ContactId::uuid)
}

/// Contacts come in the order of their key, and each is asked by itself: anything that reads ahead would read a million. Their addresses come
/// in the order of an index, as in [`bound`].
async fn keep_order(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!(
        r#"
        select set_config('enable_seqscan', 'off', true) as a, set_config('enable_bitmapscan', 'off', true) as b,
               set_config('enable_hashjoin', 'off', true) as c, set_config('enable_mergejoin', 'off', true) as d,
               set_config('jit', 'off', true) as e, set_config('enable_sort', 'off', true) as f
        "#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Of these contacts, those who are meant.
pub async fn among(tx: &mut TenantTx, meant: Meant<'_>, contacts: &[Uuid]) -> Result<Vec<Uuid>> {
    let mut sql = Sql::new("select c.id");
    push_meant(&mut sql, tx, meant);
    sql.push(" and c.id = any(").push_bind(contacts).push(") order by c.id");
    Ok(sql.build_query_scalar().persistent(false).fetch_all(tx.conn()).await?)
}

/// Puts everybody meant into a group; returns how many were not in it.
pub async fn join_group(tx: &mut TenantTx, meant: Meant<'_>, group: GroupId) -> Result<u64> {
    let mut sql =
        Sql::new("insert into group_members (tenant_id, group_id, contact_id, added_at) select c.tenant_id, ");
    sql.push_bind(group.uuid()).push(", c.id, ").push_bind(meant.at);
    push_meant(&mut sql, tx, meant);
    sql.push(" on conflict do nothing");
    Ok(sql.build().persistent(false).execute(tx.conn()).await?.rows_affected())
}

/// Takes everybody meant out of a group; returns how many were in it.
pub async fn leave_group(tx: &mut TenantTx, meant: Meant<'_>, group: GroupId) -> Result<u64> {
    let mut sql = Sql::new("delete from group_members g where g.tenant_id = ");
    sql.push_bind(tx.tenant().uuid()).push(" and g.group_id = ").push_bind(group.uuid());
    sql.push(" and g.contact_id in (select c.id");
    push_meant(&mut sql, tx, meant);
    sql.push(")");
    Ok(sql.build().persistent(false).execute(tx.conn()).await?.rows_affected())
}
