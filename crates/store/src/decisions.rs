//! What the gates said about claimed sends: where waits and refusals go, and the verdicts that the explain page replays.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{Decision, Facts, GATE_SET, GateName, Reason, Ruling},
    send::SendState,
};
use uuid::Uuid;

use crate::{Result, SystemTx, claims::Claimed, facts::Corrupt};

/// A decision about one claimed send, to be stored.
#[derive(Debug)]
pub struct Decided<'a> {
    pub claimed: &'a Claimed,
    pub fence: i64,
    pub facts: &'a Facts,
    pub ruling: Ruling,
}

impl Decided<'_> {
    /// Same gate and reason as the stored decision: only `checked_at` moves.
    fn is_repetition(&self) -> bool {
        self.claimed.decided_at.is_some()
            && match &self.ruling.decision {
                Decision::Wait { gate, reason, .. } => {
                    self.claimed.gate == Some(*gate) && self.claimed.reason == Some(*reason)
                }
                Decision::Send | Decision::Refuse { .. } => false,
            }
    }
}

/// Moves claimed sends to where waits and refusals put them, and stores the verdicts. A send that is not this fence's any
/// more is left alone.
pub async fn record(tx: &mut SystemTx, decided: &[Decided<'_>], now: DateTime<Utc>) -> Result<()> {
    if decided.is_empty() {
        return Ok(());
    }
    let mut rows = Columns::default();
    for one in decided {
        rows.push(one, now);
    }
    sqlx::query!(
        r#"
        update sends s
        set    state = x.state, busy = false, starts = 0, state_at = $9,
               run_at = coalesce(x.until_at, s.run_at), gate = x.gate, reason = x.reason,
               decided_at = case when x.again then s.decided_at else $9 end,
               settled_at = case when x.state = 'waiting' then null else $9 end
        from   unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::bool[])
               as x (tenant_id, id, fence, state, until_at, gate, reason, again)
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.state = $10 and s.lane_fence = x.fence
        "#,
        &rows.tenants,
        &rows.ids,
        &rows.fences,
        &rows.states,
        &rows.until as &[Option<DateTime<Utc>>],
        &rows.gates as &[Option<String>],
        &rows.reasons as &[Option<String>],
        &rows.again,
        now,
        SendState::Claimed.as_str(),
    )
    .execute(tx.conn())
    .await?;
    write_verdicts(tx, decided, now).await
}

#[derive(Default)]
struct Columns {
    tenants: Vec<Uuid>,
    ids: Vec<Uuid>,
    fences: Vec<i64>,
    states: Vec<String>,
    until: Vec<Option<DateTime<Utc>>>,
    gates: Vec<Option<String>>,
    reasons: Vec<Option<String>>,
    again: Vec<bool>,
}

impl Columns {
    fn push(&mut self, one: &Decided<'_>, now: DateTime<Utc>) {
        let (state, until, gate, reason) = placed(&one.ruling.decision, now);
        self.tenants.push(one.claimed.tenant.uuid());
        self.ids.push(one.claimed.id.uuid());
        self.fences.push(one.fence);
        self.states.push(state.as_str().to_owned());
        self.until.push(until);
        self.gates.push(gate.map(|gate| gate.as_str().to_owned()));
        self.reasons.push(reason.map(|reason| reason.as_str().to_owned()));
        self.again.push(one.is_repetition());
    }
}

fn placed(
    decision: &Decision,
    now: DateTime<Utc>,
) -> (SendState, Option<DateTime<Utc>>, Option<GateName>, Option<Reason>) {
    match decision {
        Decision::Send => (SendState::Queued, Some(now), None, None),
        Decision::Wait { gate, until, reason } => (SendState::Waiting, Some(*until), Some(*gate), Some(*reason)),
        Decision::Refuse { gate, reason } => (reason.final_state(), None, Some(*gate), Some(*reason)),
    }
}

