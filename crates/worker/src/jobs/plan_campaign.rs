use postroad_app::plan;
use postroad_core::jobs::PlanCampaign;

use super::{Ctx, Done, Failure, Handle};

/// Writes pages of recipients, and with each the job of the next page.
impl Handle for PlanCampaign {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        let planned = plan::plan_pages(&ctx.app, &self).await?;
        Ok(match planned {
            Some(_) => Done::Completed,
            None => Done::Skipped { why: "the campaign does not want this page" },
        })
    }
}
