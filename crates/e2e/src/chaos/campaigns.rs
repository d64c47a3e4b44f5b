//! F11, F12: whoever plans, schedules or sends is killed at random points while campaigns are written and leave. In the end
//! each campaign's recipients are exactly those who were there when it began, each with one send, and nobody got two.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{NaiveDateTime, TimeDelta};
use nix::sys::signal::Signal;
use postroad_app::campaigns::{self, Guards, NewCampaign, Timing};
use postroad_core::{actor::Actor, campaign::LocalLate, consent::Purpose, gates::QuietPolicy, ids::CampaignId};
use postroad_simulators::meta::Search;
use postroad_store::campaigns::{Audience, Variable};
use serde::Serialize;
use sqlx::PgPool;

use super::{report::Faults, world::World};
use crate::wait::until;

/// More than a page of planning.
const PEOPLE: u32 = 6_000;
/// Of them, those whose local time has come: they get each campaign at once, and everybody else on another day.
const AWAKE: u32 = 60;
const AWAKE_ZONE: &str = "Pacific/Kiritimati";
/// Who comes in every round, too late for the campaigns that have begun.
const LATECOMERS: u32 = 5;
/// From a start to the kill, at most.
const KILL_WITHIN_MS: usize = 1_200;
/// A scheduler is frozen this often, for longer than its lease.
const FREEZE_EVERY: u32 = 25;
const FROZEN: Duration = Duration::from_secs(12);
/// A planner that was killed is missed after half a minute.
const REST_MAX: Duration = Duration::from_mins(6);

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct CampaignOutcome {
    pub seed: u64,
    pub rounds: u32,
    pub worker_kills: u32,
    pub scheduler_kills: u32,
    pub freezes: u32,
    pub recipients: i64,
    /// Campaigns that were not written whole.
    pub unfinished: i64,
    /// People who were there at the start and are no recipients.
    pub missing: i64,
    /// Recipients who came later.
    pub foreign: i64,
    /// Recipients without exactly one send.
    pub without_one_send: i64,
    /// Messages that the provider took twice.
    pub doubled: u64,
    /// Sends that were due and have not ended.
    pub unsent: i64,
}

impl CampaignOutcome {
    pub const fn holds(&self) -> bool {
        self.unfinished == 0
            && self.missing == 0
            && self.foreign == 0
            && self.without_one_send == 0
            && self.doubled == 0
            && self.unsent == 0
    }
}

/// A campaign and a kill per round.
pub async fn run(seed: u64, rounds: u32) -> Result<CampaignOutcome> {
    let mut world = World::start(seed, PEOPLE).await?;
    world.sim.clear_rules();
    let mut told = CampaignOutcome { seed, rounds, ..CampaignOutcome::default() };
    wake(&world.db).await?;
    for round in 0..rounds {
        begin(&world, round).await?;
        latecomers(&world, round).await?;
        tokio::time::sleep(Duration::from_millis(world.dice.below(KILL_WITHIN_MS) as u64)).await;
        strike(&mut world, round, &mut told).await?;
    }
    world.crew.without_fail_points(&mut world.installation).await?;
    rest(&mut world).await?;
    judge(&world, &mut told).await?;
    Ok(told)
}

async fn wake(db: &PgPool) -> Result<()> {
    let sql = "update contacts set time_zone = $1 where id in (select id from contacts order by id limit $2)";
    sqlx::query(sql).bind(AWAKE_ZONE).bind(i64::from(AWAKE)).execute(db).await?;
    Ok(())
}

/// At a local time that has come on one island only: the scheduler starts it, and most of it leaves another day.
async fn begin(world: &World, round: u32) -> Result<CampaignId> {
    let account = world.lanes[round as usize % 4].id;
    let template = world.template_of(account).await?;
    let new = NewCampaign {
        purpose: Purpose::Transactional,
        variables: vec![Variable::Value { value: "Ada".to_owned() }],
        quiet_policy: QuietPolicy::Exempt,
        guards: Guards { pause_at_failures: None, ..Guards::default() },
        ..NewCampaign::new(format!("Round {round}"), account, template, Audience::All { all: true })
    };
    let (app, tenant) = (&world.seed.app, world.seed.tenant);
    let id = campaigns::create(app, Actor::Operator, tenant, new).await?;
    let at: NaiveDateTime = (app.clock.now() + TimeDelta::hours(13)).naive_utc();
    campaigns::schedule(app, Actor::Operator, tenant, id, &Timing::Local { at, late: LocalLate::Send }).await?;
    Ok(id)
}