/// Ends claimed sends that cannot be decided about, because what is stored of them cannot be read.
pub async fn bury(tx: &mut SystemTx, corrupt: &[Corrupt], now: DateTime<Utc>) -> Result<()> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = corrupt.iter().map(|c| (c.tenant.uuid(), c.id.uuid())).unzip();
    sqlx::query!(
        r#"
        update sends s
        set    state = 'dead', busy = false, state_at = $3, settled_at = $3, provider_code = 'unreadable',
               fault_class = 'permanent_request'
        from   unnest($1::uuid[], $2::uuid[]) as x (tenant_id, id)
        where  s.tenant_id = x.tenant_id and s.id = x.id and s.state = $4
        "#,
        &tenants,
        &ids,
        now,
        SendState::Claimed.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores new decisions with their facts; of a repeated one only the time of the check and the next moment.
pub async fn write_verdicts(tx: &mut SystemTx, decided: &[Decided<'_>], now: DateTime<Utc>) -> Result<()> {
    let (again, fresh): (Vec<_>, Vec<_>) = decided.iter().partition(|one| one.is_repetition());
    insert_verdicts(tx, &fresh, now).await?;
    if again.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = again.iter().map(|d| d.claimed.tenant.uuid()).collect();
    let ids: Vec<Uuid> = again.iter().map(|d| d.claimed.id.uuid()).collect();
    let decided_at: Vec<Option<DateTime<Utc>>> = again.iter().map(|d| d.claimed.decided_at).collect();
    let until: Vec<Option<DateTime<Utc>>> = again.iter().map(|d| placed(&d.ruling.decision, now).1).collect();
    sqlx::query!(
        r#"
        update gate_verdicts v
        set    checked_at = $5, until_at = x.until_at
        from   unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) as x (tenant_id, id, decided_at, until_at)
        where  v.tenant_id = x.tenant_id and v.message_id = x.id and v.decided_at = x.decided_at
        "#,
        &tenants,
        &ids,
        &decided_at as &[Option<DateTime<Utc>>],
        &until as &[Option<DateTime<Utc>>],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn insert_verdicts(tx: &mut SystemTx, decided: &[&Decided<'_>], now: DateTime<Utc>) -> Result<()> {
    if decided.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = decided.iter().map(|d| d.claimed.tenant.uuid()).collect();
    let ids: Vec<Uuid> = decided.iter().map(|d| d.claimed.id.uuid()).collect();
    let passes: Vec<i32> = decided.iter().map(|d| d.ruling.passes).collect();
    let mut words = Vec::with_capacity(decided.len());
    let mut gates = Vec::with_capacity(decided.len());
    let mut reasons = Vec::with_capacity(decided.len());
    let mut until = Vec::with_capacity(decided.len());
    let mut facts = Vec::with_capacity(decided.len());
    for one in decided {
        let (_, until_at, gate, reason) = placed(&one.ruling.decision, now);
        words.push(match one.ruling.decision {
            Decision::Send => "send".to_owned(),
            Decision::Wait { .. } => "wait".to_owned(),
            Decision::Refuse { .. } => "refuse".to_owned(),
        });
        until.push(gate.and(until_at));
        gates.push(gate.map(|gate| gate.as_str().to_owned()));
        reasons.push(reason.map(|reason| reason.as_str().to_owned()));
        facts.push(serde_json::to_string(one.facts)?);
    }
    sqlx::query!(
        r#"
        insert into gate_verdicts (tenant_id, message_id, decided_at, checked_at, gate_set, decision, gate, reason, until_at, passes, facts)
        select x.tenant_id, x.id, $8, $8, $9, x.decision, x.gate, x.reason, x.until_at, x.passes, x.facts::json
        from   unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[], $10::text[])
               as x (tenant_id, id, decision, gate, reason, until_at, passes, facts)
        on conflict do nothing
        "#,
        &tenants,
        &ids,
        &words,
        &gates as &[Option<String>],
        &reasons as &[Option<String>],
        &until as &[Option<DateTime<Utc>>],
        &passes,
        now,
        GATE_SET,
        &facts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
