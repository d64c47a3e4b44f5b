//! Rows against what is stored, as tables.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, Purpose},
    ids::{AddressId, ContactId},
};
use postroad_store::people::{KnownAddress, KnownKey};
use uuid::Uuid;

use super::merge::{Fate, Known, Merged, Row, Rows, Said, Weight};

fn now() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn contact(n: u128) -> ContactId {
    ContactId::from_uuid(Uuid::from_u128(n))
}

fn row(key: Option<&str>, addresses: &[&str]) -> Row {
    let addresses = addresses.iter().map(|address| (Channel::Whatsapp, (*address).to_owned())).collect();
    Row { external_key: key.map(str::to_owned), addresses, ..Row::default() }
}

fn known_address(address: &str, owner: u128, key: Option<&str>) -> KnownAddress {
    KnownAddress {
        channel: Channel::Whatsapp,
        address: address.into(),
        id: AddressId::from_uuid(Uuid::from_u128(owner * 100)),
        contact: contact(owner),
        external_key: key.map(str::to_owned),
        tags: Vec::new(),
        import: None,
        marketing: None,
        transactional: None,
    }
}

fn known_key(key: &str, owner: u128) -> KnownKey {
    KnownKey { key: key.into(), contact: contact(owner), tags: Vec::new(), import: None, is_former: false }
}

#[expect(clippy::needless_pass_by_value, reason = "each test makes its own")]
fn merge(rows: Vec<Row>, known: Known, now: DateTime<Utc>) -> Merged {
    super::merge::merge(&rows, known, Rows::Many, now)
}

#[test]
fn where_a_person_may_have_one_row_the_second_is_a_duplicate() {
    let known = || Known {
        keys: vec![known_key("k1", 1)],
        addresses: vec![known_address("+1", 1, Some("k1")), known_address("+2", 2, None)],
    };
    let rows = vec![
        row(Some("k1"), &[]),
        row(None, &["+2"]),
        row(None, &["+2"]),
        row(Some("k3"), &["+3"]),
        row(None, &["+3", "+4"]),
        row(Some("k5"), &["+2"]),
    ];
    let had = HashSet::from([contact(1)]);
    let merged = super::merge::merge(&rows, known(), Rows::One(had), now());
    let told: Vec<&str> = merged.fates.iter().map(word).collect();
    assert_eq!(told, ["duplicate", "updated", "duplicate", "created", "duplicate", "duplicate"]);
    assert_eq!(
        (merged.new.len(), merged.changed.len(), merged.addresses.len()),
        (1, 1, 1),
        "a duplicate writes nothing"
    );
}

fn fates(rows: Vec<Row>, known: Known) -> Vec<&'static str> {
    merge(rows, known, now()).fates.iter().map(word).collect()
}

const fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Created(_) => "created",
        Fate::Updated(_) => "updated",
        Fate::Conflict => "conflict",
        Fate::Duplicate => "duplicate",
        Fate::TooManyTags => "too many tags",
    }
}

#[test]
fn a_person_is_known_by_key_or_by_address() {
    let known = || Known {
        keys: vec![known_key("k1", 1)],
        addresses: vec![known_address("+1", 1, Some("k1")), known_address("+2", 2, None)],
    };
    let cases = [
        (row(Some("k1"), &[]), "updated"),
        (row(Some("k1"), &["+1"]), "updated"),
        (row(Some("k1"), &["+9"]), "updated"),
        (row(None, &["+1"]), "updated"),
        (row(None, &["+1", "+9"]), "updated"),
        (row(None, &["+9"]), "created"),
        (row(Some("k9"), &["+9"]), "created"),
        // A person without a key is given one.
        (row(Some("k9"), &["+2"]), "updated"),
        // A key and an address of two people, two addresses of two people, a second key for one person.
        (row(Some("k1"), &["+2"]), "conflict"),
        (row(None, &["+1", "+2"]), "conflict"),
        (row(Some("k9"), &["+1"]), "conflict"),
    ];
    for (at, (row, expected)) in cases.into_iter().enumerate() {
        assert_eq!(fates(vec![row], known()), [expected], "case {at}");
    }
}

#[test]
fn each_row_sees_what_the_rows_before_it_made() {
    let rows = vec![
        row(Some("k1"), &["+1"]),
        row(Some("k1"), &["+2"]),
        row(None, &["+2"]),
        row(Some("k2"), &["+2"]),
        row(Some("k2"), &["+3"]),
    ];
    assert_eq!(fates(rows, Known::default()), ["created", "updated", "updated", "conflict", "created"]);
}

