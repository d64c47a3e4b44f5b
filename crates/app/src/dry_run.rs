//! What a campaign would do, told by doing it and taking it back: the same planning and the same gates as a real start,
//! in transactions that are rolled back. Nothing leaves, because nobody else ever sees their rows.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, SubsecRound, TimeDelta, Utc};
use postroad_core::{
    campaign::CampaignState,
    forecast::{Forecast, Group},
    gates::{self, Decision, QuietPolicy, Reason},
    ids::{CampaignId, ContactId, MessageId, TenantId},
    jobs::Maintain,
    message::Content,
    segment::Filter,
    template, time,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Move},
    facts::{self, SendFacts},
    forecasts, queue,
    recipients::{self, Page},
    templates,
};
use serde::{Deserialize, Serialize};

use crate::{App, audiences, campaigns::CampaignError, forecast, plan};

/// Contacts one page of a dry run looks at.
const PAGE: i64 = 1_000;
/// Pages that the caller waits for; a larger audience is looked at further by a worker.
const PAGES_MAX: i32 = 20;
/// Pages of one job: two seconds or so, in which other upkeep waits.
const PAGES_PER_JOB: i32 = 10;
/// Messages a preview shows.
const SAMPLES: i64 = 5;
/// People a dry run names for each reason.
const NAMED_MAX: usize = 20;

/// What the gates say now, or at the scheduled time, of the people of a campaign, and when it would be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    /// Everybody who has an address on the channel.
    pub recipients: i64,
    /// Of these, how many were looked at: all, or 20,000 at first.
    pub examined: i64,
    pub sent: i64,
    pub waiting: BTreeMap<Reason, i64>,
    pub refused: BTreeMap<Reason, i64>,
    /// For each reason the first people it concerns, by their UUIDs.
    pub named: BTreeMap<Reason, Vec<uuid::Uuid>>,
    /// Credits that the messages that leave would cost.
    pub credits: i64,
    /// Of those who are not refused, beside everything else the account has to send.
    pub forecast: Forecast,
}

/// Messages as people would read them.
pub struct Preview {
    pub recipients: i64,
    pub samples: Vec<Sample>,
}

/// One message of a preview. Never printed.
pub struct Sample {
    pub contact: ContactId,
    /// Or why there is none: a value is missing.
    pub text: Result<String, template::TemplateError>,
}

/// Counts what would be sent, wait and be refused if the campaign began now, or at its scheduled time, and keeps that with
/// the campaign.
pub async fn dry_run(app: &App, tenant: TenantId, id: CampaignId) -> Result<DryRun, CampaignError> {
    let asked = app.clock.now().trunc_subsecs(6);
    look_on(app, tenant, id, Rest { asked, ..Rest::default() }, PAGES_MAX).await
}

/// The same, of the first 20,000 people, and kept nowhere.
pub(crate) async fn glance(app: &App, tenant: TenantId, id: CampaignId) -> Result<DryRun, CampaignError> {
    let mut rest = Rest::default();
    count(app, tenant, id, &mut rest, PAGES_MAX).await?;
    rest.tally.told(app, tenant, id).await
}

/// Looks on at the audience of a dry run that was asked for then, in unix microseconds. False: another one was asked for, or
/// it is done.
pub async fn go_on(app: &App, tenant: TenantId, id: CampaignId, asked: i64) -> Result<bool, CampaignError> {
    let asked = DateTime::from_timestamp_micros(asked).unwrap_or_default();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let kept = forecasts::dry_run_rest(&mut tx, id, asked).await?;
    drop(tx);
    let Some(rest) = kept.and_then(|rest| serde_json::from_value(rest).ok()) else { return Ok(false) };
    look_on(app, tenant, id, rest, PAGES_PER_JOB).await?;
    Ok(true)
}

/// What was counted, and where the next page begins.
#[derive(Default, Serialize, Deserialize)]
struct Rest {
    asked: DateTime<Utc>,
    tally: Tally,
    cursor: Option<ContactId>,
}

