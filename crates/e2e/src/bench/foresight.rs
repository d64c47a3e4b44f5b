//! A dry run against what then happens: the same counts, and the end within two seconds or two of a hundred.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use postroad_app::{
    campaigns::{self, NewCampaign},
    dry_run::{self, DryRun},
    templates::{self, Filter},
};
use postroad_core::{
    actor::Actor,
    consent::Purpose,
    gates::{QuietPolicy, Reason},
    ids::CampaignId,
};
use postroad_simulators::meta::{MetaConfig, MetaSim};
use postroad_store::campaigns::{Audience, Tally, Variable};

use super::{Options, Report};
use crate::{
    installation::{Installation, Setup},
    seed::{Lanes, Seed},
    wait::{until, until_some},
};

/// Of the people three quarters get it: more than five minutes at this pace.
const PER_S: f64 = 80.0;
const PEOPLE: u32 = 34_000;

pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let people = options.scaled(PEOPLE);
    let sim = MetaSim::start(MetaConfig { any_number: true, any_template: true, ..MetaConfig::default() }).await?;
    let setup = Setup { meta_url: Some(sim.base_url()), ..Setup::default() }.with("RUST_LOG", "warn");
    let mut installation = Installation::start(setup).await?;
    let mut seed = Seed::new(&installation).await?;
    seed.accounts(&Lanes { rate_per_s: PER_S, ..Lanes::default() }).await?;
    seed.people(people).await?;
    some_refuse(&mut seed).await?;
    let _all = installation.run("all").await?;
    let campaign = draft(&seed).await?;
    let told = whole_dry_run(&seed, campaign).await?;
    let foretold = told.forecast.p50_at.zip(told.forecast.first_at).context("nothing was foretold")?;
    campaigns::start(&seed.app, Actor::Operator, seed.tenant, campaign).await?;
    let began = seed.app.clock.now();
    until("everybody got it", Duration::from_mins(10), || async {
        let tallies = campaigns::tallies(&seed.app, seed.tenant, campaign).await?;
        Ok(tallies.iter().filter(|tally| is_over(&tally.state)).map(|tally| tally.count).sum::<i64>()
            >= i64::from(people))
    })
    .await?;
    let tallies = campaigns::tallies(&seed.app, seed.tenant, campaign).await?;
    let foretold_by_reason: Vec<String> =
        told.refused.iter().map(|(reason, count)| format!("{count} {}", reason.as_str())).collect();
    ensure!(refused(&tallies) == foretold_by_reason, "{:?} and not {foretold_by_reason:?}", refused(&tallies));
    let sent = i64::from(people) - told.refused.values().sum::<i64>();
    ensure!(told.sent == sent && told.waiting.is_empty(), "the dry run told of {}", told.sent);
    let took = (last_attempt(&mut seed, campaign).await? - began).as_seconds_f64();
    let (last, first) = foretold;
    let error = took - (last - first).as_seconds_f64();
    let of =
        format!("{sent} of {people} people at {PER_S}/s took {took:.1} s, refused: {}", foretold_by_reason.join(", "));
    report.tell("forecast.error_s", error, "s", of.clone());
    report.tell("forecast.error_ratio", error.abs() / took, "ratio", of);
    Ok(())
}

/// A tenth took back its consent, a twentieth is on the suppression list, and a tenth never said anything.
async fn some_refuse(seed: &mut Seed) -> Result<()> {
    let sql = "
        update addresses set transactional_action = case when right(address, 1) = '1' then 'revoked' end,
                             transactional_at = case when right(address, 1) = '1' then now() end
        where  right(address, 1) in ('1', '2')";
    sqlx::query(sql).execute(seed.db()).await?;
    let sql = "
        insert into suppressions (tenant_id, id, channel, address, reason, created_at)
        select tenant_id, gen_random_uuid(), 'whatsapp', address, 'operator', now() from addresses
        where  right(address, 2) in ('03', '13', '23', '33', '43')";
    sqlx::query(sql).execute(seed.db()).await?;
    Ok(())
}

/// A worker looks at those behind the first 20,000.
async fn whole_dry_run(seed: &Seed, campaign: CampaignId) -> Result<DryRun> {
    dry_run::dry_run(&seed.app, seed.tenant, campaign).await?;
    until_some("everybody was looked at", Duration::from_mins(2), || async {
        let told = dry_run::last(&seed.app, seed.tenant, campaign).await?;
        Ok(told.map(|(told, _)| told).filter(|told| told.examined == told.recipients))
    })
    .await
}

/// By reason, in the order of the reasons.
fn refused(tallies: &[Tally]) -> Vec<String> {
    let mut counts: BTreeMap<Reason, i64> = BTreeMap::new();
    for tally in tallies.iter().filter(|tally| tally.state == "refused") {
        let reason = tally.reason.as_deref().and_then(|reason| reason.parse().ok());
        if let Some(reason) = reason {
            *counts.entry(reason).or_default() += tally.count;
        }
    }
    counts.into_iter().map(|(reason, count)| format!("{count} {}", reason.as_str())).collect()
}

fn is_over(state: &str) -> bool {
    !matches!(state, "scheduled" | "queued" | "waiting" | "claimed" | "attempting")
}

async fn draft(seed: &Seed) -> Result<CampaignId> {
    let any = Filter { limit: 1, ..Filter::default() };
    let template = templates::list(&seed.app, seed.tenant, &any).await?.pop().context("there is no template")?;
    let new = NewCampaign {
        purpose: Purpose::Transactional,
        variables: vec![Variable::Value { value: "Ada".to_owned() }],
        quiet_policy: QuietPolicy::Exempt,
        ..NewCampaign::new("Bench", template.account, template.id, Audience::All { all: true })
    };
    Ok(campaigns::create(&seed.app, Actor::Operator, seed.tenant, new).await?)
}

async fn last_attempt(seed: &mut Seed, campaign: CampaignId) -> Result<DateTime<Utc>> {
    let sql =
        "select max(a.started_at) from attempts a join sends s on s.tenant_id = a.tenant_id and s.id = a.message_id
               where s.campaign_id = $1";
    Ok(sqlx::query_scalar(sql).bind(campaign.uuid()).fetch_one(seed.db()).await?)
}
