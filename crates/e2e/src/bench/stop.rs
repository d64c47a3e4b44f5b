//! How long after a person's STOP was taken the last call to them begins, while campaigns run.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use postroad_app::campaigns;
use postroad_core::{actor::Actor, clock::Clock};
use postroad_simulators::meta::{MetaConfig, MetaSim};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};
use sqlx::PgConnection;

use super::{Options, Report, pause};
use crate::{
    client::http_client,
    installation::{Installation, Setup},
    seed::{self, Lanes, Seed},
    wait::until,
    webhook::{self, Said},
};

const PER_S: f64 = 100.0;
/// Each writes STOP once.
const PEOPLE: u32 = 500;
/// Each is for all of them, so that something is always on its way to everybody.
const CAMPAIGNS: usize = 12;
/// Between two of them.
const BETWEEN: Duration = Duration::from_millis(80);
const BEGIN_MAX: Duration = Duration::from_secs(30);
/// No call begins later than this after the answer.
const PROMISED_S: f64 = 1.0;

/// A person, and when the answer to their STOP came.
struct Stopped {
    address: String,
    at: DateTime<Utc>,
}

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..MetaConfig::default() }).await?;
    let setup = Setup { meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let mut seed = Seed::new(&installation).await?;
    let account = seed.accounts(&Lanes { rate_per_s: PER_S, ..Lanes::default() }).await?;
    let account = account.into_iter().next().context("an account was connected")?;
    seed.people(PEOPLE).await?;
    let all = installation.run("all").await?;
    for number in 0..CAMPAIGNS {
        let campaign = pause::draft(&mut seed, account.id, &format!("Stops {number}")).await?;
        campaigns::start(&seed.app, Actor::Operator, seed.tenant, campaign).await?;
    }
    begun(&mut seed).await?;
    let rounds = options.scaled(PEOPLE);
    let stopped = stop((&all.base_url, &account.external_id), &seed.app.clock, rounds).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let late = lateness(seed.db(), &stopped).await?;
    ensure!(unsent(seed.db()).await? > 0, "the campaigns were over before the last STOP");
    let over = late.iter().filter(|(seconds, _)| *seconds > PROMISED_S).count();
    let mut told = format!(
        "the longest of {rounds} rounds; in {} of them a call began after the answer at all, in {over} after more than a second",
        late.len()
    );
    if let Some((_, one)) = late.first().filter(|_| over > 0) {
        write!(told, "; the longest: {}", history(seed.db(), one).await?)?;
    }
    report.tell("stop.late_s", late.first().map_or(0.0, |(seconds, _)| *seconds), "s", told);
    Ok(())
}

async fn begun(seed: &mut Seed) -> Result<()> {
    let db = tokio::sync::Mutex::new(seed.db());
    until("it sends", BEGIN_MAX, || async {
        let mut db = db.lock().await;
        let calls: i64 = sqlx::query_scalar("select count(*) from attempts").fetch_one(&mut **db).await?;
        Ok(calls > 100)
    })
    .await
}

/// Everybody writes STOP, in no order.
async fn stop((base_url, number): (&str, &str), clock: &Clock, rounds: u32) -> Result<Vec<Stopped>> {
    let mut people: Vec<u32> = (0..PEOPLE).collect();
    people.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(7));
    let http = http_client();
    let mut stopped = Vec::new();
    for person in people.into_iter().take(rounds as usize) {
        let address = seed::number(person);
        let said = Said {
            provider_ref: format!("wamid.STOP{person:08X}"),
            from: address.trim_start_matches('+').to_owned(),
            text: "STOP".to_owned(),
            unix_s: clock.now().timestamp(),
        };
        let answer = webhook::post(&http, base_url, webhook::messages(number, &[said])).send().await?;
        ensure!(answer.status() == 200, "a webhook was answered {}", answer.status());
        stopped.push(Stopped { address, at: clock.now() });
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(stopped)
}

/// Seconds from each answer to the last call that began after it, the longest first.
async fn lateness<'a>(db: &mut PgConnection, stopped: &'a [Stopped]) -> Result<Vec<(f64, &'a Stopped)>> {
    let mut late = Vec::new();
    for one in stopped {
        let sql = "select max(t.started_at) from attempts t join messages m on m.tenant_id = t.tenant_id and m.id = t.message_id
                   join addresses a on a.tenant_id = m.tenant_id and a.id = m.address_id where a.address = $1 and t.started_at > $2";
        let last: Option<DateTime<Utc>> =
            sqlx::query_scalar(sql).bind(&one.address).bind(one.at).fetch_one(&mut *db).await?;
        late.extend(last.map(|last| ((last - one.at).as_seconds_f64(), one)));
    }
    late.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    Ok(late)
}

/// From the answer to when it was read, and to each call that began after it: what one looks at when it took too long.
async fn history(db: &mut PgConnection, one: &Stopped) -> Result<String> {
    let sql = "select extract(epoch from j.read_at - $2)::float8 from webhook_journal j
               where  position(convert_to($1, 'utf8') in j.body) > 0 order by j.id desc limit 1";
    let read: Option<f64> =
        sqlx::query_scalar(sql).bind(one.address.trim_start_matches('+')).bind(one.at).fetch_one(&mut *db).await?;
    let sql =
        "select extract(epoch from t.started_at - $2)::float8, extract(epoch from s.decided_at - $2)::float8, s.state
               from attempts t join sends s on s.tenant_id = t.tenant_id and s.id = t.message_id
               join addresses a on a.tenant_id = s.tenant_id and a.id = s.address_id
               where a.address = $1 and t.started_at > $2 order by t.started_at limit 10";
    let calls: Vec<(f64, Option<f64>, String)> =
        sqlx::query_as(sql).bind(&one.address).bind(one.at).fetch_all(&mut *db).await?;
    Ok(format!("read after {read:?} s; calls, decided and now: {calls:?}"))
}

/// What was refused for somebody who wrote STOP: there was something on its way to them.
async fn unsent(db: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from sends where state = 'refused'").fetch_one(db).await?)
}
