use postroad_app::{campaigns, housekeeping};
use postroad_core::jobs::Maintain;

use super::{Ctx, Done, Failure, Handle};

impl Handle for Maintain {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Prune { .. } => housekeeping::prune(&ctx.app).await?,
            Self::FoldCampaigns { .. } => campaigns::fold_all(&ctx.app).await?,
        }
        Ok(Done::Completed)
    }
}
