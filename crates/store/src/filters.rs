//! Filters as SQL: one condition over a contact called `c`.
//!
//! Texts of ours are pushed, values of others are bound, always. Every condition is true or false and never null, so that
//! `not` is what it says. Nothing here can fail while it runs, whatever stands in an attribute: a text is read as a number
//! or a date only when it looks like one. What is asked of other tables is asked by the contact's key.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use postroad_core::{
    consent::Purpose,
    language,
    segment::{Behaviour, CampaignTest, ConsentTest, ConsentWord, Filter, Recency, TagTest, ValueTest},
    send::SendState,
};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

pub(crate) type Sql = QueryBuilder<Postgres>;

/// Of whom and when a filter is asked. Passed along; every subquery names the tenant by itself, which is cheaper than
/// taking it from the contact, since row-level security compares it once instead of once per contact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) tenant: Uuid,
    /// Lengths of time count from it, and what is later does not count.
    pub(crate) at: DateTime<Utc>,
}

/// Writes the condition.
pub(crate) fn push(sql: &mut Sql, filter: &Filter, frame: Frame) {
    match filter {
        Filter::All(parts) => joined(sql, parts, " and ", frame),
        Filter::Any(parts) => joined(sql, parts, " or ", frame),
        Filter::Not(part) => {
            sql.push("not (");
            push(sql, part, frame);
            sql.push(")");
        }
        Filter::Attribute(test) => attribute(sql, &test.name, &test.is, frame),
        Filter::Campaign(test) => campaign(sql, *test, frame),
        condition => contact(sql, condition, frame),
    }
}

fn joined(sql: &mut Sql, parts: &[Filter], word: &str, frame: Frame) {
    for (position, part) in parts.iter().enumerate() {
        sql.push(if position == 0 { "(" } else { word });
        push(sql, part, frame);
    }
    sql.push(")");
}

/// What stands with the contact, or is found by its key alone.
fn contact(sql: &mut Sql, condition: &Filter, frame: Frame) {
    match condition {
        Filter::Tag(TagTest::Has(tag)) => sql.push_bind(tag).push(" = any(c.tags)"),
        Filter::Tag(TagTest::HasNot(tag)) => sql.push_bind(tag).push(" <> all(c.tags)"),
        Filter::Language(list) => languages(sql, list),
        Filter::TimeZone(list) => sql.push("coalesce(c.time_zone = any(").push_bind(list).push("), false)"),
        Filter::Import(id) => sql.push("coalesce(c.import_id = ").push_bind(id.uuid()).push(", false)"),
        Filter::Created(recency) => created(sql, *recency, frame),
        Filter::Address(channel) => {
            sql.push("exists (select 1 from addresses d where d.tenant_id = ").push_bind(frame.tenant);
            sql.push(" and d.contact_id = c.id and d.channel = ").push_bind(channel.as_str()).push(")")
        }
        Filter::Consent(test) => consent(sql, *test, frame),
        Filter::Suppressed(channel) => {
            sql.push("exists (select 1 from suppressions s join (select d.address, d.channel");
            written_to(sql, channel.as_str(), frame.tenant);
            sql.push(") d on s.address = d.address and s.channel in ('*', d.channel) where s.tenant_id = ");
            sql.push_bind(frame.tenant).push(")")
        }
        Filter::LastInbound(recency) => last_inbound(sql, *recency, frame),
        Filter::Group(id) => {
            sql.push("exists (select 1 from group_members g where g.tenant_id = ").push_bind(frame.tenant);
            sql.push(" and g.group_id = ")
                .push_bind(id.uuid())
                .push(" and g.contact_id = c.id and g.added_at <= ")
                .push_bind(frame.at)
                .push(")")
        }
        Filter::All(_) | Filter::Any(_) | Filter::Not(_) | Filter::Attribute(_) | Filter::Campaign(_) => {
            unreachable!("written by their own functions")
        }
    };
}

