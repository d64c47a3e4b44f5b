//! A preview counts exactly, and says what the gates would.

use std::collections::BTreeMap;

use postroad_app::{
    audiences::{self, Asked, AudienceError, Whom},
    campaigns, dry_run,
};
use postroad_core::{
    account::Channel,
    actor::Actor,
    consent::{ConsentAction, Purpose},
    ids::{GroupId, SegmentId},
    segment::{Filter, Standing, TagTest},
};
use postroad_store::campaigns::Audience;
use uuid::Uuid;

use crate::{
    people::{Address, Person, Town, at},
    stage::Stage,
};

fn asked(filter: Filter) -> Asked {
    Asked { whom: Whom::Filter(filter), channel: Channel::Whatsapp, purpose: Purpose::Marketing }
}

fn vip() -> Filter {
    Filter::Tag(TagTest::Has("vip".into()))
}

/// People in every standing, some of them with the tag.
fn people() -> Vec<Person> {
    let words = [None, Some(ConsentAction::Granted), Some(ConsentAction::Granted), Some(ConsentAction::Revoked)];
    let mut people = Vec::new();
    for nth in 0..60 {
        let whatsapp = Address { marketing: words[nth % 4], suppressed: nth % 7 == 0, ..at(Channel::Whatsapp) };
        let addresses = if nth % 5 == 0 { vec![at(Channel::Sms)] } else { vec![whatsapp] };
        let tags = if nth % 3 == 0 { vec![] } else { vec!["vip"] };
        people.push(Person { known_for_h: 1, addresses, tags, ..Person::default() });
    }
    people
}

#[tokio::test]
async fn the_funnel_is_exact_and_equals_the_dry_run_of_a_campaign_for_the_same_people() {
    let stage = Stage::new(0).await;
    let draft = stage.draft();
    let (world, tenant) = (stage.world, stage.seed.tenant);
    let mut town = Town::new(stage.seed, stage.account);
    for person in people() {
        town.add(person).await;
    }
    let preview = audiences::preview(&world.app, tenant, &asked(vip())).await.unwrap();
    assert_eq!((preview.matched, preview.at, preview.samples.len()), (40, world.now(), 20));
    assert_eq!(preview.funnel.values().sum::<i64>(), 40);
    assert!(preview.funnel.values().all(|count| *count > 0), "{:?}", preview.funnel);
    for sample in &preview.samples {
        let (_, person) = town.people.iter().find(|(id, _)| *id == sample.contact).unwrap();
        assert_eq!(sample.standing == Standing::NoAddress, person.addresses[0].channel == Channel::Sms);
        assert!(person.tags.contains(&"vip"));
    }

    let new = campaigns::NewCampaign { audience: Audience::Filter { filter: vip() }, ..draft };
    let id = campaigns::create(&world.app, Actor::Operator, tenant, new).await.unwrap();
    // Without a name the template gate would refuse everybody else.
    sqlx::query(r#"update contacts set attributes = '{"first_name": "P"}'"#).execute(town.seed.conn()).await.unwrap();
    let told = dry_run::dry_run(&world.app, tenant, id).await.unwrap();
    let refused: BTreeMap<String, i64> = told.refused.iter().map(|(reason, n)| (reason.to_string(), *n)).collect();
    for standing in [Standing::Suppressed, Standing::OptedOut, Standing::NoConsent] {
        assert_eq!(refused.get(standing.as_str()), preview.funnel.get(&standing), "{standing}: {refused:?}");
    }
    assert_eq!(told.sent + told.waiting.values().sum::<i64>(), preview.funnel[&Standing::WillReceive]);
    assert_eq!(told.recipients, 40 - preview.funnel[&Standing::NoAddress]);
}

#[tokio::test]
async fn one_tenant_never_counts_the_people_of_another() {
    let stage = Stage::new(7).await;
    let stranger = postroad_testkit::Seed::new(&stage.world.db, stage.seed.now).await.tenant;
    let everybody = Filter::Not(Box::new(vip()));
    let matched = |preview: audiences::Preview| (preview.matched, preview.samples.len());
    let ours = audiences::preview(&stage.world.app, stage.seed.tenant, &asked(everybody.clone())).await.unwrap();
    let theirs = audiences::preview(&stage.world.app, stranger, &asked(everybody)).await.unwrap();
    assert_eq!((matched(ours), matched(theirs)), ((7, 7), (0, 0)));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_reason() {
    let stage = Stage::new(0).await;
    let (group, segment) = (GroupId::from_uuid(Uuid::from_u128(9)), SegmentId::from_uuid(Uuid::from_u128(9)));
    let cases = [
        (asked(Filter::All(vec![])), "invalid_filter"),
        (asked(Filter::Not(Box::new(Filter::Group(group)))), "unknown_group"),
        (Asked { whom: Whom::Segment(segment), ..asked(vip()) }, "unknown_segment"),
        (Asked { purpose: Purpose::Conversational, ..asked(vip()) }, "invalid_purpose"),
    ];
    for (question, code) in cases {
        let told = audiences::preview(&stage.world.app, stage.seed.tenant, &question).await;
        assert_eq!(told.err().map(|error: AudienceError| error.code()), Some(code));
    }
}
