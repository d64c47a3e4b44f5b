//! Conversations that automations have: whose one is, and how they come back from an automation that takes none any more.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    actor::Actor,
    conversation::Holder,
    ids::{AutomationId, TenantId},
};
use postroad_store::{
    AnyTx, Result, SystemTx, TenantTx,
    automations::holding::{self, GivenBack},
    events::Event,
};

use crate::{
    App,
    conversations::{Assignment, Work, given},
    telling,
};

/// Conversations that come back in the transaction that switches an automation off. A sweep sees to the others.
const AT_ONCE_MAX: i64 = 1_000;
/// Conversations that come back in one sweep.
const SWEPT_MAX: i64 = 1_000;
/// So long after an automation was switched off its conversations are looked for: longer than any transaction lasts that found it on.
const LOOKED_FOR: TimeDelta = TimeDelta::minutes(5);

/// The automation that has the conversation, as another one asks. One that takes none any more counts as nobody until they are back.
pub(super) async fn holder(work: &mut Work, asks: AutomationId) -> Result<Option<AutomationId>> {
    let holder = work.conversation.automation;
    let Some(other) = holder.filter(|holder| *holder != asks) else { return Ok(holder) };
    let taker = holding::taker(&mut work.tx, other).await?;
    Ok(taker.filter(|taker| taker.enabled && taker.listens).and(holder))
}

/// Some automation of the tenant was switched off, deleted, or listens no more: nobody has its conversations.
pub(super) async fn give_back(tx: &mut TenantTx, by: Actor, now: DateTime<Utc>) -> Result<()> {
    holding::look_for(tx, now).await?;
    let told = back(tx, AT_ONCE_MAX, by, now).await?;
    telling::tell(tx, &told, now).await
}

/// What is left of that, and what was given in the same moment; returns how many came back.
pub async fn sweep(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let told = back(&mut tx, SWEPT_MAX, Actor::System, now).await?;
    holding::all_back(&mut tx, now - LOOKED_FOR).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(told.len())
}

async fn back(tx: &mut impl AnyTx, limit: i64, by: Actor, now: DateTime<Utc>) -> Result<Vec<(TenantId, Event)>> {
    let back = holding::give_back(tx, limit, now).await?;
    Ok(back.iter().map(|one| (one.tenant, told(one, by))).collect())
}

fn told(one: &GivenBack, actor: Actor) -> Event {
    let department = one.department;
    let was = Assignment { to: Holder::Automation(one.automation), department };
    let (kind, data) = given(was, Assignment { to: Holder::Nobody, department });
    Event { kind, conversation: one.conversation, message: None, actor, data }
}
