//! What people say, offered faster than people say it: answered, stored once each, and sorted into conversations.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};
use sqlx::PgConnection;

use super::{Options, Report};
use crate::{
    client::http_client,
    installation::{Installation, Setup},
    seed::{Lanes, Seed},
    wait::until,
    webhook::{self, Said, Status},
};

const OFFERED_PER_S: u32 = 2_000;
const LENGTH_S: u32 = 30;
/// Messages in one POST: bursts, as the provider batches them.
const BATCH: usize = 4;
/// Of a hundred messages, those that come a second time, in another POST.
const REPEATED_PERCENT: u32 = 20;
const PEOPLE: u32 = 5_000;
const READ_MAX: Duration = Duration::from_mins(4);
const UNIX_S: i64 = 1_767_225_600;

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    let number = seed.accounts(&Lanes::default()).await?.remove(0).external_id;
    let api = installation.run("serve").await?;
    let mut worker = installation.run("work").await?;
    let flood = flood(&number, options.scaled(OFFERED_PER_S * LENGTH_S) as usize);
    let began = Instant::now();
    let latencies = offer(&api.base_url, flood.posts).await?;
    let offered = began.elapsed();
    all_read(&mut seed, flood.unique).await?;
    let took = began.elapsed();
    judge(seed.db(), flood.unique).await?;
    #[expect(clippy::cast_precision_loss, reason = "figures of a minute are far below 2^52")]
    let (p99_ms, per_s) =
        (latencies.value_at_quantile(0.99) as f64 / 1_000.0, flood.messages as f64 / took.as_secs_f64());
    let told = format!(
        "{} POSTs of {BATCH} messages and a status, {OFFERED_PER_S} messages/s offered, {REPEATED_PERCENT} % twice",
        latencies.len()
    );
    report.tell("inbound.p99_ms", p99_ms, "ms", told);
    let lag = took.saturating_sub(offered).as_secs_f64();
    report.tell("inbound.lag_s", lag, "s", "from the last POST until everything is stored and in its conversation");
    let told = format!("{} of {} messages are different, each stored once", flood.unique, flood.messages);
    report.tell("inbound.read_per_s", per_s, "1/s", told);
    worker.process.stop(Duration::from_secs(40)).await?;
    Ok(())
}

/// Everything that is offered, made before the clock runs.
struct Flood {
    posts: Vec<Vec<u8>>,
    messages: usize,
    unique: usize,
}

fn flood(number: &str, messages: usize) -> Flood {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let repeated = messages * REPEATED_PERCENT as usize / 100;
    let mut said: Vec<Said> = (0..messages - repeated).map(|nth| say(nth, rng.random_range(0..PEOPLE))).collect();
    let again: Vec<Said> = (0..repeated).map(|_| said[rng.random_range(0..said.len())].clone()).collect();
    let unique = said.len();
    said.extend(again);
    said.shuffle(&mut rng);
    let mut states = ["sent", "delivered", "read"];
    let chunks = said.chunks(BATCH).enumerate().flat_map(|(place, chunk)| {
        states.shuffle(&mut rng);
        let status = Status {
            provider_ref: format!("wamid.STATUS{:08X}", place / 3),
            state: states[place % 3],
            echo: format!("{:032x}.1", place / 3),
            unix_s: UNIX_S,
        };
        [webhook::messages(number, chunk), webhook::statuses(number, &[status])]
    });
    Flood { posts: chunks.collect(), messages, unique }
}

fn say(nth: usize, person: u32) -> Said {
    Said {
        provider_ref: format!("wamid.SAID{nth:010X}"),
        from: format!("1555{person:07}"),
        text: format!("Message {nth} about an order that has not arrived yet"),
        unix_s: UNIX_S + i64::try_from(nth).unwrap_or_default() / i64::from(OFFERED_PER_S),
    }
}

/// At a steady rate, whether answers come or not. Microseconds from when each POST was due.
async fn offer(base_url: &str, posts: Vec<Vec<u8>>) -> Result<Histogram<u64>> {
    // A POST of messages is followed by one of a status.
    let every = Duration::from_secs(1) * u32::try_from(BATCH)? / OFFERED_PER_S / 2;
    let (http, base_url) = (http_client(), Arc::<str>::from(base_url));
    let mut due = tokio::time::Instant::now();
    let mut posted = Vec::with_capacity(posts.len());
    for body in posts {
        tokio::time::sleep_until(due).await;
        let (http, base_url, at) = (http.clone(), Arc::clone(&base_url), due);
        posted.push(tokio::spawn(async move {
            let answer = webhook::post(&http, &base_url, body).send().await?;
            ensure!(answer.status() == 200, "a webhook was answered {}", answer.status());
            Ok(at.elapsed())
        }));
        due += every;
    }
    let mut latencies = Histogram::new(3)?;
    for post in futures::future::join_all(posted).await {
        latencies.record(u64::try_from(post??.as_micros())?)?;
    }
    Ok(latencies)
}

async fn all_read(seed: &mut Seed, unique: usize) -> Result<()> {
    let db = tokio::sync::Mutex::new(seed.db());
    until("everything is read", READ_MAX, || async {
        let mut db = db.lock().await;
        let sql = "select count(*) from webhook_journal where state = 'unread'";
        let unread: i64 = sqlx::query_scalar(sql).fetch_one(&mut **db).await?;
        Ok(unread == 0)
    })
    .await?;
    let mut db = db.lock().await;
    let stored: i64 =
        sqlx::query_scalar("select count(*) from messages where direction = 'inbound'").fetch_one(&mut **db).await?;
    ensure!(stored == i64::try_from(unique)?, "{stored} of {unique} messages are stored");
    Ok(())
}

/// Every message once and in a conversation, one live conversation of each person, and as many events as messages.
async fn judge(db: &mut PgConnection, unique: usize) -> Result<()> {
    let count = async |db: &mut PgConnection, sql: &'static str| -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
    };
    let said: Vec<String> = sqlx::query_scalar(
        "select provider_ref from messages where direction = 'inbound' and conversation_id is not null",
    )
    .fetch_all(&mut *db)
    .await?;
    ensure!(said.iter().collect::<HashSet<_>>().len() == unique, "a message is missing, twice, or nowhere");
    let people = count(db, "select count(distinct address_id) from messages where direction = 'inbound'").await?;
    let conversations = count(db, "select count(*) from conversations").await?;
    ensure!(people == conversations, "{people} people have {conversations} conversations");
    let told = count(db, "select count(*) from events where kind = 'message.received'").await?;
    ensure!(told == i64::try_from(unique)?, "{told} of {unique} messages were told");
    Ok(())
}
