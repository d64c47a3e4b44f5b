use std::time::Duration;

use chrono::TimeDelta;
use postroad_core::{
    ids::{AccountId, TenantId},
    jobs::WakeLane,
};
use postroad_store::{SystemTx, queue};

use crate::world::{ONE, World};

fn wake(generation: i64) -> WakeLane {
    WakeLane {
        tenant: TenantId::from_uuid(uuid::Uuid::nil()),
        account: AccountId::from_uuid(uuid::Uuid::nil()),
        generation,
    }
}

#[tokio::test]
async fn the_notify_trigger_is_off_and_the_doubled_indexes_are_gone() {
    let mut world = World::new().await;
    let enabled = world
        .count("select count(*) from pg_trigger where tgname = 'notify_workers' and tgrelid = 'apalis.jobs'::regclass and tgenabled <> 'D'")
        .await;
    let doubled = world
        .count("select count(*) from pg_indexes where schemaname = 'apalis' and indexname in ('unique_job_id', 'lidx')")
        .await;
    let pinned = world.count("select count(*) from pg_proc where proname = 'get_jobs' and array_to_string(proconfig, ',') like '%enable_hashjoin=off%'").await;
    assert_eq!((enabled, doubled, pinned), (0, 0, 1));
}

#[tokio::test]
async fn two_jobs_of_one_key_are_one_job_and_the_transaction_lives_on() {
    let mut world = World::new().await;
    let now = world.app.clock.now();
    for _ in 0..2 {
        let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
        queue::push_all(&mut tx, &[wake(1), wake(1), wake(2)], now).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 2);
}

#[tokio::test]
async fn a_job_that_is_not_committed_does_not_exist() {
    let mut world = World::new().await;
    let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
    queue::push(&mut tx, &wake(1), world.app.clock.now()).await.unwrap();
    drop(tx);
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 0);
}

#[tokio::test]
async fn a_finished_job_mutes_its_key_until_it_is_revived() {
    let mut world = World::new().await;
    let now = world.app.clock.now();
    let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
    queue::push(&mut tx, &wake(1), now).await.unwrap();
    tx.commit().await.unwrap();
    world.run("update apalis.jobs set status = 'Done', done_at = now()").await;
    let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
    queue::push(&mut tx, &wake(1), now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("select count(*) from apalis.jobs where status = 'Pending'").await, 0);
    let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
    queue::revive_all(&mut tx, &[wake(1)], now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("select count(*) from apalis.jobs where status = 'Pending'").await, 1);
}

#[tokio::test]
async fn a_job_is_revived_when_the_worker_that_holds_it_gives_no_sign_of_life() {
    let mut world = World::new().await;
    let stop = world.work();
    while world.count("select count(*) from apalis.workers where id like 'lane-%'").await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let now = world.app.clock.now();
    for (holder, pending) in [("a worker of ours", 0), ("one that died", 1)] {
        world
            .run(
                "insert into apalis.workers (id, worker_type, storage_name, last_seen)
                 values ('lane-dead', 'lane', 'PostgresStorage', now() - interval '25 s') on conflict do nothing",
            )
            .await;
        world.run("delete from apalis.jobs").await;
        // None of ours takes it meanwhile.
        let later = now + TimeDelta::hours(1);
        let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
        queue::push_all(&mut tx, &[wake(1)], later).await.unwrap();
        tx.commit().await.unwrap();
        sqlx::query(
            "update apalis.jobs set status = 'Queued', attempts = 1, lock_at = now(), lock_by =
                 (select id from apalis.workers where id like 'lane-%' and (id = 'lane-dead') = ($1 = 'one that died') limit 1)",
        )
        .bind(holder)
        .execute(&mut world.admin)
        .await
        .unwrap();
        let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
        queue::revive_all(&mut tx, &[wake(1)], later).await.unwrap();
        tx.commit().await.unwrap();
        let found = "select count(*) from apalis.jobs where status = 'Pending' and lock_by is null and attempts = 1";
        assert_eq!(world.count(found).await, pending, "{holder}");
    }
    stop.cancel();
}

#[tokio::test]
async fn the_pruner_takes_what_is_done_and_keeps_what_is_dead_and_what_is_due() {
    let mut world = World::new().await;
    for (nth, (status, hours)) in [("Done", 2), ("Killed", 2), ("Pending", 2), ("Done", 0)].into_iter().enumerate() {
        let id = format!("01ARZ3NDEKTSV4RRFFQ69G5F0{nth}");
        world.raw("lane", &id, b"{}").await;
        sqlx::query("update apalis.jobs set status = $2, done_at = now() - make_interval(hours => $3) where id = $1")
            .bind(id)
            .bind(status)
            .bind(hours)
            .execute(&mut world.admin)
            .await
            .unwrap();
    }
    let now = world.app.clock.now();
    let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
    let pruned = queue::prune(&mut tx, now - TimeDelta::hours(1), now - TimeDelta::days(30)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((pruned, world.count("select count(*) from apalis.jobs").await), (1, 3));
}

#[tokio::test]
async fn a_row_at_which_apalis_would_end_its_worker_cannot_be_stored() {
    let mut world = World::new().await;
    for (id, body) in [("no-ulid", &b"{}"[..]), (ONE, b"no JSON"), (ONE, b"\xff")] {
        assert!(world.try_raw("lane", id, body).await.is_err(), "{id} {body:?}");
    }
    world.raw("lane", ONE, b"{}").await;
}
