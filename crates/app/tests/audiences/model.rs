//! What a filter means, said a second time and as plainly as possible: of one person in memory.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use postroad_core::{
    consent::{ConsentAction, Purpose},
    segment::{Behaviour, CampaignTest, ConsentTest, ConsentWord, Filter, Recency, TagTest, ValueTest},
};

use crate::{
    arbitrary,
    people::{Address, Got, Person},
};

pub(crate) fn holds(filter: &Filter, person: &Person, now: DateTime<Utc>) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| holds(part, person, now)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, person, now)),
        Filter::Not(part) => !holds(part, person, now),
        Filter::Tag(TagTest::Has(tag)) => person.tags.contains(&tag.as_str()),
        Filter::Tag(TagTest::HasNot(tag)) => !person.tags.contains(&tag.as_str()),
        Filter::Attribute(test) => attribute(person, &test.name, &test.is, now.date_naive()),
        Filter::Language(list) => person.language.is_some_and(|language| list.iter().any(|l| speaks(language, l))),
        Filter::TimeZone(list) => person.zone.is_some_and(|zone| list.iter().any(|wanted| wanted == zone)),
        Filter::Address(channel) => person.addresses.iter().any(|address| address.channel == *channel),
        Filter::Consent(test) => consent(person, *test),
        Filter::Suppressed(channel) => written_to(person, *channel).is_some_and(|address| address.suppressed),
        Filter::LastInbound(Recency::WithinDays(days)) => wrote_within(person, *days),
        Filter::LastInbound(Recency::NotWithinDays(days)) => !wrote_within(person, *days),
        Filter::Created(Recency::WithinDays(days)) => person.known_for_h <= hours(*days),
        Filter::Created(Recency::NotWithinDays(days)) => person.known_for_h > hours(*days),
        Filter::Campaign(test) => person.campaigns.iter().any(|got| behaved(person, got, *test)),
        Filter::Group(id) => person.groups.iter().any(|(n, ago_h)| arbitrary::group(*n) == *id && *ago_h >= 0),
        Filter::Import(id) => person.import.map(arbitrary::import) == Some(*id),
    }
}

fn hours(days: u32) -> i64 {
    i64::from(days) * 24
}

fn wrote_within(person: &Person, days: u32) -> bool {
    person.wrote_h.iter().any(|ago| (0..=hours(days)).contains(ago))
}

fn speaks(language: &str, wanted: &str) -> bool {
    let [language, wanted] = [language, wanted].map(|text| text.to_lowercase().replace('_', "-"));
    language == wanted || language.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('-'))
}

fn written_to(person: &Person, channel: postroad_core::account::Channel) -> Option<&Address> {
    person.addresses.iter().find(|address| address.channel == channel)
}

fn consent(person: &Person, test: ConsentTest) -> bool {
    let word = written_to(person, test.channel).and_then(|address| match test.purpose {
        Purpose::Marketing => address.marketing,
        _ => address.transactional,
    });
    match test.is {
        ConsentWord::Granted => word == Some(ConsentAction::Granted),
        ConsentWord::Revoked => word == Some(ConsentAction::Revoked),
        ConsentWord::None => word.is_none(),
    }
}

fn behaved(person: &Person, got: &Got, test: CampaignTest) -> bool {
    let replied = person.wrote_h.iter().any(|ago| (0..got.ago_h).contains(ago));
    arbitrary::campaign(got.campaign) == test.id
        && test.was.states().is_none_or(|states| states.contains(&got.state))
        && match test.was {
            Behaviour::Replied => replied,
            Behaviour::NotReplied => !replied,
            Behaviour::Clicked => got.clicked,
            Behaviour::NotClicked => !got.clicked,
            _ => true,
        }
}

fn attribute(person: &Person, name: &str, test: &ValueTest, today: NaiveDate) -> bool {
    let value = if name == "display_name" { person.name } else { person.attributes.get(name).copied() };
    let text = value.unwrap_or_default();
    let days = |days: u32| TimeDelta::days(days.into());
    let dated =
        |from: NaiveDate, to: NaiveDate| date(text).is_some_and(|d| from.to_string() <= d && d <= to.to_string());
    match test {
        ValueTest::Set => !text.is_empty(),
        ValueTest::NotSet => text.is_empty(),
        ValueTest::Equals(wanted) => value == Some(wanted),
        ValueTest::OneOf(list) => value.is_some_and(|value| list.iter().any(|wanted| wanted == value)),
        ValueTest::Contains(wanted) => text.to_lowercase().contains(&wanted.to_lowercase()),
        ValueTest::LessThan(bound) => number(text).is_some_and(|n| n < *bound),
        ValueTest::AtMost(bound) => number(text).is_some_and(|n| n <= *bound),
        ValueTest::MoreThan(bound) => number(text).is_some_and(|n| n > *bound),
        ValueTest::AtLeast(bound) => number(text).is_some_and(|n| n >= *bound),
        ValueTest::Before(day) => date(text).is_some_and(|d| d < day.to_string()),
        ValueTest::After(day) => date(text).is_some_and(|d| d > day.to_string()),
        ValueTest::WithinLastDays(n) => dated(today - days(*n), today),
        ValueTest::WithinNextDays(n) => dated(today, today + days(*n)),
    }
}

/// Digits with a sign and a point, up to 15 on either side.
fn number(text: &str) -> Option<f64> {
    let digits = |part: &str| (1..=15).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = plain.split_once('.').map_or((plain, None), |(whole, rest)| (whole, Some(rest)));
    (digits(whole) && rest.is_none_or(digits)).then(|| text.parse().unwrap())
}

/// What looks like a date, as it is written.
fn date(text: &str) -> Option<String> {
    let head = text.get(..10)?;
    let shape = head.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    let ends = text[10..].chars().next().is_none_or(|c| c == 'T' || c == ' ');
    (shape && ends).then(|| head.to_owned())
}
