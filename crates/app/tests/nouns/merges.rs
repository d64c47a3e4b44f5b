//! Two contacts that are one person become one, and two again.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{
    consents::{self, NewConsent},
    contacts::{self, ContactChange, ContactError, Filter, NewContact, Profile},
    groups::{self, People},
    merges::{self, Merge, MergeError},
    patch::Patch,
};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{ContactId, GroupId, MergeId, TenantId},
};
use postroad_testkit::Seed;

use crate::world::{World, noon};

const WORK: &str = "+12025550101";
const HOME: &str = "+12025550102";

pub(crate) async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

/// A contact with this key, number and the rest.
pub(crate) async fn person(world: &World, tenant: TenantId, key: &str, number: &str, rest: NewContact) -> ContactId {
    let new =
        NewContact { external_key: Some(key.into()), addresses: vec![(Channel::Whatsapp, number.into())], ..rest };
    contacts::upsert(&world.app, tenant, vec![new], None).await.unwrap().remove(0).unwrap().id
}

/// Ada as the shop knows her, and as the till does.
async fn adas(world: &World, tenant: TenantId) -> (ContactId, ContactId) {
    let attributes = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let shop = NewContact {
        display_name: Some("Ada".into()),
        attributes: attributes(&[("tier", "gold")]),
        tags: vec!["vip".into()],
        ..NewContact::default()
    };
    let till = NewContact {
        display_name: Some("A. Lovelace".into()),
        time_zone: Some("Asia/Kolkata".into()),
        attributes: attributes(&[("tier", "silver"), ("city", "Pune")]),
        tags: vec!["new".into(), "vip".into()],
        ..NewContact::default()
    };
    let one = person(world, tenant, "shop-1", WORK, shop).await;
    // Ids of one millisecond are in no order.
    world.app.clock.advance(TimeDelta::milliseconds(2));
    (one, person(world, tenant, "till-1", HOME, till).await)
}

async fn get(world: &World, tenant: TenantId, id: ContactId) -> Profile {
    contacts::get(&world.app, tenant, id).await.unwrap()
}

async fn merge(world: &World, tenant: TenantId, contact: ContactId, other: ContactId) -> Merge {
    merges::merge(&world.app, tenant, contact, other).await.unwrap()
}

async fn undo(world: &World, tenant: TenantId, contact: ContactId, id: MergeId) -> Merge {
    merges::undo(&world.app, tenant, contact, id).await.unwrap()
}

fn numbers(profile: &Profile) -> Vec<&str> {
    profile.addresses.iter().map(|address| address.address.as_str()).collect()
}

async fn group(world: &World, tenant: TenantId, name: &str, members: &[ContactId]) -> GroupId {
    let group = groups::create(&world.app, tenant, name).await.unwrap().id;
    groups::add(&world.app, tenant, group, &People::Contacts(members.to_vec())).await.unwrap();
    group
}

async fn members(world: &World, tenant: TenantId, group: GroupId) -> Vec<ContactId> {
    groups::members(&world.app, tenant, group, None, 10).await.unwrap().iter().map(|member| member.contact).collect()
}

async fn execute(world: &World, sql: &'static str) {
    sqlx::query(sql).execute(&mut world.admin().await).await.unwrap();
}

#[tokio::test]
async fn the_survivor_keeps_its_own_word_and_gets_what_it_lacked() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let merge = merge(&world, tenant, ada, other).await;
    let profile = get(&world, tenant, ada).await;
    let contact = &profile.contact;
    assert_eq!(numbers(&profile), [WORK, HOME]);
    assert_eq!(
        (contact.display_name.as_deref(), contact.time_zone.as_deref(), contact.external_key.as_deref()),
        (Some("Ada"), Some("Asia/Kolkata"), Some("shop-1"))
    );
    assert_eq!(contact.attributes, BTreeMap::from([("city".into(), "Pune".into()), ("tier".into(), "gold".into())]));
    assert_eq!(contact.tags, ["new", "vip"]);
    assert_eq!(
        (&merge.moved.fields[..], &merge.moved.tags[..]),
        (&["time_zone".to_owned()][..], &["new".to_owned()][..])
    );
    assert_eq!((merge.moved.addresses.len(), &merge.moved.attributes[..]), (1, &["city".to_owned()][..]));
}

