use postroad_app::{
    campaigns::{self, CampaignError},
    dry_run, housekeeping, media, ratings,
    templates::listing,
};
use postroad_core::jobs::Maintain;

use super::{Ctx, Done, Failure, Handle, lost, quotas};

impl Handle for Maintain {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Prune { .. } => housekeeping::prune(&ctx.app).await?,
            Self::PurgeMedia { .. } => media::purge(&ctx.app).await.map_err(|error| Failure::Retry(error.into()))?,
            Self::AskRatings { .. } => {
                ratings::ask_all(&ctx.app).await?;
            }
            Self::FoldCampaigns { .. } => campaigns::fold_all(&ctx.app).await?,
            Self::DryRun { tenant, campaign, asked, .. } => {
                return match dry_run::go_on(&ctx.app, tenant, campaign, asked).await {
                    Ok(true) => Ok(Done::Completed),
                    Ok(false) => Ok(Done::Skipped { why: "nobody waits for this dry run any more" }),
                    Err(CampaignError::Store(error)) => Err(error.into()),
                    // It began, or it is gone: what was told stands.
                    Err(_) => Ok(Done::Skipped { why: "the campaign is no draft any more" }),
                };
            }
            Self::LearnQuota { tenant, account, .. } => return quotas::ask(&ctx, tenant, account).await,
            Self::LookUp { tenant, message, attempt, .. } => {
                return lost::look_up(&ctx, tenant, message, attempt).await;
            }
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
