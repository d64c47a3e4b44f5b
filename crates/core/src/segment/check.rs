//! Whether a filter may be asked: within its bounds, and meaning something. An error says where, and what to do.

use super::{AttributeTest, ConsentTest, Filter, Recency, TagTest, ValueTest};
use crate::{
    consent::Purpose,
    language,
    limits::{
        ATTRIBUTE_CHARS_MAX, ATTRIBUTE_NAME_CHARS_MAX, FILTER_CONDITIONS_MAX, FILTER_DAYS_MAX, FILTER_DEPTH_MAX,
        FILTER_LIST_MAX, FILTER_NUMBER_MAX, TAG_CHARS_MAX,
    },
    tag,
};

/// What is wrong with a filter, and where: `filter.all[2].attribute.is.one_of`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct FilterError {
    pub path: String,
    pub fault: FilterFault,
}

/// Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    #[error("is nested more than {FILTER_DEPTH_MAX} deep; flatten it")]
    TooDeep,
    #[error("there are more than {FILTER_CONDITIONS_MAX} conditions; use fewer, or a group")]
    TooManyConditions,
    #[error("is empty; name at least one")]
    Empty,
    #[error("names {count}, and {FILTER_LIST_MAX} is the most; use a tag or a group")]
    TooManyValues { count: usize },
    #[error("a text has 1 to {max} characters, and none of them is U+0000")]
    Text { max: usize },
    #[error("a tag has 1 to {TAG_CHARS_MAX} characters, in lower case and without spaces around it")]
    Tag,
    #[error("is no language; write one like en, pt-BR or en_US")]
    Language,
    #[error("is no time zone; name one like Europe/Paris")]
    TimeZone,
    #[error("a number lies between -{FILTER_NUMBER_MAX:e} and {FILTER_NUMBER_MAX:e}")]
    Number,
    #[error("a date lies in the years 0001 to 9999")]
    Date,
    #[error("a number of days is 1 to {FILTER_DAYS_MAX}")]
    Days,
    #[error("consent is asked for marketing or transactional messages")]
    Purpose,
}

impl Filter {
    /// Refuses what is out of bounds or could never hold.
    pub fn check(&self) -> Result<(), FilterError> {
        let mut walk = Walk { path: vec!["filter".to_owned()], conditions: 0 };
        walk.filter(self, 1)
    }
}

/// Where the check stands.
struct Walk {
    path: Vec<String>,
    conditions: usize,
}

type Checked = Result<(), FilterError>;

impl Walk {
    fn filter(&mut self, filter: &Filter, depth: usize) -> Checked {
        if depth > FILTER_DEPTH_MAX {
            return self.fault(FilterFault::TooDeep);
        }
        match filter {
            Filter::All(parts) => self.at(".all", |walk| walk.parts(parts, depth)),
            Filter::Any(parts) => self.at(".any", |walk| walk.parts(parts, depth)),
            Filter::Not(part) => self.at(".not", |walk| walk.filter(part, depth + 1)),
            condition => self.condition(condition),
        }
    }

    fn parts(&mut self, parts: &[Filter], depth: usize) -> Checked {
        if parts.is_empty() {
            return self.fault(FilterFault::Empty);
        }
        for (position, part) in parts.iter().enumerate() {
            self.at(&format!("[{position}]"), |walk| walk.filter(part, depth + 1))?;
        }
        Ok(())
    }

    fn condition(&mut self, condition: &Filter) -> Checked {
        self.conditions += 1;
        if self.conditions > FILTER_CONDITIONS_MAX {
            return self.fault(FilterFault::TooManyConditions);
        }
        match condition {
            Filter::Tag(test) => self.at(".tag", |walk| walk.tag(test)),
            Filter::Attribute(test) => self.at(".attribute", |walk| walk.attribute(test)),
            Filter::Language(list) => {
                self.at(".language", |walk| walk.list(list, language::is_language, &FilterFault::Language))
            }
            Filter::TimeZone(list) => self.at(".time_zone", |walk| walk.list(list, is_zone, &FilterFault::TimeZone)),
            Filter::Consent(test) => self.at(".consent", |walk| walk.consent(*test)),
            Filter::LastInbound(recency) => self.at(".last_inbound", |walk| walk.recency(*recency)),
            Filter::Created(recency) => self.at(".created", |walk| walk.recency(*recency)),
            _ => Ok(()),
        }
    }