#[test]
fn a_person_named_twice_is_written_once_with_the_later_words() {
    let named = |name: &str, attribute: (&str, &str)| Row {
        display_name: Some(name.into()),
        attributes: [(attribute.0.to_owned(), attribute.1.to_owned())].into(),
        ..row(Some("k1"), &["+1"])
    };
    let rows = vec![named("Ada", ("tier", "gold")), named("Bo", ("city", "Rome")), row(Some("k1"), &["+1"])];
    let merged = merge(rows, Known::default(), now());
    assert_eq!((merged.new.len(), merged.changed.len(), merged.addresses.len()), (1, 0, 1));
    assert_eq!(merged.new[0].display_name.as_deref(), Some("Bo"));
    assert_eq!(merged.new[0].attributes, r#"{"city":"Rome","tier":"gold"}"#);
}

#[test]
fn a_conflict_leaves_no_trace() {
    let known = Known { keys: vec![known_key("k1", 1)], addresses: vec![known_address("+2", 2, None)] };
    let conflict = Row { consents: vec![hearsay(ConsentAction::Granted)], ..row(Some("k1"), &["+2", "+3"]) };
    let merged = merge(vec![conflict], known, now());
    assert!(merged.new.is_empty() && merged.changed.is_empty());
    assert!(merged.addresses.is_empty() && merged.consents.is_empty() && merged.first_consents.is_empty());
}

fn hearsay(action: ConsentAction) -> Said {
    Said {
        purpose: Purpose::Marketing,
        action,
        source: "import".into(),
        wording: None,
        evidence: "{}".into(),
        occurred_at: now(),
        weight: Weight::Hearsay,
    }
}

fn statement(action: ConsentAction, minutes: i64) -> Said {
    Said { weight: Weight::Statement, occurred_at: now() + TimeDelta::minutes(minutes), ..hearsay(action) }
}

fn said(stored: Option<ConsentAction>, consents: Vec<Said>) -> Merged {
    let stored = stored.map(|action| Consent { action, at: now() - TimeDelta::days(1) });
    let known = KnownAddress { marketing: stored, ..known_address("+1", 1, None) };
    let known = Known { keys: Vec::new(), addresses: vec![known] };
    merge(vec![Row { consents, ..row(None, &["+1"]) }], known, now())
}

#[test]
fn an_old_list_never_overrides_what_the_person_said() {
    use ConsentAction::{Granted, Revoked};
    let cases = [
        (None, Granted, 1),
        (None, Revoked, 1),
        (Some(Granted), Granted, 0),
        (Some(Granted), Revoked, 1),
        (Some(Revoked), Granted, 0),
        (Some(Revoked), Revoked, 0),
    ];
    for (stored, action, entries) in cases {
        assert_eq!(said(stored, vec![hearsay(action)]).consents.len(), entries, "{stored:?} then {action}");
        assert_eq!(said(stored, vec![statement(action, 0)]).consents.len(), 1, "a statement is always recorded");
    }
    assert_eq!(said(None, vec![hearsay(Granted), hearsay(Granted)]).consents.len(), 1, "and once is enough");
    let older = Said { occurred_at: now() - TimeDelta::days(2), ..hearsay(Revoked) };
    assert_eq!(said(Some(Granted), vec![older]).consents.len(), 0, "the person agreed again after that");
}

#[test]
fn a_new_address_starts_with_what_its_entries_come_to() {
    use ConsentAction::{Granted, Revoked};
    let cases = [
        (vec![], None),
        (vec![statement(Granted, 0)], Some((Granted, 0))),
        (vec![statement(Granted, 1), statement(Revoked, 0)], Some((Granted, 1))),
        (vec![statement(Revoked, 0), statement(Granted, 1)], Some((Granted, 1))),
        // Of two words of one instant the revocation counts, in any order.
        (vec![statement(Revoked, 0), statement(Granted, 0)], Some((Revoked, 0))),
        (vec![statement(Granted, 0), statement(Revoked, 0)], Some((Revoked, 0))),
    ];
    for (at, (consents, expected)) in cases.into_iter().enumerate() {
        let merged = merge(vec![Row { consents, ..row(None, &["+1"]) }], Known::default(), now());
        let expected = expected.map(|(action, minutes)| Consent { action, at: now() + TimeDelta::minutes(minutes) });
        assert_eq!(merged.addresses[0].marketing, expected, "case {at}");
        assert_eq!(merged.addresses[0].transactional, None);
    }
}

#[test]
fn tags_are_added_up_to_what_a_contact_may_have() {
    let tags = |range: std::ops::Range<u32>| range.map(|n| format!("t{n:02}")).collect::<Vec<_>>();
    let known = || Known { keys: vec![KnownKey { tags: tags(0..48), ..known_key("k1", 1) }], ..Known::default() };
    let tagged = |range| Row { tags: tags(range), ..row(Some("k1"), &[]) };
    let cases = [
        (vec![tagged(48..50)], vec!["updated"]),
        (vec![tagged(0..50)], vec!["updated"]),
        (vec![tagged(48..51)], vec!["too many tags"]),
        (vec![tagged(48..50), tagged(50..51)], vec!["updated", "too many tags"]),
    ];
    for (rows, expected) in cases {
        assert_eq!(fates(rows, known()), expected);
    }
    let merged = merge(vec![tagged(48..49), tagged(40..50)], known(), now());
    assert_eq!(merged.changed[0].tags, tags(40..50), "what a row says besides, each once");
}