/// Looks at so many pages, keeps what they told, and leaves the next ones to a job.
async fn look_on(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
    mut rest: Rest,
    pages: i32,
) -> Result<DryRun, CampaignError> {
    let is_done = count(app, tenant, id, &mut rest, pages).await?;
    let told = rest.tally.told(app, tenant, id).await?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let json = |value: serde_json::Result<_>| value.map_err(postroad_store::Error::from);
    let (kept, more) = (json(serde_json::to_value(&told))?, json(serde_json::to_value(&rest))?);
    forecasts::save_dry_run(&mut tx, id, &kept, (!is_done).then_some(&more), rest.asked).await?;
    if !is_done {
        let job = Maintain::DryRun { tenant, campaign: id, asked: rest.asked.timestamp_micros(), at: told.examined };
        queue::push(&mut tx, &job, app.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(told)
}

/// True: there is nobody behind these pages.
async fn count(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
    rest: &mut Rest,
    pages: i32,
) -> Result<bool, CampaignError> {
    for _ in 0..pages {
        let page = look_at_page(app, tenant, id, rest.cursor, &mut rest.tally).await?;
        rest.cursor = page.cursor;
        if page.is_last {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the last dry run told, and when; none: there was none, or another version wrote it.
pub async fn last(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
) -> Result<Option<(DryRun, DateTime<Utc>)>, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let stored = forecasts::dry_run(&mut tx, id).await?;
    Ok(stored.and_then(|(told, at)| Some((serde_json::from_value(told).ok()?, at))))
}

/// One page in a transaction of its own, so that a long dry run holds no lock and leaves the database room to tidy up.
async fn look_at_page(
    app: &App,
    tenant: TenantId,
    id: CampaignId,
    cursor: Option<ContactId>,
    tally: &mut Tally,
) -> Result<plan::Glance, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let stage = Stage::set(app, &mut tx, id, tally.at).await?;
    if cursor.is_none() {
        tally.recipients = stage.size(&mut tx).await?;
    }
    let seen = stage.glance(app, &mut tx, cursor, PAGE).await?;
    for send in stage.facts(app, &mut tx, &seen.ids).await? {
        tally.count(&stage.at_its_time(send));
    }
    tx.roll_back().await?;
    tally.at = Some(stage.at);
    Ok(seen)
}

/// The first messages, as they would read.
pub async fn preview(app: &App, tenant: TenantId, id: CampaignId) -> Result<Preview, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let stage = Stage::set(app, &mut tx, id, None).await?;
    let recipients = stage.size(&mut tx).await?;
    let template = templates::find(&mut tx, stage.campaign.template).await?.ok_or(CampaignError::NoGround)?;
    let mut read = Vec::new();
    let mut behind = None;
    for _ in 0..PAGES_MAX {
        let seen = stage.glance(app, &mut tx, behind, SAMPLES).await?;
        read.extend(stage.facts(app, &mut tx, &seen.ids).await?);
        behind = seen.cursor;
        if seen.is_last || i64::try_from(read.len()).is_ok_and(|count| count >= SAMPLES) {
            break;
        }
    }
    tx.roll_back().await?;
    let sample = |send: SendFacts| {
        let Content::Template(used) = send.content else { return None };
        let values: Vec<String> = used.parameters.into_iter().map(|value| value.0).collect();
        Some(Sample { contact: send.contact, text: template::render(&template.body, &values) })
    };
    let shown = usize::try_from(SAMPLES).unwrap_or_default();
    Ok(Preview { recipients, samples: read.into_iter().take(shown).filter_map(sample).collect() })
}

/// A campaign that has begun, but only in this transaction.
struct Stage {
    tenant: TenantId,
    campaign: Campaign,
    filter: Option<Filter>,
    run: i32,
    now: DateTime<Utc>,
    at: DateTime<Utc>,
}

impl Stage {
    /// `at` is when it begins; none: now, or at its scheduled time.
    async fn set(
        app: &App,
        tx: &mut TenantTx,
        id: CampaignId,
        at: Option<DateTime<Utc>>,
    ) -> Result<Self, CampaignError> {
        let now = app.clock.now();
        let campaign = campaigns::find(tx, id).await?.ok_or(CampaignError::NotFound)?;
        let filter = audiences::resolve(tx, &campaign.audience.0, &campaign.exclude.0).await?;
        campaigns::freeze(tx, id, filter.as_ref()).await?;
        let (state, wanted) = (campaign.state, CampaignState::Preparing);
        let begins =
            Move { from: state, to: wanted, paused_reason: None, scheduled_at: None, replan: true, credit: None };
        let has_not_begun = matches!(state, CampaignState::Draft | CampaignState::Scheduled);
        if !has_not_begun || !campaigns::move_to(tx, id, &begins, now).await? {
            return Err(CampaignError::WrongState { state, wanted });
        }
        let begins = campaign.scheduled_at.filter(|_| state == CampaignState::Scheduled).map_or(now, |at| at.max(now));
        let at = at.unwrap_or(begins);
        Ok(Self { tenant: tx.tenant(), run: campaign.plan_run + 1, filter, now, at, campaign })
    }

    async fn size(&self, tx: &mut TenantTx) -> Result<i64, CampaignError> {
        Ok(audiences::size(tx, &self.campaign, self.filter.as_ref(), self.now).await?)
    }

    /// Up to `size` recipients behind the cursor.
    async fn glance(
        &self,
        app: &App,
        tx: &mut TenantTx,
        behind: Option<ContactId>,
        size: i64,
    ) -> Result<plan::Glance, CampaignError> {
        let stored = recipients::share(tx, self.campaign.id, self.run).await?.ok_or(CampaignError::NotFound)?;
        let page = Page { planned_to: behind, ..stored };
        Ok(plan::glance(app, tx, &page, size, self.at).await?)
    }

    /// As the gates will see it when its own clock says so.
    fn at_its_time(&self, mut send: SendFacts) -> SendFacts {
        let zone = send.facts.quiet.as_ref().map(|quiet| quiet.zone);
        let local = self.campaign.local_at.zip(zone).map(|(local, zone)| time::resolve(zone, local));
        send.facts.now = local.map_or(send.facts.now, |at| at.max(send.facts.now));
        send
    }

    async fn facts(&self, app: &App, tx: &mut TenantTx, ids: &[MessageId]) -> Result<Vec<SendFacts>, CampaignError> {
        let ids: Vec<(TenantId, MessageId)> = ids.iter().map(|id| (self.tenant, *id)).collect();
        Ok(facts::read(tx, &ids, app.defaults.quiet_hours, self.at).await?.sends)
    }
}

/// What was counted so far.
#[derive(Default, Serialize, Deserialize)]
struct Tally {
    at: Option<DateTime<Utc>>,
    recipients: i64,
    examined: i64,
    sent: i64,
    waiting: BTreeMap<Reason, i64>,
    refused: BTreeMap<Reason, i64>,
    named: BTreeMap<Reason, Vec<uuid::Uuid>>,
    /// As pairs: the keys of JSON are texts.
    #[serde(with = "pairs")]
    groups: BTreeMap<GroupKey, u64>,
    credits: i64,
}

/// What makes people look alike: when they are ready, why not before, in which zone they sleep, and whether they take places
/// of the portfolio.
type GroupKey = (DateTime<Utc>, Option<Reason>, String, bool);

mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::GroupKey;

    pub(super) fn serialize<S: Serializer>(groups: &BTreeMap<GroupKey, u64>, to: S) -> Result<S::Ok, S::Error> {
        groups.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<GroupKey, u64>, D::Error> {
        Ok(Vec::<(GroupKey, u64)>::deserialize(from)?.into_iter().collect())
    }
}

impl Tally {
    fn count(&mut self, send: &SendFacts) {
        self.examined += 1;
        let now = send.facts.now;
        match gates::decide(&send.facts).decision {
            Decision::Send => {
                self.sent += 1;
                self.group(send, now, None);
            }
            Decision::Wait { reason, until, .. } => {
                *self.waiting.entry(reason).or_default() += 1;
                self.name(reason, send);
                self.group(send, until, Some(reason));
            }
            Decision::Refuse { reason, .. } => {
                *self.refused.entry(reason).or_default() += 1;
                self.name(reason, send);
            }
        }
    }

    fn name(&mut self, reason: Reason, send: &SendFacts) {
        let named = self.named.entry(reason).or_default();
        if named.len() < NAMED_MAX {
            named.push(send.contact.uuid());
        }
    }

    fn group(&mut self, send: &SendFacts, ready_at: DateTime<Utc>, reason: Option<Reason>) {
        if send.facts.credit.enforced {
            self.credits += 1;
        }
        // A wait ends at a full minute or a little later: no more groups than minutes.
        let minute = ready_at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(ready_at);
        let ready_at = if minute < send.facts.now { send.facts.now } else { minute };
        let asleep = send.facts.quiet.as_ref().filter(|quiet| quiet.policy != QuietPolicy::Exempt);
        let zone = asleep.map_or("", |quiet| quiet.zone.name()).to_owned();
        *self.groups.entry((ready_at, reason, zone, send.portfolio.is_some())).or_default() += 1;
    }

    /// The whole audience, as far as the beginning speaks for it.
    async fn told(&self, app: &App, tenant: TenantId, id: CampaignId) -> Result<DryRun, CampaignError> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let campaign = campaigns::find(&mut tx, id).await?.ok_or(CampaignError::NotFound)?;
        let recipients = self.recipients;
        let at = self.at.unwrap_or_else(|| app.clock.now());
        let groups = self.groups.iter().map(|((ready_at, held_by, zone, takes_places), people)| Group {
            flow: 0,
            people: scaled(*people, recipients, self.examined),
            ready_at: *ready_at,
            held_by: *held_by,
            quiet: zone.parse().ok().map(|zone| (app.defaults.quiet_hours, zone)),
            takes_places: *takes_places,
        });
        let ground = campaigns::ground(&mut tx, campaign.account, campaign.template).await?;
        let ground = ground.ok_or(CampaignError::NoGround)?;
        let price = crate::campaigns::price(&mut tx, &campaign, &ground).await?;
        let forecast = forecast::with(app, &mut tx, &campaign, groups.collect(), at).await?;
        Ok(DryRun {
            recipients,
            examined: self.examined,
            sent: self.sent,
            waiting: self.waiting.clone(),
            refused: self.refused.clone(),
            named: self.named.clone(),
            credits: self.credits.saturating_mul(price),
            forecast,
        })
    }
}

/// Of an audience of which only some were looked at.
fn scaled(people: u64, recipients: i64, examined: i64) -> u64 {
    let (all, seen) = (u64::try_from(recipients).unwrap_or_default(), u64::try_from(examined).unwrap_or_default());
    if seen == 0 || all <= seen { people } else { people * all / seen }
}