#[tokio::test]
async fn whoever_was_merged_is_found_as_the_survivor_everywhere() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    merge(&world, tenant, ada, other).await;
    let named =
        |result: Result<Profile, ContactError>| matches!(result, Err(ContactError::Merged(into)) if into == ada);
    assert!(named(contacts::get(&world.app, tenant, other).await));
    assert!(named(contacts::update(&world.app, tenant, other, ContactChange::default()).await));
    assert!(matches!(contacts::erase(&world.app, tenant, other).await, Err(ContactError::Merged(into)) if into == ada));
    assert!(matches!(contacts::everything(&world.app, tenant, other).await, Err(ContactError::Merged(_))));

    for filter in [
        Filter { external_key: Some("till-1"), limit: 9, ..Filter::default() },
        Filter { address: Some(HOME), limit: 9, ..Filter::default() },
        Filter { limit: 9, ..Filter::default() },
    ] {
        let found = contacts::list(&world.app, tenant, &filter).await.unwrap();
        assert_eq!(found.iter().map(|profile| profile.contact.id).collect::<Vec<_>>(), [ada]);
    }
    let group = group(&world, tenant, "friends", &[other]).await;
    assert_eq!(members(&world, tenant, group).await, [ada]);
    groups::remove(&world.app, tenant, group, &People::Contacts(vec![other])).await.unwrap();
    assert_eq!(members(&world, tenant, group).await, []);
}

#[tokio::test]
async fn a_file_with_the_old_key_is_about_the_survivor_and_leaves_its_own_key() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    merge(&world, tenant, ada, other).await;
    let again = NewContact { language: Some("en".into()), tags: vec!["till".into()], ..NewContact::default() };
    let new_number = person(&world, tenant, "till-1", "+12025550103", again).await;
    assert_eq!(new_number, ada);
    let profile = get(&world, tenant, ada).await;
    assert_eq!((profile.contact.external_key.as_deref(), profile.addresses.len()), (Some("shop-1"), 3));
    assert_eq!(
        (profile.contact.language.as_deref(), &profile.contact.tags[..]),
        (Some("en"), &["new", "till", "vip"].map(String::from)[..])
    );
}

#[tokio::test]
async fn what_was_changed_since_stays_and_what_cannot_go_back_is_told() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let (left, gone) = (group(&world, tenant, "left", &[other]).await, group(&world, tenant, "gone", &[other]).await);
    let stays = group(&world, tenant, "stays", &[other, ada]).await;
    let merge = merge(&world, tenant, ada, other).await;
    let change = ContactChange {
        time_zone: Patch::Set("Europe/Paris".into()),
        attributes: BTreeMap::from([("city".into(), Some("Paris".into()))]),
        ..ContactChange::default()
    };
    contacts::update(&world.app, tenant, ada, change).await.unwrap();
    groups::remove(&world.app, tenant, left, &People::Contacts(vec![ada])).await.unwrap();
    groups::delete(&world.app, tenant, gone).await.unwrap();

    let undone = undo(&world, tenant, ada, merge.id).await;
    let kept = undone.kept.unwrap().0;
    assert_eq!((&kept.fields[..], &kept.attributes[..]), (&["time_zone".to_owned()][..], &["city".to_owned()][..]));
    let (mut told, mut expected) = (kept.groups, vec![left, gone]);
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    let (ada_now, other_now) = (get(&world, tenant, ada).await, get(&world, tenant, other).await);
    assert_eq!((ada_now.contact.time_zone.as_deref(), numbers(&ada_now)), (Some("Europe/Paris"), vec![WORK]));
    assert_eq!((other_now.contact.time_zone.as_deref(), numbers(&other_now)), (Some("Asia/Kolkata"), vec![HOME]));
    assert_eq!((members(&world, tenant, stays).await.len(), members(&world, tenant, left).await.len()), (2, 0));
    assert!(matches!(merges::undo(&world.app, tenant, ada, merge.id).await, Err(MergeError::Undone)));
    let history = merges::list(&world.app, tenant, ada, None, 9).await.unwrap();
    assert!(history.len() == 1 && history[0].undone_at.is_some());
}

