//! Why a message is where it is: everything that was decided, tried and reported, and what holds it now.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{
    gates::{self, Facts, GATE_SET, GateName, Reason, Verdict, ZoneOf, explain},
    ids::MessageId,
    send::SendState,
    time,
};
use postroad_store::{
    Result, TenantTx,
    explain::{self as story, AttemptRow, ReportRow, VerdictRow},
    facts,
    messages::{self, MessageRow},
    throttles,
};

use crate::{App, messages::Hold, requests::Call};

/// Decisions, calls and reports of one message that are told: each at most so many.
const MOMENTS_MAX: i64 = 100;

/// The story of one message, oldest first.
#[derive(Debug)]
pub struct Story {
    pub message: MessageRow,
    pub moments: Vec<Moment>,
    /// None: nothing holds it, or it has ended.
    pub standing: Option<Standing>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Moment {
    Decided(Box<Decided>),
    Attempted(AttemptRow),
    Reported(ReportRow),
}

impl Moment {
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Decided(decided) => decided.at,
            Self::Attempted(attempt) => attempt.started_at,
            Self::Reported(report) => report.received_at,
        }
    }
}

/// A decision, and what each gate says of the facts it was made on.
#[derive(Debug)]
pub struct Decided {
    pub at: DateTime<Utc>,
    /// The last time the same was decided.
    pub checked_at: DateTime<Utc>,
    /// `send`, `wait` or `refuse`.
    pub decision: String,
    pub gate: Option<GateName>,
    pub reason: Option<Reason>,
    pub until: Option<DateTime<Utc>>,
    /// In words. None: it may leave.
    pub sentence: Option<String>,
    pub verdicts: Vec<(GateName, Verdict)>,
    /// False: the gates have other rules by now, and `verdicts` follow the new ones.
    pub same_rules: bool,
}

/// What holds a message now.
#[derive(Debug)]
pub struct Standing {
    pub gate: GateName,
    pub reason: Reason,
    /// The next look at it. None: it will not be sent.
    pub until: Option<DateTime<Utc>>,
    pub sentence: String,
    /// The wall clock that the person lives by.
    pub clock: Option<WallClock>,
}

#[derive(Debug)]
pub struct WallClock {
    pub zone: Tz,
    pub zone_of: ZoneOf,
    pub now: NaiveDateTime,
    pub until: Option<NaiveDateTime>,
}

/// None: there is no such message, or not for this caller.
pub async fn explain(app: &App, call: &Call, id: MessageId) -> Result<Option<Story>> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, call.tenant).await?;
    let Some(message) = messages::get(&mut tx, call.reach(), id).await? else { return Ok(None) };
    let mut moments = moments(&mut tx, id).await?;
    moments.sort_by_key(Moment::at);
    let fresh = facts::read(&mut tx, &[(call.tenant, id)], app.defaults.quiet_hours, now).await?.sends.pop();
    let throttle = throttle(&mut tx, &message, now).await?;
    let standing = fresh.and_then(|send| standing(&message, &send.facts, throttle));
    Ok(Some(Story { message, moments, standing }))
}

async fn moments(tx: &mut TenantTx, id: MessageId) -> Result<Vec<Moment>> {
    let verdicts = story::verdicts(tx, id, MOMENTS_MAX).await?;
    let attempts = story::attempts(tx, id, MOMENTS_MAX).await?;
    let reports = story::reports(tx, id, MOMENTS_MAX).await?;
    let decided = verdicts.into_iter().map(|row| Moment::Decided(Box::new(replay(row))));
    Ok(decided
        .chain(attempts.into_iter().map(Moment::Attempted))
        .chain(reports.into_iter().map(Moment::Reported))
        .collect())
}

fn replay(row: VerdictRow) -> Decided {
    let facts = row.facts.0;
    Decided {
        at: row.decided_at,
        checked_at: row.checked_at,
        sentence: row.gate.zip(row.reason).map(|(gate, reason)| explain::sentence(reason, gate, &facts)),
        verdicts: explain::verdicts(&facts),
        same_rules: row.gate_set == GATE_SET,
        decision: row.decision,
        gate: row.gate,
        reason: row.reason,
        until: row.until_at,
    }
}

/// What a campaign's throttle leaves in the queue was in nobody's hands: nothing is written at the message.
async fn throttle(tx: &mut TenantTx, message: &MessageRow, now: DateTime<Utc>) -> Result<Option<Hold>> {
    let (Some(campaign), Some(SendState::Queued)) = (message.campaign, message.state) else { return Ok(None) };
    let next = throttles::next_at(tx, campaign, now).await?;
    Ok(next.map(|next| Hold { gate: GateName::Rate, reason: Reason::Throttled, until: Some(next) }))
}

/// What the gates say now; what they do not say, such as a rest that the provider asked for, stands in the ledger.
fn standing(message: &MessageRow, facts: &Facts, throttle: Option<Hold>) -> Option<Standing> {
    if !matches!(message.state, Some(SendState::Queued | SendState::Waiting | SendState::Scheduled)) {
        return None;
    }
    let hold = Hold::of(&gates::decide(facts).decision).or_else(|| stored(message, facts.now)).or(throttle)?;
    Some(Standing {
        gate: hold.gate,
        reason: hold.reason,
        until: hold.until,
        sentence: explain::sentence(hold.reason, hold.gate, facts),
        clock: facts.quiet.as_ref().map(|quiet| WallClock {
            zone: quiet.zone,
            zone_of: quiet.zone_of,
            now: time::local(quiet.zone, facts.now),
            until: hold.until.map(|until| time::local(quiet.zone, until)),
        }),
    })
}

fn stored(message: &MessageRow, now: DateTime<Utc>) -> Option<Hold> {
    let (gate, reason) = message.gate.zip(message.reason)?;
    Some(Hold { gate, reason, until: message.run_at.map(|at| at.max(now)) })
}
