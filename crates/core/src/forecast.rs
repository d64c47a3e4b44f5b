//! When a campaign would be done: its lane run forward on a virtual clock, by groups of people and not one by one.
//!
//! Between two events (a group is done, a night begins or ends) every flow of the lane moves evenly, so a forecast over a
//! million people costs as much as over a thousand. Chance is in the failures only: some messages are tried again, and how
//! many is drawn anew for each run from what was observed. [`crate::simulation`] is the same lane person by person, and a
//! test holds the two against each other.

mod lane;
mod places;

use std::fmt;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};

use crate::{
    account::Pace,
    gates::Reason,
    limits::{FORECAST_DAYS_MAX, FORECAST_PORTFOLIO_PARTS, FORECAST_RUNS},
    pace, portfolio,
    quiet_hours::QuietHours,
};
use lane::Lane;

/// People of one flow who look alike to the gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Index into [`Plan::flows`].
    pub flow: usize,
    pub people: u64,
    /// The gates let them pass from then on.
    pub ready_at: DateTime<Utc>,
    /// What holds them until then.
    pub held_by: Option<Reason>,
    /// Hours of their wall clock in which nothing leaves. None: exempt.
    pub quiet: Option<(QuietHours, Tz)>,
    /// They take places of the portfolio: nobody of them has written lately.
    pub takes_places: bool,
}

/// What takes turns in the lane: a campaign, or a class of single messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Its share while others wait too, 1 to 100.
    pub weight: u32,
    /// Messages per second, of its own. None: the account's.
    pub throttle_per_s: Option<f64>,
}

/// Calls of the account that ended lately, and how many of them had to be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    pub calls: u64,
    pub retried: u64,
}

/// How many people the account's portfolio may write to within 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portfolio {
    pub people_max: u64,
    /// Those it has written to, by the instant from which on they count no more: oldest first, [`PART`] at a time.
    pub taken: Vec<(DateTime<Utc>, u64)>,
}

/// The stretch after its instant in which one entry of [`Portfolio::taken`] becomes free.
pub const PART: TimeDelta = TimeDelta::seconds(86_400 / FORECAST_PORTFOLIO_PARTS);

/// What a forecast is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub now: DateTime<Utc>,
    pub pace: Pace,
    /// What the provider leaves of the pace, 0 to 1.
    pub factor: f64,
    /// The first one is the campaign that is asked about.
    pub flows: Vec<Flow>,
    pub groups: Vec<Group>,
    /// None: nobody is counted.
    pub portfolio: Option<Portfolio>,
    pub observed: Observed,
}

/// What kept the campaign longest, between its first instant and its last message.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Limit {
    /// The account's messages per second; `others`: flows that had a share of it.
    Rate {
        per_s: f64,
        others: usize,
    },
    /// The campaign's own limit.
    Throttle {
        per_s: f64,
    },
    /// The account's portfolio: so many new people in 24 hours.
    Portfolio {
        people_max: u64,
    },
    /// A gate held everybody who was left, the last ones until then.
    Gate {
        reason: Reason,
        until: DateTime<Utc>,
    },
    Nothing,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { per_s, others: 0 } => write!(f, "limited by the account: {per_s} messages per second"),
            Self::Rate { per_s, others } => {
                write!(f, "limited by the account: {per_s} messages per second, shared with {others} others")
            }
            Self::Throttle { per_s } => write!(f, "limited by its own throttle: {per_s} messages per second"),
            Self::Portfolio { people_max } => write!(f, "limited by {}", portfolio::words(*people_max)),
            Self::Gate { reason, until } => {
                write!(
                    f,
                    "waits for {}, until {}",
                    reason.as_str().replace('_', " "),
                    until.format("%Y-%m-%d %H:%M UTC")
                )
            }
            Self::Nothing => write!(f, "limited by nothing"),
        }
    }
}

/// Messages of the campaign in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// When it begins: a full hour in UTC.
    pub at: DateTime<Utc>,
    pub messages: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// None: nothing is left to send.
    pub first_at: Option<DateTime<Utc>>,
    /// Half of all runs are done by then.
    pub p50_at: Option<DateTime<Utc>>,
    /// 95 of 100 runs are.
    pub p95_at: Option<DateTime<Utc>>,
    pub limited_by: Limit,
    /// Without the hours in which nothing leaves.
    pub curve: Vec<Hour>,
    /// Messages that do not leave within [`FORECAST_DAYS_MAX`] days.
    pub beyond: u64,
}

/// The same plan and seed give the same forecast.
pub fn forecast(plan: &Plan, seed: u64) -> Forecast {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let even = Lane::new(plan, |people| retries(people, plan.observed.share())).run();
    let mut ends: Vec<DateTime<Utc>> = (0..FORECAST_RUNS)
        .filter_map(|_| {
            let share = plan.observed.drawn(&mut random);
            Lane::new(plan, |people| retries(people, share)).run().last_at
        })
        .collect();
    ends.sort_unstable();
    Forecast {
        first_at: even.first_at,
        p50_at: percentile(&ends, 50),
        p95_at: percentile(&ends, 95),
        limited_by: even.limit(plan),
        curve: even.hours(),
        beyond: even.beyond,
    }
}

fn percentile(sorted: &[DateTime<Utc>], of_100: usize) -> Option<DateTime<Utc>> {
    sorted.get((sorted.len() * of_100 / 100).min(sorted.len().saturating_sub(1))).copied()
}

/// Calls that so many people need beyond the first, when this share of calls has to be made again.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn retries(people: u64, share: f64) -> f64 {
    people as f64 * share / (1.0 - share)
}

impl Observed {
    /// Never so near to 1 that nothing would ever leave.
    const SHARE_MAX: f64 = 0.9;

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn share(self) -> f64 {
        if self.calls == 0 { 0.0 } else { (self.retried as f64 / self.calls as f64).min(Self::SHARE_MAX) }
    }

    /// The share as it may really be: the fewer calls were seen, the wider it spreads.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn drawn(self, random: &mut Xoshiro256PlusPlus) -> f64 {
        let share = (self.retried as f64 + 0.5) / (self.calls as f64 + 50.0);
        let spread = (share * (1.0 - share) / (self.calls as f64 + 50.0)).sqrt();
        // Twelve even numbers add up to a bell.
        let bell: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
        (share + spread * bell).clamp(0.0, Self::SHARE_MAX)
    }
}

/// Messages per second that the pace really lets through: a little less than it names.
fn per_s(pace: Pace, factor: f64) -> f64 {
    let interval = pace::Flow::new(pace, factor).interval;
    1.0 / interval.as_seconds_f64()
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

fn horizon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::days(FORECAST_DAYS_MAX)
}
