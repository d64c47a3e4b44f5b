//! The verdict: what the ledger says, against what the provider wrote down.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use anyhow::{Result, bail};
use postroad_simulators::meta::{Outcome as Fate, Search};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    doubled, poison,
    report::{Faults, Outcome},
    traffic::Accepted,
    world::{FAILS_AT_END, SHARED_RATE, World},
};

/// From the end of the faults until everything is at rest.
const REST_MAX: Duration = Duration::from_mins(4);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Sentences of one kind that are worth reading.
const TOLD_MAX: usize = 10;
const PAGE: usize = 50_000;

/// One message in the ledger.
#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    class: String,
    state: String,
    resends: i16,
    request_id: Option<String>,
}

/// Its calls, as the provider saw them, in the order of their arrival.
type Calls = HashMap<Uuid, Vec<Call>>;

struct Call {
    attempt: i32,
    fate: Fate,
}

pub(super) async fn judge(world: &mut World, accepted: &Accepted, mut faults: Faults, seed: u64) -> Result<Outcome> {
    let rest = at_rest(world).await;
    let rows = rows(&world.db).await?;
    let calls = calls(world);
    let mut verdict = Verdict { poisoned: faults.f9.messages.iter().copied().collect(), ..Verdict::default() };
    if let Err(open) = rest {
        verdict.tell("not at rest", &open.to_string());
    }
    verdict.read(&rows, &calls);
    verdict.read_requests(&rows, accepted);
    note(world, &calls, &mut faults, accepted, &verdict).await?;
    verdict.read_faults(&faults);
    Ok(Outcome {
        seed,
        messages: u64::try_from(rows.len())?,
        kills: faults.f1.kills + faults.f1.fail_points.values().sum::<u64>(),
        pg_stops: faults.f2.stops,
        lost: verdict.lost,
        doubled: world.sim.stats().counts.duplicates,
        unknown: verdict.unknown,
        unknown_expected: verdict.unknown_expected,
        violations: verdict.sentences(&doubled::tell(world).await?),
        faults,
    })
}

