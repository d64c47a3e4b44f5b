use std::collections::BTreeMap;

use chrono::TimeDelta;
use postroad_core::unknown::Graces;
use postroad_simulators::meta::{Action, MetaConfig, Rule};
use postroad_testkit::SeedMessage;

use crate::world::World;

const OPEN: &[&str] = &["queued", "waiting", "claimed", "attempting", "unknown"];

fn counts(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_reaches_the_provider_once() {
    let mut world = World::new(MetaConfig::default()).await;
    let account = world.account(1_000.0).await;
    world.messages(account, 200, &SeedMessage::default()).await;
    let (stop, running) = world.work(Graces::default());
    assert_eq!(world.settled(OPEN).await, counts(&[("accepted", 200)]));
    let stats = world.sim.stats();
    assert_eq!((stats.counts.accepted_unique, stats.counts.duplicates), (200, 0));
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
    let owned: i64 = sqlx::query_scalar("select count(*) from lanes where owner is not null")
        .fetch_one(world.seed.conn())
        .await
        .unwrap();
    assert_eq!(owned, 0, "a graceful stop frees its lanes");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_ends_where_it_should() {
    let mut world = World::new(MetaConfig::default()).await;
    let account = world.account(1_000.0).await;
    world
        .sim
        .add_rules([
            Rule::next(20, Action::CutBefore),
            Rule::next(20, Action::AcceptThenCut),
            Rule::next(20, Action::Error { code: 131_026, status: None }),
            Rule::next(20, Action::RateLimited { code: 130_429, retry_after_s: Some(1) }),
        ])
        .unwrap();
    world.messages(account, 100, &SeedMessage { class: "campaign", ..Default::default() }).await;
    let graces = Graces { auth: TimeDelta::seconds(1), other: TimeDelta::seconds(1) };
    let (stop, _running) = world.work(graces);
    let open = ["queued", "waiting", "claimed", "attempting"];
    assert_eq!(world.settled(&open).await, counts(&[("accepted", 40), ("rejected", 20), ("unknown", 40)]));
    let stats = world.sim.stats();
    assert_eq!(
        (stats.counts.accepted_unique, stats.counts.duplicates),
        (60, 0),
        "forty answers and twenty that were cut"
    );
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transactional_message_that_was_cut_goes_out_once_more_after_its_grace() {
    let mut world = World::new(MetaConfig::default()).await;
    let account = world.account(1_000.0).await;
    world.sim.add_rules([Rule::next(10, Action::CutBefore)]).unwrap();
    world.messages(account, 30, &SeedMessage::default()).await;
    let graces = Graces { auth: TimeDelta::seconds(1), other: TimeDelta::milliseconds(400) };
    let (stop, _running) = world.work(graces);
    assert_eq!(world.settled(OPEN).await, counts(&[("accepted", 30)]));
    assert_eq!(world.sim.stats().counts.duplicates, 0);
    stop.cancel();
}
