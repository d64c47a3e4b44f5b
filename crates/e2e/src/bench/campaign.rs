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
    consent::Purpose,
    gates::QuietPolicy,
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

/// From the start of the campaign until its last recipient is written, by a worker. Its account is paused: nothing is sent
/// meanwhile.
pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let meant = options.scaled(MEANT);
    let mut installation = Installation::start(Setup::default().with("RUST_LOG", "warn")).await?;
    let mut seed = Seed::new(&installation).await?;
    let account = seed.accounts(&Lanes::default()).await?.first().context("an account was connected")?.id;
    seed.people(meant + meant / 4).await?;
    let template = prepare(&mut seed, account, meant).await?;
    preview(report, &seed, meant).await?;
    let new = NewSegment { name: "Loyal".into(), filter: loyal() };
    let segment = segments::create(&seed.app, seed.tenant, new).await?.id;
    let audience = Audience::Segment { segment };
    let id = campaigns::create(&seed.app, seed.tenant, draft(account, template, audience)).await?;

    let mut worker = installation.run("work").await?;
    campaigns::start(&seed.app, seed.tenant, id).await?;
    let seconds = planned(seed.db(), id, meant).await?;
    let peak_kib = resident_peak_kib(worker.process.pid())?;
    worker.process.stop(Duration::from_secs(40)).await?;
    let of = format!("a segment of {meant} people among {}, three conditions", meant + meant / 4);
    report.tell("campaign.plan_per_s", f64::from(meant) / seconds, "1/s", of);
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52")]
    report.tell("campaign.plan_mib", peak_kib as f64 / 1_024.0, "MiB", "at most, of the worker that planned them");
    Ok(())
}

/// A tag, an attribute and consent.
fn loyal() -> Filter {
    let orders = AttributeTest { name: "orders".into(), is: ValueTest::AtLeast(3.0) };
    let consent = ConsentTest { channel: Channel::Whatsapp, purpose: Purpose::Marketing, is: ConsentWord::Granted };
    Filter::All(vec![Filter::Tag(TagTest::Has("loyal".into())), Filter::Attribute(orders), Filter::Consent(consent)])
}

/// Says of the people what the segment asks, and stops the account.
async fn prepare(seed: &mut Seed, account: AccountId, meant: u32) -> Result<TemplateId> {
    let tagged = "
        update contacts c set tags = '{loyal,news}', attributes = '{\"orders\": \"7\", \"first_name\": \"Ada\"}'
        from   addresses d where d.tenant_id = c.tenant_id and d.contact_id = c.id and d.address < '+1555' || lpad($1::text, 7, '0')";
    sqlx::query(tagged).bind(i64::from(meant)).execute(&mut *seed.db()).await?;
    sqlx::query("vacuum analyze contacts").execute(&mut *seed.db()).await?;
    sqlx::query("vacuum analyze addresses").execute(&mut *seed.db()).await?;
    sqlx::query("update accounts set status = 'paused'").execute(&mut *seed.db()).await?;
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
        name: "Spring".into(),
        account,
        template,
        purpose: Purpose::Marketing,
        variables: vec![Variable::Attribute { attribute: "first_name".into(), fallback: None }],
        audience,
        exclude: Vec::new(),
        quiet_policy: QuietPolicy::Hold,
        weight: 4,
        not_after: None,
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
