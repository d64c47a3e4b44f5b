use postroad_app::{campaigns, housekeeping, templates::listing};
use postroad_core::jobs::Maintain;

use super::{Ctx, Done, Failure, Handle};

impl Handle for Maintain {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Prune { .. } => housekeeping::prune(&ctx.app).await?,
            Self::FoldCampaigns { .. } => campaigns::fold_all(&ctx.app).await?,
            Self::ListTemplates { slot } => listing::start_all(&ctx.app, &reviewing(), slot).await?,
        }
        Ok(Done::Completed)
    }
}

/// Providers that keep templates.
fn reviewing() -> Vec<String> {
    let keeping = postroad_providers::all().iter().filter(|provider| provider.templates().is_some());
    keeping.map(|provider| provider.name().to_owned()).collect()
}
