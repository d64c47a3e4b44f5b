//! When a business is open, and other stretches of a week, by the clock on the wall.
//!
//! Like quiet hours, a stretch is judged by what the wall clock shows: on the night the clocks change it lasts an hour more
//! or less, and what lies in a gap does not happen.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    limits::OPEN_RANGES_MAX,
    quiet_hours::{ParseQuietHoursError, QuietHours},
    time,
    words::words,
};

words! {
    Weekday {
        Mon = "mon",
        Tue = "tue",
        Wed = "wed",
        Thu = "thu",
        Fri = "fri",
        Sat = "sat",
        Sun = "sun",
    }
}

impl Weekday {
    fn of(local: NaiveDateTime) -> Self {
        Self::ALL[local.weekday().num_days_from_monday() as usize]
    }

    fn before(self) -> Self {
        Self::ALL[(self as usize + 6) % 7]
    }
}

/// `09:00-17:00`: start included, end excluded. An end that is not after the start lies on the next day, so `22:00-06:00`
/// is a night and `00:00-00:00` a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayRange {
    pub starts: NaiveTime,
    pub ends: NaiveTime,
}

impl DayRange {
    fn ends_next_day(self) -> bool {
        self.ends <= self.starts
    }

    /// When it starts and ends, if it starts on that date.
    fn edges(self, date: NaiveDate) -> [NaiveDateTime; 2] {
        let last = date + TimeDelta::days(i64::from(self.ends_next_day()));
        [date.and_time(self.starts), last.and_time(self.ends)]
    }

    /// At a time of the day on which it starts.
    fn holds_on_its_day(self, time: NaiveTime) -> bool {
        self.starts <= time && (self.ends_next_day() || time < self.ends)
    }

    /// At a time of the day after that.
    fn holds_on_the_next_day(self, time: NaiveTime) -> bool {
        self.ends_next_day() && time < self.ends
    }
}

impl FromStr for DayRange {
    type Err = ParseQuietHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|QuietHours { starts, ends }| Self { starts, ends })
    }
}

impl TryFrom<String> for DayRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|_| "expected times of the day like 09:00-17:00".to_owned())
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        QuietHours { starts: self.starts, ends: self.ends }.fmt(f)
    }
}

impl From<DayRange> for String {
    fn from(range: DayRange) -> Self {
        range.to_string()
    }
}

/// The stretches of each day; a day that is not named has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Week {
    pub mon: Vec<DayRange>,
    pub tue: Vec<DayRange>,
    pub wed: Vec<DayRange>,
    pub thu: Vec<DayRange>,
    pub fri: Vec<DayRange>,
    pub sat: Vec<DayRange>,
    pub sun: Vec<DayRange>,
}

impl Week {
    pub fn of(&self, day: Weekday) -> &[DayRange] {
        match day {
            Weekday::Mon => &self.mon,
            Weekday::Tue => &self.tue,
            Weekday::Wed => &self.wed,
            Weekday::Thu => &self.thu,
            Weekday::Fri => &self.fri,
            Weekday::Sat => &self.sat,
            Weekday::Sun => &self.sun,
        }
    }

    fn holds_at(&self, local: NaiveDateTime) -> bool {
        let (day, time) = (Weekday::of(local), local.time());
        self.of(day).iter().any(|range| range.holds_on_its_day(time))
            || self.of(day.before()).iter().any(|range| range.holds_on_the_next_day(time))
    }

    /// From a time to the next start of a stretch, if no clock is moved. None: there is no stretch at all.
    fn until_next_start(&self, local: NaiveDateTime) -> Option<TimeDelta> {
        (0..=7).find_map(|days| {
            let date = local.date() + TimeDelta::days(days);
            let starts =
                self.of(Weekday::of(date.and_time(NaiveTime::MIN))).iter().map(|range| date.and_time(range.starts));
            starts.filter(|start| *start > local).min().map(|start| start - local)
        })
    }

    /// From a time to the next start or end of a stretch within a day, if no clock is moved. None: there is none so soon.
    fn until_next_edge(&self, local: NaiveDateTime) -> Option<TimeDelta> {
        let edges = (-1..=1).flat_map(|days| {
            let date = local.date() + TimeDelta::days(days);
            self.of(Weekday::of(date.and_time(NaiveTime::MIN))).iter().flat_map(move |range| range.edges(date))
        });
        edges.filter(|edge| *edge > local).min().map(|edge| edge - local)
    }
}

