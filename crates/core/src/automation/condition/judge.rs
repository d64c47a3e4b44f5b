//! Whether a condition holds, and why: the answer of each part, in words and as data.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Condition, First, HoursTest, LabelTest, Openness, Patterns};
use crate::{
    automation::{facts::Facts, hours::TimeWindow},
    language,
    limits::TEXT_LOOKED_AT_CHARS_MAX,
    segment::{AttributeTest, TagTest},
};

/// What was looked at. May hold personal data: it serialises, but it never prints.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fact(pub Value);

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fact(…)")
    }
}

/// What came out of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub holds: bool,
    /// Without anything that the contact said or is.
    pub words: String,
    /// Null for a condition that has parts.
    #[serde(default)]
    pub fact: Fact,
    /// In the order of the definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Judged>,
}

impl Condition {
    pub(in crate::automation) fn judge(&self, facts: &Facts, patterns: &Patterns) -> Judged {
        let judge = |part: &Self| part.judge(facts, patterns);
        match self {
            Self::All(parts) => Judged::all(parts.iter().map(judge).collect()),
            Self::Any(parts) => Judged::any(parts.iter().map(judge).collect()),
            Self::Not(part) => Judged::not(judge(part)),
            leaf => leaf.judge_leaf(facts, patterns),
        }
    }

    fn judge_leaf(&self, facts: &Facts, patterns: &Patterns) -> Judged {
        let conversation = &facts.conversation;
        match self {
            Self::Keywords(keywords) => said(facts, |text| keywords.said_in(text).map(|word| format!("“{word}”"))),
            Self::Regex(pattern) => {
                said(facts, |text| patterns.is_match(pattern, text).then(|| format!("a match of {}", pattern.pattern)))
            }
            Self::Language(list) => speaks(facts, list),
            Self::Channel(list) => one_of("the channel", &conversation.channel, list),
            Self::Account(list) => one_of("the account", &conversation.account, list),
            Self::Status(list) => one_of("the status", &conversation.status, list),
            Self::HeldBy(list) => one_of("whoever has it", &conversation.holder, list),
            Self::Attribute(test) => attribute(facts, test),
            Self::Tag(test) => tag(facts, test),
            Self::Label(test) => label(facts, *test),
            Self::BusinessHours(test) => hours(facts, test),
            Self::Time(window) => time_of(facts, window),
            Self::First(first) => first_of(facts, *first),
            Self::All(_) | Self::Any(_) | Self::Not(_) => unreachable!("they are judged by their parts"),
        }
    }
}

impl Judged {
    fn leaf(holds: bool, words: String, fact: Value) -> Self {
        Self { holds, words, fact: Fact(fact), parts: Vec::new() }
    }

    fn joined(holds: bool, words: String, parts: Vec<Self>) -> Self {
        Self { holds, words, fact: Fact::default(), parts }
    }

    fn all(parts: Vec<Self>) -> Self {
        let of = parts.len();
        let held = parts.iter().filter(|part| part.holds).count();
        let words = if of == 0 { "nothing is asked".to_owned() } else { format!("{held} of {of} hold, and all must") };
        Self::joined(held == of, words, parts)
    }

    fn any(parts: Vec<Self>) -> Self {
        let held = parts.iter().filter(|part| part.holds).count();
        Self::joined(held > 0, format!("{held} of {} hold, and one must", parts.len()), parts)
    }

    fn not(part: Self) -> Self {
        let words = if part.holds { "it holds, and must not" } else { "it does not hold, as it must not" };
        Self::joined(!part.holds, words.to_owned(), vec![part])
    }
}

/// The first message in which something is found.
fn said(facts: &Facts, find: impl Fn(&str) -> Option<String>) -> Judged {
    let found = facts.texts.iter().zip(1..).find_map(|(text, number)| Some((find(looked_at(&text.0))?, number)));
    match found {
        Some((what, number)) => {
            Judged::leaf(true, format!("message {number} says {what}"), json!({ "message": number }))
        }
        None => {
            let count = facts.texts.len();
            Judged::leaf(false, format!("none of {count} messages says it"), json!({ "messages": count }))
        }
    }
}

