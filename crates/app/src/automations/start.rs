//! What happened meets the automations that wait for it: runs begin, messages join runs, and the rest is refused with a reason.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    automation::{
        Admission, Caps, Program, Run, TriggerFacts,
        admission::{self, Whose},
        admit,
        trigger::Event,
    },
    ids::{AutomationId, ContactId, ConversationId, MessageId, RunId, TenantId},
    jobs::Automate,
    limits::AUTOMATION_WAIT_MAX_S,
};
use postroad_store::{
    Result, TenantTx,
    automations::{
        Automation,
        starting::{self, Becomes, Beginning, Pair, Standing, Unfinished},
    },
    queue,
};

use super::Programs;

/// An automation that is on.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) id: AutomationId,
    pub(super) version: i32,
    pub(super) program: Arc<Program>,
}

impl Ready {
    /// None: what is stored cannot be run.
    pub(super) fn of(programs: &Programs, stored: &Automation) -> Option<Self> {
        let program = programs.get((stored.id, stored.version), &stored.definition)?;
        Some(Self { id: stored.id, version: stored.version, program })
    }
}

/// An event that an automation waits for.
pub(super) struct Happened<'a> {
    pub(super) to: &'a Ready,
    pub(super) event: Event,
    pub(super) conversation: ConversationId,
    /// What the person said, if that is it.
    pub(super) message: Option<MessageId>,
    /// Runs that led to it.
    pub(super) depth: u32,
}

impl Happened<'_> {
    const fn pair(&self) -> Pair {
        (self.to.id, self.conversation)
    }
}

/// What becomes of a page of events.
#[derive(Default)]
struct Outcome {
    beginnings: Vec<Beginning>,
    joining: Vec<(RunId, MessageId)>,
    wakes: Vec<(RunId, ContactId, DateTime<Utc>)>,
}

/// Whoever calls holds the tenant's cursor: nobody else begins runs.
pub(super) async fn start(tx: &mut TenantTx, happened: &[Happened<'_>], now: DateTime<Utc>) -> Result<usize> {
    if happened.is_empty() {
        return Ok(0);
    }
    let mut known = Known::read(tx, happened, now).await?;
    let mut outcome = Outcome::default();
    // Runs are taken in the order of their ids, so those rise with the events.
    let mut ids: Vec<RunId> = happened.iter().map(|_| RunId::new(now)).collect();
    ids.sort_unstable();
    for (one, id) in happened.iter().zip(ids) {
        known.judge((one, id), &mut outcome, now)?;
    }
    starting::begin(tx, &outcome.beginnings).await?;
    if !outcome.joining.is_empty() {
        starting::join(tx, &outcome.joining).await?;
    }
    wake(tx, &outcome.wakes).await?;
    Ok(outcome.wakes.len())
}

async fn wake(tx: &mut TenantTx, wakes: &[(RunId, ContactId, DateTime<Utc>)]) -> Result<()> {
    let tenant = tx.tenant();
    let mut by_time: HashMap<DateTime<Utc>, Vec<Automate>> = HashMap::new();
    for (run, contact, at) in wakes {
        by_time.entry(*at).or_default().push(go_on(tenant, *contact, *run, *at));
    }
    for (at, jobs) in by_time {
        queue::push_all(tx, &jobs, at).await?;
    }
    Ok(())
}

pub(super) const fn go_on(tenant: TenantId, contact: ContactId, run: RunId, at: DateTime<Utc>) -> Automate {
    Automate::GoOn { tenant, contact, run, at: at.timestamp_millis(), woken: 0 }
}

/// What admission asks, for all events of a page at once, and as it changes while they are judged.
struct Known {
    standing: HashMap<ConversationId, Standing>,
    unfinished: HashMap<Pair, Unfinished>,
    acted: HashMap<Pair, DateTime<Utc>>,
}

impl Known {
    async fn read(tx: &mut TenantTx, happened: &[Happened<'_>], now: DateTime<Utc>) -> Result<Self> {
        let pairs: Vec<Pair> = happened.iter().map(Happened::pair).collect::<BTreeSet<_>>().into_iter().collect();
        let conversations: BTreeSet<ConversationId> = pairs.iter().map(|(_, conversation)| *conversation).collect();
        let conversations: Vec<ConversationId> = conversations.into_iter().collect();
        let since = now - TimeDelta::seconds(AUTOMATION_WAIT_MAX_S.into());
        Ok(Self {
            unfinished: starting::lock_unfinished(tx, &pairs).await?,
            acted: starting::acted(tx, &pairs, since).await?,
            standing: starting::standing(tx, &conversations, now).await?,
        })
    }

    fn judge(&mut self, (one, id): (&Happened<'_>, RunId), outcome: &mut Outcome, now: DateTime<Utc>) -> Result<()> {
        let Some(standing) = self.standing.get(&one.conversation).copied() else { return Ok(()) };
        let pair = one.pair();
        let whose = Whose::of(standing.holder, one.to.id);
        let given = whose == Whose::Ours;
        let unfinished = self.unfinished.get(&pair).copied();
        let facts = TriggerFacts {
            now,
            event: one.event.clone(),
            causality_depth: one.depth,
            automated_within_hour: standing.automated,
            mail: None,
            from_own_address: one.message.is_some() && standing.from_own_address,
            given_to_another: whose == Whose::AnotherAutomations,
            unfinished: unfinished
                .map(|run| admission::Unfinished { gathering: run.gathering, messages: run.messages }),
            acted_last_at: self.acted.get(&pair).copied(),
        };
        let definition = one.to.program.definition();
        match (admit(&facts, &Caps::of(definition)), unfinished) {
            (Admission::Join, Some(run)) => {
                outcome.joining.extend(one.message.map(|message| (run.run, message)));
                self.unfinished.insert(pair, Unfinished { messages: run.messages + 1, ..run });
            }
            (Admission::Refuse { reason }, _) => {
                let becomes = Becomes::Refused { reason: reason.to_string() };
                outcome.beginnings.push(one.beginning((id, given), becomes, now)?);
            }
            (Admission::Admit | Admission::Join, _) => {
                let run = Run::of(definition, now, one.depth);
                let due_at = now + TimeDelta::seconds(definition.trigger.debounce_s().into());
                let becomes = Becomes::Run { run: serde_json::to_value(&run)?, due_at };
                outcome.beginnings.push(one.beginning((id, given), becomes, now)?);
                outcome.joining.extend(one.message.map(|message| (id, message)));
                outcome.wakes.push((id, standing.contact, due_at));
                let messages = usize::from(one.message.is_some());
                self.unfinished.insert(pair, Unfinished { run: id, gathering: true, messages });
            }
        }
        Ok(())
    }
}

impl Happened<'_> {
    fn beginning(&self, (id, given): (RunId, bool), becomes: Becomes, now: DateTime<Utc>) -> Result<Beginning> {
        Ok(Beginning {
            id,
            automation: self.to.id,
            version: self.to.version,
            conversation: self.conversation,
            event: serde_json::to_value(&self.event)?,
            depth: self.depth,
            given,
            began_at: now,
            becomes,
        })
    }
}
