//! How long after a pause the last call of a campaign begins.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use postroad_app::campaigns::{self, NewCampaign};
use postroad_core::{
    actor::Actor,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, CampaignId},
};
use postroad_simulators::meta::{MetaConfig, MetaSim};
use postroad_store::campaigns::{Audience, Variable};
use sqlx::PgConnection;

use super::{Options, Report};
use crate::{
    installation::{Installation, Setup},
    seed::{Lanes, Seed},
    wait::until,
};

const PER_S: f64 = 80.0;
const PEOPLE: u32 = 4_000;
const ROUNDS: u32 = 5;
/// Longer than a pause may take.
const QUIET: Duration = Duration::from_secs(4);

/// A campaign at a number's usual pace is paused and resumed, over and over; the longest of all is told.
pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..MetaConfig::default() }).await?;
    let setup = Setup { meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let mut seed = Seed::new(&installation).await?;
    let lanes = seed.accounts(&Lanes { rate_per_s: PER_S, ..Lanes::default() }).await?;
    seed.people(PEOPLE).await?;
    let _all = installation.run("all").await?;
    let campaign = draft(&mut seed, lanes.first().context("an account was connected")?.id, "Pauses").await?;
    campaigns::start(&seed.app, Actor::Operator, seed.tenant, campaign).await?;
    let rounds = if options.quick { 1 } else { ROUNDS };
    let mut longest = 0.0_f64;
    for _ in 0..rounds {
        longest = longest.max(pause(&mut seed, campaign).await?);
    }
    report.tell("campaign.pause_s", longest, "s", format!("the longest of {rounds} pauses at {PER_S}/s"));
    Ok(())
}

/// Seconds from the pause to the last call that began after it; 0: none did.
async fn pause(seed: &mut Seed, campaign: CampaignId) -> Result<f64> {
    let before = attempts(seed.db(), DateTime::UNIX_EPOCH).await?.0;
    let (app, tenant) = (seed.app.clone(), seed.tenant);
    let db = tokio::sync::Mutex::new(seed.db());
    until("it sends", Duration::from_secs(30), || async {
        let mut db = db.lock().await;
        Ok(attempts(&mut db, DateTime::UNIX_EPOCH).await?.0 > before + 100)
    })
    .await?;
    campaigns::pause(&app, Actor::Operator, tenant, campaign, "a look at the clock").await?;
    let paused_at = app.clock.now();
    tokio::time::sleep(QUIET).await;
    let mut db = db.lock().await;
    let (count, last) = attempts(&mut db, paused_at).await?;
    ensure!(count < 1_000, "{count} calls began after the pause");
    campaigns::resume(&app, Actor::Operator, tenant, campaign).await?;
    Ok(last.map_or(0.0, |last| (last - paused_at).as_seconds_f64()))
}

/// Calls that began after this instant, and when the last of them did.
async fn attempts(db: &mut PgConnection, since: DateTime<Utc>) -> Result<(i64, Option<DateTime<Utc>>)> {
    let sql = "select count(*), max(started_at) from attempts where started_at > $1";
    Ok(sqlx::query_as(sql).bind(since).fetch_one(db).await?)
}

pub(super) async fn draft(seed: &mut Seed, account: AccountId, name: &str) -> Result<CampaignId> {
    let template = sqlx::query_scalar("select id from templates where account_id = $1").bind(account);
    let new = NewCampaign {
        purpose: Purpose::Transactional,
        variables: vec![Variable::Value { value: "Ada".to_owned() }],
        quiet_policy: QuietPolicy::Exempt,
        ..NewCampaign::new(name, account, template.fetch_one(seed.db()).await?, Audience::All { all: true })
    };
    Ok(campaigns::create(&seed.app, Actor::Operator, seed.tenant, new).await?)
}
