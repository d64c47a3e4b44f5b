//! When a cron expression fires, in a named zone.
//!
//! An expression names wall-clock times, and each of them happens once: in a gap at the first valid instant after it, in
//! a fold at the first pass, on a date that the zone skipped not at all. So a daily expression fires once for every local
//! date, and one of every five minutes rests while an hour is repeated: what must not rest belongs in UTC.
//!
//! The `cron` crate parses and walks the calendar; it is never shown a zone, because it skips gaps and doubles folds.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::{limits::CRON_CHARS_MAX, time};

/// `minute hour day-of-month month day-of-week`, with seconds before and a year after if wanted, or `@daily` and its
/// like. Weekdays are names, or numbers with 1 for Monday and 0 or 7 for Sunday.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    calendar: cron::Schedule,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("a cron expression has at most {CRON_CHARS_MAX} characters")]
    TooLong,
    #[error("a cron expression has 5 fields (or 6 with seconds, or 7 with a year), not {fields}")]
    Fields { fields: usize },
    #[error("{field:?} names no weekdays")]
    Weekdays { field: String },
    /// Programs disagree whether both must hold or one.
    #[error("an expression names days of the month or weekdays, not both: use two schedules")]
    DayAndWeekday,
    #[error("it is no cron expression: {cause}")]
    Cron { cause: String },
}

impl Schedule {
    /// The first fire after `after`; none if there is none before the year 2101.
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let wall = time::local(zone, after).and_utc();
        self.calendar
            .after(&wall)
            .map(|fire| fire.naive_utc())
            .filter(|fire| time::date_exists(zone, fire.date()))
            .map(|fire| time::resolve(zone, fire))
            .find(|at| *at > after)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().count() > CRON_CHARS_MAX {
            return Err(ScheduleError::TooLong);
        }
        let calendar = cron::Schedule::from_str(&with_seconds(text)?)
            .map_err(|error| ScheduleError::Cron { cause: last_line(&error.to_string()) })?;
        Ok(Self { text: text.to_owned(), calendar })
    }
}

/// In the words of the `cron` crate: seconds first, Sunday is 1.
fn with_seconds(text: &str) -> Result<String, ScheduleError> {
    let mut fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match fields.len() {
        1 if text.trim().starts_with('@') => return Ok(fields.remove(0)),
        5 => fields.insert(0, "0".to_owned()),
        6 | 7 => {}
        fields => return Err(ScheduleError::Fields { fields }),
    }
    let is_any = |field: &str| field.starts_with('*') || field == "?";
    if !is_any(&fields[3]) && !is_any(&fields[5]) {
        return Err(ScheduleError::DayAndWeekday);
    }
    fields[5] = weekdays(&fields[5])?;
    Ok(fields.join(" "))
}

fn weekdays(field: &str) -> Result<String, ScheduleError> {
    if matches!(field, "*" | "?") {
        return Ok(field.to_owned());
    }
    let days: Option<Vec<Vec<u32>>> = field.split(',').map(some_weekdays).collect();
    let days = days.ok_or_else(|| ScheduleError::Weekdays { field: field.chars().take(40).collect() })?;
    Ok(days.concat().iter().map(u32::to_string).collect::<Vec<_>>().join(","))
}

/// `1`, `mon-fri`, `5-7`, `*/2`: the days as the `cron` crate counts them.
fn some_weekdays(item: &str) -> Option<Vec<u32>> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, step.parse().ok().filter(|step| (1..=7).contains(step))?),
        None => (item, 1),
    };
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (weekday(from)?, weekday(to)?),
        None if range == "*" => (0, 6),
        None if item == range => (weekday(range)?, weekday(range)?),
        None => (weekday(range)?, 6),
    };
    let to = if to < from { to + 7 } else { to };
    Some((from..=to).step_by(step).map(|day| day % 7 + 1).collect())
}

fn weekday(text: &str) -> Option<u32> {
    const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let named = NAMES.iter().zip(0..).find_map(|(name, day)| name.eq_ignore_ascii_case(text).then_some(day));
    named.or_else(|| text.parse().ok().filter(|day| *day <= 7))
}

/// The reason, without the drawing above it.
fn last_line(text: &str) -> String {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim().chars().take(200).collect()
}
