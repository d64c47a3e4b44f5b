//! Runs on their way: which one is due, how it is stored, and what is told of it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use postroad_core::ids::{AccountId, AutomationId, ContactId, ConversationId, MessageId, RunId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Result, SystemTx, TenantTx,
    bodies::{self, Keys, Place, Ward},
};

/// A run that has something to do.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: RunId,
    pub automation: AutomationId,
    pub version: i32,
    pub conversation: ConversationId,
    pub messages: Vec<Uuid>,
    pub run: Value,
    pub steps: i32,
    /// The automation had the conversation at the step before.
    pub given: bool,
}

/// The oldest run about a contact that is due, in any of their conversations. Nobody else has it until the transaction ends:
/// whoever calls holds the contact.
pub async fn next_due(tx: &mut TenantTx, contact: ContactId, now: DateTime<Utc>) -> Result<Option<Due>> {
    let tenant = tx.tenant();
    let due = sqlx::query_as!(
        Due,
        r#"
        select r.id as "id: RunId", r.automation_id as "automation: AutomationId", r.version,
               r.conversation_id as "conversation: ConversationId", r.messages, r.run, r.steps, r.given
        from   addresses d
        join   conversations c on c.tenant_id = $1 and c.address_id = d.id
        join   automation_runs r on r.tenant_id = $1 and r.conversation_id = c.id and r.due_at is not null
        where  d.tenant_id = $1 and d.contact_id = $2 and r.due_at <= $3
        order  by r.id
        limit  1
        for    update of r
        "#,
        tenant.uuid(),
        contact.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(due)
}

/// A run as it is stored after a step.
#[derive(Debug, Clone)]
pub struct Stored<'a> {
    pub id: RunId,
    /// `running`, `waiting`, `gathering`, `ended` or `refused`.
    pub state: &'a str,
    pub run: Value,
    /// None: it has ended.
    pub due_at: Option<DateTime<Utc>>,
    pub steps: i32,
    pub outcome: Option<&'a str>,
    pub reason: Option<&'a str>,
    /// Its conditions were found to hold.
    pub acts: bool,
    /// The automation has the conversation now.
    pub given: bool,
}

pub async fn store(tx: &mut TenantTx, stored: &Stored<'_>, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update automation_runs
        set    state = $3, run = $4, due_at = $5, steps = $6, outcome = $7, reason = left($8, 500),
               acted_at = coalesce(acted_at, case when $9::bool then $10::timestamptz end), ended_at = case when $5::timestamptz is null then $10 end,
               given = $11
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        stored.id.uuid(),
        stored.state,
        stored.run,
        stored.due_at,
        stored.steps,
        stored.outcome,
        stored.reason,
        stored.acts,
        now,
        stored.given,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One step of a run, for its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Counted from 1.
    pub n: i32,
    pub explained: Value,
    pub message: Option<MessageId>,
    /// Why what it asked for was not done.
    pub failure: Option<String>,
    pub at: DateTime<Utc>,
}

