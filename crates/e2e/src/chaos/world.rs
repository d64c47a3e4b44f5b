//! Everything that runs: three workers, two schedulers, one API, PostgreSQL, Redis, and a provider with bad days.

use std::time::Duration;

use anyhow::{Context, Result};
use postroad_core::ids::{AccountId, TemplateId};
use postroad_simulators::meta::{Action, MetaConfig, MetaSim, Number, Receipts, Rule, Stage, Webhooks, When};
use sqlx::PgPool;

use super::{dice::Dice, workers::Crew};
use crate::{
    installation::{Installation, Role, Setup, free_port},
    seed::{Lanes, Seed, Seeded},
    webhook,
};

/// Lanes with a limit of their own, and lanes under a limit that they share.
const FREE_LANES: u32 = 4;
const SHARED_LANES: u32 = 4;
/// Messages per second.
const FREE_RATE: u32 = 500;
const SHARED_LANE_RATE: u32 = 80;
pub(super) const SHARED_RATE: u32 = 160;
/// The app whose numbers share the limit.
const SHARED_APP: &str = "shared";
pub(super) const PEOPLE: u32 = 4_000;
/// Seconds until a class that is sent again is sent again. Statuses are told within three; the rest is for a machine that
/// is busy with something else as well.
const GRACE_S: &str = "15";

pub(super) struct World {
    pub(super) installation: Installation,
    pub(super) sim: MetaSim,
    pub(super) seed: Seed,
    pub(super) lanes: Vec<Seeded>,
    pub(super) crew: Crew,
    pub(super) api: Role,
    pub(super) schedulers: Vec<Role>,
    pub(super) db: PgPool,
    pub(super) dice: Dice,
}

impl World {
    pub(super) async fn start(seed: u64, people: u32) -> Result<Self> {
        let api_port = free_port()?;
        let sim = MetaSim::start(config(seed, api_port)).await?;
        sim.add_rules(bad_days())?;
        let setup = Setup { redis: true, meta_url: Some(sim.base_url()), ..Setup::default() };
        let setup = setup.with("POSTROAD_UNKNOWN_GRACE_S", GRACE_S).with("RUST_LOG", "info,sqlx=warn");
        let mut installation = Installation::start(setup).await?;
        let mut world_seed = Seed::new(&installation).await?;
        let lanes = connect(&mut world_seed).await?;
        world_seed.people(people).await?;
        let mut api = installation.spawn("serve", api_port, &[])?;
        api.healthy().await?;
        let schedulers = vec![installation.run("schedule").await?, installation.run("schedule").await?];
        let crew = Crew::start(&mut installation).await?;
        let db = installation.database.pool()?;
        Ok(Self { installation, sim, seed: world_seed, lanes, crew, api, schedulers, db, dice: Dice::new(seed, 0) })
    }

    /// The template that every account has.
    pub(super) async fn template_of(&self, account: AccountId) -> Result<TemplateId> {
        let sql = "select id from templates where account_id = $1 limit 1";
        let id: uuid::Uuid =
            sqlx::query_scalar(sql).bind(account).fetch_optional(&self.db).await?.context("a template")?;
        Ok(TemplateId::from_uuid(id))
    }

    /// Schedulers end by themselves when the database is away for long; whoever runs them starts them again.
    pub(super) fn look_after_schedulers(&mut self) -> Result<()> {
        for scheduler in &mut self.schedulers {
            if scheduler.process.ended()?.is_some() {
                *scheduler = self.installation.spawn("schedule", free_port()?, &[])?;
            }
        }
        if self.api.process.ended()?.is_some() {
            self.api = self.installation.spawn("serve", self.api.port, &[])?;
        }
        Ok(())
    }
}

/// The first lanes are free, the others share.
async fn connect(seed: &mut Seed) -> Result<Vec<Seeded>> {
    let all = Lanes { count: FREE_LANES + SHARED_LANES, rate_per_s: FREE_RATE.into(), ..Lanes::default() };
    let lanes = seed.accounts(&all).await?;
    let sql = "update accounts set rate_per_s = $2, limit_key = 'meta:app', limit_per_s = $3 where id = any($1)";
    let shared: Vec<uuid::Uuid> = lanes.iter().skip(4).map(|lane| lane.id.uuid()).collect();
    sqlx::query(sql)
        .bind(shared)
        .bind(f64::from(SHARED_LANE_RATE))
        .bind(f64::from(SHARED_RATE))
        .execute(seed.db())
        .await?;
    Ok(lanes)
}

fn config(seed: u64, api_port: u16) -> MetaConfig {
    let number = |nth: u32| Number {
        phone_number_id: (100_000_000_000_001_u64 + u64::from(nth)).to_string(),
        rate_per_s: if nth < FREE_LANES { FREE_RATE } else { SHARED_LANE_RATE },
        app: if nth < FREE_LANES { format!("app-{nth}") } else { SHARED_APP.to_owned() },
        ..Number::default()
    };
    MetaConfig {
        seed,
        any_template: true,
        numbers: (0..FREE_LANES + SHARED_LANES).map(number).collect(),
        app_rate_per_s: Some(FREE_RATE),
        webhook_url: Some(format!("http://127.0.0.1:{api_port}{}", webhook::PATH)),
        receipts: receipts(),
        webhooks: Webhooks {
            repeat: 2,
            retry_first_ms: 200,
            retry_max_ms: 1_000,
            timeout_ms: 5_000,
            ..Webhooks::default()
        },
        ..MetaConfig::default()
    }
}

/// Every message that arrives is read in the end. Told twice, in any order, some before the call is answered, up to 2.7 s
/// late.
fn receipts() -> Receipts {
    Receipts {
        sent: Stage { share: 1.0, after_ms: [300, 900] },
        delivered: Stage { share: 1.0, after_ms: [100, 900] },
        read: Stage { share: 1.0, after_ms: [100, 900] },
        early_share: 0.2,
        shuffle: true,
        ..Receipts::default()
    }
}

/// Messages whose id ends like this fail after they were accepted.
pub(super) const FAILS_AT_END: char = 'f';

fn bad_days() -> [Rule; 2] {
    let fails = When { callback_regex: Some(format!(r"{FAILS_AT_END}\.\d+$")), ..When::default() };
    let hang = Duration::from_secs(25).as_millis();
    [
        Rule::always(Action::AcceptThenFail { code: 131_026 }).when(fails),
        Rule::shares([
            (0.05, Action::RateLimited { code: 130_429, retry_after_s: None }),
            (0.03, Action::CutBefore),
            (0.06, Action::AcceptThenHang { ms: u64::try_from(hang).unwrap_or(25_000) }),
            (0.04, Action::AcceptThenCut),
        ]),
    ]
}

/// When faults are over: the provider has a good day too.
pub(super) fn good_days() -> Rule {
    let fails = When { callback_regex: Some(format!(r"{FAILS_AT_END}\.\d+$")), ..When::default() };
    Rule::always(Action::AcceptThenFail { code: 131_026 }).when(fails)
}
