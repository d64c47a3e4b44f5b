//! A person says what they want to hear, by a link and without a login.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use postroad_app::{
    consents::{self, NewConsent},
    contacts::{self, ContactError, NewContact},
    merges,
    preferences::{self, Entry, LinkError, Preferences, Shown, Wish},
};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{AddressId, ContactId, MessageId, TenantId},
};
use postroad_store::TenantTx;
use postroad_testkit::{Seed, SeedAccount, SeedMessage};

use crate::{
    merges::{person, world},
    world::{World, noon},
};

const WORDS: Shown = Shown { language: "en", marketing: "Offers and news", transactional: "Orders" };
const NUMBER: &str = "+12025550173";

async fn ada(world: &World, tenant: TenantId) -> ContactId {
    let rest = NewContact { language: Some("de".into()), ..NewContact::default() };
    let id = person(world, tenant, "ada", NUMBER, rest).await;
    said(world, tenant, Purpose::Marketing, ConsentAction::Granted).await;
    world.app.clock.advance(TimeDelta::minutes(1));
    id
}

async fn said(world: &World, tenant: TenantId, purpose: Purpose, action: ConsentAction) {
    let word = NewConsent {
        channel: Channel::Whatsapp,
        address: NUMBER.into(),
        purpose,
        action,
        source: "form".into(),
        wording: None,
        evidence: serde_json::Map::new(),
        occurred_at: None,
    };
    consents::record(&world.app, tenant, vec![word]).await.unwrap();
}

async fn token(world: &World, tenant: TenantId, id: ContactId) -> String {
    preferences::link(&world.app, tenant, id, None).await.unwrap().token.as_str().to_owned()
}

async fn open(world: &World, token: &str) -> Option<Preferences> {
    preferences::open(&world.app, token).await.unwrap()
}

async fn wish(world: &World, token: &str, wish: Wish) -> Option<Preferences> {
    preferences::carry_out(&world.app, token, &wish, |_| WORDS).await.unwrap()
}

fn switches(found: &Preferences) -> Vec<(bool, bool)> {
    found.entries.iter().map(|entry| (entry.marketing, entry.transactional)).collect()
}

fn all(entries: &[Entry]) -> BTreeSet<(AddressId, Purpose)> {
    let purposes = [Purpose::Marketing, Purpose::Transactional];
    entries.iter().flat_map(|entry| purposes.map(|purpose| (entry.address, purpose))).collect()
}

#[tokio::test]
async fn a_choice_becomes_words_of_the_ledger_and_only_what_changes_is_written() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = token(&world, tenant, id).await;
    let found = open(&world, &token).await.unwrap();
    assert_eq!((found.writer.name.as_str(), found.language.as_deref()), ("Test", Some("de")));
    assert_eq!((found.entries[0].masked.as_str(), switches(&found)), ("•••73", vec![(true, false)]));

    let choose = || Wish::Choose {
        shown: all(&found.entries),
        on: BTreeSet::from([(found.entries[0].address, Purpose::Transactional)]),
    };
    for _ in 0..2 {
        assert_eq!(switches(&wish(&world, &token, choose()).await.unwrap()), [(false, true)]);
        world.app.clock.advance(TimeDelta::minutes(1));
    }
    let history = consents::history(&world.app, tenant, id, None, 9).await.unwrap();
    assert_eq!(history.len(), 3, "the same choice a second time adds nothing");
    let granted = history.iter().find(|entry| entry.purpose == Purpose::Transactional).unwrap();
    assert_eq!((granted.source.as_str(), granted.wording.as_deref()), ("preference_page", Some("Orders")));
    assert_eq!((&granted.evidence["asked"], &granted.evidence["language"]), (&"choose".into(), &"en".into()));
    assert!(granted.evidence["at"].is_string() && granted.evidence["link"].as_str().unwrap().starts_with("lnk_"));
}

