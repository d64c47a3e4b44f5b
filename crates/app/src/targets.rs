//! How soon people are to be answered and conversations to be done: what a tenant sets, and clocks that follow.
//!
//! Whatever changes where a conversation stands calls [`follow`] in its transaction. What is missed is found by
//! [`crate::sweep::miss_targets`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
pub use postroad_core::targets::Targets;
use postroad_core::{
    ids::{ConversationId, TenantId},
    limits::TARGET_MINUTES_MAX,
    targets::Rules,
};
use postroad_store::{
    AnyTx, Error, Result, TenantTx,
    conversations::targets::{self as stored, Followed, Set},
};

use crate::{App, automations::hours_of};

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("a target has 1 to {TARGET_MINUTES_MAX} minutes")]
    Minutes,
    #[error(transparent)]
    Store(#[from] Error),
}

/// What the tenant has set.
pub async fn get(app: &App, tenant: TenantId) -> Result<Targets> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = stored::set_by(&mut tx, &[tenant]).await?.pop();
    found.map_or_else(|| Ok(Targets::default()), |set| Ok(serde_json::from_value(set.targets)?))
}

/// Counts for each conversation from the next thing on that happens in it.
pub async fn set(app: &App, tenant: TenantId, targets: &Targets) -> Result<(), TargetError> {
    if !targets.is_sound() {
        return Err(TargetError::Minutes);
    }
    let json = serde_json::to_value(targets).map_err(Error::from)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::set(&mut tx, (!targets.is_empty()).then_some(&json)).await?;
    Ok(tx.commit().await?)
}

/// Sets the clocks of conversations that the transaction holds to where they stand now.
pub(crate) async fn follow(tx: &mut impl AnyTx, of: &[(TenantId, ConversationId)], now: DateTime<Utc>) -> Result<()> {
    let rules = rules(tx, of).await?;
    if rules.is_empty() {
        return Ok(());
    }
    let moved: Vec<Followed> =
        stored::clocks(tx, of).await?.into_iter().filter_map(|one| moved(one, &rules, now)).collect();
    if moved.is_empty() { Ok(()) } else { stored::set_clocks(tx, &moved).await }
}

/// Most tenants have set none, and nothing more is read of theirs.
async fn rules(tx: &mut impl AnyTx, of: &[(TenantId, ConversationId)]) -> Result<BTreeMap<TenantId, Rules>> {
    let mut tenants: Vec<TenantId> = of.iter().map(|(tenant, _)| *tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let set = stored::set_by(tx, &tenants).await?;
    set.into_iter().map(|set| Ok((set.tenant, read(set)?))).collect()
}

fn read(set: Set) -> Result<Rules> {
    Ok(Rules { targets: serde_json::from_value(set.targets)?, hours: hours_of(set.hours, &set.zone)? })
}

fn moved(one: Followed, rules: &BTreeMap<TenantId, Rules>, now: DateTime<Utc>) -> Option<Followed> {
    let clock = one.clock.follow(one.standing, rules.get(&one.tenant)?, now);
    (clock != one.clock).then_some(Followed { clock, ..one })
}
