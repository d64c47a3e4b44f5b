//! A question about a text, answered of a text at hand. The store asks the same in SQL.

use std::{cmp::Ordering, ops::RangeInclusive};

use chrono::{NaiveDate, TimeDelta};

use super::ValueTest;
use crate::limits::FILTER_DAYS_MAX;

/// Digits on either side of the point: what a double holds.
const DIGITS_MAX: usize = 15;

impl ValueTest {
    /// `today`: the date in UTC.
    pub fn holds(&self, value: Option<&str>, today: NaiveDate) -> bool {
        let text = value.unwrap_or_default();
        let far = |days: &u32| TimeDelta::days(i64::from((*days).min(FILTER_DAYS_MAX)));
        match self {
            Self::Set => !text.is_empty(),
            Self::NotSet => text.is_empty(),
            Self::Equals(wanted) => value == Some(wanted),
            Self::OneOf(list) => value.is_some_and(|value| list.iter().any(|wanted| wanted == value)),
            Self::Contains(part) => text.to_lowercase().contains(&part.to_lowercase()),
            Self::LessThan(bound) => number(text).is_some_and(|number| number < *bound),
            Self::AtMost(bound) => number(text).is_some_and(|number| number <= *bound),
            Self::MoreThan(bound) => number(text).is_some_and(|number| number > *bound),
            Self::AtLeast(bound) => number(text).is_some_and(|number| number >= *bound),
            Self::Before(date) => compared(text, *date) == Some(Ordering::Less),
            Self::After(date) => compared(text, *date) == Some(Ordering::Greater),
            Self::WithinLastDays(days) => lies_in(text, today - far(days)..=today),
            Self::WithinNextDays(days) => lies_in(text, today..=today + far(days)),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let digits = |part: &str| (1..=DIGITS_MAX).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sound = match plain.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(plain),
    };
    if sound { text.parse().ok() } else { None }
}

/// What looks like a date, as it is written: year, month and day stand in the order in which they count.
fn dated(text: &str) -> Option<&str> {
    let (date, rest) = text.split_at_checked(10)?;
    let looks = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    let ends = rest.is_empty() || rest.starts_with(['T', ' ']);
    (ends && date.bytes().enumerate().all(looks)).then_some(date)
}

fn compared(text: &str, with: NaiveDate) -> Option<Ordering> {
    Some(dated(text)?.cmp(written(with).as_str()))
}

fn lies_in(text: &str, days: RangeInclusive<NaiveDate>) -> bool {
    let (from, to) = (written(*days.start()), written(*days.end()));
    dated(text).is_some_and(|date| (from.as_str()..=to.as_str()).contains(&date))
}

fn written(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_text_answers_as_what_it_looks_like() {
        let text = str::to_owned;
        let cases = [
            (ValueTest::Set, Some("x"), true),
            (ValueTest::Set, Some(""), false),
            (ValueTest::NotSet, None, true),
            (ValueTest::Equals(text("gold")), Some("gold"), true),
            (ValueTest::Equals(text("gold")), Some("Gold"), false),
            (ValueTest::Contains(text("OL")), Some("gold"), true),
            (ValueTest::OneOf(vec![text("a"), text("b")]), Some("b"), true),
            (ValueTest::OneOf(vec![text("a")]), None, false),
            (ValueTest::AtLeast(3.0), Some("3"), true),
            (ValueTest::AtLeast(3.0), Some("+3.5"), true),
            (ValueTest::LessThan(3.0), Some("three"), false),
            (ValueTest::LessThan(3.0), Some("1e0"), false),
            (ValueTest::AtMost(3.0), Some("9999999999999999"), false),
            (ValueTest::MoreThan(-2.0), Some("-1.5"), true),
            (ValueTest::Before(day("2026-03-02")), Some("2026-03-01T23:00:00Z"), true),
            (ValueTest::Before(day("2026-03-02")), Some("2026-03-02"), false),
            (ValueTest::After(day("2026-03-02")), Some("02.03.2027"), false),
            (ValueTest::WithinLastDays(2), Some("2026-02-28"), true),
            (ValueTest::WithinLastDays(2), Some("2026-02-27"), false),
            (ValueTest::WithinNextDays(1), Some("2026-03-03 08:00"), true),
            (ValueTest::WithinNextDays(1), Some("éééééé"), false),
        ];
        for (test, value, expected) in cases {
            assert_eq!(test.holds(value, day("2026-03-02")), expected, "{test:?} {value:?}");
        }
    }
}
