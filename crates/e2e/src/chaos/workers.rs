//! F1, F16, F17: workers that are killed, that end themselves at a fail point, that freeze, and that are asked to go.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, time::Duration};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use sqlx::PgPool;

use super::{dice::Dice, report::Faults};
use crate::installation::{Installation, Role, free_port};

const WORKERS: usize = 3;
/// Longer than the lease: others take over meanwhile.
const FROZEN: Duration = Duration::from_secs(12);
const GRACEFUL_MAX: Duration = Duration::from_secs(35);
/// Where a worker can end itself, and in how many of a hundred passes it does.
const FAIL_POINTS: &[(&str, &str)] =
    &[("after_claim", "4"), ("after_intent", "0.4"), ("after_answer", "0.4"), ("after_settle", "4")];

/// The workers, and which fail point each has.
pub(super) struct Crew {
    workers: Vec<(Role, Option<&'static str>)>,
}

impl Crew {
    pub(super) async fn start(installation: &mut Installation) -> Result<Self> {
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            workers.push((installation.run("work").await?, None));
        }
        Ok(Self { workers })
    }

    /// Kills one at once and starts another in its place, which may carry a fail point.
    pub(super) async fn kill_one(
        &mut self,
        installation: &mut Installation,
        dice: &mut Dice,
        faults: &mut Faults,
    ) -> Result<()> {
        self.replace_the_fallen(installation, dice, faults)?;
        let place = dice.below(WORKERS);
        self.workers[place].0.process.kill().await?;
        faults.f1.kills += 1;
        self.fill(place, installation, dice)
    }

    /// Workers that ended themselves: at their fail point, or because the database was away for too long.
    pub(super) fn replace_the_fallen(
        &mut self,
        installation: &mut Installation,
        dice: &mut Dice,
        faults: &mut Faults,
    ) -> Result<()> {
        for place in 0..WORKERS {
            let (role, fail_point) = &mut self.workers[place];
            let Some(status) = role.process.ended()? else { continue };
            match (status.signal(), *fail_point) {
                (Some(signal), Some(name)) if signal == Signal::SIGABRT as i32 => {
                    *faults.f1.fail_points.entry(name.to_owned()).or_default() += 1;
                }
                _ => faults.f2.workers_gave_up += 1,
            }
            self.fill(place, installation, dice)?;
        }
        Ok(())
    }

    fn fill(&mut self, place: usize, installation: &mut Installation, dice: &mut Dice) -> Result<()> {
        let (name, percent) = *dice.pick(FAIL_POINTS);
        let fail_points = format!("{name}={percent}%return");
        let role = installation.spawn("work", free_port()?, &[("FAILPOINTS", &fail_points)])?;
        self.workers[place] = (role, Some(name));
        Ok(())
    }

    /// From now on nobody ends by himself.
    pub(super) async fn without_fail_points(&mut self, installation: &mut Installation) -> Result<()> {
        for worker in &mut self.workers {
            worker.0.process.kill().await?;
            *worker = (installation.spawn("work", free_port()?, &[])?, None);
        }
        for (role, _) in &mut self.workers {
            role.healthy().await?;
        }
        Ok(())
    }

    /// F16: one is frozen for longer than its lease and thaws.
    pub(super) async fn freeze_one(&mut self, dice: &mut Dice, faults: &mut Faults) -> Result<()> {
        let process = &self.workers[dice.below(WORKERS)].0.process;
        process.signal(Signal::SIGSTOP)?;
        tokio::time::sleep(FROZEN).await;
        process.signal(Signal::SIGCONT)?;
        faults.f16.stops += 1;
        Ok(())
    }

    /// F17: one is asked to go, under load. It must end in order and leave nothing half done.
    pub(super) async fn stop_one(
        &mut self,
        installation: &mut Installation,
        db: &PgPool,
        dice: &mut Dice,
        faults: &mut Faults,
    ) -> Result<()> {
        let place = dice.below(WORKERS);
        let process = &mut self.workers[place].0.process;
        let held = held_by(db, process.pid()).await?;
        let status = process.stop(GRACEFUL_MAX).await?;
        ensure!(status.success(), "a worker that was asked to go ended with {status}:\n{}", process.tail());
        faults.f17.stops += 1;
        faults.f17.left_behind += left_behind(db, &held).await?;
        self.workers[place] = (installation.spawn("work", free_port()?, &[])?, None);
        self.workers[place].0.healthy().await
    }
}

/// Lanes of a process, each with the fence it holds them under.
async fn held_by(db: &PgPool, pid: u32) -> Result<BTreeMap<uuid::Uuid, i64>> {
    let sql = "select l.id, l.fence from lanes l join incarnations i on i.id = l.owner where i.pid = $1 and i.lease_until > now()";
    let rows: Vec<(uuid::Uuid, i64)> = sqlx::query_as(sql).bind(i32::try_from(pid)?).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Sends that are still in the hands of whoever held these lanes.
async fn left_behind(db: &PgPool, held: &BTreeMap<uuid::Uuid, i64>) -> Result<u64> {
    let (lanes, fences): (Vec<uuid::Uuid>, Vec<i64>) = held.iter().map(|(lane, fence)| (*lane, *fence)).unzip();
    let sql = "select count(*) from sends s join unnest($1::uuid[], $2::bigint[]) as x (lane, fence)
               on s.lane_id = x.lane and s.lane_fence = x.fence and s.state in ('claimed', 'attempting')";
    let count: i64 = sqlx::query_scalar(sql).bind(lanes).bind(fences).fetch_one(db).await?;
    Ok(u64::try_from(count)?)
}
