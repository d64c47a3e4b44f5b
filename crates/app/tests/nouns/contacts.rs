//! People, found by what callers know of them; what they agreed to; where nobody may write.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{
    consents::{self, ConsentError, NewConsent},
    contacts::{self, ContactChange, ContactError, Filter, NewContact, Profile},
    patch::Patch,
    suppressions::{self, NewSuppression, SuppressionError},
};
use postroad_core::{
    account::Channel,
    consent::{Consent, ConsentAction, Purpose, SuppressionReason},
    ids::{ContactId, TenantId},
};
use postroad_testkit::Seed;

use crate::world::{World, noon};

const ADA: &str = "+1 202 555 0173";

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

fn ada() -> NewContact {
    NewContact {
        external_key: Some("ada".into()),
        display_name: Some("Ada".into()),
        addresses: vec![(Channel::Whatsapp, ADA.into())],
        attributes: BTreeMap::from([("tier".into(), "gold".into())]),
        ..NewContact::default()
    }
}

async fn upsert(world: &World, tenant: TenantId, new: NewContact) -> (ContactId, bool) {
    let done = contacts::upsert(&world.app, tenant, vec![new], None).await.unwrap().remove(0).unwrap();
    (done.id, done.created)
}

async fn get(world: &World, tenant: TenantId, id: ContactId) -> Profile {
    contacts::get(&world.app, tenant, id).await.unwrap()
}

fn word(action: ConsentAction, purpose: Purpose) -> NewConsent {
    NewConsent {
        channel: Channel::Whatsapp,
        address: ADA.into(),
        purpose,
        action,
        source: "form".into(),
        wording: Some("yes, tell me about offers".into()),
        evidence: serde_json::Map::new(),
        occurred_at: None,
    }
}

async fn record(world: &World, tenant: TenantId, new: NewConsent) -> ContactId {
    consents::record(&world.app, tenant, vec![new]).await.unwrap()[0]
}

#[tokio::test]
async fn the_same_person_is_made_once_and_changed_after_that() {
    let (world, tenant) = world().await;
    let (id, created) = upsert(&world, tenant, ada()).await;
    assert!(created);
    let again = NewContact {
        display_name: Some("Ada L.".into()),
        attributes: BTreeMap::from([("city".into(), "Paris".into())]),
        ..ada()
    };
    assert_eq!(upsert(&world, tenant, again).await, (id, false));
    let by_number = NewContact { addresses: vec![(Channel::Whatsapp, "+12025550173".into())], ..NewContact::default() };
    assert_eq!(upsert(&world, tenant, by_number).await, (id, false));

    let profile = get(&world, tenant, id).await;
    assert_eq!(profile.contact.display_name.as_deref(), Some("Ada L."));
    assert_eq!(profile.contact.attributes.len(), 2, "attributes add up");
    let addresses: Vec<&str> = profile.addresses.iter().map(|address| address.address.as_str()).collect();
    assert_eq!(addresses, ["+12025550173"]);
}

#[tokio::test]
async fn one_contact_that_cannot_be_taken_does_not_stop_the_others() {
    let (world, tenant) = world().await;
    let (id, _) = upsert(&world, tenant, ada()).await;
    let stranger = NewContact { external_key: Some("eve".into()), ..ada() };
    let nobody = NewContact::default();
    let bo = NewContact { external_key: Some("bo".into()), ..NewContact::default() };
    let results = contacts::upsert(&world.app, tenant, vec![stranger, nobody, bo, ada()], None).await.unwrap();
    let codes: Vec<&str> =
        results.iter().map(|result| result.as_ref().map_or_else(ContactError::code, |_| "taken in")).collect();
    assert_eq!(codes, ["address_taken", "no_address", "taken in", "taken in"]);
    assert_eq!(results[3].as_ref().unwrap().id, id);
}

#[tokio::test]
async fn a_list_finds_people_by_key_and_by_any_spelling_of_an_address() {
    let (world, tenant) = world().await;
    let (id, _) = upsert(&world, tenant, ada()).await;
    for n in 0..3 {
        let other = NewContact { external_key: Some(format!("k{n}")), ..NewContact::default() };
        upsert(&world, tenant, other).await;
    }
    let ids = async |filter: Filter<'_>| -> Vec<ContactId> {
        let page = contacts::list(&world.app, tenant, &filter).await.unwrap();
        page.iter().map(|profile| profile.contact.id).collect()
    };
    let number = contacts::search_spelling(ADA).unwrap();
    assert_eq!(ids(Filter { address: Some(&number), limit: 10, ..Filter::default() }).await, [id]);
    assert_eq!(ids(Filter { external_key: Some("ada"), limit: 10, ..Filter::default() }).await, [id]);
    let first = ids(Filter { limit: 3, ..Filter::default() }).await;
    let rest = ids(Filter { after: first.last().copied(), limit: 3, ..Filter::default() }).await;
    assert_eq!((first.len(), rest.len()), (3, 1));
}

