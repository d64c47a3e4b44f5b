//! Decides when. It only ever enqueues: it calls no provider and runs no job.
//!
//! Any number of schedulers may run; one leads. The leader sweeps what nobody moves any more, fires the timetable, and
//! counts what only one may count.
//!
//! To add a periodic task: a line in [`timetable`].

mod gauges;
pub mod timetable;

use std::time::Duration;

use postroad_app::{App, automations, endpoints, lost, mail, media, schedule, sweep};
use postroad_core::{
    ids::{AccountId, IncarnationId, TenantId},
    unknown::Graces,
};
use postroad_store::Result;
use tokio_util::sync::CancellationToken;

/// Between two sweeps.
const TICK: Duration = Duration::from_secs(1);
/// Sweeps between two counts.
const CENSUS_EVERY: u64 = 15;

/// How a scheduler runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long evidence about an unknown outcome is awaited.
    pub graces: Graces,
    /// Providers whose receipts carry our correlation.
    pub echoing: Vec<String>,
    /// Providers that can be asked for what was sent.
    pub listing: Vec<String>,
}

/// Leads when nobody else does, until `stop`.
pub async fn run(app: App, options: Options, stop: CancellationToken) {
    let me = IncarnationId::new(app.clock.now());
    let mut leader = Leader { app, options, me, ticks: 0, orphans_after: None };
    let mut ticker = tokio::time::interval(TICK);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticker.tick() => {}
        }
        if let Err(error) = leader.tick().await {
            tracing::warn!(%error, "a tick of the schedule failed; the next tries again");
        }
    }
    if let Err(error) = schedule::resign(&leader.app, me).await {
        tracing::warn!(%error, "the lead was not given back; it runs out by itself");
    }
}

struct Leader {
    app: App,
    options: Options,
    me: IncarnationId,
    ticks: u64,
    orphans_after: Option<(TenantId, AccountId)>,
}

impl Leader {
    async fn tick(&mut self) -> Result<()> {
        gauges::ticked();
        let Some(term) = schedule::lead(&self.app, self.me).await? else {
            gauges::follows();
            return Ok(());
        };
        gauges::leads(term);
        self.sweep().await?;
        timetable::fire_due(&self.app, term).await?;
        if self.ticks.is_multiple_of(CENSUS_EVERY) {
            gauges::show(&schedule::census(&self.app).await?, self.app.clock.now());
        }
        self.ticks += 1;
        Ok(())
    }

    async fn sweep(&mut self) -> Result<()> {
        let swept = sweep::ledger(&self.app, self.options.graces, &self.options.echoing).await?;
        gauges::swept(&swept);
        let (next, woken) = sweep::wake_orphans(&self.app, self.orphans_after).await?;
        self.orphans_after = next;
        if woken > 0 {
            tracing::debug!(lanes = woken, "lanes with something due and no owner were woken");
        }
        sweep::wake_readers(&self.app).await?;
        sweep::wake_importers(&self.app).await?;
        sweep::wake_conversations(&self.app).await?;
        sweep::miss_targets(&self.app).await?;
        sweep::wake_automations(&self.app).await?;
        automations::sweep_given(&self.app).await?;
        media::wake(&self.app).await?;
        endpoints::wake(&self.app).await?;
        mail::wake(&self.app).await?;
        sweep::bury_poison(&self.app).await?;
        lost::look(&self.app, self.options.graces, &self.options.listing).await?;
        Ok(())
    }
}
