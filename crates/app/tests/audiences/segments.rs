//! Segments: made, changed, taken away, and each tenant's own.

use postroad_app::{
    campaigns::{self, Timing},
    segments::{self, NewSegment, SegmentChange, SegmentError},
};
use postroad_core::{
    actor::Actor,
    ids::GroupId,
    segment::{Filter, TagTest},
};
use postroad_store::campaigns::{Audience, Exclusion};
use postroad_testkit::Seed;

use crate::stage::Stage;

fn tagged(tag: &str) -> Filter {
    Filter::Tag(TagTest::Has(tag.into()))
}

fn new(name: &str) -> NewSegment {
    NewSegment { name: name.into(), filter: tagged("vip") }
}

#[tokio::test]
async fn a_segment_is_made_found_changed_and_taken_away() {
    let stage = Stage::new(0).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let made = segments::create(app, tenant, new("  Loyal ")).await.unwrap();
    assert_eq!(made.name, "Loyal");
    assert!(matches!(segments::create(app, tenant, new("LOYAL")).await, Err(SegmentError::NameTaken)));
    let change = SegmentChange { filter: Some(tagged("gold")), ..SegmentChange::default() };
    let changed = segments::update(app, tenant, made.id, change).await.unwrap();
    assert_eq!((changed.name.as_str(), &changed.filter.0), ("Loyal", &tagged("gold")));
    assert_eq!(segments::list(app, tenant, None, 10).await.unwrap(), [changed]);
    segments::delete(app, tenant, made.id).await.unwrap();
    assert!(matches!(segments::get(app, tenant, made.id).await, Err(SegmentError::NotFound)));
    assert!(matches!(segments::delete(app, tenant, made.id).await, Err(SegmentError::NotFound)));
}

#[tokio::test]
async fn a_segment_that_means_nothing_is_not_kept() {
    let stage = Stage::new(0).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let made = segments::create(app, tenant, new("Loyal")).await.unwrap();
    let nowhere = Filter::Group(GroupId::from_uuid(uuid::Uuid::from_u128(1)));
    for (name, filter) in [("", tagged("a")), ("x", Filter::Any(vec![])), ("x", tagged("VIP")), ("x", nowhere)] {
        let refused = segments::create(app, tenant, NewSegment { name: name.into(), filter: filter.clone() }).await;
        assert!(matches!(refused, Err(SegmentError::Name | SegmentError::Audience(_))), "{filter:?}");
        let change = SegmentChange { name: Some(name.into()), filter: Some(filter) };
        segments::update(app, tenant, made.id, change).await.unwrap_err();
    }
    assert_eq!(segments::get(app, tenant, made.id).await.unwrap(), made);
}

#[tokio::test]
async fn the_segments_of_others_are_not_there_and_their_names_are_free() {
    let stage = Stage::new(0).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let stranger = Seed::new(&stage.world.db, stage.seed.now).await.tenant;
    let made = segments::create(app, tenant, new("Loyal")).await.unwrap();
    assert!(matches!(segments::get(app, stranger, made.id).await, Err(SegmentError::NotFound)));
    assert!(matches!(segments::delete(app, stranger, made.id).await, Err(SegmentError::NotFound)));
    let change = SegmentChange { name: Some("Mine".into()), filter: None };
    assert!(matches!(segments::update(app, stranger, made.id, change).await, Err(SegmentError::NotFound)));
    assert_eq!(segments::list(app, stranger, None, 10).await.unwrap(), []);
    segments::create(app, stranger, new("Loyal")).await.unwrap();
}

#[tokio::test]
async fn what_a_campaign_waits_for_stays() {
    let mut stage = Stage::new(1).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let (to, not_to) = (
        segments::create(&app, tenant, new("To")).await.unwrap().id,
        segments::create(&app, tenant, new("Not to")).await.unwrap().id,
    );
    let draft = campaigns::NewCampaign {
        audience: Audience::Segment { segment: to },
        exclude: vec![Exclusion::Segment { segment: not_to }],
        ..stage.draft()
    };
    let id = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    let at = stage.world.now() + chrono::TimeDelta::days(1);
    campaigns::schedule(&app, Actor::Operator, tenant, id, &Timing::At(at)).await.unwrap();
    for segment in [to, not_to] {
        assert!(matches!(segments::delete(&app, tenant, segment).await, Err(SegmentError::InUse)));
    }
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    for segment in [to, not_to] {
        segments::delete(&app, tenant, segment).await.unwrap();
    }
    assert_eq!(stage.count("select count(*) from segments").await, 0);
}
