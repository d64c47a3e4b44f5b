//! A limit that several lanes draw from: an app's, a business portfolio's, a bot's. Permits are taken in small slices and
//! lapse when they are not used at their instant.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use postroad_app::{App, limits::Taker};
use postroad_core::pace::DRIFT;
use postroad_store::lanes::Lane;

use crate::pacer::sleep;

/// Permits of one slice, so that one lane does not take the whole limit ahead of the others.
const SLICE_MAX: u32 = 16;

/// This lane's place under a limit, as it was last read.
#[derive(Debug, Clone)]
struct Membership {
    per_s: f64,
    lanes: u32,
    position: u32,
}

impl Membership {
    fn of(lane: &Lane) -> Option<Self> {
        Some(Self {
            per_s: lane.limit_per_s?,
            lanes: u32::try_from(lane.limit_lanes).unwrap_or(1).max(1),
            position: u32::try_from(lane.limit_position).unwrap_or_default(),
        })
    }
}

/// This lane's view of a limit that it shares.
pub(crate) struct SharedLimit {
    app: App,
    key: String,
    lane: postroad_core::ids::AccountId,
    joined_at: DateTime<Utc>,
    membership: Mutex<Membership>,
}

impl SharedLimit {
    /// None: the account shares no limit.
    pub(crate) fn of(app: &App, lane: &Lane, now: DateTime<Utc>) -> Option<Arc<Self>> {
        let (key, membership) = (lane.limit_key.clone()?, Membership::of(lane)?);
        Some(Arc::new(Self {
            app: app.clone(),
            key,
            lane: lane.id,
            joined_at: now,
            membership: Mutex::new(membership),
        }))
    }

    /// Limits change live, and so does who shares them.
    pub(crate) fn refresh(&self, lane: &Lane) {
        if let Some(membership) = Membership::of(lane) {
            *self.membership.lock().unwrap_or_else(PoisonError::into_inner) = membership;
        }
    }

    fn membership(&self) -> Membership {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The pacer's side: permits at hand.
pub(crate) struct Permits {
    limit: Option<Arc<SharedLimit>>,
    at_hand: VecDeque<DateTime<Utc>>,
}

impl Permits {
    pub(crate) const fn new(limit: Option<Arc<SharedLimit>>) -> Self {
        Self { limit, at_hand: VecDeque::new() }
    }

    /// Waits until a permit's instant has come. `more`: calls that are planned behind this one.
    pub(crate) async fn wait(&mut self, more: usize) {
        let Some(limit) = self.limit.clone() else { return };
        loop {
            let now = limit.app.clock.now();
            self.at_hand.retain(|at| now - *at <= DRIFT / 4);
            if let Some(at) = self.at_hand.pop_front() {
                sleep(at - now).await;
                return;
            }
            self.take(&limit, more).await;
        }
    }

    async fn take(&mut self, limit: &SharedLimit, more: usize) {
        let membership = limit.membership();
        let taker = Taker {
            limit: &limit.key,
            per_s: membership.per_s,
            lane: limit.lane,
            lanes: membership.lanes,
            position: membership.position,
            joined_at: limit.joined_at,
        };
        let wanted = u32::try_from(more).unwrap_or(SLICE_MAX).saturating_add(1).min(SLICE_MAX);
        let permits = limit.app.limits.take(&taker, wanted).await;
        if permits.count == 0 {
            let pause = permits.next_at() - postroad_app::limits::SLICE - limit.app.clock.now();
            sleep(pause.max(chrono::TimeDelta::milliseconds(5))).await;
        }
        self.at_hand.extend(permits.instants());
    }
}
