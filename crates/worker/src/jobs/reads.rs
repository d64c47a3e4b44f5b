//! Tells a provider that we read what a person said. Told twice it is told once; whatever goes wrong, nobody misses it.

use postroad_app::reads;
use postroad_core::ids::{MessageId, TenantId};

use super::{Ctx, Done, Failure, lost::connection};
use crate::Wire;

pub(super) async fn tell(ctx: &Ctx, tenant: TenantId, message: MessageId) -> Result<Done, Failure> {
    let Some(read) = reads::find(&ctx.app, tenant, message).await? else {
        return Ok(Done::Skipped { why: "the account does not tell what was read" });
    };
    let Some(provider) = postroad_providers::find(&read.provider) else {
        return Ok(Done::Skipped { why: "this build does not know the provider" });
    };
    let opened = connection(ctx, provider, (tenant, read.account), &read.external_id).await?;
    let Some(connection) = opened else {
        return Ok(Done::Skipped { why: "the account has no credentials that can be read" });
    };
    let Some(Ok(request)) = provider.mark_read(&connection, &read.provider_ref, false) else {
        return Ok(Done::Skipped { why: "the provider cannot be told" });
    };
    match ctx.transport.send(request).await {
        Wire::Answered(answer) if answer.status().is_success() => Ok(Done::Completed),
        Wire::Answered(_) => Ok(Done::Skipped { why: "the provider does not want to know" }),
        Wire::NotSent { .. } | Wire::Ambiguous { .. } => Ok(Done::Skipped { why: "the provider was not reached" }),
    }
}