#[tokio::test]
async fn a_change_sets_clears_and_keeps() {
    let (world, tenant) = world().await;
    let (id, _) = upsert(&world, tenant, ada()).await;
    let change = ContactChange {
        time_zone: Patch::Set("Asia/Kolkata".into()),
        display_name: Patch::Clear,
        attributes: BTreeMap::from([("tier".into(), None), ("city".into(), Some("Pune".into()))]),
        ..ContactChange::default()
    };
    let contact = contacts::update(&world.app, tenant, id, change).await.unwrap().contact;
    assert_eq!((contact.time_zone.as_deref(), contact.display_name), (Some("Asia/Kolkata"), None));
    assert_eq!(contact.attributes, BTreeMap::from([("city".to_owned(), "Pune".to_owned())]));
    assert_eq!(contact.external_key.as_deref(), Some("ada"));

    let bad = ContactChange { time_zone: Patch::Set("Nowhere".into()), ..ContactChange::default() };
    assert!(matches!(contacts::update(&world.app, tenant, id, bad).await, Err(ContactError::UnknownZone(_))));
    let (bo, _) = upsert(&world, tenant, NewContact { external_key: Some("bo".into()), ..NewContact::default() }).await;
    let taken = ContactChange { external_key: Patch::Set("ada".into()), ..ContactChange::default() };
    assert!(matches!(contacts::update(&world.app, tenant, bo, taken).await, Err(ContactError::Taken)));
}

#[tokio::test]
async fn another_tenants_contact_is_not_there_and_its_number_is_free() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let (id, _) = upsert(&world, theirs, ada()).await;
    assert!(matches!(contacts::get(&world.app, tenant, id).await, Err(ContactError::NotFound)));
    let change = contacts::update(&world.app, tenant, id, ContactChange::default()).await;
    assert!(matches!(change, Err(ContactError::NotFound)));
    assert!(upsert(&world, tenant, ada()).await.1);
}

#[tokio::test]
async fn many_callers_who_make_the_same_person_make_one() {
    let (world, tenant) = world().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let app = world.app.clone();
            tokio::spawn(
                async move { contacts::upsert(&app, tenant, vec![ada()], None).await.unwrap().remove(0).unwrap() },
            )
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    assert_eq!(done.iter().filter(|upserted| upserted.created).count(), 1);
    assert!(done.iter().all(|upserted| upserted.id == done[0].id));
}

