//! How fast a campaign's recipients are written, when its audience is a segment.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postroad_app::{
    audiences::{self, Asked, Whom},
    campaigns::{self, NewCampaign},
    segments::{self, NewSegment},
};
use postroad_core::{
    account::Channel,
    actor::Actor,
    consent::Purpose,
    ids::{AccountId, CampaignId, TemplateId},
    segment::{AttributeTest, ConsentTest, ConsentWord, Filter, TagTest, ValueTest},
};
use postroad_store::campaigns::{Audience, Variable};
use sqlx::PgConnection;

use super::{Options, Report};
use crate::{
    installation::{Installation, Setup},
    procfs::resident_peak_kib,
    seed::{Lanes, Seed},
    wait::until,
};

/// Contacts that the segment means; a fourth as many are there besides, whom it does not.
const MEANT: u32 = 1_000_000;
/// Nothing takes longer, unless something is wrong.
const PLANNED_MAX: Duration = Duration::from_mins(4);

/// Of a small campaign, to see how much more memory a large one takes.
const FEW: u32 = 10_000;

/// From the start of the campaign until its last recipient is written, by a worker. Everybody is to get it at their own
/// local time two days later: nothing is sent meanwhile.
pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let meant = options.scaled(MEANT);
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    let account = seed.accounts(&Lanes::default()).await?.first().context("an account was connected")?.id;
    seed.people(meant + meant / 4).await?;
    let template = prepare(&mut seed, account, meant).await?;
    preview(report, &seed, meant).await?;
    let segment =
        segments::create(&seed.app, seed.tenant, NewSegment { name: "Loyal".into(), filter: loyal() }).await?;
    let few = draft(account, template, Audience::Contacts { contact_ids: some(seed.db(), FEW).await? });
    let many = draft(account, template, Audience::Segment { segment: segment.id });
    let (_, few_kib) = plan(&mut installation, &mut seed, few, FEW).await?;
    let (seconds, many_kib) = plan(&mut installation, &mut seed, many, meant).await?;
    let of = format!("a segment of {meant} people among {}, three conditions", meant + meant / 4);
    report.tell("campaign.plan_per_s", f64::from(meant) / seconds, "1/s", of);
    report.tell("campaign.plan_mib", mib(many_kib), "MiB", "at most, of the worker that planned them");
    let of = format!("more than of the worker that planned {FEW}");
    report.tell("campaign.plan_growth_mib", mib(many_kib) - mib(few_kib), "MiB", of);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}

async fn some(db: &mut PgConnection, count: u32) -> Result<Vec<uuid::Uuid>> {
    let ids = sqlx::query_scalar("select id from contacts order by id limit $1").bind(i64::from(count));
    Ok(ids.fetch_all(db).await?)
}

/// By a worker that was just started: seconds, and the most memory it had.
async fn plan(installation: &mut Installation, seed: &mut Seed, new: NewCampaign, meant: u32) -> Result<(f64, u64)> {
    let id = campaigns::create(&seed.app, Actor::Operator, seed.tenant, new).await?;
    let later = "update campaigns set local_at = localtimestamp + interval '2 days' where id = $1";
    sqlx::query(later).bind(id).execute(seed.db()).await?;
    let mut worker = installation.run("work").await?;
    campaigns::start(&seed.app, Actor::Operator, seed.tenant, id).await?;
    let seconds = planned(seed.db(), id, meant).await?;
    let peak_kib = resident_peak_kib(worker.process.pid())?;
    worker.process.stop(Duration::from_secs(40)).await?;
    Ok((seconds, peak_kib))
}

/// A tag, an attribute and consent.
fn loyal() -> Filter {
    let orders = AttributeTest { name: "orders".into(), is: ValueTest::AtLeast(3.0) };
    let consent = ConsentTest { channel: Channel::Whatsapp, purpose: Purpose::Marketing, is: ConsentWord::Granted };
    Filter::All(vec![Filter::Tag(TagTest::Has("loyal".into())), Filter::Attribute(orders), Filter::Consent(consent)])
}

/// Says of the people what the segment asks.
async fn prepare(seed: &mut Seed, account: AccountId, meant: u32) -> Result<TemplateId> {
    let tagged = "
        update contacts c set tags = '{loyal,news}', attributes = '{\"orders\": \"7\", \"first_name\": \"Ada\"}'
        from   addresses d where d.tenant_id = c.tenant_id and d.contact_id = c.id and d.address < '+1555' || lpad($1::text, 7, '0')";
    sqlx::query(tagged).bind(i64::from(meant)).execute(&mut *seed.db()).await?;
    sqlx::query("vacuum analyze contacts").execute(&mut *seed.db()).await?;
    sqlx::query("vacuum analyze addresses").execute(&mut *seed.db()).await?;
    let template = sqlx::query_scalar("select id from templates where account_id = $1").bind(account);
    Ok(template.fetch_one(&mut *seed.db()).await?)
}

async fn preview(report: &mut Report, seed: &Seed, meant: u32) -> Result<()> {
    let asked = Asked { whom: Whom::Filter(loyal()), channel: Channel::Whatsapp, purpose: Purpose::Marketing };
    let began = Instant::now();
    let preview = audiences::preview(&seed.app, seed.tenant, &asked).await?;
    anyhow::ensure!(preview.matched == i64::from(meant), "{} of {meant} were found", preview.matched);
    let of = format!("the exact funnel and 20 samples of {meant} people");
    report.tell("campaign.preview_s", began.elapsed().as_secs_f64(), "s", of);
    Ok(())
}

fn draft(account: AccountId, template: TemplateId, audience: Audience) -> NewCampaign {
    NewCampaign {
        variables: vec![Variable::Attribute { attribute: "first_name".into(), fallback: None }],
        ..NewCampaign::new("Spring", account, template, audience)
    }
}

/// Seconds from its start to its last page, as the rows say.
async fn planned(db: &mut PgConnection, id: CampaignId, meant: u32) -> Result<f64> {
    let db = tokio::sync::Mutex::new(db);
    until("everybody is a recipient", PLANNED_MAX, || async {
        let mut db = db.lock().await;
        let sql = "select planned_at is not null from campaigns where id = $1";
        Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&mut **db).await?)
    })
    .await?;
    let sql = "select planned, extract(epoch from planned_at - started_at)::float8 from campaigns where id = $1";
    let mut db = db.lock().await;
    let (planned, seconds): (i64, f64) = sqlx::query_as(sql).bind(id).fetch_one(&mut **db).await?;
    anyhow::ensure!(planned == i64::from(meant), "{planned} of {meant} were planned");
    Ok(seconds)
}
