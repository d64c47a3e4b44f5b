//! How many messages may leave, and at which instants: the arithmetic of pacing, without a timer.
//!
//! A generic cell rate algorithm (GCRA): the whole state of a lane is one instant, so it is stored with each intent and a
//! new owner goes on where the old one stopped. Messages are spaced evenly and a little wider than the limit asks, because
//! two calls may drift towards each other on their way to the provider.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    account::{Pace, Spacing},
    limits::CLAIM_MAX,
};

/// How far two calls may drift towards each other between their planned instants and the provider, without breaking a
/// limit per second. Costs 2 % of the rate.
pub const DRIFT: TimeDelta = TimeDelta::milliseconds(20);

const SECOND_US: i64 = 1_000_000;
const FASTEST_PER_S: f64 = 100_000.0;
/// One message in almost three hours: the slowest pace, at the lowest factor, still moves.
const SLOWEST_PER_S: f64 = 0.000_1;

/// A pace as two lengths of time.
///
/// What holds for `per_s >= 1` and `burst = 1`: no sliding window of one second plus [`DRIFT`], both ends included, holds
/// more than `floor(per_s)` permits; a busy lane reaches at least 0.97 of `floor(per_s)` up to 10,000, and
/// 0.9 above, where the microseconds of an interval are rounded up. With a larger burst the same
/// window holds at most `floor(per_s) + burst - 1`. For `per_s < 1`: permits lie `1 / per_s` seconds plus [`DRIFT`] apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// From one permit to the next.
    pub interval: TimeDelta,
    /// How far ahead of its even schedule a lane may run after a silence: `burst - 1` intervals.
    pub ahead: TimeDelta,
}

impl Flow {
    /// `factor` of 0 to 1 is what [`Adaptive`] leaves of the pace. Values out of range count as the nearest bound.
    pub fn new(pace: Pace, factor: f64) -> Self {
        let interval = interval(pace.per_s * factor);
        Self { interval, ahead: interval * i32::try_from(pace.burst.saturating_sub(1)).unwrap_or(i32::MAX) }
    }
}

/// The state of one paced lane: the instant up to which its permits are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    paced_until: DateTime<Utc>,
}

impl Bucket {
    /// Goes on where the last owner stopped. A lane that never sent starts at the epoch: it has its whole burst.
    pub const fn resume(paced_until: DateTime<Utc>) -> Self {
        Self { paced_until }
    }

    /// To be stored with the permits that were taken, before they are used.
    pub const fn paced_until(self) -> DateTime<Utc> {
        self.paced_until
    }

    /// The permits of `[now, now + horizon]`, at most `wanted`, without taking them.
    pub fn offer(self, now: DateTime<Utc>, wanted: u32, horizon: TimeDelta, flow: Flow) -> Permits {
        let even = self.paced_until.max(now);
        let first_at = even - flow.ahead;
        let room = (now + horizon - first_at).num_microseconds().unwrap_or(i64::MAX);
        let fits = if room < 0 { 0 } else { room / micros(flow.interval) + 1 };
        Permits { count: wanted.min(u32::try_from(fits).unwrap_or(u32::MAX)), now, first_at, interval: flow.interval }
    }

    /// Takes what [`Bucket::offer`] offers.
    pub fn take(&mut self, now: DateTime<Utc>, wanted: u32, horizon: TimeDelta, flow: Flow) -> Permits {
        let permits = self.offer(now, wanted, horizon, flow);
        if permits.count > 0 {
            self.paced_until =
                self.paced_until.max(now) + flow.interval * i32::try_from(permits.count).unwrap_or(i32::MAX);
        }
        permits
    }

    /// The last permit that was taken was used at `at`, later than planned: what is taken next moves with it.
    pub fn left_at(&mut self, at: DateTime<Utc>, flow: Flow) {
        self.paced_until = self.paced_until.max(at + flow.interval);
    }
}

/// Some permits, each for one instant. Use each at its instant or up to [`DRIFT`] after it. Whoever is later than that
/// goes on with [`Permits::late_by`] and tells [`Bucket::left_at`]: calls that were held up together must not leave
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permits {
    pub count: u32,
    now: DateTime<Utc>,
    first_at: DateTime<Utc>,
    interval: TimeDelta,
}

impl Permits {
    /// The earliest instant of each permit, in order.
    pub fn instants(self) -> impl Iterator<Item = DateTime<Utc>> {
        (0..self.count).map(move |position| self.instant(position))
    }

    /// The same permits, all of them this much later.
    #[must_use]
    pub fn late_by(self, late: TimeDelta) -> Self {
        Self { now: self.now + late, first_at: self.first_at + late, ..self }
    }

    /// When the permit after the last of these falls due: with `count` 0, when to come back.
    pub fn next_at(self) -> DateTime<Utc> {
        self.instant(self.count)
    }

    fn instant(self, position: u32) -> DateTime<Utc> {
        self.now.max(self.first_at + self.interval * i32::try_from(position).unwrap_or(i32::MAX))
    }
}

