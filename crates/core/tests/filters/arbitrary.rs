//! Filters made up: sound ones, over few words, so that they meet people who were made up from the same.

use chrono::NaiveDate;
use postroad_core::{
    account::Channel,
    consent::Purpose,
    ids::{CampaignId, GroupId, ImportId},
    segment::{AttributeTest, Behaviour, CampaignTest, ConsentTest, ConsentWord, Filter, Recency, TagTest, ValueTest},
};
use proptest::{prelude::*, sample::select};
use uuid::Uuid;

pub(crate) const TAGS: &[&str] = &["a", "b", "c"];
pub(crate) const LANGUAGES: &[&str] = &["en", "en_US", "EN-gb", "pt-BR", "fil"];
pub(crate) const ZONES: &[&str] = &["Europe/Paris", "Asia/Tokyo", "UTC"];
pub(crate) const CHANNELS: &[Channel] = &[Channel::Whatsapp, Channel::Sms, Channel::Email];
pub(crate) const NAMES: &[&str] = &["tier", "orders", "birthday", "display_name"];
/// Texts, numbers, dates, and what only looks like them.
pub(crate) const VALUES: &[&str] = &[
    "",
    "gold",
    "Gold",
    "golden",
    "silver",
    "3",
    "-1.5",
    "+10",
    "007",
    "1e5",
    "12.",
    "99999999999999999999",
    "2026-03-02",
    "2026-02-20",
    "2026-03-20T10:00:00Z",
    "2026-03-05 08:00",
    "2026-03-99",
    "1990-01-01",
    "02.03.2026",
    "%",
    "_old",
];
const NUMBERS: &[f64] = &[-2.0, -1.5, 0.0, 3.0, 7.0, 7.5, 10.0];
const DAYS: &[u32] = &[1, 5, 12, 30, 400];

pub(crate) fn campaign(n: u128) -> CampaignId {
    CampaignId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn group(n: u128) -> GroupId {
    GroupId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn import(n: u128) -> ImportId {
    ImportId::from_uuid(Uuid::from_u128(n))
}

/// Nested at most four deep.
pub(crate) fn filters() -> impl Strategy<Value = Filter> {
    condition().prop_recursive(3, 24, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts().prop_map(Filter::All),
            parts().prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// What is asked in more ways comes more often.
fn condition() -> impl Strategy<Value = Filter> {
    let attribute = || (text(NAMES), value()).prop_map(|(name, is)| Filter::Attribute(AttributeTest { name, is }));
    prop_oneof![
        4 => attribute(),
        2 => consent(),
        2 => behaviour(),
        2 => text(TAGS).prop_map(|tag| Filter::Tag(TagTest::Has(tag))),
        1 => text(TAGS).prop_map(|tag| Filter::Tag(TagTest::HasNot(tag))),
        1 => select(CHANNELS).prop_map(Filter::Address),
        1 => select(CHANNELS).prop_map(Filter::Suppressed),
        6 => about(),
    ]
}

fn about() -> impl Strategy<Value = Filter> {
    prop_oneof![
        texts(LANGUAGES).prop_map(Filter::Language),
        texts(ZONES).prop_map(Filter::TimeZone),
        recency().prop_map(Filter::LastInbound),
        recency().prop_map(Filter::Created),
        (1..3_u128).prop_map(|n| Filter::Group(group(n))),
        (1..3_u128).prop_map(|n| Filter::Import(import(n))),
    ]
}

fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

fn texts(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(words), 1..4)
}

fn some_text() -> impl Strategy<Value = String> {
    select(VALUES).prop_filter("an empty text is not asked for", |text| !text.is_empty()).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = ValueTest> {
    prop_oneof![as_text(), as_number(), as_date()]
}

fn as_text() -> impl Strategy<Value = ValueTest> {
    prop_oneof![
        Just(ValueTest::Set),
        Just(ValueTest::NotSet),
        some_text().prop_map(ValueTest::Equals),
        prop::collection::vec(some_text(), 1..4).prop_map(ValueTest::OneOf),
        some_text().prop_map(ValueTest::Contains),
    ]
}

fn as_number() -> impl Strategy<Value = ValueTest> {
    prop_oneof![
        select(NUMBERS).prop_map(ValueTest::LessThan),
        select(NUMBERS).prop_map(ValueTest::AtMost),
        select(NUMBERS).prop_map(ValueTest::MoreThan),
        select(NUMBERS).prop_map(ValueTest::AtLeast),
    ]
}

fn as_date() -> impl Strategy<Value = ValueTest> {
    prop_oneof![
        date().prop_map(ValueTest::Before),
        date().prop_map(ValueTest::After),
        select(DAYS).prop_map(ValueTest::WithinLastDays),
        select(DAYS).prop_map(ValueTest::WithinNextDays),
    ]
}

fn date() -> impl Strategy<Value = NaiveDate> {
    let dates = [(2026, 3, 2), (2026, 2, 20), (2000, 1, 1), (2026, 3, 21)];
    select(dates.to_vec()).prop_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d).expect("these are dates"))
}

fn recency() -> impl Strategy<Value = Recency> {
    prop_oneof![select(DAYS).prop_map(Recency::WithinDays), select(DAYS).prop_map(Recency::NotWithinDays)]
}

fn consent() -> impl Strategy<Value = Filter> {
    let purposes = [Purpose::Marketing, Purpose::Transactional];
    (select(CHANNELS), select(purposes.to_vec()), select(ConsentWord::ALL))
        .prop_map(|(channel, purpose, is)| Filter::Consent(ConsentTest { channel, purpose, is }))
}

fn behaviour() -> impl Strategy<Value = Filter> {
    (1..3_u128, select(Behaviour::ALL)).prop_map(|(n, was)| Filter::Campaign(CampaignTest { id: campaign(n), was }))
}