/// `en` means `en_US` too. Languages are letters, digits and hyphens here, so that none of them is a pattern.
fn languages<'a>(sql: &'a mut Sql, list: &[String]) -> &'a mut Sql {
    let wanted: Vec<String> = list.iter().map(|text| language::comparable(text)).collect();
    let regional: Vec<String> = wanted.iter().map(|text| format!("{text}-%")).collect();
    let comparable = "lower(replace(c.language, '_', '-'))";
    sql.push("coalesce(").push(comparable).push(" = any(").push_bind(wanted).push(") or ").push(comparable);
    sql.push(" like any(").push_bind(regional).push("), false)")
}

fn created(sql: &mut Sql, recency: Recency, frame: Frame) -> &mut Sql {
    match recency {
        Recency::WithinDays(days) => sql.push("c.created_at >= ").push_bind(days_before(frame.at, days)),
        Recency::NotWithinDays(days) => sql.push("c.created_at < ").push_bind(days_before(frame.at, days)),
    }
}

fn last_inbound(sql: &mut Sql, recency: Recency, frame: Frame) -> &mut Sql {
    let (negation, days) = match recency {
        Recency::WithinDays(days) => ("", days),
        Recency::NotWithinDays(days) => ("not ", days),
    };
    sql.push(negation).push("exists (select 1 from messages m where m.tenant_id = ").push_bind(frame.tenant);
    sql.push(" and m.contact_id = c.id and m.direction = 'inbound' and m.created_at >= ")
        .push_bind(days_before(frame.at, days));
    sql.push(" and m.created_at <= ").push_bind(frame.at).push(")")
}

fn days_before(at: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    at - TimeDelta::days(days.into())
}

fn consent(sql: &mut Sql, test: ConsentTest, frame: Frame) -> &mut Sql {
    sql.push("coalesce((select ").push(action_of(test.purpose));
    written_to(sql, test.channel.as_str(), frame.tenant);
    match test.is {
        ConsentWord::None => sql.push("), 'none') = 'none'"),
        word => sql.push("), 'none') = ").push_bind(word.as_str()),
    }
}

/// The column of the last word for a purpose.
pub(crate) const fn action_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Marketing => "d.marketing_action",
        Purpose::Transactional | Purpose::Conversational => "d.transactional_action",
    }
}

/// The address at which a campaign writes to the contact: the oldest of the channel.
pub(crate) fn written_to(sql: &mut Sql, channel: &str, tenant: Uuid) {
    sql.push(" from addresses d where d.tenant_id = ").push_bind(tenant);
    sql.push(" and d.contact_id = c.id and d.channel = ")
        .push_bind(channel)
        .push(" order by d.created_at, d.id limit 1");
}

fn attribute(sql: &mut Sql, name: &str, test: &ValueTest, frame: Frame) {
    match test {
        ValueTest::Set => present(sql, name, " <> ''"),
        ValueTest::NotSet => present(sql, name, " = ''"),
        ValueTest::Equals(text) => compare(sql, name, |sql| sql.push(" = ").push_bind(text)),
        ValueTest::OneOf(list) => compare(sql, name, |sql| sql.push(" = any(").push_bind(list).push(")")),
        ValueTest::Contains(text) => {
            sql.push("coalesce(strpos(lower(");
            value(sql, name);
            sql.push("), lower(").push_bind(text).push(")) > 0, false)");
        }
        ValueTest::LessThan(bound) => number(sql, name, " < ", *bound),
        ValueTest::AtMost(bound) => number(sql, name, " <= ", *bound),
        ValueTest::MoreThan(bound) => number(sql, name, " > ", *bound),
        ValueTest::AtLeast(bound) => number(sql, name, " >= ", *bound),
        ValueTest::Before(date) => dated(sql, name, |sql| sql.push(" < ").push_bind(written(*date))),
        ValueTest::After(date) => dated(sql, name, |sql| sql.push(" > ").push_bind(written(*date))),
        ValueTest::WithinLastDays(days) => {
            let today = frame.at.date_naive();
            between(sql, name, (today - TimeDelta::days((*days).into()), today));
        }
        ValueTest::WithinNextDays(days) => {
            let today = frame.at.date_naive();
            between(sql, name, (today, today + TimeDelta::days((*days).into())));
        }
    }
}

