use chrono::TimeDelta;
use postroad_app::{
    App,
    automations::{self, Driven, Firing, Followed},
};
use postroad_core::{
    ids::{ContactId, TenantId},
    jobs::Automate,
};

use super::{Ctx, Done, Failure, Handle};
use crate::metrics;

/// Pages of events, and steps of runs, that one job takes. What is left comes again, so that no tenant keeps a worker.
const TURNS_MAX: usize = 200;
/// Between two looks of somebody whose place is taken.
const BUSY: TimeDelta = TimeDelta::milliseconds(100);

impl Handle for Automate {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Follow { tenant, .. } => follow(&ctx.app, tenant).await,
            Self::GoOn { tenant, contact, .. } => go_on(&ctx.app, tenant, contact).await,
            Self::Fire { tenant, automation, at, after } => {
                let at = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
                let wanted = automations::fire(&ctx.app, &Firing { tenant, automation, at, after }).await?;
                Ok(if wanted { Done::Completed } else { Done::Skipped { why: "it fired already, or is off" } })
            }
        }
    }
}

async fn follow(app: &App, tenant: TenantId) -> Result<Done, Failure> {
    for _ in 0..TURNS_MAX {
        match automations::follow(app, tenant).await? {
            Followed::Looked { runs, more } => {
                metrics::RUNS.with_label_values(&["began"]).inc_by(u64::try_from(runs).unwrap_or_default());
                crash_point!("after_follow");
                if !more {
                    return Ok(Done::Completed);
                }
            }
            Followed::Busy => return Ok(Done::Snoozed { until: app.clock.now() + BUSY }),
            Followed::Nothing => return Ok(Done::Skipped { why: "nobody waits for these events any more" }),
        }
    }
    Ok(Done::Snoozed { until: app.clock.now() })
}

async fn go_on(app: &App, tenant: TenantId, contact: ContactId) -> Result<Done, Failure> {
    for _ in 0..TURNS_MAX {
        match automations::drive(app, tenant, contact).await? {
            Driven::Nothing => return Ok(Done::Completed),
            Driven::Step => {}
            Driven::Ended { outcome } => metrics::RUNS.with_label_values(&[outcome]).inc(),
        }
        crash_point!("after_step");
    }
    Ok(Done::Snoozed { until: app.clock.now() })
}
