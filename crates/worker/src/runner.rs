//! A lane in this worker's hands: how much of its pace is used, when to look again, what the provider said about speed.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::App;
use postroad_core::{
    account::Pace,
    ids::{AccountId, TenantId},
    pace::{Adaptive, Bucket, ClaimSize, Flow, Permits},
    provider::Effect,
};
use postroad_store::lanes::{Lane, Paced};

use crate::{pacer::Pacer, shared_limit::SharedLimit};

/// How far ahead permits are taken: intents are written in slices of at most this, so that a pause, a STOP or a cancel
/// takes effect within it.
const HORIZON: TimeDelta = TimeDelta::milliseconds(500);

/// What calls tell their lane.
#[derive(Debug, Default)]
pub(crate) struct Feedback(Mutex<Heard>);

#[derive(Debug, Default, Clone, Copy)]
struct Heard {
    adaptive: Adaptive,
    rests_until: Option<DateTime<Utc>>,
    /// Calls came too long after their claim.
    was_late: bool,
}

impl Feedback {
    /// Goes on with what a former owner had heard.
    fn resume(lane: &Lane, now: DateTime<Utc>) -> Self {
        Self(Mutex::new(Heard {
            adaptive: Adaptive::resume(lane.pace_factor, now),
            rests_until: lane.rests_until,
            was_late: false,
        }))
    }

    pub(crate) fn note(&self, effect: Effect, now: DateTime<Utc>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match effect {
            Effect::SlowDown => heard.adaptive.slow_down(now),
            Effect::Rest(length) => {
                let until = now + TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX / 2);
                heard.rests_until = Some(heard.rests_until.map_or(until, |at| at.max(until)));
            }
            _ => {}
        }
    }

    /// A call was not made because its claim had grown old: more was claimed than this process can carry.
    pub(crate) fn note_late(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_late = true;
    }

    fn take_late(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).was_late)
    }

    fn heard(&self) -> Heard {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One held lane.
pub(crate) struct Runner {
    pub(crate) lane: Lane,
    pub(crate) pacer: Pacer,
    pub(crate) feedback: Arc<Feedback>,
    shared: Option<Arc<SharedLimit>>,
    bucket: Bucket,
    claim_size: ClaimSize,
    /// Claimed and not decided yet: they have no permits so far.
    pub(crate) undecided: u32,
    /// When it is worth asking the database again.
    pub(crate) look_at: DateTime<Utc>,
    /// Since when it has had nothing due.
    idle_since: Option<DateTime<Utc>>,
    /// The last claim took all that was due.
    took_all: bool,
}

impl Runner {
    pub(crate) fn new(app: &App, lane: Lane, now: DateTime<Utc>) -> Self {
        let bucket = Bucket::resume(lane.paced_until.unwrap_or(DateTime::UNIX_EPOCH).max(now));
        let feedback = Arc::new(Feedback::resume(&lane, now));
        let shared = SharedLimit::of(app, &lane, now);
        let pacer = Pacer::start(app.clock.clone(), shared.clone());
        Self {
            lane,
            pacer,
            feedback,
            shared,
            bucket,
            claim_size: ClaimSize::default(),
            undecided: 0,
            look_at: now,
            idle_since: None,
            took_all: false,
        }
    }

    /// Goes on under limits that may have changed; another fence is another lane.
    pub(crate) fn goes_on_as(&self, lane: &Lane) -> bool {
        self.lane.fence == lane.fence && self.lane.limit_key == lane.limit_key
    }

    pub(crate) fn refresh(&mut self, lane: Lane) {
        if let Some(shared) = &self.shared {
            shared.refresh(&lane);
        }
        self.lane = lane;
    }

    pub(crate) fn key(&self) -> (TenantId, AccountId) {
        (self.lane.tenant, self.lane.id)
    }

    /// The pace as it is now: the account's, and what the provider left of it. A limit that it shares is kept by its pacer.
    pub(crate) fn flow(&self, now: DateTime<Utc>) -> Flow {
        let burst = u32::try_from(self.lane.rate_burst).unwrap_or(1);
        Flow::new(Pace { per_s: self.lane.rate_per_s, burst }, self.feedback.heard().adaptive.factor(now))
    }

    /// How many sends to claim now, 0 while it rests or its pace is used up.
    pub(crate) fn wanted(&self, now: DateTime<Utc>) -> u32 {
        if self.rests_until().is_some_and(|until| until > now) || self.look_at > now {
            return 0;
        }
        let most = self.claim_size.get() + self.undecided;
        let offered = self.bucket.offer(now, most, HORIZON, self.flow(now)).count.saturating_sub(self.undecided);
        offered.min(self.shared_room())
    }

    /// Of a limit that several lanes share, no more is ahead of the wire than twice this lane's even part: the rest would
    /// grow old while it waits for permits, and keep the places of others.
    fn shared_room(&self) -> u32 {
        let Some(limit) = self.lane.limit_per_s else { return u32::MAX };
        let lanes = u32::try_from(self.lane.limit_lanes).unwrap_or(1).max(1);
        let ahead = 2.0 * limit / f64::from(lanes) * HORIZON.as_seconds_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a claim may hold")]
        let part = ahead.ceil().clamp(1.0, 500.0) as u32;
        part.saturating_sub(self.undecided + self.pacer.backlog())
    }

    pub(crate) fn is_idle(&self, now: DateTime<Utc>, for_longer_than: TimeDelta) -> bool {
        self.idle_since.is_some_and(|since| now - since > for_longer_than)
    }

    /// Nothing more was due at the last look, and all that was is decided.
    pub(crate) const fn is_drained(&self) -> bool {
        self.took_all && self.undecided == 0
    }

    /// Takes one permit for each attempt.
    pub(crate) fn take(&mut self, count: usize, now: DateTime<Utc>) -> Permits {
        let flow = self.flow(now);
        self.bucket.take(now, u32::try_from(count).unwrap_or(u32::MAX), HORIZON * 2, flow)
    }

    /// What is stored with the intents.
    pub(crate) fn paced(&self, now: DateTime<Utc>) -> Paced {
        let heard = self.feedback.heard();
        Paced {
            tenant: self.lane.tenant,
            lane: self.lane.id,
            fence: self.lane.fence,
            paced_until: self.bucket.paced_until(),
            rests_until: heard.rests_until,
            factor: heard.adaptive.factor(now),
        }
    }

    /// The lane was asked and gave `claimed` of `wanted`: when to ask again.
    pub(crate) fn asked(&mut self, wanted: usize, claimed: usize, idle_poll: TimeDelta, now: DateTime<Utc>) {
        if claimed == 0 {
            self.idle_since.get_or_insert(now);
        } else {
            self.idle_since = None;
        }
        self.claim_size = self.claim_size.next(self.feedback.take_late(), claimed > 0 && claimed == wanted);
        self.took_all = claimed < wanted;
        self.undecided = u32::try_from(claimed).unwrap_or(u32::MAX);
        let mut bucket = self.bucket;
        bucket.take(now, self.undecided, HORIZON * 2, self.flow(now));
        // Half a horizon before the permits run out: a step takes its time, and the pace has no holes.
        let pace = (bucket.paced_until() - HORIZON / 2).clamp(now, now + HORIZON);
        self.look_at = if claimed < wanted { pace.max(now + idle_poll) } else { pace };
    }

    pub(crate) fn rests_until(&self) -> Option<DateTime<Utc>> {
        self.feedback.heard().rests_until
    }
}
