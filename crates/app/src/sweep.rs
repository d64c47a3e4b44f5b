//! The net under everything: what nobody moves any more is moved here, by the scheduler's leader, every second.

use chrono::TimeDelta;
use postroad_core::{
    actor::Actor,
    conversation::{ConversationState, EventKind},
    ids::{AccountId, ConversationId, TenantId},
    jobs::{Automate, ReadImport, ReadJournal, WakeLane},
    limits::{IMPORT_STILL_MAX, UNACCOUNTED_MAX},
    unknown::{Graces, Heard},
};
use postroad_store::{
    Result, SystemTx,
    automations::{self, runs, starting},
    conversations::{
        targets::{Missed, mark_missed},
        timers,
    },
    credit::ending,
    events::Event,
    import, inbound, lanes, leader, queue, receipts, sweeps,
};
use serde_json::json;

use crate::{App, credit, outcomes, targets, telling};

/// What one sweep moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub requeued: u64,
    pub unknown: u64,
    pub resent: i64,
    pub settled: i64,
    pub matched: u64,
}

/// Sweeps come every second. Between two that are further apart something was away, and evidence may have been too.
const GAP_MAX: TimeDelta = TimeDelta::seconds(3);

/// The timers of the ledger.
pub async fn ledger(app: &App, graces: Graces, echoing: &[String]) -> Result<Swept> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let requeued = sweeps::requeue_claimed(&mut tx, now).await?;
    let unknown = sweeps::mark_unknown(&mut tx, now).await?;
    let parked = receipts::match_parked(&mut tx).await?;
    let raised = receipts::apply(&mut tx, &parked.iter().collect::<Vec<_>>(), now).await?;
    // Evidence first: only what is left without any may be sent again.
    let heard = Heard {
        read_to: inbound::read_to(&mut tx, now).await?,
        listening_since: leader::note_sweep(&mut tx, GAP_MAX, now).await?,
    };
    let (resent, settled) = sweeps::apply_unknown_policy(&mut tx, graces, heard, echoing, now).await?;
    // What was moved just now, and what ended where nobody accounts for it.
    let paid = ending::left(&mut tx, UNACCOUNTED_MAX).await?;
    credit::end(&mut tx, &paid, now).await?;
    let raised: Vec<_> = raised.iter().map(|one| (one.tenant, one.id, one.class)).collect();
    let told = outcomes::conversing(&mut tx, &raised).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(Swept { requeued, unknown, resent, settled, matched: raised.len() as u64 })
}

/// Lanes one sweep looks at.
const LANES_MAX: i64 = 4_000;

/// Wakes lanes that have something due and nobody alive to send it. Looks at a bounded number after `after` and returns
/// where to go on, and how many it woke.
pub async fn wake_orphans(
    app: &App,
    after: Option<(TenantId, AccountId)>,
) -> Result<(Option<(TenantId, AccountId)>, usize)> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let (orphans, next) = lanes::orphans(&mut tx, after, LANES_MAX, now).await?;
    let jobs: Vec<WakeLane> =
        orphans.iter().map(|o| WakeLane { tenant: o.tenant, account: o.lane, generation: o.generation }).collect();
    let mut woken = 0;
    if !jobs.is_empty() {
        queue::revive_all(&mut tx, &jobs, now).await?;
        woken = jobs.len();
    }
    tx.commit().await?;
    Ok((next, woken))
}

/// Conversations one sweep opens.
const SNOOZED_MAX: i64 = 1_000;

/// Opens conversations that were snoozed until now; returns how many.
pub async fn wake_conversations(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let woken = timers::wake(&mut tx, SNOOZED_MAX, now).await?;
    targets::follow(&mut tx, &woken, now).await?;
    let told: Vec<(TenantId, Event)> =
        woken.iter().map(|(tenant, conversation)| (*tenant, awake(*conversation))).collect();
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(told.len())
}

fn awake(conversation: ConversationId) -> Event {
    let data = json!({"was": ConversationState::Snoozed, "is": ConversationState::Open});
    Event { kind: EventKind::StateChanged, conversation, message: None, actor: Actor::System, data }
}

/// Targets of each kind that one sweep finds missed.
const MISSED_MAX: i64 = 1_000;

