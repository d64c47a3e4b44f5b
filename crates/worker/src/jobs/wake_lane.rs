use chrono::TimeDelta;
use postroad_core::jobs::WakeLane;

use super::{Ctx, Done, Failure, Handle};

/// Points the drain at a lane. Whether it can be had is found there: a lane in other hands is polled by them.
impl Handle for WakeLane {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        if ctx.inbox.put_patiently((self.tenant, self.account)).await {
            Ok(Done::Completed)
        } else {
            Ok(Done::Snoozed { until: ctx.app.clock.now() + TimeDelta::seconds(1) })
        }
    }
}