#[tokio::test]
async fn the_newest_word_of_each_purpose_counts_and_every_word_stays() {
    use ConsentAction::{Granted, Revoked};
    let (world, tenant) = world().await;
    let id = record(&world, tenant, word(Granted, Purpose::Marketing)).await;
    let yesterday = noon() - TimeDelta::days(1);
    let late_news = NewConsent { occurred_at: Some(yesterday), ..word(Revoked, Purpose::Marketing) };
    record(&world, tenant, late_news).await;
    record(&world, tenant, NewConsent { occurred_at: Some(yesterday), ..word(Granted, Purpose::Transactional) }).await;
    assert_eq!(stands(&world, tenant, id).await, (Some(Granted), Some(Granted), 1));

    record(&world, tenant, word(Revoked, Purpose::Marketing)).await;
    // Said in the same instant, recorded later: a revocation is not undone by a tie.
    record(&world, tenant, word(Granted, Purpose::Marketing)).await;
    assert_eq!(stands(&world, tenant, id).await, (Some(Revoked), Some(Granted), 2));

    let history = consents::history(&world.app, tenant, id, None, 10).await.unwrap();
    assert_eq!(history.len(), 5);
    assert!(history.iter().all(|entry| entry.source == "form" && entry.address == "+12025550173"));
    let page = consents::history(&world.app, tenant, id, Some(history[1].id), 2).await.unwrap();
    assert_eq!(page.iter().map(|e| e.id).collect::<Vec<_>>(), history[2..4].iter().map(|e| e.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_statement_about_two_purposes_never_lets_an_old_word_pass_with_a_new_one() {
    use ConsentAction::{Granted, Revoked};
    let (world, tenant) = world().await;
    let id = record(&world, tenant, word(Revoked, Purpose::Marketing)).await;
    let old = NewConsent { occurred_at: Some(noon() - TimeDelta::days(9)), ..word(Granted, Purpose::Marketing) };
    consents::record(&world.app, tenant, vec![old, word(Granted, Purpose::Transactional)]).await.unwrap();
    assert_eq!(stands(&world, tenant, id).await, (Some(Revoked), Some(Granted), 1));
}

/// Marketing, transactional, and how often the address changed.
async fn stands(world: &World, tenant: TenantId, id: ContactId) -> (Option<ConsentAction>, Option<ConsentAction>, i32) {
    let profile = get(world, tenant, id).await;
    let address = &profile.addresses[0];
    let version: i32 = sqlx::query_scalar("select consent_version from addresses where id = $1")
        .bind(address.id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    let action = |consent: Option<Consent>| consent.map(|consent| consent.action);
    (action(address.marketing), action(address.transactional), version)
}

#[tokio::test]
async fn a_stop_from_an_address_that_nobody_knew_is_heard() {
    let (world, tenant) = world().await;
    let id = record(&world, tenant, word(ConsentAction::Revoked, Purpose::Marketing)).await;
    assert_eq!(upsert(&world, tenant, ada()).await, (id, false));
    assert_eq!(stands(&world, tenant, id).await.0, Some(ConsentAction::Revoked));
}

#[tokio::test]
async fn what_cannot_be_a_word_about_consent_is_refused_and_nothing_of_it_recorded() {
    let (world, tenant) = world().await;
    let good = || word(ConsentAction::Granted, Purpose::Marketing);
    let refused = async |bad: NewConsent| consents::record(&world.app, tenant, vec![good(), bad]).await.unwrap_err();
    assert!(matches!(refused(NewConsent { source: String::new(), ..good() }).await, ConsentError::Source));
    assert!(matches!(refused(NewConsent { wording: Some("x".repeat(2_001)), ..good() }).await, ConsentError::Wording));
    let future: Option<DateTime<Utc>> = Some(noon() + TimeDelta::minutes(6));
    assert!(matches!(refused(NewConsent { occurred_at: future, ..good() }).await, ConsentError::Future));
    assert!(matches!(refused(NewConsent { address: "12".into(), ..good() }).await, ConsentError::Contact(_)));
    let entries: i64 =
        sqlx::query_scalar("select count(*) from consents").fetch_one(&mut world.admin().await).await.unwrap();
    assert_eq!(entries, 0);
}

#[tokio::test]
async fn a_suppression_raises_the_version_of_its_addresses_only_and_so_does_lifting_it() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let both = || NewContact { addresses: vec![(Channel::Whatsapp, ADA.into()), (Channel::Sms, ADA.into())], ..ada() };
    let (id, _) = upsert(&world, tenant, both()).await;
    let (their_id, _) = upsert(&world, theirs, both()).await;
    let on =
        |channel| NewSuppression { channel, address: ADA.into(), reason: SuppressionReason::Complaint, note: None };

    assert_eq!(suppressions::add(&world.app, tenant, vec![on(Some(Channel::Sms))]).await.unwrap(), 1);
    assert_eq!(suppressions::add(&world.app, tenant, vec![on(Some(Channel::Sms))]).await.unwrap(), 0);
    assert_eq!(versions(&world, tenant, id).await, [(Channel::Whatsapp, 0, false), (Channel::Sms, 1, true)]);
    suppressions::add(&world.app, tenant, vec![on(None)]).await.unwrap();
    assert_eq!(versions(&world, tenant, id).await, [(Channel::Whatsapp, 1, true), (Channel::Sms, 2, true)]);
    assert_eq!(versions(&world, theirs, their_id).await, [(Channel::Whatsapp, 0, false), (Channel::Sms, 0, false)]);

    let list = suppressions::list(&world.app, tenant, Some("+1 (202) 555 0173"), None, 10).await.unwrap();
    assert_eq!(list.len(), 2);
    let everywhere = list.iter().find(|entry| entry.channel.is_none()).unwrap().id;
    suppressions::lift(&world.app, tenant, everywhere).await.unwrap();
    assert_eq!(versions(&world, tenant, id).await, [(Channel::Whatsapp, 2, false), (Channel::Sms, 3, true)]);
    let again = suppressions::lift(&world.app, tenant, everywhere).await;
    assert!(matches!(again, Err(SuppressionError::NotFound)));
}

#[tokio::test]
async fn a_suppression_of_every_channel_reaches_every_channel_there_is() {
    let (world, tenant) = world().await;
    let addresses = Channel::ALL.iter().filter(|channel| **channel != Channel::Email);
    let everywhere =
        NewContact { addresses: addresses.map(|channel| (*channel, ADA.replace(' ', ""))).collect(), ..ada() };
    let (id, _) = upsert(&world, tenant, everywhere).await;
    let all = NewSuppression { channel: None, address: ADA.into(), reason: SuppressionReason::Erased, note: None };
    suppressions::add(&world.app, tenant, vec![all]).await.unwrap();
    for (channel, version, is_suppressed) in versions(&world, tenant, id).await {
        assert_eq!((version, is_suppressed), (1, true), "{channel}");
    }
}

async fn versions(world: &World, tenant: TenantId, id: ContactId) -> Vec<(Channel, i32, bool)> {
    let mut found = Vec::new();
    for address in get(world, tenant, id).await.addresses {
        let version: i32 = sqlx::query_scalar("select consent_version from addresses where id = $1")
            .bind(address.id)
            .fetch_one(&mut world.admin().await)
            .await
            .unwrap();
        found.push((address.channel, version, address.is_suppressed));
    }
    found.sort_by_key(|(channel, ..)| *channel);
    found
}