#[tokio::test]
async fn an_address_that_was_not_on_the_page_is_not_touched() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = token(&world, tenant, id).await;
    let nothing = Wish::Choose { shown: BTreeSet::new(), on: BTreeSet::new() };
    assert_eq!(switches(&wish(&world, &token, nothing).await.unwrap()), [(true, false)]);
    let others = BTreeSet::from([(AddressId::new(noon()), Purpose::Marketing)]);
    let somebody_elses = Wish::Choose { shown: others.clone(), on: others };
    assert_eq!(switches(&wish(&world, &token, somebody_elses).await.unwrap()), [(true, false)]);
    assert_eq!(consents::history(&world.app, tenant, id, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn stop_revokes_every_purpose_everywhere_even_where_nothing_was_said() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let second = NewContact {
        external_key: Some("ada".into()),
        addresses: vec![(Channel::Sms, NUMBER.into())],
        ..NewContact::default()
    };
    contacts::upsert(&world.app, tenant, vec![second], None).await.unwrap();
    let token = token(&world, tenant, id).await;
    for _ in 0..2 {
        wish(&world, &token, Wish::StopEverything).await.unwrap();
    }
    let profile = contacts::get(&world.app, tenant, id).await.unwrap();
    for address in &profile.addresses {
        for word in [address.marketing, address.transactional] {
            assert_eq!(word.map(|word| word.action), Some(ConsentAction::Revoked));
        }
        assert!(!address.is_suppressed, "a person who stops may start again");
    }
    assert_eq!(consents::history(&world.app, tenant, id, None, 9).await.unwrap().len(), 5);
}

#[tokio::test]
async fn unsubscribing_ends_marketing_and_by_a_message_at_its_address_only() {
    let world = World::new().await;
    let mut seed = Seed::new(&world.db, noon()).await;
    let account = seed.account(&SeedAccount::default()).await;
    let to = seed.contact(1).await;
    let order = SeedMessage { purpose: "transactional", ..SeedMessage::default() };
    let message = seed.message(account, to, &order).await;
    let second = "insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
                  select tenant_id, gen_random_uuid(), contact_id, 'sms', address, created_at from addresses";
    sqlx::query(second).execute(seed.conn()).await.unwrap();
    let revoked = async |id| -> Vec<(Channel, bool, bool)> {
        let profile = contacts::get(&world.app, seed.tenant, id).await.unwrap();
        let mut told: Vec<_> =
            profile.addresses.iter().map(|a| (a.channel, a.marketing.is_some(), a.transactional.is_some())).collect();
        told.sort();
        told
    };
    let link = preferences::link(&world.app, seed.tenant, to.0, Some(message)).await.unwrap();
    wish(&world, link.token.as_str(), Wish::Unsubscribe).await.unwrap();
    assert_eq!(revoked(to.0).await, [(Channel::Whatsapp, true, true), (Channel::Sms, false, false)]);
    let all = token(&world, seed.tenant, to.0).await;
    wish(&world, &all, Wish::Unsubscribe).await.unwrap();
    assert_eq!(revoked(to.0).await, [(Channel::Whatsapp, true, true), (Channel::Sms, true, false)]);

    let strangers = seed.contact(2).await;
    for (contact, message) in [(strangers.0, message), (to.0, MessageId::new(noon()))] {
        let refused = preferences::link(&world.app, seed.tenant, contact, Some(message)).await;
        assert!(matches!(refused, Err(LinkError::UnknownMessage(_))));
    }
}

#[tokio::test]
async fn a_link_follows_its_person_through_a_merge_and_ends_with_erasure() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let survivor = person(&world, tenant, "bo", "+12025550199", NewContact::default()).await;
    let token = token(&world, tenant, id).await;
    merges::merge(&world.app, tenant, survivor, id).await.unwrap();
    assert_eq!(open(&world, &token).await.unwrap().entries.len(), 2);
    let told = contacts::everything(&world.app, tenant, survivor).await.unwrap();
    assert!(told["links"][0]["id"].is_string() && told["links"][0].get("token_sha256").is_none());
    assert!(matches!(
        preferences::link(&world.app, tenant, id, None).await,
        Err(LinkError::Contact(ContactError::Merged(_)))
    ));
    contacts::erase(&world.app, tenant, survivor).await.unwrap();
    assert!(open(&world, &token).await.is_none());
    assert!(wish(&world, &token, Wish::StopEverything).await.is_none());
    let left: i64 =
        sqlx::query_scalar("select count(*) from contact_links").fetch_one(&mut world.admin().await).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_link_ends_after_two_years_and_a_guess_leads_nowhere() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = token(&world, tenant, id).await;
    for guess in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", &token[1..], &format!("{token}=")] {
        assert!(open(&world, guess).await.is_none(), "{guess}");
    }
    world.app.clock.advance(TimeDelta::days(729));
    assert!(open(&world, &token).await.is_some());
    world.app.clock.advance(TimeDelta::days(2));
    assert!(open(&world, &token).await.is_none());
    postroad_app::housekeeping::prune(&world.app).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from contact_links").fetch_one(&mut world.admin().await).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_token_is_stored_nowhere_and_another_tenant_sees_no_link_and_makes_none() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let id = ada(&world, tenant).await;
    let token = token(&world, tenant, id).await;
    let stored: String = sqlx::query_scalar("select to_jsonb(l)::text from contact_links l")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert!(!stored.contains(&token) && !stored.contains(NUMBER));
    assert!(matches!(
        preferences::link(&world.app, theirs, id, None).await,
        Err(LinkError::Contact(ContactError::NotFound))
    ));
    let mut tx = TenantTx::begin(&world.app.store, theirs).await.unwrap();
    postroad_store::contact_links::forget(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(open(&world, &token).await.is_some(), "row-level security keeps it");
}