    fn tag(&self, test: &TagTest) -> Checked {
        let (TagTest::Has(text) | TagTest::HasNot(text)) = test;
        self.holds(tag::is_tag(text), FilterFault::Tag)
    }

    fn attribute(&mut self, test: &AttributeTest) -> Checked {
        let name = is_text(&test.name, ATTRIBUTE_NAME_CHARS_MAX);
        self.at(".name", |walk| walk.holds(name, FilterFault::Text { max: ATTRIBUTE_NAME_CHARS_MAX }))?;
        self.at(".is", |walk| walk.value(&test.is))
    }

    fn value(&mut self, test: &ValueTest) -> Checked {
        let text = FilterFault::Text { max: ATTRIBUTE_CHARS_MAX };
        let is_value = |value: &str| is_text(value, ATTRIBUTE_CHARS_MAX);
        match test {
            ValueTest::Set | ValueTest::NotSet => Ok(()),
            ValueTest::Equals(value) => self.at(".equals", |walk| walk.holds(is_value(value), text)),
            ValueTest::Contains(value) => self.at(".contains", |walk| walk.holds(is_value(value), text)),
            ValueTest::OneOf(list) => self.at(".one_of", |walk| walk.list(list, is_value, &text)),
            ValueTest::LessThan(number)
            | ValueTest::AtMost(number)
            | ValueTest::MoreThan(number)
            | ValueTest::AtLeast(number) => self.holds(number.abs() < FILTER_NUMBER_MAX, FilterFault::Number),
            ValueTest::Before(date) | ValueTest::After(date) => {
                self.holds((1..=9_999).contains(&chrono::Datelike::year(date)), FilterFault::Date)
            }
            ValueTest::WithinLastDays(days) | ValueTest::WithinNextDays(days) => self.days(*days),
        }
    }

    fn consent(&self, test: ConsentTest) -> Checked {
        self.holds(test.purpose != Purpose::Conversational, FilterFault::Purpose)
    }

    fn recency(&self, recency: Recency) -> Checked {
        let (Recency::WithinDays(days) | Recency::NotWithinDays(days)) = recency;
        self.days(days)
    }

    fn days(&self, days: u32) -> Checked {
        self.holds((1..=FILTER_DAYS_MAX).contains(&days), FilterFault::Days)
    }

    fn list(&mut self, list: &[String], is_one: impl Fn(&str) -> bool, fault: &FilterFault) -> Checked {
        if list.is_empty() {
            return self.fault(FilterFault::Empty);
        }
        if list.len() > FILTER_LIST_MAX {
            return self.fault(FilterFault::TooManyValues { count: list.len() });
        }
        for (position, value) in list.iter().enumerate() {
            self.at(&format!("[{position}]"), |walk| walk.holds(is_one(value), fault.clone()))?;
        }
        Ok(())
    }

    fn at(&mut self, step: &str, check: impl FnOnce(&mut Self) -> Checked) -> Checked {
        self.path.push(step.to_owned());
        check(self)?;
        self.path.pop();
        Ok(())
    }

    fn holds(&self, holds: bool, fault: FilterFault) -> Checked {
        if holds { Ok(()) } else { self.fault(fault) }
    }

    fn fault(&self, fault: FilterFault) -> Checked {
        Err(FilterError { path: self.path.concat(), fault })
    }
}

fn is_text(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count()) && !text.contains('\0')
}

fn is_zone(name: &str) -> bool {
    name.parse::<chrono_tz::Tz>().is_ok()
}