pub async fn insert_steps(tx: &mut TenantTx, run: RunId, steps: &[Step]) -> Result<()> {
    let tenant = tx.tenant();
    let numbers: Vec<i32> = steps.iter().map(|step| step.n).collect();
    let explained = explained(tx, run, steps).await?;
    let messages: Vec<Option<Uuid>> = steps.iter().map(|step| step.message.map(MessageId::uuid)).collect();
    let failures: Vec<Option<&str>> = steps.iter().map(|step| step.failure.as_deref()).collect();
    let at: Vec<DateTime<Utc>> = steps.iter().map(|step| step.at).collect();
    sqlx::query!(
        r#"
        insert into automation_run_steps (tenant_id, run_id, n, explained, message_id, failure, at)
        select $1, $2, x.n, x.explained, x.message_id, left(x.failure, 500), x.at
        from   unnest($3::int[], $4::jsonb[], $5::uuid[], $6::text[], $7::timestamptz[]) as x (n, explained, message_id, failure, at)
        "#,
        tenant.uuid(),
        run.uuid(),
        &numbers,
        &explained,
        &messages as &[Option<Uuid>],
        &failures as &[Option<&str>],
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What each step says of itself, as it is stored.
async fn explained(tx: &mut TenantTx, run: RunId, steps: &[Step]) -> Result<Vec<Value>> {
    let tenant = tx.tenant();
    let account = sqlx::query_scalar!(
        r#"
        select c.account_id as "account: AccountId"
        from   automation_runs r join conversations c on c.tenant_id = $1 and c.id = r.conversation_id
        where  r.tenant_id = $1 and r.id = $2
        "#,
        tenant.uuid(),
        run.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    let ward = Ward::of(tx, HashSet::from([(tenant, account)])).await?;
    steps.iter().map(|step| ward.explained(account, Place::Step(run.uuid(), step.n), &step.explained)).collect()
}

/// An accepted message is what a run says in its conversation. A person who waits for an answer still waits: a machine is none.
pub async fn adopt(
    tx: &mut TenantTx,
    message: MessageId,
    conversation: ConversationId,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        with said as (
            update messages set conversation_id = $3, source = 'automation' where tenant_id = $1 and id = $2
        )
        update conversations c
        set    outbound = c.outbound + 1, last_outbound_at = $4, last_message_at = greatest(c.last_message_at, $4), updated_at = $4
        where  c.tenant_id = $1 and c.id = $3
        "#,
        tenant.uuid(),
        message.uuid(),
        conversation.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends all runs of an automation that have not ended.
pub async fn stop_all(tx: &mut TenantTx, automation: AutomationId, reason: &str, now: DateTime<Utc>) -> Result<u64> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update automation_runs set state = 'ended', due_at = null, outcome = 'stopped', reason = $3, ended_at = $4
        where  tenant_id = $1 and id in (select r.id from automation_runs r
                                         where r.tenant_id = $1 and r.automation_id = $2 and r.due_at is not null
                                         order by r.id for update)
        "#,
        tenant.uuid(),
        automation.uuid(),
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A run that nobody goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    pub tenant: TenantId,
    pub run: RunId,
    pub contact: ContactId,
    pub due_at: DateTime<Utc>,
}

pub async fn late(tx: &mut SystemTx, before: DateTime<Utc>, limit: i64) -> Result<Vec<Late>> {
    let rows = sqlx::query_as!(
        Late,
        r#"
        select r.tenant_id as "tenant: TenantId", r.id as "run: RunId", d.contact_id as "contact: ContactId", r.due_at as "due_at!"
        from   automation_runs r
        join   conversations c on c.tenant_id = r.tenant_id and c.id = r.conversation_id
        join   addresses d on d.tenant_id = c.tenant_id and d.id = c.address_id
        where  r.due_at < $1
        order  by r.due_at
        limit  $2
        "#,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Deletes up to 5,000 runs that ended before `before`, with their steps.
pub async fn prune(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from automation_runs
        where  (tenant_id, id) in (select tenant_id, id from automation_runs where ended_at < $1 limit 5000 for update skip locked)
        "#,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A run, or an event that started none, as its history shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub id: RunId,
    pub automation: AutomationId,
    pub version: i32,
    pub conversation: ConversationId,
    pub event: Value,
    pub depth: i32,
    pub messages: Vec<Uuid>,
    pub state: String,
    pub due_at: Option<DateTime<Utc>>,
    pub steps: i32,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub began_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Which runs, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub only: Option<RunId>,
    pub automation: Option<AutomationId>,
    pub conversation: Option<ConversationId>,
    pub state: Option<String>,
    pub before: Option<RunId>,
    /// At least 1.
    pub limit: i64,
}

pub async fn list(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<Shown>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Shown,
        r#"
        select id as "id: RunId", automation_id as "automation: AutomationId", version, conversation_id as "conversation: ConversationId",
               event, depth, messages, state, due_at, steps, outcome, reason, began_at, ended_at
        from   automation_runs
        where  tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::uuid is null or automation_id = $3)
        and    ($4::uuid is null or conversation_id = $4) and ($5::text is null or state = $5) and ($6::uuid is null or id < $6)
        order  by id desc
        limit  $7
        "#,
        tenant.uuid(),
        filter.only.map(RunId::uuid),
        filter.automation.map(AutomationId::uuid),
        filter.conversation.map(ConversationId::uuid),
        filter.state,
        filter.before.map(RunId::uuid),
        filter.limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What a run did, step by step.
pub async fn steps(tx: &mut TenantTx, run: RunId, limit: i64) -> Result<Vec<Step>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Step,
        r#"
        select n, explained, message_id as "message: MessageId", failure, at from automation_run_steps
        where  tenant_id = $1 and run_id = $2
        order  by n
        limit  $3
        "#,
        tenant.uuid(),
        run.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let sealed = |step: &Step| step.explained["sealed"].as_str().map(str::to_owned);
    let sealed: Vec<Option<String>> = rows.iter().map(sealed).collect();
    let keys = Keys::of(tx, bodies::named(sealed.iter().flatten().map(|sealed| (tenant, sealed.as_str())))).await?;
    let mut steps = rows;
    for (step, sealed) in steps.iter_mut().zip(&sealed) {
        if let Some(sealed) = sealed {
            step.explained = keys.json(tenant, Place::Step(run.uuid(), step.n), sealed)?;
        }
    }
    Ok(steps)
}
