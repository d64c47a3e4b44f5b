//! What a lane may use of a limit that it shares, while nobody counts for all: an even part, that never starts or grows
//! before everybody else keeps to theirs.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use postroad_core::{
    account::Pace,
    ids::AccountId,
    pace::{self, Bucket, Flow, Permits},
};

use super::{JOIN_REST, REST, SLICE, Taker};

/// Lanes remembered. More than one worker can hold under one limit.
const LANES_MAX: usize = 10_000;
/// A lane that took nothing for so long is forgotten when room is needed.
const FORGET_AFTER: TimeDelta = TimeDelta::minutes(1);

#[derive(Default)]
pub(super) struct Shares(Mutex<HashMap<(String, AccountId), Share>>);

/// One lane's part. `in_force` may be smaller than what the numbers allow, for one window.
struct Share {
    bucket: Bucket,
    in_force: Part,
    /// A larger part, and since when it is allowed.
    growing: Option<(Part, DateTime<Utc>)>,
}

#[derive(Clone, Copy, PartialEq)]
struct Part {
    limit_per_s: f64,
    lanes: u32,
    position: u32,
}

impl Part {
    fn of(taker: &Taker<'_>) -> Self {
        Self { limit_per_s: taker.per_s, lanes: taker.lanes.max(1), position: taker.position }
    }

    fn per_s(self) -> f64 {
        pace::share(self.limit_per_s, self.lanes)
    }

    /// Less than one a second: the lanes leave in turn.
    fn is_a_turn(self) -> bool {
        self.per_s() < 1.0 && self.lanes > 1
    }

    fn flow(self) -> Flow {
        Flow::new(Pace { per_s: self.per_s(), burst: 1 }, 1.0)
    }
}

impl Shares {
    /// `down_since`: nobody counts for all since then.
    pub(super) fn take(
        &self,
        taker: &Taker<'_>,
        wanted: u32,
        now: DateTime<Utc>,
        down_since: DateTime<Utc>,
    ) -> Permits {
        let mut lanes = self.0.lock();
        make_room(&mut lanes, now);
        let part = Part::of(taker);
        let key = (taker.limit.to_owned(), taker.lane);
        let share =
            lanes.entry(key).or_insert_with(|| Share { bucket: Bucket::resume(now), in_force: part, growing: None });
        share.follow(part, now);
        share.rest_until((taker.joined_at + JOIN_REST).max(down_since + REST));
        share.take(wanted, now)
    }
}

fn make_room(lanes: &mut HashMap<(String, AccountId), Share>, now: DateTime<Utc>) {
    if lanes.len() >= LANES_MAX {
        lanes.retain(|_, share| share.bucket.paced_until() > now - FORGET_AFTER);
    }
}

impl Share {
    /// A smaller part holds at once, a larger one when the window of the old one is over.
    fn follow(&mut self, part: Part, now: DateTime<Utc>) {
        if part == self.in_force {
            self.growing = None;
            return;
        }
        if self.in_force.is_a_turn() || part.is_a_turn() || part.per_s() <= self.in_force.per_s() {
            if part.is_a_turn() {
                self.rest_until(now + REST);
            }
            (self.in_force, self.growing) = (part, None);
            return;
        }
        match self.growing {
            Some((larger, since)) if larger == part && since + REST <= now => {
                (self.in_force, self.growing) = (part, None);
            }
            Some((larger, _)) if larger == part => {}
            _ => self.growing = Some((part, now)),
        }
    }

    fn rest_until(&mut self, until: DateTime<Utc>) {
        self.bucket = Bucket::resume(self.bucket.paced_until().max(until));
    }

    fn take(&mut self, wanted: u32, now: DateTime<Utc>) -> Permits {
        let flow = self.in_force.flow();
        if !self.in_force.is_a_turn() {
            return self.bucket.take(now, wanted, SLICE, flow);
        }
        let from = self.bucket.paced_until().max(now);
        let turn = pace::turn_at(from, self.in_force.limit_per_s, self.in_force.position, self.in_force.lanes);
        let permits = Bucket::resume(turn).offer(now, wanted.min(1), SLICE, flow);
        if permits.count > 0 {
            self.bucket = Bucket::resume(turn + TimeDelta::microseconds(1));
        }
        permits
    }
}
