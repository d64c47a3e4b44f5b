//! A daily window of local time in which nobody is disturbed.
//!
//! Judged by the clock on the wall: on the night the clocks change it lasts an hour more or less.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::time;

/// A daily window in local time, start included, end excluded. `starts > ends` spans midnight; equal means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    pub starts: NaiveTime,
    pub ends: NaiveTime,
}

/// Text that is not a daily window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected quiet hours like 21:00-08:00, not {text:?}")]
pub struct ParseQuietHoursError {
    pub text: String,
}

impl QuietHours {
    /// `21:00-08:00`.
    pub const DEFAULT: Self = Self { starts: on_the_hour(21), ends: on_the_hour(8) };

    pub fn contains(&self, time: NaiveTime) -> bool {
        if self.starts <= self.ends {
            self.starts <= time && time < self.ends
        } else {
            self.starts <= time || time < self.ends
        }
    }

    pub fn is_quiet(&self, now: DateTime<Utc>, zone: Tz) -> bool {
        self.contains(time::local(zone, now).time())
    }

    /// The first instant, not before `now`, at which the wall clock of `zone` stands outside the window.
    ///
    /// Walks from clock change to clock change, because a change may end the window early (a gap jumps over its end, a
    /// fold falls back to before its start) or begin it again (a fold falls back to before its end).
    pub fn free_at(&self, now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let mut at = now;
        while self.is_quiet(at, zone) {
            let end = at + self.rest_of(time::local(zone, at).time());
            at = time::clocks_move_at(zone, at, end).unwrap_or(end);
        }
        at
    }

    /// The first instant, not before `now`, at which it is quiet; none if it never is.
    pub fn begins_at(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let rest_of_the_day = Self { starts: self.ends, ends: self.starts };
        (self.starts != self.ends).then(|| rest_of_the_day.free_at(now, zone))
    }

    /// From a time within the window to its end, if no clock is moved.
    fn rest_of(&self, time: NaiveTime) -> TimeDelta {
        let rest = self.ends - time;
        if rest > TimeDelta::zero() { rest } else { rest + TimeDelta::days(1) }
    }
}

impl FromStr for QuietHours {
    type Err = ParseQuietHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('-')
            .and_then(|(starts, ends)| Some(Self { starts: wall_time(starts)?, ends: wall_time(ends)? }))
            .ok_or_else(|| ParseQuietHoursError { text: text.chars().take(40).collect() })
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.starts.format("%H:%M"), self.ends.format("%H:%M"))
    }
}

const fn on_the_hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).expect("the hour is below 24")
}

/// Exactly `HH:MM`.
fn wall_time(text: &str) -> Option<NaiveTime> {
    let digits =
        |range: std::ops::Range<usize>| text.get(range).filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if text.len() != 5 || text.as_bytes()[2] != b':' {
        return None;
    }
    NaiveTime::from_hms_opt(digits(0..2)?.parse().ok()?, digits(3..5)?.parse().ok()?, 0)
}
