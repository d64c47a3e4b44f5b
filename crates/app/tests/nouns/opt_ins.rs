//! A consent that counts once the person has said yes a second time.

use chrono::TimeDelta;
use postroad_app::{
    consents::{self, NewConsent},
    contacts::{self, ContactError, NewContact},
    merges,
    opt_ins::{self, NewOptIn, OptInError},
};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, OptInState, Purpose},
    ids::{ContactId, TenantId},
};
use postroad_testkit::Seed;

use crate::{
    merges::{person, world},
    world::{World, noon},
};

const NUMBER: &str = "+12025550173";

async fn ada(world: &World, tenant: TenantId) -> ContactId {
    person(world, tenant, "ada", NUMBER, NewContact::default()).await
}

fn question() -> NewOptIn {
    NewOptIn {
        channel: Channel::Whatsapp,
        address: "+1 202 555 0173".into(),
        purpose: Purpose::Marketing,
        source: "form".into(),
        wording: "Yes, send me offers.".into(),
    }
}

async fn ask(world: &World, tenant: TenantId, id: ContactId) -> String {
    opt_ins::ask(&world.app, tenant, id, question()).await.unwrap().token.as_str().to_owned()
}

async fn look(world: &World, token: &str) -> OptInState {
    opt_ins::look(&world.app, token).await.unwrap().unwrap().state
}

async fn confirm(world: &World, token: &str) -> OptInState {
    opt_ins::confirm(&world.app, token).await.unwrap().unwrap().state
}

async fn word(world: &World, tenant: TenantId, id: ContactId) -> Option<ConsentAction> {
    let profile = contacts::get(&world.app, tenant, id).await.unwrap();
    profile.addresses[0].marketing.map(|word| word.action)
}

async fn stop(world: &World, tenant: TenantId) {
    let stop = NewConsent {
        channel: Channel::Whatsapp,
        address: NUMBER.into(),
        purpose: Purpose::Marketing,
        action: ConsentAction::Revoked,
        source: "inbound".into(),
        wording: Some("STOP".into()),
        evidence: serde_json::Map::new(),
        occurred_at: None,
    };
    consents::record(&world.app, tenant, vec![stop]).await.unwrap();
}

#[tokio::test]
async fn nothing_is_consented_to_before_the_second_yes_and_then_once_with_its_evidence() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = ask(&world, tenant, id).await;
    assert_eq!((word(&world, tenant, id).await, look(&world, &token).await), (None, OptInState::Pending));
    world.app.clock.advance(TimeDelta::hours(1));
    for _ in 0..3 {
        assert_eq!(confirm(&world, &token).await, OptInState::Confirmed);
    }
    assert_eq!(
        (word(&world, tenant, id).await, look(&world, &token).await),
        (Some(ConsentAction::Granted), OptInState::Confirmed)
    );
    let history = consents::history(&world.app, tenant, id, None, 9).await.unwrap();
    assert_eq!(history.len(), 1);
    let entry = &history[0];
    assert_eq!((entry.source.as_str(), entry.wording.as_deref()), ("form", Some("Yes, send me offers.")));
    assert_eq!(entry.occurred_at, noon() + TimeDelta::hours(1));
    assert_eq!(entry.evidence["asked_at"], "2026-03-02T12:00:00Z");
    assert_eq!(entry.evidence["confirmed_at"], "2026-03-02T13:00:00Z");
    let list = opt_ins::list(&world.app, tenant, id, None, 9).await.unwrap();
    assert_eq!((list.len(), list[0].state, list[0].decided_at), (1, OptInState::Confirmed, Some(entry.occurred_at)));
}

