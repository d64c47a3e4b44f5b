//! Messages of all classes, from the first moment to the last: signed posts that are repeated until they are answered,
//! replies and automations, campaigns.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use postroad_app::campaigns::{self, NewCampaign};
use postroad_core::{
    actor::Actor,
    consent::Purpose,
    ids::{AccountId, CampaignId, TenantId},
};
use postroad_store::campaigns::{Audience, Variable};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::{
    dice::Dice,
    ledger,
    report::Faults,
    world::{PEOPLE, World},
};
use crate::{
    client::{Answer, Client, fresh_request_id},
    seed::{TEMPLATE, number},
};

const POSTERS: u64 = 6;
/// Between two posts of one poster: about sixty a second of all of them.
const POST_EVERY: Duration = Duration::from_millis(100);
/// Replies and automations written at once, and how often.
const WRITTEN: u32 = 10;
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// Between two tries of one post.
const AGAIN: Duration = Duration::from_millis(250);
/// A caller gives up after this; the longest outage is shorter.
const PATIENCE: Duration = Duration::from_mins(2);
/// Equal posts at once.
const PARALLEL: u64 = 50;

/// What callers were told.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// Message by request id.
    pub(super) by_request: HashMap<String, String>,
    /// Answers that no caller should ever see.
    pub(super) wrong_answers: Vec<String>,
    pub(super) repeated: u64,
}

pub(super) struct Traffic {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

struct Shared {
    client: Client,
    lanes: Vec<AccountId>,
    tenant: TenantId,
    db: PgPool,
    stop: AtomicBool,
    repeated: AtomicU64,
    accepted: Mutex<Accepted>,
}

impl Traffic {
    pub(super) async fn start(world: &World) -> Result<Self> {
        let shared = Arc::new(Shared {
            client: Client::new(world.api.base_url.clone(), world.seed.key(true).await?),
            lanes: world.lanes.iter().map(|lane| lane.id).collect(),
            tenant: world.seed.tenant,
            db: world.db.clone(),
            stop: AtomicBool::new(false),
            repeated: AtomicU64::new(0),
            accepted: Mutex::default(),
        });
        let mut tasks: Vec<_> =
            (0..POSTERS).map(|nth| tokio::spawn(shared.clone().post_until_stopped(nth + 1))).collect();
        tasks.push(tokio::spawn(shared.clone().write_until_stopped()));
        Ok(Self { shared, tasks })
    }

    /// F18: the same post fifty times at once makes one message.
    pub(super) async fn post_in_parallel(&self, faults: &mut Faults) -> Result<()> {
        let (request_id, body) = (fresh_request_id(), message(&self.shared.lanes[0], 0, "transactional"));
        let posts = (0..PARALLEL).map(|_| self.shared.post(&request_id, &body));
        for posted in futures::future::join_all(posts).await {
            posted?;
        }
        faults.f18.rounds += 1;
        faults.f18.posts += PARALLEL;
        Ok(())
    }

    /// A campaign to everybody, through the account at `place`.
    pub(super) async fn start_campaign(&self, world: &World, place: usize) -> Result<CampaignId> {
        let account = world.lanes[place].id;
        let template = world.template_of(account).await?;
        let new = NewCampaign {
            purpose: Purpose::Transactional,
            variables: vec![Variable::Value { value: "Ada".to_owned() }],
            ..NewCampaign::new(format!("Chaos {place}"), account, template, Audience::All { all: true })
        };
        let id = campaigns::create(&world.seed.app, Actor::Operator, world.seed.tenant, new).await?;
        campaigns::start(&world.seed.app, Actor::Operator, world.seed.tenant, id).await?;
        Ok(id)
    }

    /// Stops, when every post that was begun has its answer.
    pub(super) async fn end(self) -> Result<Accepted> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        let mut accepted = std::mem::take(&mut *self.shared.accepted.lock().unwrap_or_else(PoisonError::into_inner));
        accepted.repeated = self.shared.repeated.load(Ordering::Relaxed);
        Ok(accepted)
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    async fn post_until_stopped(self: Arc<Self>, stream: u64) -> Result<()> {
        let mut dice = Dice::new(stream, stream);
        while self.goes_on() {
            let lane = dice.pick(&self.lanes);
            let class = if dice.below(5) == 0 { "auth" } else { "transactional" };
            let body = message(lane, u32::try_from(dice.below(PEOPLE as usize))?, class);
            self.post(&fresh_request_id(), &body).await?;
            tokio::time::sleep(POST_EVERY).await;
        }
        Ok(())
    }

    /// Posts until the answer is final, as a caller should: the same request id is the same wish.
    async fn post(&self, request_id: &str, body: &Value) -> Result<()> {
        let began = tokio::time::Instant::now();
        loop {
            if let Ok(answer) = self.client.post("/v1/messages", request_id, body).await
                && self.is_final(request_id, &answer)
            {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("a post had no answer for {} s", PATIENCE.as_secs());
            }
            self.repeated.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn is_final(&self, request_id: &str, answer: &Answer) -> bool {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let code = answer.body["code"].as_str().unwrap_or_default();
        match (answer.status, code) {
            (202, _) => {
                let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
                let before = accepted.by_request.insert(request_id.to_owned(), id.clone());
                if let Some(before) = before.filter(|before| *before != id) {
                    accepted.wrong_answers.push(format!("request {request_id} made {before} and {id}"));
                }
                true
            }
            // Away, busy with the same request, or too fast: come again.
            (503 | 429, _) | (409, "in_progress") => false,
            (status, _) => {
                accepted.wrong_answers.push(format!("request {request_id} was answered {status}: {}", answer.body));
                true
            }
        }
    }

    async fn write_until_stopped(self: Arc<Self>) -> Result<()> {
        let (mut dice, mut nth, content) = (Dice::new(99, 99), 0, ledger::content());
        while self.goes_on() {
            let lane = *dice.pick(&self.lanes);
            let (kind, class) = *dice.pick(&[(1, "agent_reply"), (2, "automation")]);
            let messages: Vec<(uuid::Uuid, u32)> =
                (nth..nth + WRITTEN).map(|n| (ledger::id_of(kind, n), n.wrapping_mul(7) % PEOPLE)).collect();
            // The same rows again until they are written.
            while ledger::write(&self.db, self.tenant, lane, &messages, class, &content).await.is_err()
                && self.goes_on()
            {
                tokio::time::sleep(AGAIN).await;
            }
            nth += WRITTEN;
            tokio::time::sleep(WRITE_EVERY).await;
        }
        Ok(())
    }
}

fn message(lane: &AccountId, person: u32, class: &str) -> Value {
    json!({
        "to": number(person),
        "account_id": lane,
        "class": class,
        "type": "template",
        "template": { "name": TEMPLATE, "language": "en_US", "parameters": { "1": "Ada" } },
    })
}