/// The most that one claim of a lane takes: halved when calls came too late after their claim, back to [`CLAIM_MAX`] by an
/// eighth with every full claim since. A process that is too slow for its claims would otherwise give them back for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimSize(u32);

impl Default for ClaimSize {
    fn default() -> Self {
        Self(CLAIM_MAX)
    }
}

impl ClaimSize {
    /// 1 to [`CLAIM_MAX`].
    pub const fn get(self) -> u32 {
        self.0
    }

    /// After a claim that got all it asked for, or not, and after calls that came too late, or not.
    #[must_use]
    #[expect(clippy::fn_params_excessive_bools, reason = "two questions with names, asked in one place")]
    pub fn next(self, was_late: bool, was_full: bool) -> Self {
        match (was_late, was_full) {
            (true, _) => Self((self.0 / 2).max(1)),
            (false, true) => Self((self.0 + self.0 / 8 + 1).min(CLAIM_MAX)),
            (false, false) => self,
        }
    }
}

/// How much of its pace a lane uses: halved when the provider says "slow down", back to the whole step by step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Adaptive {
    /// The factor right after the last cut, and its instant.
    cut: Option<(f64, DateTime<Utc>)>,
}

impl Adaptive {
    pub const FLOOR: f64 = 1.0 / 64.0;
    /// Of the whole pace, per second from [`Adaptive::DEAF_FOR`] after the last cut on. So a lane that is told to slow
    /// down once a second does.
    pub const RECOVERY_PER_S: f64 = 0.1;
    /// Calls that were in flight together are told together: that is one message, not many.
    pub const DEAF_FOR: TimeDelta = TimeDelta::seconds(1);

    /// Goes on with the factor that a former owner of the lane left behind.
    pub fn resume(factor: f64, now: DateTime<Utc>) -> Self {
        Self { cut: (factor < 1.0).then(|| (factor.max(Self::FLOOR), now)) }
    }

    /// From [`Adaptive::FLOOR`] to 1.
    pub fn factor(self, now: DateTime<Utc>) -> f64 {
        self.cut.map_or(1.0, |(factor, at)| {
            let recovering_s = seconds(now - at - Self::DEAF_FOR).max(0.0);
            (factor + Self::RECOVERY_PER_S * recovering_s).min(1.0)
        })
    }

    pub fn slow_down(&mut self, now: DateTime<Utc>) {
        if self.cut.is_some_and(|(_, at)| now < at + Self::DEAF_FOR) {
            return;
        }
        self.cut = Some(((self.factor(now) / 2.0).max(Self::FLOOR), now));
    }
}

/// What one of `lanes` lanes may use of a limit that they share, when nobody counts for all of them.
///
/// Shares of at least one per second are whole numbers, so that together they stay within the limit in every sliding
/// second. Smaller shares only stay within it on average; lanes that have them leave in turn, see [`turn_at`].
pub fn share(limit_per_s: f64, lanes: u32) -> f64 {
    let even = limit_per_s / f64::from(lanes.max(1));
    if even >= 1.0 { even.floor() } else { even }
}

/// The first instant, not before `now`, at which it is the turn of the lane at `position` of `lanes` (0 is the first).
/// One round gives each lane one permit, spaced as the whole limit asks; rounds count from the epoch, so workers agree on
/// them without talking.
pub fn turn_at(now: DateTime<Utc>, limit_per_s: f64, position: u32, lanes: u32) -> DateTime<Utc> {
    let step = micros(interval(limit_per_s));
    let round = step * i64::from(lanes.max(1));
    let into_round = (now.timestamp_micros() - step * i64::from(position)).rem_euclid(round);
    now + TimeDelta::microseconds((round - into_round) % round)
}

impl Spacing {
    /// The first instant at which a message may leave, from the stored instant up to which this person's bucket is used.
    pub fn free_at(self, used_until: DateTime<Utc>) -> DateTime<Utc> {
        used_until - self.borrowed_max()
    }

    /// What to store when a message is reserved at `now`.
    pub fn used_until(self, used_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        used_until.map_or(now, |until| until.max(now)) + TimeDelta::seconds(self.every_s.into())
    }

    /// `burst` messages may leave at once; so all but one of them are borrowed.
    pub fn borrowed_max(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.every_s) * i64::from(self.burst.saturating_sub(1)))
    }
}

/// Always one microsecond more than the even share, so that a window with both ends included holds one fewer.
#[expect(clippy::cast_possible_truncation, reason = "both are clamped far below 2^53")]
fn interval(per_s: f64) -> TimeDelta {
    let per_s = if per_s.is_nan() { SLOWEST_PER_S } else { per_s.clamp(SLOWEST_PER_S, FASTEST_PER_S) };
    let even = if per_s < 1.0 {
        (1e6 / per_s).ceil() as i64 + micros(DRIFT)
    } else {
        (SECOND_US + micros(DRIFT)) / per_s.floor() as i64
    };
    TimeDelta::microseconds(even + 1)
}

fn micros(length: TimeDelta) -> i64 {
    length.num_microseconds().unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a rounded microsecond does not matter to a factor")]
fn seconds(length: TimeDelta) -> f64 {
    micros(length) as f64 / 1e6
}