/// A second ahead of the clock, so that nobody is in doubt whether they were there.
async fn latecomers(world: &World, round: u32) -> Result<()> {
    let sql = "
        with fresh as (
            insert into contacts (tenant_id, id, created_at, updated_at)
            select $1, gen_random_uuid(), now() + interval '1 second', now() from generate_series(1, $2) returning id)
        insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
        select $1, gen_random_uuid(), id, 'whatsapp', '+1666' || lpad(($3 + row_number() over ())::text, 7, '0'), now() from fresh";
    sqlx::query(sql)
        .bind(world.seed.tenant)
        .bind(i32::try_from(LATECOMERS)?)
        .bind(i64::from(round * LATECOMERS))
        .execute(&world.db)
        .await?;
    Ok(())
}

async fn strike(world: &mut World, round: u32, told: &mut CampaignOutcome) -> Result<()> {
    if round % FREEZE_EVERY == FREEZE_EVERY - 1 {
        told.freezes += 1;
        return freeze_scheduler(world).await;
    }
    if world.dice.below(3) == 0 {
        let place = world.dice.below(world.schedulers.len());
        world.schedulers[place].process.kill().await?;
        told.scheduler_kills += 1;
        return world.look_after_schedulers();
    }
    told.worker_kills += 1;
    world.crew.kill_one(&mut world.installation, &mut world.dice, &mut Faults::default()).await
}

/// Another becomes the leader, and the first one thaws with an old term.
async fn freeze_scheduler(world: &mut World) -> Result<()> {
    let place = world.dice.below(world.schedulers.len());
    let process = &world.schedulers[place].process;
    process.signal(Signal::SIGSTOP)?;
    tokio::time::sleep(FROZEN).await;
    process.signal(Signal::SIGCONT)?;
    Ok(())
}

/// Until every campaign is written and every send that is due has ended.
async fn rest(world: &mut World) -> Result<()> {
    let db = world.db.clone();
    let open = "select count(*) from campaigns where planned_at is null or exists (
                    select 1 from sends s where s.tenant_id = campaigns.tenant_id and s.campaign_id = campaigns.id
                    and (s.state in ('queued', 'claimed', 'attempting', 'waiting') or (s.state = 'unknown' and s.settled_at is null)))";
    world.look_after_schedulers()?;
    let rested = until("all campaigns are written", REST_MAX, || async {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&db).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(open == 0)
    });
    // The judge says what is missing.
    let _ = rested.await;
    Ok(())
}

async fn judge(world: &World, told: &mut CampaignOutcome) -> Result<()> {
    let sql = "
        with parts as materialized (
            select r.campaign_id, r.contact_id, count(s.id) as sends from recipients r
            left   join sends s on s.tenant_id = r.tenant_id and s.campaign_id = r.campaign_id and s.contact_id = r.contact_id
            group  by 1, 2)
        select (select count(*) from parts),
               (select count(*) from campaigns where planned_at is null),
               (select count(*) from campaigns c join contacts n on n.tenant_id = c.tenant_id and n.created_at <= c.started_at
                where  not exists (select 1 from parts p where p.campaign_id = c.id and p.contact_id = n.id)),
               (select count(*) from parts p join campaigns c on c.id = p.campaign_id join contacts n on n.id = p.contact_id
                where  n.created_at > c.started_at),
               (select count(*) from parts where sends <> 1),
               (select count(*) from sends where state in ('queued', 'claimed', 'attempting', 'waiting'))";
    let counts: (i64, i64, i64, i64, i64, i64) =
        sqlx::query_as(sql).fetch_one(&world.db).await.context("the verdict")?;
    (told.recipients, told.unfinished, told.missing, told.foreign, told.without_one_send, told.unsent) = counts;
    told.doubled = u64::try_from(world.sim.messages(&Search { duplicate: true, ..Search::default() }).len())?;
    Ok(())
}
