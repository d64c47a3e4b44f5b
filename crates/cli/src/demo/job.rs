//! The main job: import, campaign, API sends beside it, receipts, reconciliation.

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{
    campaigns::{self, NewCampaign},
    dry_run, forecast,
    import::{self, ImportFile, ImportOptions, ImportReport},
    schedule,
};
use postroad_core::{
    actor::Actor,
    forecast::Forecast,
    gates::Reason,
    ids::{AutomationId, CampaignId, MessageId},
    quiet_hours::QuietHours,
    send::SendState,
};
use postroad_store::campaigns::{Audience, Variable};

use super::{
    calls::{self, Calls},
    expected::Expected,
    inbox,
    progress::{Bar, Progress},
    reconcile::{self, Told},
    stage::Stage,
    summary::{Api, Campaign, Provider as AtProvider, Summary},
    zones::Zones,
};
use crate::connect;

/// The sample data, in the binary: it runs anywhere.
const CONTACTS: &[u8] = include_bytes!("../../../../demo/contacts.csv");
/// Single sends beside the campaign.
const CALLS: usize = 1_000;
/// Everything takes seconds; this is for a machine that is very busy.
const END_MAX: Duration = Duration::from_mins(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// A forecast counts everything that is left.
const LOOKS_PER_FORECAST: u32 = 20;

/// What came of it.
pub struct Done {
    pub summary: Summary,
    /// A message that quiet hours hold.
    pub held: Option<MessageId>,
}

pub async fn run(stage: &Stage, progress: &Progress) -> Result<Done> {
    let zones = Zones::at(stage.app().clock.now(), QuietHours::DEFAULT);
    progress.step(&format!("importing 10,000 people; it is day in {} and night in {}", zones.day, zones.night));
    let import = take_in(stage, zones).await?;
    let campaign = draft(stage).await?;
    let told = rehearse(stage, progress, campaign).await?;
    let automation = inbox::answering(&stage.caller).await?;
    progress.step(&format!(
        "running a campaign over {} people; beside it {CALLS} signed API sends, and {} people who write and get a reply",
        people_in(&import),
        inbox::PEOPLE
    ));
    let sending = send(stage, progress, (campaign, automation)).await?;
    progress.step("waiting for the last receipts");
    receive(stage).await?;
    progress.step("reconciling with the provider");
    conclude(stage, campaign, &import, Sent { told, sending }).await
}

async fn take_in(stage: &Stage, zones: Zones) -> Result<ImportReport> {
    let file = ImportFile { name: "contacts.csv".to_owned(), sha256: import::sha256(CONTACTS)? };
    let names = [("day".to_owned(), zones.day), ("night".to_owned(), zones.night)];
    let options = ImportOptions { zones: names.into(), ..ImportOptions::default() };
    Ok(import::import_csv(stage.app(), stage.tenant, &file, Cursor::new(CONTACTS), options).await?)
}

const fn people_in(report: &ImportReport) -> i64 {
    report.import.created + report.import.updated
}

async fn draft(stage: &Stage) -> Result<CampaignId> {
    let greeting = Variable::Attribute { attribute: "first_name".to_owned(), fallback: Some("there".to_owned()) };
    let new = NewCampaign {
        variables: vec![greeting, Variable::Value { value: "20 %".to_owned() }],
        ..NewCampaign::new("Spring sale", stage.account, stage.sale, Audience::All { all: true })
    };
    Ok(campaigns::create(stage.app(), Actor::Operator, stage.tenant, new).await?)
}

/// A dry run of the campaign: the real planning and the real gates, and nothing leaves.
async fn rehearse(stage: &Stage, progress: &Progress, campaign: CampaignId) -> Result<Campaign> {
    let told = dry_run::dry_run(stage.app(), stage.tenant, campaign).await?;
    let forecast = &told.forecast;
    progress
        .step(&format!("dry run: {} of {} would leave at once; {}", told.sent, told.recipients, forecast.limited_by));
    let lasts = forecast.first_at.zip(forecast.p50_at).map(|(first, last)| (last - first).to_std().unwrap_or_default());
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    let by_reason = |counts: &BTreeMap<Reason, i64>| {
        counts.iter().map(|(reason, messages)| (reason.as_str().to_owned(), count(*messages))).collect()
    };
    let campaign = Campaign {
        recipients: count(told.recipients),
        accepted: count(told.sent),
        refused: by_reason(&told.refused),
        waiting: by_reason(&told.waiting),
        ..Campaign::default()
    };
    Ok(timed(campaign, lasts.unwrap_or_default()))
}

/// What was foretold, and what was done.
struct Sent {
    told: Campaign,
    sending: Sending,
}

/// The sending part, while it lasted.
struct Sending {
    calls: Calls,
    /// From the start of the campaign to its last attempt.
    campaign_took: Duration,
    /// Messages that people wrote.
    inbound: usize,
}

async fn send(
    stage: &Stage,
    progress: &Progress,
    (campaign, automation): (CampaignId, AutomationId),
) -> Result<Sending> {
    let people = reachable_by_day()?;
    let writing = people[..inbox::PEOPLE].to_vec();
    let api_bar = progress.bar("API sends", CALLS as u64);
    let began = Instant::now();
    campaigns::start(stage.app(), Actor::Operator, stage.tenant, campaign).await?;
    let calls = tokio::spawn(calls::send(stage.caller.clone(), people, Arc::clone(&api_bar)));
    let bar = progress.bar("campaign", Expected::read()?.recipients());
    let (campaign_took, inbound) =
        tokio::try_join!(watch(stage, campaign, &bar, began), inbox::write(&stage.sim, &writing))?;
    bar.finish();
    let calls = calls.await.context("the task of the API sends panicked")?;
    api_bar.finish();
    while !inbox::has_answered(stage, automation, inbound).await? {
        pause(began, "the replies").await?;
    }
    until_still(stage).await?;
    Ok(Sending { calls, campaign_took, inbound })
}

/// People who can be written to at any time of the run: it is day where they live, and they agreed.
fn reachable_by_day() -> Result<Vec<String>> {
    let whatsapp = connect::provider(connect::WHATSAPP)?;
    let mut reader = csv::Reader::from_reader(CONTACTS);
    let header = reader.headers()?.clone();
    let column =
        |name: &str| header.iter().position(|title| title == name).with_context(|| format!("no column {name}"));
    let (phone, zone, consent, opted_out) =
        (column("phone")?, column("time_zone")?, column("consent")?, column("opted_out")?);
    let is = |record: &csv::StringRecord, at: usize, wanted: &str| record.get(at).is_some_and(|field| field == wanted);
    let records = reader.records().filter_map(Result::ok);
    let fitting = records.filter(|one| is(one, zone, "day") && is(one, consent, "yes") && !is(one, opted_out, "yes"));
    let people: Vec<String> = fitting.filter_map(|one| whatsapp.normalise(one.get(phone)?)).take(CALLS).collect();
    if people.len() < CALLS {
        bail!("the sample data have {} people for the API sends, and {CALLS} are needed", people.len());
    }
    Ok(people)
}

/// Until the campaign is planned to its end and nothing of it moves any more; how long that took.
async fn watch(stage: &Stage, campaign: CampaignId, bar: &Bar, began: Instant) -> Result<Duration> {
    let mut looks = 0_u32;
    loop {
        let planned = campaigns::get(stage.app(), stage.tenant, campaign).await?.planned_at.is_some();
        let tallies = campaigns::tallies(stage.app(), stage.tenant, campaign).await?;
        let of = |moves: bool| {
            tallies.iter().filter(|tally| is_moving(&tally.state) == moves).map(|tally| tally.count).sum::<i64>()
        };
        let took = began.elapsed();
        bar.set(u64::try_from(of(false)).unwrap_or_default());
        if looks.is_multiple_of(LOOKS_PER_FORECAST) {
            let forecast = forecast::forecast(stage.app(), stage.tenant, campaign).await?;
            bar.tell(eta(&forecast, stage.app().clock.now()));
        }
        looks += 1;
        if planned && of(true) == 0 {
            return Ok(took);
        }
        pause(began, "the campaign").await?;
    }
}

fn is_moving(state: &str) -> bool {
    use SendState::{Attempting, Claimed, Queued, Scheduled};
    [Queued, Scheduled, Claimed, Attempting].iter().any(|word| word.as_str() == state)
}

/// When it will be done, and what keeps it until then.
fn eta(forecast: &Forecast, now: DateTime<Utc>) -> String {
    let Some(last) = forecast.p50_at else { return "done".to_owned() };
    let left = (last - now).max(TimeDelta::zero());
    let left = match left.num_minutes() {
        0 | 1 => format!("{} s", left.num_seconds()),
        minutes if minutes < 120 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    };
    format!("{left} left; {}", forecast.limited_by)
}

/// Until nothing moves in the whole installation.
async fn until_still(stage: &Stage) -> Result<()> {
    let began = Instant::now();
    while schedule::census(stage.app()).await?.sends.iter().any(|(state, count, _)| is_moving(state) && *count > 0) {
        pause(began, "the last messages").await?;
    }
    Ok(())
}

/// Until the provider has told everything and all of it is applied.
async fn receive(stage: &Stage) -> Result<()> {
    let settled = tokio::time::timeout(END_MAX, stage.sim.receipts_settled()).await;
    settled.context("the provider could not deliver its receipts")?;
    let began = Instant::now();
    loop {
        let census = schedule::census(stage.app()).await?;
        if census.webhooks_unread == 0 && census.receipts_parked == 0 {
            return Ok(());
        }
        pause(began, "the receipts").await?;
    }
}

async fn pause(began: Instant, what: &str) -> Result<()> {
    if began.elapsed() > END_MAX {
        bail!("{what} did not end within {} minutes", END_MAX.as_secs() / 60);
    }
    tokio::time::sleep(BETWEEN_LOOKS).await;
    Ok(())
}

async fn conclude(stage: &Stage, campaign: CampaignId, import: &ImportReport, sent: Sent) -> Result<Done> {
    let Sent { told: foretold, sending } = sent;
    let told = reconcile::read(&stage.caller).await?;
    let taken = reconcile::taken_by(&stage.sim);
    let campaign = timed(reconcile::count(&told, campaign), sending.campaign_took);
    let summary = Summary {
        expected: Expected::read()?.matches(import, &campaign),
        campaign,
        dry_run: Some(foretold),
        api: api(&sending.calls),
        automation: inbox::count(sending.inbound, &told, &taken),
        provider: provider(stage),
        lost: reconcile::lost(&told, &sending.calls.accepted, &taken),
        doubled: reconcile::doubled(&taken),
    };
    for refusal in &sending.calls.refused {
        tracing::warn!(answer = %refusal, "an API send was not accepted");
    }
    Ok(Done { held: held(&told), summary })
}

fn timed(campaign: Campaign, took: Duration) -> Campaign {
    let duration_s = (took.as_secs_f64() * 100.0).round() / 100.0;
    #[expect(clippy::cast_precision_loss, reason = "counts of a demonstration")]
    let per_s = (campaign.accepted as f64 / took.as_secs_f64() * 10.0).round() / 10.0;
    Campaign { duration_s, per_s, ..campaign }
}

fn api(calls: &Calls) -> Api {
    Api {
        sent: calls.sent as u64,
        accepted: calls.accepted.len() as u64,
        p50_ms: calls.percentile_ms(50),
        p99_ms: calls.percentile_ms(99),
    }
}

fn provider(stage: &Stage) -> AtProvider {
    let stats = stage.sim.stats();
    let over = stats.over_limit;
    AtProvider {
        accepted: stats.counts.accepted,
        duplicates: stats.counts.duplicates,
        over_limit: over.throughput + over.pair + over.app,
    }
}

fn held(told: &[Told]) -> Option<MessageId> {
    let by_quiet_hours = |one: &&Told| one.held_by.as_ref().is_some_and(|held| held.reason == "quiet_hours");
    told.iter().find(by_quiet_hours).map(|one| one.id)
}
