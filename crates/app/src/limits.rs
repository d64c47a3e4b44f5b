//! Limits that span lanes, or the processes of the API: one Redis counts for all, and without it everybody keeps to a
//! share.
//!
//! A lane takes permits in slices of at most [`SLICE`] ahead, each permit for one instant; together they never exceed the
//! limit in any sliding second, as far as the clocks of the workers agree. What Redis knows may be lost at any moment, so
//! whenever it may have been, the limit rests for longer than a window instead of starting anew. Deliberately absent: the
//! pace of one lane, which is the core's arithmetic and the ledger's memory.

mod link;
mod shares;
mod window;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Pace,
    clock::Clock,
    ids::AccountId,
    pace::{Bucket, Flow, Permits},
};

use link::Link;
use shares::Shares;
use window::Windows;

/// How far ahead of now a permit may lie. Unused ones lapse.
pub const SLICE: TimeDelta = TimeDelta::milliseconds(250);
/// A permit of before and one of after lie in no common second: a second, and the slice that was given out ahead.
const REST: TimeDelta = TimeDelta::milliseconds(1_250);
/// Everybody who went on without Redis has noticed that it is back: the longest pause between two looks, and [`REST`].
const RETURN_REST: TimeDelta = TimeDelta::milliseconds(2_500);
/// Everybody has counted a new lane in: a renewal of the lease, and [`REST`].
const JOIN_REST: TimeDelta = TimeDelta::milliseconds(3_750);

/// A lane that asks for permits of a limit that it shares.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    /// Names the limit: equal for all accounts under it, in whatever process.
    pub limit: &'a str,
    /// Messages per second, of all lanes together. May differ from call to call.
    pub per_s: f64,
    pub lane: AccountId,
    /// Lanes leased under the limit, this one included.
    pub lanes: u32,
    /// This lane's place among them, from 0.
    pub position: u32,
    /// When this lane was leased: others count it from then on, as soon as they look.
    pub joined_at: DateTime<Utc>,
}

/// The one counter, or the shares.
pub struct SharedLimits {
    clock: Clock,
    redis: Option<Arc<Link>>,
    shares: Shares,
    windows: Windows,
}

impl SharedLimits {
    /// Without Redis: shares only.
    pub fn local(clock: Clock) -> Self {
        Self { clock, redis: None, shares: Shares::default(), windows: Windows::default() }
    }

    /// Counts in Redis. Does not wait for it: until it answers, and whenever it does not, shares hold.
    pub fn redis(url: &str, clock: Clock) -> Result<Self, redis::RedisError> {
        let link = Link::open(url, clock.clone())?;
        Ok(Self { redis: Some(link), ..Self::local(clock) })
    }

    /// Takes up to `wanted` permits of the next [`SLICE`]. None now: [`Permits::next_at`] says when to ask again.
    pub async fn take(&self, taker: &Taker<'_>, wanted: u32) -> Permits {
        let flow = Flow::new(Pace { per_s: taker.per_s, burst: 1 }, 1.0);
        let now = self.clock.now();
        let Some(link) = &self.redis else {
            return self.shares.take(taker, wanted, now, now - REST);
        };
        let ask = link::Ask { key: taker.limit, flow, wanted, horizon: SLICE, rest: RETURN_REST };
        match link.take(&ask, now).await {
            Ok(granted) => Bucket::resume(granted.paced_until).offer(now, granted.count.min(wanted), SLICE, flow),
            Err(link::Down { since }) => {
                let permits = self.shares.take(taker, wanted, now, since);
                if permits.count > 0 {
                    link.note_share();
                }
                permits
            }
        }
    }

    /// One call of an API client. Without Redis, this process keeps to one of `share_of` equal parts.
    ///
    /// The error says how long to wait.
    pub async fn allow(&self, key: &str, pace: Pace, share_of: u32) -> Result<(), Duration> {
        if let Some(link) = &self.redis {
            let flow = Flow::new(pace, 1.0);
            let now = self.clock.now();
            let ask = link::Ask { key, flow, wanted: 1, horizon: TimeDelta::zero(), rest: TimeDelta::zero() };
            if let Ok(granted) = link.take(&ask, now).await {
                return if granted.count > 0 { Ok(()) } else { Err(wait(granted.paced_until - flow.ahead - now)) };
            }
        }
        self.windows.allow(key, pace, share_of)
    }
}

fn wait(length: TimeDelta) -> Duration {
    length.to_std().unwrap_or_default()
}
