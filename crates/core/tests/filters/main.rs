//! Filters as data: what is read, what is refused and where, and what survives being written down.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

#[allow(dead_code, reason = "the suite of the app uses all of it")]
mod arbitrary;

use postroad_core::{
    ids::GroupId,
    limits::{FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_LIST_MAX},
    segment::{Filter, TagTest},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(filter: &Value) -> Filter {
    serde_json::from_value(filter.clone()).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

fn refused(filter: &Value) -> String {
    read(filter).check().unwrap_err().path
}

#[test]
fn each_kind_of_condition_is_read_and_sound() {
    let (cmp, grp, imp) = (
        "cmp_0198c1b2000000000000000000000001",
        "grp_0198c1b2000000000000000000000001",
        "imp_0198c1b2000000000000000000000001",
    );
    let sound = [
        json!({"tag": {"has": "vip"}}),
        json!({"tag": {"has_not": "vip"}}),
        json!({"attribute": {"name": "tier", "is": "set"}}),
        json!({"attribute": {"name": "tier", "is": "not_set"}}),
        json!({"attribute": {"name": "tier", "is": {"equals": "gold"}}}),
        json!({"attribute": {"name": "tier", "is": {"one_of": ["gold", "silver"]}}}),
        json!({"attribute": {"name": "tier", "is": {"contains": "ol"}}}),
        json!({"attribute": {"name": "orders", "is": {"at_least": 3}}}),
        json!({"attribute": {"name": "orders", "is": {"less_than": 0.5}}}),
        json!({"attribute": {"name": "birthday", "is": {"before": "2026-03-02"}}}),
        json!({"attribute": {"name": "birthday", "is": {"within_next_days": 7}}}),
        json!({"language": ["en", "pt-BR"]}),
        json!({"time_zone": ["Europe/Paris"]}),
        json!({"address": "whatsapp"}),
        json!({"consent": {"channel": "whatsapp", "purpose": "marketing", "is": "granted"}}),
        json!({"suppressed": "email"}),
        json!({"last_inbound": {"within_days": 30}}),
        json!({"created": {"not_within_days": 30}}),
        json!({"campaign": {"id": cmp, "was": "not_reached"}}),
        json!({"group": grp}),
        json!({"import": imp}),
        json!({"all": [{"any": [{"address": "sms"}]}, {"not": {"address": "email"}}]}),
    ];
    for filter in &sound {
        assert_eq!(read(filter).check(), Ok(()), "{filter}");
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_at_its_place() {
    let many = |count: usize| vec![json!({"address": "sms"}); count];
    let nested = (1..FILTER_DEPTH_MAX).fold(json!({"address": "sms"}), |inner, _| json!({"not": inner}));
    assert_eq!(read(&nested).check(), Ok(()));
    let deeper = json!({"not": nested});
    let cases = [
        (json!({"all": []}), "filter.all"),
        (json!({"any": many(FILTER_CONDITIONS_MAX + 1)}), "filter.any[50]"),
        (json!({"all": [{"address": "sms"}, {"not": {"tag": {"has": "VIP"}}}]}), "filter.all[1].not.tag"),
        (json!({"tag": {"has_not": ""}}), "filter.tag"),
        (json!({"language": []}), "filter.language"),
        (json!({"language": ["en", "english"]}), "filter.language[1]"),
        (json!({"time_zone": ["europe/paris"]}), "filter.time_zone[0]"),
        (json!({"time_zone": vec!["UTC"; FILTER_LIST_MAX + 1]}), "filter.time_zone"),
        (json!({"attribute": {"name": "", "is": "set"}}), "filter.attribute.name"),
        (json!({"attribute": {"name": "a", "is": {"equals": ""}}}), "filter.attribute.is.equals"),
        (json!({"attribute": {"name": "a", "is": {"one_of": ["b", ""]}}}), "filter.attribute.is.one_of[1]"),
        (json!({"attribute": {"name": "a", "is": {"contains": "x".repeat(1_001)}}}), "filter.attribute.is.contains"),
        (json!({"attribute": {"name": "a", "is": {"at_most": 1e300}}}), "filter.attribute.is"),
        (json!({"attribute": {"name": "a", "is": {"after": "-0001-01-01"}}}), "filter.attribute.is"),
        (json!({"attribute": {"name": "a", "is": {"within_last_days": 0}}}), "filter.attribute.is"),
        (json!({"consent": {"channel": "sms", "purpose": "conversational", "is": "none"}}), "filter.consent"),
        (json!({"last_inbound": {"within_days": 0}}), "filter.last_inbound"),
        (json!({"created": {"within_days": 3_661}}), "filter.created"),
    ];
    for (filter, path) in cases {
        assert_eq!(refused(&filter), path, "{filter}");
    }
    assert_eq!(refused(&deeper), format!("filter{}", ".not".repeat(FILTER_DEPTH_MAX)));
    let told = read(&json!({"all": [{"language": ["english"]}]})).check().unwrap_err().to_string();
    assert_eq!(told, "filter.all[0].language[0]: is no language; write one like en, pt-BR or en_US");
}

#[test]
fn what_is_not_understood_is_not_guessed() {
    for filter in [
        json!({}),
        json!({"tags": {"has": "vip"}}),
        json!({"tag": {"has": "vip"}, "address": "sms"}),
        json!({"tag": {"is": "vip"}}),
        json!({"attribute": {"name": "a", "is": "set", "or": 1}}),
        json!({"attribute": {"name": "a"}}),
        json!({"attribute": {"name": "a", "is": {"at_least": "3"}}}),
        json!({"address": "pigeon"}),
        json!({"consent": {"channel": "sms", "purpose": "marketing"}}),
        json!({"group": "seg_0198c1b2000000000000000000000001"}),
        json!([]),
        json!("all"),
    ] {
        assert!(serde_json::from_value::<Filter>(filter.clone()).is_err(), "{filter}");
    }
}

#[test]
fn everybody_within_a_group_is_known_as_such_and_nobody_else() {
    let group = GroupId::from_uuid(uuid::Uuid::from_u128(7));
    let (member, vip) = (Filter::Group(group), Filter::Tag(TagTest::Has("vip".into())));
    let all = |parts: &[&Filter]| Filter::All(parts.iter().map(|part| (*part).clone()).collect());
    let any = Filter::Any(vec![member.clone(), vip.clone()]);
    for (filter, within) in [
        (member.clone(), true),
        (all(&[&vip, &member]), true),
        (all(&[&vip, &all(&[&member])]), true),
        (all(&[&vip, &any]), false),
        (any.clone(), false),
        (Filter::Not(Box::new(member.clone())), false),
        (vip.clone().except(vec![member.clone()]), false),
        (member.clone().except(vec![vip.clone()]), true),
    ] {
        assert_eq!(filter.within_group().is_some(), within, "{filter:?}");
    }
}

proptest! {
    #[test]
    fn a_sound_filter_is_read_as_it_was_written(filter in arbitrary::filters()) {
        prop_assert_eq!(filter.check(), Ok(()));
        let written = serde_json::to_string(&filter).unwrap();
        prop_assert_eq!(serde_json::from_str::<Filter>(&written).unwrap(), filter);
    }

    /// Whatever somebody sends is refused or sound; nothing panics.
    #[test]
    fn a_filter_that_was_tampered_with_is_refused_or_sound(filter in arbitrary::filters(), at in any::<prop::sample::Index>(), with in "[\\{\\}\\[\\]\":a-z0-9]") {
        let mut written = serde_json::to_string(&filter).unwrap();
        let place = at.index(written.len());
        if written.is_char_boundary(place) && written.is_char_boundary(place + 1) {
            written.replace_range(place..=place, &with);
        }
        if let Ok(filter) = serde_json::from_str::<Filter>(&written) {
            let _ = filter.check().map_err(|error| error.to_string());
        }
    }
}
