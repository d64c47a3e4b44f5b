//! Campaigns that leave no faster than a person wants: their messages take places from the campaign's throttle when all
//! gates let them pass.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::{CampaignId, TenantId},
};
use postroad_store::{
    Result, SystemTx,
    intents::HeldBack,
    throttles::{self, ThrottleWanted, Throttled},
};

use super::Judged;

/// Messages that find no place wait until theirs comes, one after the other.
pub(super) async fn reserve(tx: &mut SystemTx, judged: &mut [Judged<'_>], now: DateTime<Utc>) -> Result<Vec<HeldBack>> {
    let wanted = wanted(judged);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut places: HashMap<CampaignId, Throttled> =
        throttles::take(tx, &wanted, now).await?.into_iter().map(|given| (given.campaign, given)).collect();
    let mut held = Vec::new();
    for one in judged.iter_mut().filter(|one| one.attempt.is_some()) {
        let Some(given) = one.send.throttled.and_then(|campaign| places.get_mut(&campaign)) else { continue };
        if given.granted > 0 {
            given.granted -= 1;
            continue;
        }
        held.extend(one.hold(GateName::Rate, Reason::Throttled, given.next_at));
        given.next_at += TimeDelta::microseconds(microseconds(given.every_s));
    }
    Ok(held)
}

fn wanted(judged: &[Judged<'_>]) -> Vec<ThrottleWanted> {
    let mut counts: HashMap<(TenantId, CampaignId), i32> = HashMap::new();
    for one in judged.iter().filter(|one| one.attempt.is_some()) {
        if let Some(campaign) = one.send.throttled {
            *counts.entry((one.send.tenant, campaign)).or_default() += 1;
        }
    }
    counts.into_iter().map(|((tenant, campaign), messages)| ThrottleWanted { tenant, campaign, messages }).collect()
}

/// A throttle of one a minute has the longest interval: a minute.
#[expect(clippy::cast_possible_truncation, reason = "at most 60 million")]
fn microseconds(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}