/// Marks targets whose time is over, each once, and tells those who work in the conversation; returns how many.
pub async fn miss_targets(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let missed = mark_missed(&mut tx, MISSED_MAX, now).await?;
    let told: Vec<(TenantId, Event)> = missed.iter().map(late).collect();
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(told.len())
}

fn late(missed: &Missed) -> (TenantId, Event) {
    let data = json!({"target": missed.kind, "due_at": missed.due_at, "members": missed.members});
    let (kind, conversation) = (EventKind::TargetMissed, missed.conversation);
    (missed.tenant, Event { kind, conversation, message: None, actor: Actor::System, data })
}

/// Events and runs of automations that were due so long ago have lost their wake-up.
const AUTOMATIONS_MAX_WAIT: TimeDelta = TimeDelta::seconds(2);
/// A job that a sweep wrote stands for so many seconds: a long queue must not grow longer.
const WOKEN_EVERY_S: i64 = 15;
/// Automations and runs one sweep looks at.
const AUTOMATIONS_MAX: i64 = 1_000;

/// Queues whoever looks at events that nobody looked at, goes on with runs that are late, and begins those whose time has come.
pub async fn wake_automations(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let (late, woken) = (now - AUTOMATIONS_MAX_WAIT, now.timestamp() / WOKEN_EVERY_S * WOKEN_EVERY_S);
    let mut tx = SystemTx::begin(&app.store).await?;
    let behind = automations::behind(&mut tx, late, AUTOMATIONS_MAX).await?;
    let runs = runs::late(&mut tx, late, AUTOMATIONS_MAX).await?;
    let firing = starting::firing(&mut tx, AUTOMATIONS_MAX, now).await?;
    let follow = behind.into_iter().map(|(tenant, seq)| Automate::Follow { tenant, seq, woken });
    let go_on = runs.into_iter().map(|late| Automate::GoOn {
        tenant: late.tenant,
        contact: late.contact,
        run: late.run,
        at: late.due_at.timestamp_millis(),
        woken,
    });
    let fire = firing.into_iter().map(|one| Automate::Fire {
        tenant: one.tenant,
        automation: one.automation,
        at: one.at.timestamp_millis(),
        after: one.after,
    });
    let jobs: Vec<Automate> = follow.chain(go_on).chain(fire).collect();
    if !jobs.is_empty() {
        queue::revive_all(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    Ok(jobs.len())
}

/// Webhooks older than this without having been read have lost their wake-up.
const UNREAD_MAX: TimeDelta = TimeDelta::seconds(3);

/// Queues a reader when webhooks lie unread.
pub async fn wake_readers(app: &App) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let oldest = inbound::oldest_unread(&mut tx, now - UNREAD_MAX).await?;
    if let Some(first) = oldest {
        queue::revive_all(&mut tx, &[ReadJournal { first }], now).await?;
    }
    tx.commit().await?;
    Ok(oldest.is_some())
}

/// Imports one sweep looks at.
const IMPORTS_MAX: i64 = 100;

/// Queues readers for uploaded files that nobody reads: their worker died. Once for each span of waiting, so that a long
/// queue does not grow longer.
pub async fn wake_importers(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let span = IMPORT_STILL_MAX.num_seconds();
    let woken = now.timestamp() / span * span;
    let mut tx = SystemTx::begin(&app.store).await?;
    let still = import::still(&mut tx, "running", now - IMPORT_STILL_MAX, IMPORTS_MAX).await?;
    let job =
        |still: &import::Still| ReadImport { tenant: still.tenant, import: still.id, at: still.lines_done, woken };
    let jobs: Vec<ReadImport> = still.iter().map(job).collect();
    if !jobs.is_empty() {
        queue::push_all(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    Ok(jobs.len())
}

/// Starts of one job that ended with its worker, after which it is poison.
const JOB_STARTS_MAX: i32 = 3;

/// Buries jobs that killed every worker that took them.
pub async fn bury_poison(app: &App) -> Result<u64> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let buried = queue::bury_poison(&mut tx, JOB_STARTS_MAX, app.clock.now()).await?;
    tx.commit().await?;
    Ok(buried)
}
