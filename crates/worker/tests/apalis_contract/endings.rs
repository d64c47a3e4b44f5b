use chrono::TimeDelta;
use postroad_app::jobs::{self, JobEnd};

use crate::world::{ONE, TWO, World};

async fn held(world: &mut World) {
    world.raw("lane", ONE, b"{}").await;
    world
        .run("insert into apalis.workers (id, worker_type, storage_name, layers, last_seen) values ('w', 'lane', 'test', '', now())")
        .await;
    world.run("update apalis.jobs set status = 'Running', lock_by = 'w', lock_at = now(), attempts = 1").await;
}

#[tokio::test]
async fn a_snoozed_job_comes_back_later_without_costing_an_attempt() {
    let mut world = World::new().await;
    held(&mut world).await;
    let until = world.app.clock.now() + TimeDelta::minutes(1);
    jobs::end(&world.app, ONE, "w", &JobEnd::Snoozed { until }).await.unwrap();
    let later = world
        .count("select count(*) from apalis.jobs where run_at > now() + interval '50 seconds' and lock_by is null")
        .await;
    assert_eq!((world.job(ONE).await, later), (("Pending".into(), 1), 1));
}

#[tokio::test]
async fn a_failed_job_waits_for_its_stored_backoff() {
    let mut world = World::new().await;
    held(&mut world).await;
    jobs::end(&world.app, ONE, "w", &JobEnd::Retry { attempt: 3, reason: "down".into() }).await.unwrap();
    let later = world.count("select count(*) from apalis.jobs where run_at > now() + interval '2 seconds'").await;
    assert_eq!((world.job(ONE).await, later), (("Pending".into(), 2), 1));
}

#[tokio::test]
async fn a_job_that_used_its_attempts_or_gave_up_rests_with_its_reason() {
    for end in [JobEnd::Retry { attempt: 8, reason: "down".into() }, JobEnd::Dead { reason: "down".into() }] {
        let mut world = World::new().await;
        held(&mut world).await;
        jobs::end(&world.app, ONE, "w", &end).await.unwrap();
        let told = world.count("select count(*) from apalis.jobs where last_result ->> 'Err' = 'down'").await;
        assert_eq!((world.job(ONE).await.0.as_str(), told), ("Killed", 1), "{end:?}");
    }
}

#[tokio::test]
async fn a_job_that_somebody_else_took_is_left_alone() {
    let mut world = World::new().await;
    held(&mut world).await;
    jobs::end(&world.app, ONE, "another", &JobEnd::Dead { reason: "late".into() }).await.unwrap();
    assert_eq!(world.job(ONE).await, ("Running".into(), 1));
}

#[tokio::test]
async fn a_job_of_another_version_rests_among_the_dead_letters_and_keeps_nobody_waiting() {
    let mut world = World::new().await;
    world.raw("maintenance", ONE, br#"{"task":"of another version"}"#).await;
    world.raw("maintenance", TWO, br#"{"task":"prune","slot":1}"#).await;
    let stop = world.work();
    assert_eq!(world.reaches(TWO, &["Done"]).await.0, "Done");
    assert_eq!(world.reaches(ONE, &["Killed"]).await, ("Killed".into(), 1));
    stop.cancel();
}

#[tokio::test]
async fn a_job_that_killed_three_workers_is_buried() {
    let mut world = World::new().await;
    world.raw("maintenance", ONE, br#"{"task":"prune","slot":1}"#).await;
    // Each take-over of a dead worker's jobs counts an attempt; the next sweep after the third finds no result.
    world.run("update apalis.jobs set attempts = 3").await;
    assert_eq!(postroad_app::sweep::bury_poison(&world.app).await.unwrap(), 1);
    assert_eq!(world.job(ONE).await.0, "Killed");
}
