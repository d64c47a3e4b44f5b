//! Bounds of conditions.

use super::{Condition, HoursTest, Keywords, Matching, keywords::has_words};
use crate::{
    automation::{
        check::{FaultCode, Walk},
        hours::{BusinessHours, Weekday},
    },
    limits::{AUTOMATION_CONDITION_DEPTH_MAX, KEYWORD_CHARS_MAX, KEYWORDS_MAX, OPEN_RANGES_MAX},
    segment::Filter,
};

impl Condition {
    /// A whole condition, which may say nothing and then always holds.
    pub(in crate::automation) fn check_whole(&self, walk: &mut Walk) {
        if *self != Self::ALWAYS {
            self.check(walk, 1);
        }
    }

    fn check(&self, walk: &mut Walk, depth: usize) {
        if depth > AUTOMATION_CONDITION_DEPTH_MAX {
            let fix = format!("conditions are nested more than {AUTOMATION_CONDITION_DEPTH_MAX} deep; flatten them");
            return walk.fault(FaultCode::TooDeep, fix);
        }
        match self {
            Self::All(parts) => walk.at("all", |walk| check_parts(parts, walk, depth)),
            Self::Any(parts) => walk.at("any", |walk| check_parts(parts, walk, depth)),
            Self::Not(part) => walk.at("not", |walk| part.check(walk, depth + 1)),
            leaf if walk.counts_condition() => leaf.check_leaf(walk),
            _ => {}
        }
    }

    fn check_leaf(&self, walk: &mut Walk) {
        match self {
            Self::Keywords(keywords) => walk.at("keywords", |walk| keywords.check(walk)),
            Self::Regex(pattern) => walk.at("regex", |walk| walk.pattern(pattern)),
            Self::Language(list) => as_filter(walk, &Filter::Language(list.clone()), FaultCode::Language),
            Self::Attribute(test) => as_filter(walk, &Filter::Attribute(test.clone()), FaultCode::Attribute),
            Self::Tag(test) => as_filter(walk, &Filter::Tag(test.clone()), FaultCode::Tag),
            Self::Channel(list) => walk.some("channel", list),
            Self::Account(list) => walk.some("account", list),
            Self::Status(list) => walk.some("status", list),
            Self::HeldBy(list) => walk.some("held_by", list),
            Self::BusinessHours(HoursTest { hours: Some(hours), .. }) => {
                walk.at("business_hours", |walk| walk.at("hours", |walk| hours.check(walk)));
            }
            Self::Time(window) => {
                walk.at("time", |walk| walk.not_too_many("weekdays", &window.weekdays, Weekday::ALL.len()));
            }
            _ => {}
        }
    }
}

fn check_parts(parts: &[Condition], walk: &mut Walk, depth: usize) {
    if parts.is_empty() {
        walk.fault(FaultCode::Empty, "name at least one condition");
    }
    for (position, part) in parts.iter().enumerate() {
        walk.at(position, |walk| part.check(walk, depth + 1));
    }
}

/// The same question has the same bounds in a segment.
fn as_filter(walk: &mut Walk, filter: &Filter, code: FaultCode) {
    if let Err(error) = filter.check() {
        // `filter.attribute.is.one_of[2]` is `attribute/is/one_of/2` here.
        let place = error.path.trim_start_matches("filter.").replace(['.', '['], "/").replace(']', "");
        walk.at(place, |walk| walk.fault(code, error.fault.to_string()));
    }
}

impl Keywords {
    fn check(&self, walk: &mut Walk) {
        if self.any_of.is_empty() {
            walk.at("any_of", |walk| walk.fault(FaultCode::Empty, "name at least one keyword"));
        }
        walk.not_too_many("any_of", &self.any_of, KEYWORDS_MAX);
        walk.at("any_of", |walk| {
            for (position, keyword) in self.any_of.iter().take(KEYWORDS_MAX).enumerate() {
                walk.at(position, |walk| self.check_one(keyword, walk));
            }
        });
    }

    fn check_one(&self, keyword: &str, walk: &mut Walk) {
        if keyword.trim().is_empty() || keyword.chars().count() > KEYWORD_CHARS_MAX {
            walk.fault(FaultCode::Keyword, format!("write 1 to {KEYWORD_CHARS_MAX} characters"));
        } else if self.matching == Matching::Words && !has_words(keyword) {
            walk.fault(FaultCode::Keyword, "it has no letters or digits: set matching to contains");
        }
    }
}

impl BusinessHours {
    pub(in crate::automation) fn check(&self, walk: &mut Walk) {
        if !self.opens() {
            walk.at("days", |walk| walk.fault(FaultCode::Hours, "it never opens: name a day, or switch the hours off"));
        }
        for day in Weekday::ALL {
            walk.at("days", |walk| walk.not_too_many(day.as_str(), self.days.of(*day), OPEN_RANGES_MAX));
        }
    }
}
