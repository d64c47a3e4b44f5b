//! Looks for a call without an answer in its provider's list. Whatever goes wrong leaves the call as unknown as it was: there
//! is another look, and then the policy.

use postroad_app::{accounts, lost};
use postroad_core::{
    ids::{AccountId, MessageId, TenantId},
    provider::{Connection, Lost, Outbound, Provider},
    send::Correlation,
};
use postroad_store::facts::{SendFacts, Template};

use super::{Ctx, Done, Failure};
use crate::{Wire, adapters::Adapters};

const NOT_THERE: Done = Done::Skipped { why: "the provider's list does not tell" };

pub(super) async fn look_up(ctx: &Ctx, tenant: TenantId, message: MessageId, attempt: i32) -> Result<Done, Failure> {
    let Some((found, send)) = lost::find(&ctx.app, tenant, message, attempt).await? else {
        return Ok(Done::Skipped { why: "it is not unknown any more" });
    };
    let Some(provider) = postroad_providers::find(&found.provider) else {
        return Ok(Done::Skipped { why: "this build does not know the provider" });
    };
    let Some(connection) = connection(ctx, provider, (tenant, found.account), &found.external_id).await? else {
        return Ok(Done::Skipped { why: "the account has no credentials that can be read" });
    };
    let wanted = Lost { outbound: outbound(&send, attempt), began_at: found.began_at };
    let Some(Ok(request)) = provider.look_up(&connection, &wanted) else { return Ok(NOT_THERE) };
    let Wire::Answered(response) = ctx.transport.send(request).await else { return Ok(NOT_THERE) };
    let traces = provider.traces(&response, &connection, &wanted).unwrap_or_default();
    if lost::take(&ctx.app, &Adapters, (&found, &send), attempt, traces).await? {
        tracing::info!(message.id = %message, "a call without an answer was found at the provider");
        return Ok(Done::Completed);
    }
    Ok(NOT_THERE)
}

/// Opens the account's secrets. None: there are none that can be read.
pub(super) async fn connection(
    ctx: &Ctx,
    provider: &dyn Provider,
    account: (TenantId, AccountId),
    external_id: &str,
) -> Result<Option<Connection>, Failure> {
    let opened = accounts::credentials(&ctx.app, &[account]).await?.pop();
    let Some((_, Ok(credentials))) = opened else { return Ok(None) };
    let stand_in = ctx.base_urls.get(provider.name()).cloned();
    Ok(Some(Connection {
        external_id: external_id.to_owned(),
        base_url: stand_in.unwrap_or_else(|| provider.base_url().to_owned()),
        public_url: ctx.app.public_url.to_string(),
        credentials,
    }))
}

fn outbound(send: &SendFacts, attempt: i32) -> Outbound<'_> {
    Outbound {
        to: &send.to,
        content: &send.content,
        correlation: Correlation { message: send.id, attempt },
        reply_to: send.reply_to.as_deref(),
        template: send.template.as_ref().map(Template::as_outbound),
        valid_for: None,
    }
}