/// Waits until nothing moves any more and every receipt is applied.
async fn at_rest(world: &mut World) -> Result<()> {
    let deadline = tokio::time::Instant::now() + REST_MAX;
    loop {
        world.look_after_schedulers()?;
        let open = open(&world.db).await.unwrap_or_else(|error| BTreeMap::from([(error.to_string(), 1)]));
        let pending = world.sim.stats().webhooks.pending;
        if open.is_empty() && pending == 0 {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            bail!("after {} s: {open:?}, {pending} webhooks to come", REST_MAX.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is not final, by what it is.
async fn open(db: &PgPool) -> Result<BTreeMap<String, i64>> {
    let sql = "
        select state, count(*) from sends
        where  state in ('scheduled', 'queued', 'waiting', 'claimed', 'attempting') or (state = 'unknown' and settled_at is null)
        group  by state
        union all select 'unread webhooks', count(*) from webhook_journal where state = 'unread' having count(*) > 0
        union all select 'receipts without a message', count(*) from receipts where message_id is null having count(*) > 0
        union all select 'campaigns under way', count(*) from campaigns
                  where state in ('preparing', 'running', 'completing') having count(*) > 0";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

async fn rows(db: &PgPool) -> Result<Vec<Row>> {
    let sql = "select s.id, s.class, s.state, s.resends, m.request_id
               from sends s join messages m on m.tenant_id = s.tenant_id and m.id = s.id";
    Ok(sqlx::query_as(sql).fetch_all(db).await?)
}

fn calls(world: &World) -> Calls {
    let mut calls = Calls::new();
    let mut offset = 0;
    loop {
        let page = world.sim.messages(&Search { offset, limit: Some(PAGE), ..Search::default() });
        offset += page.len();
        for sent in &page {
            let Some((key, attempt)) = sent.callback.as_deref().and_then(|echo| echo.rsplit_once('.')) else {
                continue;
            };
            if let (Ok(id), Ok(attempt)) = (key.parse(), attempt.parse()) {
                calls.entry(id).or_default().push(Call { attempt, fate: sent.outcome });
            }
        }
        if page.len() < PAGE {
            return calls;
        }
    }
}

async fn note(world: &World, calls: &Calls, faults: &mut Faults, accepted: &Accepted, verdict: &Verdict) -> Result<()> {
    let stats = world.sim.stats();
    let with_fate = |fate: Fate| calls.values().flatten().filter(|call| call.fate == fate).count() as u64;
    faults.f2.posts_repeated = accepted.repeated;
    let shared = stats.apps.iter().find(|app| app.app == "shared");
    faults.f3.over_limit = shared.map_or(0, |app| app.observed.over_limit);
    faults.f3.most_in_a_second = shared.map_or(0, |app| app.observed.max_in_window);
    faults.f3.limit_per_s = SHARED_RATE.into();
    faults.f4.rate_limited = with_fate(Fate::Refused);
    faults.f4.cut_before = with_fate(Fate::CutBefore);
    faults.f4.accepted_then_hung = with_fate(Fate::AcceptedThenHang);
    faults.f4.accepted_then_cut = with_fate(Fate::AcceptedThenCut);
    faults.f5.posts = stats.webhooks.acked;
    faults.f5.failed = stats.webhooks.failed;
    faults.f6.wrong_states = verdict.wrong_states;
    let parked: i64 =
        sqlx::query_scalar("select count(*) from receipts where message_id is null").fetch_one(&world.db).await?;
    faults.f6.parked = u64::try_from(parked)?;
    faults.f9.jobs_not_buried = poison::unburied_jobs(world).await?;
    Ok(())
}

/// What was found, message by message.
#[derive(Default)]
struct Verdict {
    lost: u64,
    wrong_states: u64,
    unknown: u64,
    unknown_expected: u64,
    poisoned: HashSet<Uuid>,
    told: BTreeMap<&'static str, Vec<String>>,
}

impl Verdict {
    fn tell(&mut self, kind: &'static str, what: &str) {
        self.told.entry(kind).or_default().push(what.to_owned());
    }

    fn lose(&mut self, kind: &'static str, row: &Row) {
        self.lost += 1;
        self.tell(kind, &format!("{} ({}, {})", row.id, row.class, row.state));
    }

    fn read(&mut self, rows: &[Row], calls: &Calls) {
        let none = Vec::new();
        for row in rows {
            let calls = calls.get(&row.id).unwrap_or(&none);
            if calls.iter().any(|call| call.fate.accepted()) {
                self.read_arrived(row);
            } else {
                self.read_absent(row, calls);
            }
            if !is_sent_again(&row.class) && came_after_doubt(calls) {
                self.tell("sent again although its outcome was unknown", &format!("{} ({})", row.id, row.class));
            }
        }
        let known: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
        for id in calls.keys().filter(|id| !known.contains(*id)) {
            self.tell("sent without being in the ledger", &id.to_string());
        }
    }

    /// The provider has it: then all its receipts came, and the ledger knows the last.
    fn read_arrived(&mut self, row: &Row) {
        let fails = row.id.simple().to_string().ends_with(FAILS_AT_END);
        let expected = if fails { "failed" } else { "read" };
        if row.state != expected {
            self.wrong_states += 1;
            self.tell(
                "arrived, and the ledger says something else",
                &format!("{} ({}, {}, not {expected})", row.id, row.class, row.state),
            );
        }
    }

    /// The provider has it not: then the ledger does not say so either.
    fn read_absent(&mut self, row: &Row, calls: &[Call]) {
        match row.state.as_str() {
            "unknown" => {
                self.unknown += 1;
                // Sent again once at most, and only where the class may be.
                let may_rest = !is_sent_again(&row.class) || row.resends > 0;
                self.unknown_expected += u64::from(may_rest);
                if !may_rest {
                    self.lose("unknown, although its class is sent again", row);
                }
            }
            "dead" if self.poisoned.contains(&row.id) => {}
            "accepted" | "sent" | "delivered" | "read" | "failed" => {
                self.lose("said to be with the provider, who does not know it", row);
            }
            _ => self.lose("never sent", row),
        }
        let was_cut = calls.last().is_some_and(|call| call.fate == Fate::CutBefore);
        if was_cut && !is_sent_again(&row.class) && row.state != "unknown" {
            self.tell("cut by the provider, and not unknown", &format!("{} ({}, {})", row.id, row.class, row.state));
        }
    }

    fn read_requests(&mut self, rows: &[Row], accepted: &Accepted) {
        let mut by_request: HashMap<&str, Vec<Uuid>> = HashMap::new();
        for row in rows {
            if let Some(request_id) = &row.request_id {
                by_request.entry(request_id).or_default().push(row.id);
            }
        }
        for (request_id, id) in &accepted.by_request {
            let made = by_request.get(request_id.as_str()).map_or(0, Vec::len);
            if made != 1 {
                self.lost += u64::from(made == 0);
                self.tell(
                    "a request that was accepted has not made one message",
                    &format!("{request_id}: {made}, told as {id}"),
                );
            }
        }
        for wrong in &accepted.wrong_answers {
            self.tell("wrong answer", wrong);
        }
    }

    fn read_faults(&mut self, faults: &Faults) {
        if faults.f9.jobs_not_buried > 0 {
            self.tell("poisoned jobs that are not buried", &faults.f9.jobs_not_buried.to_string());
        }
        if faults.f17.left_behind > 0 {
            self.tell("left behind by workers that were asked to go", &faults.f17.left_behind.to_string());
        }
        // A twentieth above the limit is what a fall-back may cost.
        let most = faults.f3.limit_per_s + faults.f3.limit_per_s / 20;
        if faults.f3.most_in_a_second > most {
            self.tell("over the shared limit", &format!("{} in one second", faults.f3.most_in_a_second));
        }
    }

    /// The first of each kind, and how many there are.
    fn sentences(&self, doubled: &Vec<String>) -> Vec<String> {
        let mut kinds: Vec<(&str, &Vec<String>)> = self.told.iter().map(|(kind, told)| (*kind, told)).collect();
        if !doubled.is_empty() {
            kinds.push(("sent twice", doubled));
        }
        kinds
            .iter()
            .map(|(kind, told)| format!("{kind} ({}): {}", told.len(), told[..told.len().min(TOLD_MAX)].join(", ")))
            .collect()
    }
}

/// One-time codes, and transactional messages through a provider that echoes our id.
fn is_sent_again(class: &str) -> bool {
    matches!(class, "auth" | "transactional")
}

/// A call after one whose outcome nobody on our side can have known.
fn came_after_doubt(calls: &[Call]) -> bool {
    let doubtful =
        calls.iter().filter(|call| !matches!(call.fate, Fate::Accepted | Fate::Refused)).map(|call| call.attempt).min();
    doubtful.is_some_and(|first| calls.iter().any(|call| call.attempt > first))
}
