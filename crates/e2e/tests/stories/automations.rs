use std::{collections::BTreeSet, os::unix::process::ExitStatusExt, time::Duration};

use anyhow::{Result, bail, ensure};
use nix::sys::signal::Signal;
use postroad_e2e::{Client, Role, Setup, free_port, fresh_request_id, until};
use postroad_simulators::meta::{Content, Inbound};
use postroad_testkit::Ear;
use serde_json::{Value, json};

use crate::world::{World, numbers};

const PEOPLE: u32 = 12;
/// Seven steps that do something, in two runs for each person.
const STEPS: usize = 7;
/// Workers that die in between cost time: whoever comes after waits for what they held.
const PATIENCE: Duration = Duration::from_secs(150);

/// A worker that ends itself after about every fourth step of a run, look at events, or call of an endpoint, as a crash would; and one in its
/// place, as long as there is something to do.
struct Fragile {
    worker: Option<Role>,
    /// How often one ended.
    crashes: usize,
}

impl Fragile {
    fn revive(&mut self, world: &mut World) -> Result<()> {
        if let Some(role) = &mut self.worker {
            let Some(status) = role.process.ended()? else { return Ok(()) };
            ensure!(status.signal() == Some(Signal::SIGABRT as i32), "a worker ended with {status}");
            self.crashes += 1;
        }
        let points = [("FAILPOINTS", "after_step=25%return;after_follow=25%return;after_delivery=25%return")];
        self.worker = Some(world.installation.spawn("work", free_port()?, &points)?);
        Ok(())
    }
}

async fn rule(world: &World, name: &str, actions: Value) -> Result<()> {
    let body = json!({"name": name, "enabled": true,
                      "definition": {"trigger": {"inbound_message": {"debounce_s": 1}}, "actions": actions}});
    let made = world.client.post("/v1/automations", &fresh_request_id(), &body).await?;
    ensure!(made.status == 201, "{}", made.body);
    Ok(())
}

async fn label(world: &World) -> Result<Value> {
    let look = json!({"name": "Asked", "color": "#d97706"});
    Ok(world.client.post("/v1/labels", &fresh_request_id(), &look).await?.body["id"].clone())
}

