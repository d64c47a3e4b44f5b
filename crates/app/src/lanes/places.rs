//! Portfolios that may write to so many people within a day: a message outside the window takes a place. They come first,
//! because all other reservations are lost on a message that finds none.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    gates::{GateName, Reason},
    ids::MessageId,
};
use postroad_store::{
    Result, SystemTx,
    intents::HeldBack,
    portfolios::{self, Key, PlaceTaken, PlaceWanted},
};

use super::Judged;
use crate::outcomes;

/// Messages that find no place wait until one comes back, each for another one.
pub(super) async fn reserve(tx: &mut SystemTx, judged: &mut [Judged<'_>], now: DateTime<Utc>) -> Result<Vec<HeldBack>> {
    let wanted: Vec<PlaceWanted> = judged.iter().filter(|one| one.attempt.is_some()).filter_map(wanted).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let places = portfolios::reserve(tx, &wanted, now).await?;
    let mut without: HashMap<Key, usize> = HashMap::new();
    let mut held = Vec::new();
    for one in judged.iter_mut().filter(|one| one.attempt.is_some()) {
        let Some(place) = self::wanted(one).filter(|place| !places.has(place)) else { continue };
        let key = (place.tenant, place.portfolio);
        let others = without.entry(key.clone()).or_default();
        let back_at = places.back_at(&key, *others);
        *others += 1;
        held.extend(one.hold(GateName::Credit, Reason::QuotaUsed, soon(back_at, now)));
    }
    Ok(held)
}

fn wanted(one: &Judged<'_>) -> Option<PlaceWanted> {
    outcomes::place_of(&one.send)
}

/// Not in this very step again, when what comes back is on its way already.
fn soon(back_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let soonest = now + TimeDelta::milliseconds(100);
    back_at.map_or(soonest, |at| at.max(soonest))
}

/// What another reservation held back has taken no place.
pub(super) async fn give_back(
    tx: &mut SystemTx,
    judged: &[Judged<'_>],
    held: &[HeldBack],
    now: DateTime<Utc>,
) -> Result<()> {
    let by_others = held.iter().filter(|one| one.reason != Reason::QuotaUsed);
    let ids: HashSet<MessageId> = by_others.map(|one| one.id).collect();
    let of_those = judged.iter().filter(|one| ids.contains(&one.send.id)).filter_map(wanted);
    let taken: Vec<PlaceTaken> = of_those.map(|wanted| PlaceTaken { wanted, at: now }).collect();
    if taken.is_empty() { Ok(()) } else { portfolios::give_back(tx, &taken).await }
}