#[tokio::test]
async fn consents_go_with_their_addresses_there_and_back() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let word = |action| NewConsent {
        channel: Channel::Whatsapp,
        address: HOME.into(),
        purpose: Purpose::Marketing,
        action,
        source: "form".into(),
        wording: None,
        evidence: serde_json::Map::new(),
        occurred_at: None,
    };
    consents::record(&world.app, tenant, vec![word(ConsentAction::Granted)]).await.unwrap();
    let merge = merge(&world, tenant, ada, other).await;
    world.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(consents::record(&world.app, tenant, vec![word(ConsentAction::Revoked)]).await.unwrap(), [ada]);
    assert_eq!(consents::history(&world.app, tenant, ada, None, 9).await.unwrap().len(), 2);
    undo(&world, tenant, ada, merge.id).await;
    let back = get(&world, tenant, other).await;
    assert_eq!(
        back.addresses[0].marketing.map(|word| word.action),
        Some(ConsentAction::Revoked),
        "a stop stays a stop"
    );
    assert_eq!(consents::history(&world.app, tenant, ada, None, 9).await.unwrap().len(), 0);
}

async fn uses(world: &World, contact: ContactId) -> Vec<DateTime<Utc>> {
    let uses = sqlx::query_scalar("select uses from frequency_uses where contact_id = $1").bind(contact);
    uses.fetch_optional(&mut world.admin().await).await.unwrap().unwrap_or_default()
}

#[tokio::test]
async fn a_cap_counts_what_either_got_and_afterwards_what_the_one_got_for_both() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let at = |hours: i64| noon() - TimeDelta::hours(hours);
    for (contact, used) in [(ada, vec![at(5), at(3)]), (other, vec![at(4), at(3)])] {
        let insert = sqlx::query("insert into frequency_uses (tenant_id, contact_id, uses) values ($1, $2, $3)");
        insert.bind(tenant).bind(contact).bind(used).execute(&mut world.admin().await).await.unwrap();
    }
    let merge = merge(&world, tenant, ada, other).await;
    assert_eq!(uses(&world, ada).await, [at(5), at(4), at(3)]);
    execute(
        &world,
        "update frequency_uses set uses = uses || '2026-03-02T11:00Z'::timestamptz where cardinality(uses) = 3",
    )
    .await;
    undo(&world, tenant, ada, merge.id).await;
    assert_eq!(
        (uses(&world, ada).await, uses(&world, other).await),
        (vec![at(5), at(3), at(1)], vec![at(4), at(3), at(1)])
    );
}

#[tokio::test]
async fn a_chain_leads_to_its_end_and_is_undone_from_there() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let third = person(&world, tenant, "app-1", "+12025550104", NewContact::default()).await;
    let first = merge(&world, tenant, other, ada).await;
    let second = merge(&world, tenant, third, other).await;
    assert!(matches!(contacts::get(&world.app, tenant, ada).await, Err(ContactError::Merged(into)) if into == third));
    assert!(
        matches!(merges::undo(&world.app, tenant, other, first.id).await, Err(MergeError::Merged(into)) if into == third)
    );
    assert_eq!(person(&world, tenant, "shop-1", WORK, NewContact::default()).await, third);

    undo(&world, tenant, third, second.id).await;
    assert!(matches!(contacts::get(&world.app, tenant, ada).await, Err(ContactError::Merged(into)) if into == other));
    undo(&world, tenant, other, first.id).await;
    for (id, number) in [(ada, WORK), (other, HOME), (third, "+12025550104")] {
        assert_eq!(numbers(&get(&world, tenant, id).await), [number]);
    }
}

#[tokio::test]
async fn two_who_merge_the_same_people_both_ways_at_once_make_one_person_of_them() {
    let (world, tenant) = world().await;
    for round in 0..10 {
        let one =
            person(&world, tenant, &format!("a{round}"), &format!("+1202555020{round}"), NewContact::default()).await;
        let two =
            person(&world, tenant, &format!("b{round}"), &format!("+1202555030{round}"), NewContact::default()).await;
        let (first, second) =
            tokio::join!(merges::merge(&world.app, tenant, one, two), merges::merge(&world.app, tenant, two, one));
        assert!(first.is_ok() != second.is_ok());
        let error = first.err().or(second.err()).unwrap();
        assert!(matches!(error, MergeError::Merged(_)), "{error}");
    }
    let left = contacts::list(&world.app, tenant, &Filter { limit: 50, ..Filter::default() }).await.unwrap();
    assert!(left.len() == 10 && left.iter().all(|profile| profile.addresses.len() == 2));
}

