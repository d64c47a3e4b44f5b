use postroad_app::{
    campaigns::{self, CampaignError},
    dry_run, housekeeping, media, merges, ratings, silence,
    templates::listing,
};
use postroad_core::{jobs::Maintain, provider::Provider};
use postroad_providers::sandbox::Sandbox;

use super::{Ctx, Done, Failure, Handle, lost, quotas, reads};

impl Handle for Maintain {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Prune { .. } => housekeeping::prune(&ctx.app).await?,
            Self::PurgeMedia { .. } => media::purge(&ctx.app).await.map_err(|error| Failure::Retry(error.into()))?,
            Self::NoteSilence { .. } => silence::note(&ctx.app, &reporting()).await?,
            Self::TellRead { tenant, message } => return reads::tell(&ctx, tenant, message).await,
            Self::MergeSame { tenant, contact, other } => {
                let merged = merges::merge_same(&ctx.app, tenant, contact, other).await?;
                return Ok(if merged { Done::Completed } else { Done::Skipped { why: "they were one, or cannot be" } });
            }
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

/// Providers that report by webhook what became of messages. The sandbox does within the process.
fn reporting() -> Vec<String> {
    let all = postroad_providers::all().iter().filter(|provider| provider.capabilities().receipts);
    all.map(|provider| provider.name().to_owned()).filter(|name| name != Sandbox.name()).collect()
}

/// Providers that keep templates.
fn reviewing() -> Vec<String> {
    let keeping = postroad_providers::all().iter().filter(|provider| provider.templates().is_some());
    keeping.map(|provider| provider.name().to_owned()).collect()
}