/// When a business is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessHours {
    /// Off: it is always open.
    pub enabled: bool,
    /// An IANA name.
    pub time_zone: Tz,
    pub days: Week,
}

/// Clock changes and days that [`BusinessHours::next_open`] looks through: longer than any week, and a gap in it.
const LOOKS_MAX: usize = 24;
/// Spans between two edges, days or clock changes that counting looks at: three years of a usual week.
const SPANS_MAX: usize = 4_000;

impl BusinessHours {
    /// Monday to Friday 09:00 to 17:00, Saturday 09:00 to 13:00, Sunday closed.
    pub fn usual(time_zone: Tz) -> Self {
        let from_nine = |ends: u32| vec![DayRange { starts: on_the_hour(9), ends: on_the_hour(ends) }];
        let [mon, tue, wed, thu, fri] = [(); 5].map(|()| from_nine(17));
        let days = Week { mon, tue, wed, thu, fri, sat: from_nine(13), sun: Vec::new() };
        Self { enabled: true, time_zone, days }
    }

    /// Switched off, or open at some time.
    pub fn opens(&self) -> bool {
        !self.enabled || Weekday::ALL.iter().any(|day| !self.days.of(*day).is_empty())
    }

    /// May be kept: it opens, and no day has more than [`OPEN_RANGES_MAX`] stretches.
    pub fn is_sound(&self) -> bool {
        self.opens() && Weekday::ALL.iter().all(|day| self.days.of(*day).len() <= OPEN_RANGES_MAX)
    }

    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        !self.enabled || self.days.holds_at(time::local(self.time_zone, at))
    }

    /// The first instant, not before `at`, at which it is open. None: it never is.
    pub fn next_open(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut at = at;
        for _ in 0..LOOKS_MAX {
            if self.is_open(at) {
                return Some(at);
            }
            let start = self.days.until_next_start(time::local(self.time_zone, at))?;
            // No zone moves its clocks twice in a day, and a move may open or close the business.
            let next = at + start.min(TimeDelta::days(1));
            at = time::clocks_move_at(self.time_zone, at, next).unwrap_or(next);
        }
        None
    }

    /// The first instant at which it was open for `length` since `from`. None: it is open too seldom for that.
    pub fn open_for(&self, from: DateTime<Utc>, length: TimeDelta) -> Option<DateTime<Utc>> {
        if !self.enabled {
            return from.checked_add_signed(length);
        }
        let (mut at, mut left) = (from, length);
        for _ in 0..SPANS_MAX {
            if left <= TimeDelta::zero() {
                return Some(at);
            }
            let next = self.next_edge(at);
            if self.is_open(at) {
                let counted = left.min(next - at);
                left -= counted;
                at += counted;
            } else {
                at = next;
            }
        }
        None
    }

    /// For how long it is open from one instant to a later one. What lies behind three years is not counted.
    pub fn open_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        if !self.enabled {
            return (to - from).max(TimeDelta::zero());
        }
        let (mut at, mut open) = (from, TimeDelta::zero());
        for _ in 0..SPANS_MAX {
            if at >= to {
                break;
            }
            let next = self.next_edge(at).min(to);
            open += if self.is_open(at) { next - at } else { TimeDelta::zero() };
            at = next;
        }
        open
    }

    /// An instant before which it neither opens nor closes: the next edge or clock change, at most a day ahead.
    fn next_edge(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let edge = self.days.until_next_edge(time::local(self.time_zone, at));
        let next = at + edge.map_or(TimeDelta::days(1), |edge| edge.min(TimeDelta::days(1)));
        time::clocks_move_at(self.time_zone, at, next).unwrap_or(next)
    }
}

fn on_the_hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).expect("the hour is below 24")
}

/// A stretch of the day, on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeWindow {
    pub between: DayRange,
    /// On which it starts. Empty: on each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// None: the zone of the contact, else that of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Tz>,
}

impl TimeWindow {
    pub fn holds_at(&self, local: NaiveDateTime) -> bool {
        let (day, time) = (Weekday::of(local), local.time());
        let on = |day: Weekday| self.weekdays.is_empty() || self.weekdays.contains(&day);
        (on(day) && self.between.holds_on_its_day(time))
            || (on(day.before()) && self.between.holds_on_the_next_day(time))
    }
}