#[tokio::test]
async fn every_step_of_a_run_happens_once_however_often_its_worker_dies() -> Result<()> {
    let ear = Ear::start().await;
    let allowed = format!("http,:{},127.0.0.1", ear.address.port());
    let mut world = World::start_with(Setup::default().with("POSTROAD_EGRESS_ALLOW", &allowed), "1000").await?;
    let scopes = ["automations:write", "conversations:write", "messages:send", "webhooks:write"];
    world.client = Client::new(world.all.base_url.clone(), world.operator().key_for(&scopes).await?);
    let (label, endpoint) = (label(&world).await?, endpoint(&world, &ear).await?);
    let first = json!([{"reply": {"text": "one"}}, {"label": {"add": [label]}}, {"note": {"text": "asked"}},
                       {"webhook": {"endpoint": endpoint}}]);
    rule(&world, "First", first).await?;
    let second = json!([{"wait": {"seconds": 1}}, {"reply": {"text": "two"}}, {"tag": {"add": ["asked"]}},
                        {"note": {"text": "answered"}}]);
    rule(&world, "Second", second).await?;
    let port = world.all.port;
    world.all.process.kill().await?;
    let mut serve = world.installation.spawn("serve", port, &[])?;
    serve.healthy().await?;
    let _schedule = world.installation.run("schedule").await?;
    for number in numbers(PEOPLE) {
        let message = Content::Text { body: "hello".to_owned() };
        world.sim.inbound(Inbound { from: Some(number), message, ..Inbound::default() })?;
    }
    let mut fragile = Fragile { worker: None, crashes: 0 };
    let began = std::time::Instant::now();
    while ended(&world).await? < 2 * i64::from(PEOPLE) {
        ensure!(began.elapsed() < PATIENCE, "{} runs ended; {} crashes", ended(&world).await?, fragile.crashes);
        fragile.revive(&mut world)?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(fragile.crashes >= 5, "only {} workers died", fragile.crashes);
    let _worker = world.installation.run("work").await?;
    let said = until("everything that was said is with the provider, or nobody can know", PATIENCE, || async {
        Ok(world.sim.stats().counts.accepted_unique + unknown(&world).await? >= u64::from(2 * PEOPLE))
    });
    if let Err(error) = said.await {
        bail!("{error}; {:?}; left: {}", world.sim.stats().counts, left(&world).await?);
    }
    assert_eq!(world.sim.stats().counts.duplicates, 0);
    assert_eq!(
        effects(&world).await?,
        [2 * i64::from(PEOPLE), i64::from(PEOPLE), 2 * i64::from(PEOPLE), i64::from(PEOPLE)]
    );
    // A call may come twice, when its worker died after it; which deliveries there are is certain.
    until("every delivery arrived", PATIENCE, || async { Ok(delivered(&world).await? == i64::from(PEOPLE)) }).await?;
    let told: BTreeSet<String> = ear.heard().into_iter().map(|heard| heard.headers["webhook-id"].clone()).collect();
    assert_eq!(told.len(), usize::try_from(PEOPLE)?);
    assert_eq!(done(&world).await?, i64::try_from(STEPS)? * i64::from(PEOPLE), "each step is told once");
    Ok(())
}

async fn endpoint(world: &World, ear: &Ear) -> Result<Value> {
    let new = json!({"name": "Ear", "url": ear.url("/hook"), "events": ["automation"]});
    let made = world.client.post("/v1/webhook-endpoints", &fresh_request_id(), &new).await?;
    ensure!(made.status == 201, "{}", made.body);
    Ok(made.body["id"].clone())
}

/// All there are, if all arrived.
async fn delivered(world: &World) -> Result<i64> {
    let mut db = world.installation.database.connect().await?;
    let sql = "select case when bool_and(state = 'delivered') then count(*) else -1 end from webhook_deliveries";
    Ok(sqlx::query_scalar(sql).fetch_one(&mut db).await?)
}

async fn ended(world: &World) -> Result<i64> {
    let mut db = world.installation.database.connect().await?;
    Ok(sqlx::query_scalar("select count(*) from automation_runs where state = 'ended'").fetch_one(&mut db).await?)
}

/// Replies whose worker died between the claim and the answer: they are never sent again by themselves.
async fn unknown(world: &World) -> Result<u64> {
    let mut db = world.installation.database.connect().await?;
    let count: i64 =
        sqlx::query_scalar("select count(*) from sends where state = 'unknown'").fetch_one(&mut db).await?;
    Ok(count.try_into()?)
}

/// What did not get there, and the jobs that are not done: for whoever reads why.
async fn left(world: &World) -> Result<String> {
    let mut db = world.installation.database.connect().await?;
    let sql = "select concat_ws('; ',
        (select string_agg(concat_ws(' ', s.state, s.gate, s.reason, s.busy, 'due in', s.run_at - now(), 'for', now() - s.state_at), ', ')
         from sends s where s.state not in ('accepted', 'sent', 'delivered', 'read', 'unknown')),
        (select string_agg(concat_ws(' ', j.job_type, j.status, j.attempts, j.run_at - now(), j.lock_by), ', ')
         from apalis.jobs j where j.status <> 'Done'))";
    Ok(sqlx::query_scalar(sql).fetch_one(&mut db).await?)
}

/// Messages, labels, notes and tags.
async fn effects(world: &World) -> Result<[i64; 4]> {
    let mut db = world.installation.database.connect().await?;
    let mut counts = [0; 4];
    let sql = [
        "select count(*) from messages where source = 'automation'",
        "select count(*) from conversation_labels",
        "select count(*) from notes",
        "select count(*) from contacts where tags = '{asked}'",
    ];
    for (count, sql) in counts.iter_mut().zip(sql) {
        *count = sqlx::query_scalar(sql).fetch_one(&mut db).await?;
    }
    Ok(counts)
}

/// Steps whose effect was carried out, as the histories tell it.
async fn done(world: &World) -> Result<i64> {
    let mut db = world.installation.database.connect().await?;
    let sql = "select count(*) from automation_run_steps where explained -> 'result' ->> 'result' = 'does' and failure is null";
    Ok(sqlx::query_scalar(sql).fetch_one(&mut db).await?)
}