#[tokio::test]
async fn many_clicks_at_once_are_one_consent() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = ask(&world, tenant, id).await;
    let clicks: Vec<_> = (0..6)
        .map(|_| {
            let (app, token) = (world.app.clone(), token.clone());
            tokio::spawn(async move { opt_ins::confirm(&app, &token).await.unwrap().unwrap().state })
        })
        .collect();
    for click in clicks {
        assert_eq!(click.await.unwrap(), OptInState::Confirmed);
    }
    assert_eq!(consents::history(&world.app, tenant, id, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn after_seven_days_the_link_has_expired() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = ask(&world, tenant, id).await;
    world.app.clock.advance(TimeDelta::days(7) - TimeDelta::milliseconds(1));
    assert_eq!(look(&world, &token).await, OptInState::Pending);
    world.app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!((look(&world, &token).await, confirm(&world, &token).await), (OptInState::Expired, OptInState::Expired));
    assert_eq!(word(&world, tenant, id).await, None);
    let list = opt_ins::list(&world.app, tenant, id, None, 9).await.unwrap();
    assert_eq!(opt_ins::standing(&list[0], world.now()), OptInState::Expired);
}

#[tokio::test]
async fn a_stop_after_the_question_wins_over_a_later_yes_and_one_before_it_does_not() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    stop(&world, tenant).await;
    world.app.clock.advance(TimeDelta::minutes(1));
    let (old, new) = (ask(&world, tenant, id).await, ask(&world, tenant, id).await);
    assert_eq!(confirm(&world, &new).await, OptInState::Confirmed, "the stop was before the question");
    world.app.clock.advance(TimeDelta::minutes(1));
    stop(&world, tenant).await;
    world.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(look(&world, &old).await, OptInState::Withdrawn);
    for token in [&old, &old] {
        assert_eq!(confirm(&world, token).await, OptInState::Withdrawn);
    }
    assert_eq!(confirm(&world, &new).await, OptInState::Confirmed, "it was, and says nothing anew");
    assert_eq!(word(&world, tenant, id).await, Some(ConsentAction::Revoked));
    let anew = ask(&world, tenant, id).await;
    assert_eq!(confirm(&world, &anew).await, OptInState::Confirmed);
    assert_eq!(word(&world, tenant, id).await, Some(ConsentAction::Granted));
}

#[tokio::test]
async fn a_stop_in_the_instant_of_the_question_wins() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let token = ask(&world, tenant, id).await;
    stop(&world, tenant).await;
    assert_eq!(confirm(&world, &token).await, OptInState::Withdrawn);
}

#[tokio::test]
async fn an_opt_in_goes_with_its_address_and_ends_with_erasure() {
    let (world, tenant) = world().await;
    let id = ada(&world, tenant).await;
    let survivor = person(&world, tenant, "bo", "+12025550199", NewContact::default()).await;
    let token = ask(&world, tenant, id).await;
    merges::merge(&world.app, tenant, survivor, id).await.unwrap();
    assert_eq!(opt_ins::list(&world.app, tenant, survivor, None, 9).await.unwrap().len(), 1);
    assert!(matches!(
        opt_ins::list(&world.app, tenant, id, None, 9).await,
        Err(OptInError::Contact(ContactError::Merged(_)))
    ));
    let told = contacts::everything(&world.app, tenant, survivor).await.unwrap();
    assert!(told["opt_ins"][0]["wording"].is_string() && told["opt_ins"][0].get("token_sha256").is_none());
    contacts::erase(&world.app, tenant, survivor).await.unwrap();
    assert!(opt_ins::confirm(&world.app, &token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_question_that_cannot_be_asked_is_refused() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let id = ada(&world, tenant).await;
    let refused = async |tenant, new| opt_ins::ask(&world.app, tenant, id, new).await.err().unwrap();
    let unknown = |channel, address: &str| NewOptIn { channel, address: address.into(), ..question() };
    assert!(matches!(refused(tenant, unknown(Channel::Whatsapp, "+12025550174")).await, OptInError::UnknownAddress(_)));
    assert!(matches!(refused(tenant, unknown(Channel::Sms, NUMBER)).await, OptInError::UnknownAddress(_)));
    assert!(matches!(refused(tenant, unknown(Channel::Sms, "12")).await, OptInError::Contact(_)));
    let answers = NewOptIn { purpose: Purpose::Conversational, ..question() };
    assert!(matches!(refused(tenant, answers).await, OptInError::Purpose));
    for source in ["", "a\0b", &"x".repeat(101)] {
        assert!(matches!(refused(tenant, NewOptIn { source: source.into(), ..question() }).await, OptInError::Source));
    }
    for wording in ["", &"x".repeat(2_001)] {
        assert!(matches!(
            refused(tenant, NewOptIn { wording: wording.into(), ..question() }).await,
            OptInError::Wording
        ));
    }
    assert!(matches!(refused(theirs, question()).await, OptInError::Contact(ContactError::NotFound)));
    for _ in 0..10 {
        ask(&world, tenant, id).await;
    }
    assert!(matches!(refused(tenant, question()).await, OptInError::TooManyPending));
    world.app.clock.advance(TimeDelta::days(7));
    ask(&world, tenant, id).await;
}
