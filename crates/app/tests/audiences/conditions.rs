//! Each kind of condition means exactly whom it says.

use std::collections::BTreeMap;

use postroad_core::{account::Channel, consent::ConsentAction, segment::Filter, send::SendState};
use postroad_store::{
    TenantTx,
    audiences::{self, Meant},
};
use serde_json::{Value, json};

use crate::{
    arbitrary,
    people::{Address, Got, Person, Town, at},
    stage::Stage,
};

struct Asked {
    stage_world: crate::world::World,
    town: Town,
}

impl Asked {
    /// Everybody of a name, and one other whose message came back from campaign 1.
    async fn of(people: Vec<Person>) -> Self {
        let stage = Stage::new(0).await;
        let mut town = Town::new(stage.seed, stage.account).with_nouns(stage.template.uuid()).await;
        for person in people {
            town.add(person).await;
        }
        Self { stage_world: stage.world, town }
    }

    /// The names of whom a filter means.
    async fn names(&mut self, filter: &Value) -> Vec<&'static str> {
        let read: Filter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(read.check(), Ok(()), "{filter}");
        let mut tx = TenantTx::begin(&self.stage_world.app.store, self.town.seed.tenant).await.unwrap();
        let everybody: Vec<_> = self.town.people.iter().map(|(id, _)| id.uuid()).collect();
        let meant = Meant { filter: &read, at: self.town.seed.now };
        let found = audiences::among(&mut tx, meant, &everybody).await.unwrap();
        let people = self.town.people.iter().filter(|(id, _)| found.contains(&id.uuid()));
        people.map(|(_, person)| person.name.unwrap()).collect()
    }

    async fn mean(&mut self, cases: &[(Value, &[&'static str])]) {
        for (filter, expected) in cases {
            assert_eq!(self.names(filter).await, *expected, "{filter}");
        }
    }
}

fn named(name: &'static str) -> Person {
    Person { name: Some(name), known_for_h: 24, ..Person::default() }
}

fn with(name: &'static str, attribute: &'static str, value: &'static str) -> Person {
    Person { attributes: BTreeMap::from([(attribute, value)]), ..named(name) }
}

#[tokio::test]
async fn tags_languages_zones_and_what_is_known_of_somebody() {
    let mut asked = Asked::of(vec![
        Person { tags: vec!["a", "b"], language: Some("en_US"), zone: Some("Europe/Paris"), ..named("ada") },
        Person { tags: vec!["b"], language: Some("pt-BR"), import: Some(1), ..named("bo") },
        Person { known_for_h: 24 * 9, language: Some("eng"), ..named("cy") },
    ])
    .await;
    asked
        .mean(&[
            (json!({"tag": {"has": "a"}}), &["ada"]),
            (json!({"tag": {"has": "b"}}), &["ada", "bo"]),
            (json!({"tag": {"has_not": "a"}}), &["bo", "cy"]),
            (json!({"language": ["en"]}), &["ada"]),
            (json!({"language": ["en-us", "PT_br"]}), &["ada", "bo"]),
            (json!({"not": {"language": ["en"]}}), &["bo", "cy"]),
            (json!({"time_zone": ["Europe/Paris", "UTC"]}), &["ada"]),
            (json!({"not": {"time_zone": ["Europe/Paris"]}}), &["bo", "cy"]),
            (json!({"import": arbitrary::import(1)}), &["bo"]),
            (json!({"not": {"import": arbitrary::import(1)}}), &["ada", "cy"]),
            (json!({"created": {"within_days": 1}}), &["ada", "bo"]),
            (json!({"created": {"not_within_days": 8}}), &["cy"]),
            (json!({"any": [{"tag": {"has": "a"}}, {"created": {"not_within_days": 8}}]}), &["ada", "cy"]),
            (json!({"all": [{"tag": {"has": "b"}}, {"language": ["pt"]}]}), &["bo"]),
            (json!({"not": {"any": [{"tag": {"has": "a"}}, {"tag": {"has": "b"}}]}}), &["cy"]),
        ])
        .await;
}

#[tokio::test]
async fn attributes_are_texts_numbers_and_dates() {
    let mut asked = Asked::of(vec![
        with("ada", "x", "Gold"),
        with("bo", "x", "12.5"),
        with("cy", "x", "2026-02-28T09:00:00Z"),
        with("di", "x", ""),
        named("ed"),
        with("flo", "x", "99999999999999999999999999"),
        with("gus", "x", "2026-02-31"),
    ])
    .await;
    let x = |is: Value| json!({"attribute": {"name": "x", "is": is}});
    asked
        .mean(&[
            (x(json!("set")), &["ada", "bo", "cy", "flo", "gus"]),
            (x(json!("not_set")), &["di", "ed"]),
            (x(json!({"equals": "Gold"})), &["ada"]),
            (x(json!({"equals": "gold"})), &[]),
            (x(json!({"one_of": ["12.5", "Gold", "iron"]})), &["ada", "bo"]),
            (x(json!({"contains": "OL"})), &["ada"]),
            (x(json!({"contains": "%"})), &[]),
            (x(json!({"less_than": 12.5})), &[]),
            (x(json!({"at_most": 12.5})), &["bo"]),
            (x(json!({"at_least": 12.5})), &["bo"]),
            (x(json!({"more_than": -1})), &["bo"]),
            (x(json!({"before": "2026-03-01"})), &["cy", "gus"]),
            (x(json!({"after": "2026-02-28"})), &["gus"]),
            (x(json!({"within_last_days": 2})), &["cy", "gus"]),
            (x(json!({"within_next_days": 2})), &[]),
            (json!({"attribute": {"name": "display_name", "is": {"equals": "di"}}}), &["di"]),
            (json!({"not": x(json!({"at_least": 0}))}), &["ada", "cy", "di", "ed", "flo", "gus"]),
        ])
        .await;
}

#[tokio::test]
async fn addresses_consent_and_the_suppression_list_are_those_of_the_address_that_is_written_to() {
    let (yes, no) = (Some(ConsentAction::Granted), Some(ConsentAction::Revoked));
    let sms = |marketing, suppressed| Address { marketing, suppressed, ..at(Channel::Sms) };
    let mut asked = Asked::of(vec![
        Person { addresses: vec![sms(yes, false), sms(no, true)], ..named("ada") },
        Person { addresses: vec![sms(no, true), sms(yes, false)], ..named("bo") },
        Person { addresses: vec![Address { transactional: yes, ..sms(None, false) }], ..named("cy") },
        Person { addresses: vec![Address { marketing: yes, suppressed: true, ..at(Channel::Email) }], ..named("di") },
    ])
    .await;
    let consent = |purpose: &str, is: &str| json!({"consent": {"channel": "sms", "purpose": purpose, "is": is}});
    asked
        .mean(&[
            (json!({"address": "sms"}), &["ada", "bo", "cy"]),
            (json!({"not": {"address": "sms"}}), &["di"]),
            (consent("marketing", "granted"), &["ada"]),
            (consent("marketing", "revoked"), &["bo"]),
            (consent("marketing", "none"), &["cy", "di"]),
            (consent("transactional", "granted"), &["cy"]),
            (json!({"suppressed": "sms"}), &["bo"]),
            (json!({"suppressed": "email"}), &["di"]),
            (json!({"not": {"suppressed": "sms"}}), &["ada", "cy", "di"]),
        ])
        .await;
}

#[tokio::test]
async fn what_people_wrote_and_where_they_belong() {
    let mut asked = Asked::of(vec![
        Person { wrote_h: vec![500, 20], ..named("ada") },
        Person { wrote_h: vec![500], groups: vec![(1, 10)], ..named("bo") },
        // Joined and wrote after the moment of asking.
        Person { wrote_h: vec![-1], groups: vec![(1, -1), (2, 10)], ..named("cy") },
        named("di"),
    ])
    .await;
    asked
        .mean(&[
            (json!({"last_inbound": {"within_days": 1}}), &["ada"]),
            (json!({"last_inbound": {"within_days": 30}}), &["ada", "bo"]),
            (json!({"last_inbound": {"not_within_days": 1}}), &["bo", "cy", "di"]),
            (json!({"group": arbitrary::group(1)}), &["bo"]),
            (json!({"group": arbitrary::group(2)}), &["cy"]),
            (json!({"not": {"group": arbitrary::group(1)}}), &["ada", "cy", "di"]),
        ])
        .await;
}

#[tokio::test]
async fn what_became_of_a_campaigns_message() {
    let got = |state| vec![Got { campaign: 1, state, ago_h: 10, clicked: state == SendState::Read }];
    let person = |name, state| Person { campaigns: got(state), ..named(name) };
    let mut asked = Asked::of(vec![
        person("queued", SendState::Queued),
        person("unknown", SendState::Unknown),
        Person { wrote_h: vec![5], ..person("sent", SendState::Sent) },
        Person { wrote_h: vec![11], ..person("delivered", SendState::Delivered) },
        Person { wrote_h: vec![11, 1], ..person("read", SendState::Read) },
        Person { wrote_h: vec![1], ..person("failed", SendState::Failed) },
        person("refused", SendState::Refused),
        person("dead", SendState::Dead),
        Person {
            campaigns: vec![Got { campaign: 2, state: SendState::Read, ago_h: 3, clicked: true }],
            ..named("other")
        },
    ])
    .await;
    let was = |was: &str| json!({"campaign": {"id": arbitrary::campaign(1), "was": was}});
    asked
        .mean(&[
            (was("recipient"), &["queued", "unknown", "sent", "delivered", "read", "failed", "refused", "dead"]),
            (was("not_reached"), &["failed", "refused", "dead"]),
            (was("delivered"), &["delivered", "read"]),
            (was("read"), &["read"]),
            (was("failed"), &["failed", "dead"]),
            (was("replied"), &["sent", "read"]),
            (was("not_replied"), &["delivered"]),
            (was("clicked"), &["read"]),
            (was("not_clicked"), &["sent", "delivered"]),
            (json!({"not": was("recipient")}), &["other"]),
        ])
        .await;
}