fn looked_at(text: &str) -> &str {
    text.char_indices().nth(TEXT_LOOKED_AT_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

fn speaks(facts: &Facts, list: &[String]) -> Judged {
    let Some(spoken) = &facts.contact.language else {
        return Judged::leaf(false, "the contact's language is not known".to_owned(), Value::Null);
    };
    let holds = list.iter().any(|wanted| language::includes(wanted, spoken));
    let words = if holds { "the contact speaks one of them" } else { "the contact speaks another language" };
    Judged::leaf(holds, words.to_owned(), json!({ "language": spoken }))
}

fn one_of<T: PartialEq + fmt::Display>(what: &str, is: &T, list: &[T]) -> Judged {
    let holds = list.contains(is);
    let word = if holds { "one of them" } else { "another" };
    Judged::leaf(holds, format!("{what} is {is}, {word}"), json!(is.to_string()))
}

fn attribute(facts: &Facts, test: &AttributeTest) -> Judged {
    let value = facts.attribute(&test.name);
    let holds = test.is.holds(value, facts.now.date_naive());
    let words = format!("the attribute {} {}", test.name, if holds { "is so" } else { "is not so" });
    Judged::leaf(holds, words, json!({ "value": value }))
}

fn tag(facts: &Facts, test: &TagTest) -> Judged {
    let (TagTest::Has(wanted) | TagTest::HasNot(wanted)) = test;
    let has = facts.contact.tags.contains(wanted);
    let words = format!("the contact has {}the tag {wanted}", negation(has));
    Judged::leaf(has == matches!(test, TagTest::Has(_)), words, json!({ "has": has }))
}

fn label(facts: &Facts, test: LabelTest) -> Judged {
    let (LabelTest::Has(wanted) | LabelTest::HasNot(wanted)) = test;
    let has = facts.conversation.labels.contains(&wanted);
    let words = format!("the conversation has {}the label {wanted}", negation(has));
    Judged::leaf(has == matches!(test, LabelTest::Has(_)), words, json!({ "has": has }))
}

const fn negation(has: bool) -> &'static str {
    if has { "" } else { "not " }
}

fn hours(facts: &Facts, test: &HoursTest) -> Judged {
    let hours = test.hours.as_ref().unwrap_or(&facts.business_hours);
    let (local, zone) = facts.local(Some(hours.time_zone));
    let open = hours.is_open(facts.now);
    let words = match (hours.enabled, open) {
        (false, _) => "business hours are off: it is always open".to_owned(),
        (true, true) => format!("it is {} in {zone}: open", local.format("%a %H:%M")),
        (true, false) => format!("it is {} in {zone}: closed", local.format("%a %H:%M")),
    };
    let fact = json!({ "open": open, "next_open_at": hours.next_open(facts.now) });
    Judged::leaf(open == (test.is == Openness::Inside), words, fact)
}

fn time_of(facts: &Facts, window: &TimeWindow) -> Judged {
    let (local, zone) = facts.local(window.time_zone);
    let holds = window.holds_at(local);
    let place = if holds { "inside" } else { "outside" };
    let words = format!("it is {} in {zone}: {place} of {}", local.format("%a %H:%M"), window.between);
    Judged::leaf(holds, words, json!({ "local": local, "time_zone": zone }))
}

fn first_of(facts: &Facts, first: First) -> Judged {
    let (holds, what) = match first {
        First::OfContact => (facts.first_of_contact, "of the contact"),
        First::InConversation => (facts.first_in_conversation, "in the conversation"),
    };
    let word = if holds { "the first" } else { "not the first" };
    Judged::leaf(holds, format!("it is {word} {what}"), json!({ "first": holds }))
}