fn value(sql: &mut Sql, name: &str) {
    match name {
        "display_name" => sql.push("c.display_name"),
        name => sql.push("(c.attributes ->> ").push_bind(name).push(")"),
    };
}

fn present(sql: &mut Sql, name: &str, comparison: &str) {
    sql.push("coalesce(");
    value(sql, name);
    sql.push(", '')").push(comparison);
}

fn compare(sql: &mut Sql, name: &str, comparison: impl FnOnce(&mut Sql) -> &mut Sql) {
    sql.push("coalesce(");
    value(sql, name);
    comparison(sql).push(", false)");
}

/// Up to 15 digits on either side of the point: what a double holds, and what no conversion refuses.
fn number(sql: &mut Sql, name: &str, comparison: &str, bound: f64) {
    sql.push("coalesce(case when ");
    value(sql, name);
    sql.push(" ~ '^[+-]?[0-9]{1,15}([.][0-9]{1,15})?$' then ");
    value(sql, name);
    sql.push("::float8").push(comparison).push_bind(bound).push(" end, false)");
}

/// Dates are compared as they are written: year, month and day stand in the order in which they count.
fn dated(sql: &mut Sql, name: &str, comparison: impl FnOnce(&mut Sql) -> &mut Sql) {
    sql.push("coalesce(case when ");
    value(sql, name);
    sql.push(" ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])' then left(");
    value(sql, name);
    sql.push(", 10) collate \"C\"");
    comparison(sql).push(" end, false)");
}

fn between(sql: &mut Sql, name: &str, (from, to): (NaiveDate, NaiveDate)) {
    dated(sql, name, |sql| sql.push(" between ").push_bind(written(from)).push(" and ").push_bind(written(to)));
}

fn written(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

fn campaign(sql: &mut Sql, test: CampaignTest, frame: Frame) {
    sql.push("exists (select 1 from recipients r join messages m on m.tenant_id = r.tenant_id and m.id = r.message_id");
    sql.push(" join sends s on s.tenant_id = r.tenant_id and s.id = r.message_id");
    // Rows of whoever was merged into the contact stay where they were.
    sql.push(" where r.tenant_id = ").push_bind(frame.tenant);
    sql.push(" and r.contact_id = any(array(select c.id union all select o.id from contacts o where o.tenant_id = ");
    sql.push_bind(frame.tenant).push(" and o.merged_into = c.id))");
    sql.push(" and r.campaign_id = ").push_bind(test.id.uuid());
    if let Some(states) = test.was.states() {
        let states: Vec<&str> = states.iter().copied().map(SendState::as_str).collect();
        sql.push(" and s.state = any(").push_bind(states).push(")");
    }
    match test.was {
        Behaviour::Replied => reply(sql, " and ", frame),
        Behaviour::NotReplied => reply(sql, " and not ", frame),
        Behaviour::Clicked => click(sql, " and ", frame),
        Behaviour::NotClicked => click(sql, " and not ", frame),
        _ => {}
    }
    sql.push(")");
}

fn click(sql: &mut Sql, word: &str, frame: Frame) {
    sql.push(word)
        .push("exists (select 1 from clicks k where k.tenant_id = r.tenant_id and k.message_id = r.message_id");
    sql.push(" and k.first_at <= ").push_bind(frame.at).push(")");
}

fn reply(sql: &mut Sql, word: &str, frame: Frame) {
    sql.push(word)
        .push("exists (select 1 from messages i where i.tenant_id = r.tenant_id and i.contact_id = m.contact_id");
    sql.push(" and i.direction = 'inbound' and i.account_id = m.account_id and i.created_at > m.created_at");
    sql.push(" and i.created_at <= ").push_bind(frame.at).push(")");
}
