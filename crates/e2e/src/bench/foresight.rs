//! A dry run against what then happens: the same counts, and the end within two seconds or two of a hundred.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use postroad_app::{
    campaigns::{self, Guards, NewCampaign},
    dry_run,
    templates::{self, Filter},
};
use postroad_core::{actor::Actor, consent::Purpose, gates::QuietPolicy, ids::CampaignId};
use postroad_simulators::meta::{MetaConfig, MetaSim};
use postroad_store::campaigns::{Audience, Variable};

use super::{Options, Report};
use crate::{
    installation::{Installation, Setup},
    seed::{Lanes, Seed},
    wait::until,
};

/// Five and a half minutes at this pace.
const PER_S: f64 = 80.0;
const PEOPLE: u32 = 26_400;

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let people = options.scaled(PEOPLE);
    let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..MetaConfig::default() }).await?;
    let setup = Setup { meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let mut seed = Seed::new(&installation).await?;
    seed.accounts(&Lanes { rate_per_s: PER_S, ..Lanes::default() }).await?;
    seed.people(people).await?;
    let _all = installation.run("all").await?;
    let campaign = draft(&seed).await?;
    let told = dry_run::dry_run(&seed.app, seed.tenant, campaign).await?;
    let foretold = told.forecast.p50_at.zip(told.forecast.first_at).context("nothing was foretold")?;
    campaigns::start(&seed.app, Actor::Operator, seed.tenant, campaign).await?;
    let began = seed.app.clock.now();
    until("everybody got it", Duration::from_mins(10), || async {
        let tallies = campaigns::tallies(&seed.app, seed.tenant, campaign).await?;
        Ok(tallies.iter().filter(|tally| is_over(&tally.state)).map(|tally| tally.count).sum::<i64>()
            >= i64::from(people))
    })
    .await?;
    ensure!(told.sent * told.recipients == i64::from(people) * told.examined, "the dry run told of {}", told.sent);
    let took = (last_attempt(&mut seed, campaign).await? - began).as_seconds_f64();
    let (last, first) = foretold;
    let error = took - (last - first).as_seconds_f64();
    let of = format!("{people} people at {PER_S}/s took {took:.1} s");
    report.tell("forecast.error_s", error, "s", of.clone());
    report.tell("forecast.error_ratio", error.abs() / took, "ratio", of);
    Ok(())
}

fn is_over(state: &str) -> bool {
    !matches!(state, "scheduled" | "queued" | "waiting" | "claimed" | "attempting")
}

async fn draft(seed: &Seed) -> Result<CampaignId> {
    let any = Filter { limit: 1, ..Filter::default() };
    let template = templates::list(&seed.app, seed.tenant, &any).await?.pop().context("there is no template")?;
    let new = NewCampaign {
        name: "Bench".to_owned(),
        account: template.account,
        template: template.id,
        purpose: Purpose::Transactional,
        variables: vec![Variable::Value { value: "Ada".to_owned() }],
        audience: Audience::All { all: true },
        exclude: Vec::new(),
        quiet_policy: QuietPolicy::Exempt,
        weight: 4,
        not_after: None,
        guards: Guards::default(),
    };
    Ok(campaigns::create(&seed.app, Actor::Operator, seed.tenant, new).await?)
}

async fn last_attempt(seed: &mut Seed, campaign: CampaignId) -> Result<DateTime<Utc>> {
    let sql =
        "select max(a.started_at) from attempts a join sends s on s.tenant_id = a.tenant_id and s.id = a.message_id
               where s.campaign_id = $1";
    Ok(sqlx::query_scalar(sql).bind(campaign.uuid()).fetch_one(seed.db()).await?)
}
