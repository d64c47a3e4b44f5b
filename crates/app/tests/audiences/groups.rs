//! Groups: made, filled by hand and by a segment, emptied, and each tenant's own.

use postroad_app::{
    contacts::{TagChange, erase, tag},
    groups::{self, GroupError, People},
    segments::{self, NewSegment},
};
use postroad_core::{
    ids::ContactId,
    segment::{Filter, TagTest},
};
use postroad_testkit::Seed;

use crate::stage::Stage;

async fn contacts(stage: &mut Stage) -> Vec<ContactId> {
    sqlx::query_scalar("select id from contacts order by id").fetch_all(stage.seed.conn()).await.unwrap()
}

#[tokio::test]
async fn a_group_is_made_renamed_and_taken_away_with_its_memberships() {
    let mut stage = Stage::new(3).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let group = groups::create(&app, tenant, " Press ").await.unwrap();
    assert_eq!((group.name.as_str(), group.members), ("Press", 0));
    assert!(matches!(groups::create(&app, tenant, "press").await, Err(GroupError::NameTaken)));
    assert!(matches!(groups::create(&app, tenant, " ").await, Err(GroupError::Name)));
    let everybody = People::Contacts(contacts(&mut stage).await);
    groups::add(&app, tenant, group.id, &everybody).await.unwrap();
    let renamed = groups::rename(&app, tenant, group.id, "Media").await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.members), ("Media", 3));
    assert_eq!(groups::list(&app, tenant, None, 10).await.unwrap(), [renamed]);
    groups::delete(&app, tenant, group.id).await.unwrap();
    assert_eq!(stage.count("select count(*) from group_members").await, 0);
    assert!(matches!(groups::get(&app, tenant, group.id).await, Err(GroupError::NotFound)));
}

#[tokio::test]
async fn people_join_and_leave_once_by_name_or_by_segment() {
    let mut stage = Stage::new(6).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let everybody = contacts(&mut stage).await;
    sqlx::query("update contacts set tags = '{vip}' where id = any($1)")
        .bind(&everybody[..4])
        .execute(stage.seed.conn())
        .await
        .unwrap();
    let filter = Filter::Tag(TagTest::Has("vip".into()));
    let segment = segments::create(&app, tenant, NewSegment { name: "Vip".into(), filter }).await.unwrap().id;
    let group = groups::create(&app, tenant, "Press").await.unwrap().id;
    let nobody = ContactId::from_uuid(uuid::Uuid::from_u128(1));
    let named = People::Contacts(vec![everybody[3], everybody[4], nobody, everybody[3]]);
    assert_eq!(groups::add(&app, tenant, group, &named).await.unwrap(), 2);
    assert_eq!(groups::add(&app, tenant, group, &named).await.unwrap(), 0);
    assert_eq!(groups::add(&app, tenant, group, &People::Segment(segment)).await.unwrap(), 3);
    let members = groups::members(&app, tenant, group, Some(everybody[0]), 3).await.unwrap();
    assert_eq!(members.iter().map(|member| member.contact).collect::<Vec<_>>(), everybody[1..4]);
    assert_eq!(groups::remove(&app, tenant, group, &People::Segment(segment)).await.unwrap(), 4);
    assert_eq!(groups::remove(&app, tenant, group, &named).await.unwrap(), 1);
    let many = People::Contacts(vec![nobody; 1_001]);
    assert!(matches!(groups::add(&app, tenant, group, &many).await, Err(GroupError::TooMany)));
}

#[tokio::test]
async fn whoever_was_erased_is_in_no_group_and_gets_no_tag() {
    let mut stage = Stage::new(3).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let everybody = contacts(&mut stage).await;
    let group = groups::create(&app, tenant, "Press").await.unwrap().id;
    groups::add(&app, tenant, group, &People::Contacts(everybody.clone())).await.unwrap();
    erase(&app, tenant, everybody[1]).await.unwrap();
    assert_eq!(groups::get(&app, tenant, group).await.unwrap().members, 2);
    assert_eq!(groups::add(&app, tenant, group, &People::Contacts(everybody.clone())).await.unwrap(), 0);
    let change = TagChange { add: vec!["vip".into()], remove: Vec::new() };
    assert_eq!(tag(&app, tenant, &everybody, &change).await.unwrap().found, 2);
    let members = groups::members(&app, tenant, group, None, 10).await.unwrap();
    assert_eq!(members.iter().map(|member| member.contact).collect::<Vec<_>>(), [everybody[0], everybody[2]]);
}

#[tokio::test]
async fn a_group_that_something_names_stays() {
    let stage = Stage::new(0).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let group = groups::create(app, tenant, "Press").await.unwrap().id;
    let filter = Filter::Not(Box::new(Filter::Group(group)));
    let segment = segments::create(app, tenant, NewSegment { name: "Others".into(), filter }).await.unwrap();
    assert!(matches!(groups::delete(app, tenant, group).await, Err(GroupError::InUse)), "else it would mean everybody");
    segments::delete(app, tenant, segment.id).await.unwrap();
    groups::delete(app, tenant, group).await.unwrap();
}

#[tokio::test]
async fn neither_the_groups_nor_the_people_of_others_can_be_reached() {
    let mut stage = Stage::new(2).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let stranger = Seed::new(&stage.world.db, stage.seed.now).await.tenant;
    let ours = groups::create(&app, tenant, "Press").await.unwrap().id;
    let theirs = groups::create(&app, stranger, "Press").await.unwrap().id;
    let people = People::Contacts(contacts(&mut stage).await);
    assert!(matches!(groups::add(&app, stranger, ours, &people).await, Err(GroupError::NotFound)));
    assert_eq!(groups::add(&app, stranger, theirs, &people).await.unwrap(), 0, "our people are nobody there");
    groups::add(&app, tenant, ours, &people).await.unwrap();
    assert!(matches!(groups::remove(&app, stranger, ours, &people).await, Err(GroupError::NotFound)));
    assert!(matches!(groups::members(&app, stranger, ours, None, 10).await, Err(GroupError::NotFound)));
    assert_eq!(groups::list(&app, stranger, None, 10).await.unwrap().len(), 1);
    assert_eq!(groups::get(&app, tenant, ours).await.unwrap().members, 2);
}
