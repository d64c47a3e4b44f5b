use chrono::TimeDelta;
use postroad_core::{
    ids::{AccountId, IncarnationId, TenantId},
    jobs::{Queue, WakeLane},
    limits::LEASE,
};
use postroad_store::{
    SystemTx,
    incarnations::{self, Incarnation},
    queue,
};

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
async fn a_job_whose_process_died_is_revived_and_one_that_somebody_works_at_is_not() {
    let mut world = World::new().await;
    let now = world.app.clock.now();
    let [alive, dead] = [now, now - LEASE * 2].map(|at| (IncarnationId::new(at), at));
    for (id, at) in [alive, dead] {
        let one = Incarnation { id, role: "work", host: "here".to_owned(), pid: 1 };
        let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
        incarnations::insert(&mut tx, &one, at).await.unwrap();
        queue::push_all(&mut tx, &[wake(1)], now).await.unwrap();
        tx.commit().await.unwrap();
    }
    let gone = IncarnationId::new(now);
    for (holder, status, pending) in
        [(alive.0, "Queued", 0), (alive.0, "Running", 0), (dead.0, "Queued", 1), (gone, "Running", 1)]
    {
        let name = queue::worker_name(Queue::Lane, holder, 0);
        sqlx::query(
            "with worker as (
                 insert into apalis.workers (id, worker_type, storage_name, last_seen) values ($2, 'lane', 'PostgresStorage', now())
                 on conflict do nothing)
             update apalis.jobs set status = $1, lock_by = $2, lock_at = now()",
        )
            .bind(status)
            .bind(name)
            .execute(&mut world.admin)
            .await
            .unwrap();
        let mut tx = SystemTx::begin(&world.app.store).await.unwrap();
        queue::revive_all(&mut tx, &[wake(1)], now).await.unwrap();
        tx.commit().await.unwrap();
        let found = world.count("select count(*) from apalis.jobs where status = 'Pending' and lock_by is null").await;
        assert_eq!(found, pending, "{status}");
    }
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