#[tokio::test]
async fn a_person_who_is_written_to_while_they_are_merged_is_not_lost() {
    let (world, tenant) = world().await;
    for round in 0..10 {
        let (key, number) = (format!("k{round}"), format!("+1202555040{round}"));
        let one =
            person(&world, tenant, &format!("s{round}"), &format!("+1202555050{round}"), NewContact::default()).await;
        let two = person(&world, tenant, &key, &number, NewContact::default()).await;
        let fresh = format!("+1202555060{round}");
        let (merged, written) = tokio::join!(
            merges::merge(&world.app, tenant, one, two),
            person(&world, tenant, &key, &fresh, NewContact::default()),
        );
        merged.unwrap();
        assert!(written == one || written == two);
        assert_eq!(get(&world, tenant, one).await.addresses.len(), 3, "the new number is the survivor's");
    }
}

#[tokio::test]
async fn whoever_is_forgotten_is_forgotten_with_everybody_who_was_merged_into_them() {
    let (world, tenant) = world().await;
    let (ada, other) = adas(&world, tenant).await;
    let merge = merge(&world, tenant, ada, other).await;
    let told = contacts::everything(&world.app, tenant, ada).await.unwrap();
    assert_eq!(
        (&told["merged"][0]["display_name"], &told["addresses"][1]["address"]),
        (&"A. Lovelace".into(), &HOME.into())
    );
    for _ in 0..2 {
        contacts::erase(&world.app, tenant, ada).await.unwrap();
    }
    let left: Vec<(Option<String>, String, serde_json::Value, Option<String>)> =
        sqlx::query_as("select external_key, attributes::text, to_jsonb(tags), display_name from contacts")
            .fetch_all(&mut world.admin().await)
            .await
            .unwrap();
    assert!(left.iter().all(|row| *row == (None, "{}".into(), serde_json::json!([]), None)), "{left:?}");
    let history: String =
        sqlx::query_scalar("select moved::text from contact_merges").fetch_one(&mut world.admin().await).await.unwrap();
    assert_eq!(history, "{}");
    let listed: i64 = sqlx::query_scalar("select count(*) from suppressions where address = $1 and reason = 'erased'")
        .bind(HOME)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(listed, 1);
    assert!(matches!(merges::undo(&world.app, tenant, ada, merge.id).await, Err(MergeError::NotFound)));
    contacts::erase(&world.app, tenant, other).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_and_nothing_moves() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let (ada, other) = adas(&world, tenant).await;
    let stranger = person(&world, theirs, "x", WORK, NewContact::default()).await;
    let tagged =
        |from: u32| NewContact { tags: (from..from + 26).map(|n| format!("t{n}")).collect(), ..NewContact::default() };
    let described = |from: u32| NewContact {
        attributes: (from..from + 26).map(|n| (format!("a{n}"), String::new())).collect(),
        ..NewContact::default()
    };
    let many = |key: &'static str, number: &'static str, rest| person(&world, tenant, key, number, rest);
    let (t1, t2) = (many("t1", "+12025550111", tagged(0)).await, many("t2", "+12025550112", tagged(30)).await);
    let (a1, a2) = (many("a1", "+12025550113", described(0)).await, many("a2", "+12025550114", described(30)).await);
    let nobody = ContactId::new(noon());
    let refused = async |contact, other| merges::merge(&world.app, tenant, contact, other).await.unwrap_err();
    assert!(matches!(refused(ada, ada).await, MergeError::Same));
    assert!(matches!(refused(nobody, ada).await, MergeError::NotFound));
    assert!(matches!(refused(stranger, ada).await, MergeError::NotFound));
    assert!(matches!(refused(ada, stranger).await, MergeError::UnknownOther(_)));
    assert!(matches!(refused(t1, t2).await, MergeError::TooManyTags));
    assert!(matches!(refused(a1, a2).await, MergeError::TooManyAttributes));
    assert!(matches!(
        merges::undo(&world.app, tenant, ada, MergeId::new(noon())).await,
        Err(MergeError::UnknownMerge(_))
    ));
    let merge = merge(&world, tenant, ada, other).await;
    assert!(matches!(refused(t1, other).await, MergeError::OtherMerged(into) if into == ada));
    assert!(matches!(refused(other, t1).await, MergeError::Merged(into) if into == ada));
    assert!(matches!(merges::undo(&world.app, theirs, stranger, merge.id).await, Err(MergeError::UnknownMerge(_))));
    assert!(matches!(merges::list(&world.app, theirs, ada, None, 9).await, Err(MergeError::NotFound)));
}
