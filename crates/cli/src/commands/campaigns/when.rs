//! When a campaign begins by itself, and how fast it goes.

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime, Utc};
use postroad_app::{
    App,
    campaigns::{self, Timing},
};
use postroad_core::{actor::Actor, campaign::LocalLate};
use postroad_store::campaigns::Settings;

use super::{One, say_state, told};
use crate::{
    config::Config,
    print::{instant, note},
};

#[derive(clap::Args)]
pub struct Schedule {
    #[command(flatten)]
    one: One,
    /// At this instant
    #[arg(long, value_name = "INSTANT", required_unless_present_any = ["local", "cron", "not"])]
    at: Option<DateTime<Utc>>,
    /// When each recipient's clock shows this: 2026-12-01T09:00:00
    #[arg(long, value_name = "CLOCK", conflicts_with_all = ["at", "cron", "not"])]
    local: Option<NaiveDateTime>,
    /// People for whom the local time has passed: send or skip
    #[arg(long, value_name = "WORD", default_value = "send", requires = "local")]
    late: LocalLate,
    /// At each fire of five fields: minute, hour, day, month, weekday
    #[arg(long, value_name = "LINE", conflicts_with_all = ["at", "not"])]
    cron: Option<String>,
    /// Of --cron
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "cron")]
    zone: String,
    /// The last instant at which --cron fires
    #[arg(long, value_name = "INSTANT", requires = "cron")]
    until: Option<DateTime<Utc>>,
    /// Not by itself any more: it is a draft again
    #[arg(long, conflicts_with = "at")]
    not: bool,
}

impl Schedule {
    fn timing(&self) -> Option<Timing> {
        let series = |cron: &String| Timing::Series { cron: cron.clone(), zone: self.zone.clone(), until: self.until };
        let local = self.local.map(|at| Timing::Local { at, late: self.late });
        self.at.map(Timing::At).or(local).or_else(|| self.cron.as_ref().map(series))
    }
}

pub async fn schedule(args: Schedule, app: &App, config: &Config) -> Result<()> {
    let (tenant, id) = (args.one.whose.find(app, config).await?, args.one.id);
    let Some(timing) = args.timing() else {
        campaigns::unschedule(app, Actor::Operator, tenant, id).await.map_err(told)?;
        return say_state(app, tenant, id).await;
    };
    campaigns::schedule(app, Actor::Operator, tenant, id, &timing).await.map_err(told)?;
    let begins = campaigns::get(app, tenant, id).await.map_err(told)?.scheduled_at;
    note(&format!("it begins at {}", begins.map_or_else(|| "-".to_owned(), instant)))
}

#[derive(clap::Args)]
pub struct Throttle {
    #[command(flatten)]
    one: One,
    /// Messages per minute at most
    #[arg(long, value_name = "N", required_unless_present = "off")]
    per_minute: Option<i32>,
    /// As fast as the account
    #[arg(long, conflicts_with = "per_minute")]
    off: bool,
}

pub async fn throttle(args: Throttle, app: &App, config: &Config) -> Result<()> {
    let tenant = args.one.whose.find(app, config).await?;
    let settings = Settings { throttle_per_minute: Some(args.per_minute), ..Settings::default() };
    campaigns::change(app, Actor::Operator, tenant, args.one.id, &settings).await.map_err(told)?;
    match args.per_minute {
        Some(per_minute) => note(&format!("at most {per_minute} messages leave per minute")),
        None => note("it goes as fast as its account"),
    }
}
