use chrono::TimeDelta;
use postroad_app::sweep::{self, Swept};
use postroad_core::{
    ids::{AccountId, TenantId},
    unknown::Graces,
};
use postroad_store::{SystemTx, pulses};
use postroad_testkit::SeedMessage;
use sqlx::Executor;

use crate::{
    lane::{claim, seed, take, worker},
    world::World,
};

/// A send in `state` for `age`, swept once: its state and reason after that.
async fn swept(world: &World, class: &'static str, change: &str, age: TimeDelta) -> (Swept, String, bool) {
    let (mut seed, account) = seed(world).await;
    let to = seed.contact(1).await;
    let id = seed.message(account, to, &SeedMessage { class, ..Default::default() }).await;
    seed.conn().execute(sqlx::AssertSqlSafe(format!("{change} where id = '{}'", id.uuid()))).await.unwrap();
    world.app.clock.advance(age);
    let swept = sweep::ledger(&world.app, Graces::default(), &["whatsapp_cloud".into()]).await.unwrap();
    let (state, busy) =
        sqlx::query_as("select state, busy from sends where id = $1").bind(id).fetch_one(seed.conn()).await.unwrap();
    (swept, state, busy)
}

const ATTEMPTING: &str = "update sends set state = 'attempting', attempt = 1, busy = true";
const UNKNOWN: &str = "update sends set state = 'unknown', attempt = 1, busy = true";
const CLAIMED: &str = "update sends set state = 'claimed', busy = true";

#[tokio::test]
async fn a_claim_without_an_owner_goes_back_to_the_queue() {
    let world = World::new().await;
    let (swept, state, busy) = swept(&world, "campaign", CLAIMED, TimeDelta::seconds(2)).await;
    assert_eq!((swept.requeued, state.as_str(), busy), (1, "queued", false));
}

#[tokio::test]
async fn an_attempt_that_took_too_long_is_unknown_and_never_queued() {
    let cases = [(TimeDelta::seconds(29), 0, "attempting"), (TimeDelta::seconds(31), 1, "unknown")];
    for (age, moved, state) in cases {
        let world = World::new().await;
        let (swept, after, busy) = swept(&world, "transactional", ATTEMPTING, age).await;
        assert_eq!((swept.unknown, after.as_str(), busy), (moved, state, true), "{age}");
    }
}

#[tokio::test]
async fn what_becomes_of_an_unknown_outcome_is_the_choice_of_its_class() {
    let world = World::new().await;
    let cases = [
        ("auth", TimeDelta::seconds(19), "unknown", true),
        ("auth", TimeDelta::seconds(21), "waiting", true),
        ("transactional", TimeDelta::seconds(21), "unknown", true),
        ("transactional", TimeDelta::minutes(11), "waiting", true),
        ("agent_reply", TimeDelta::minutes(11), "unknown", false),
        ("automation", TimeDelta::minutes(11), "unknown", false),
        ("campaign", TimeDelta::minutes(11), "unknown", false),
    ];
    for (class, age, state, busy) in cases {
        let (_, after, held) = swept(&world, class, UNKNOWN, age).await;
        assert_eq!((after.as_str(), held), (state, busy), "{class} after {age}");
    }
}

#[tokio::test]
async fn an_unknown_is_sent_again_once_and_not_when_somebody_forbade_it() {
    let world = World::new().await;
    for change in ["resends = 1", "no_resend = true", "not_after = '2000-01-01'"] {
        let change = format!("{UNKNOWN}, {change}");
        let (swept, state, busy) = swept(&world, "transactional", &change, TimeDelta::minutes(11)).await;
        assert_eq!((swept.resent, swept.settled, state.as_str(), busy), (0, 1, "unknown", false), "{change}");
    }
}

#[tokio::test]
async fn a_lane_with_something_due_and_nobody_alive_is_woken_even_when_its_job_is_done() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage::default()).await;
    for _ in 0..2 {
        let (_, woken) = sweep::wake_orphans(&world.app, None).await.unwrap();
        assert_eq!(woken, 1);
        let due: i64 =
            sqlx::query_scalar("select count(*) from apalis.jobs where status = 'Pending' and job_type = 'lane'")
                .fetch_one(seed.conn())
                .await
                .unwrap();
        assert_eq!(due, 1);
        seed.conn().execute("update apalis.jobs set status = 'Done', done_at = now()").await.unwrap();
    }
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    assert_eq!(sweep::wake_orphans(&world.app, None).await.unwrap().1, 0, "somebody alive holds it");
    assert_eq!(claim(&world, owner, &seed, (account, fence), 1).await.len(), 1);
}

async fn resent(world: &World) -> i64 {
    sweep::ledger(&world.app, Graces::default(), &["whatsapp_cloud".into()]).await.unwrap().resent
}

#[tokio::test]
async fn nothing_is_sent_again_while_evidence_may_lie_unread() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    let id = seed.message(account, to, &SeedMessage { class: "transactional", ..Default::default() }).await;
    seed.conn().execute(UNKNOWN).await.unwrap();
    let webhook = "insert into webhook_journal (id, tenant_id, provider, account_id, headers, url, body, received_at)
                   select gen_random_uuid(), m.tenant_id, 'whatsapp_cloud', m.account_id, '{}', '/', '', $2 from messages m where m.id = $1";
    let arrived_at = world.app.clock.now() + TimeDelta::minutes(2);
    sqlx::query(webhook).bind(id).bind(arrived_at).execute(seed.conn()).await.unwrap();
    world.app.clock.advance(TimeDelta::minutes(11));
    assert_eq!(resent(&world).await, 0, "what arrived nine minutes ago may be its receipt");
    seed.conn().execute("update webhook_journal set state = 'applied'").await.unwrap();
    assert_eq!(resent(&world).await, 1);
}

/// Notes that the account's provider took a message at one time, and that its receipts tell of another; minutes from now.
async fn note(world: &World, (tenant, account): (TenantId, AccountId), took: i64, told: Option<i64>) {
    let at = |minutes| world.app.clock.now() + TimeDelta::minutes(minutes);
    let mut tx = SystemTx::begin_settle(&world.app.store).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|told| (tenant, account, at(told))).collect();
    pulses::note_told(&mut tx, &told, at(60)).await.unwrap();
    pulses::note_accepted(&mut tx, &[(tenant, account, at(took))], at(took)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_grace_is_counted_in_the_time_that_late_receipts_tell_of() {
    // Minutes: when the account last sent, what its receipts tell of, when the sweep comes, and how many go out again.
    let cases = [
        (10, Some(9), 11, 0),
        (10, Some(10), 11, 1),
        (30, Some(11), 30, 1),
        (30, Some(9), 30, 0),
        (30, Some(9), 61, 1),
        (0, None, 11, 0),
        (0, None, 61, 1),
    ];
    for (took, told, swept, sent) in cases {
        let world = World::new().await;
        let (mut seed, account) = seed(&world).await;
        let to = seed.contact(1).await;
        seed.message(account, to, &SeedMessage { class: "transactional", ..Default::default() }).await;
        seed.conn().execute(UNKNOWN).await.unwrap();
        note(&world, (seed.tenant, account), took, told).await;
        world.app.clock.advance(TimeDelta::minutes(swept));
        assert_eq!(resent(&world).await, sent, "took {took}, told {told:?}, swept {swept}");
    }
}

#[tokio::test]
async fn a_providers_clock_that_is_ahead_of_ours_promises_nothing() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage { class: "transactional", ..Default::default() }).await;
    seed.conn().execute(UNKNOWN).await.unwrap();
    let now = world.app.clock.now();
    let mut tx = SystemTx::begin_settle(&world.app.store).await.unwrap();
    pulses::note_told(&mut tx, &[(seed.tenant, account, now + TimeDelta::hours(2))], now).await.unwrap();
    pulses::note_accepted(&mut tx, &[(seed.tenant, account, now)], now + TimeDelta::minutes(10)).await.unwrap();
    tx.commit().await.unwrap();
    world.app.clock.advance(TimeDelta::minutes(11));
    assert_eq!(resent(&world).await, 0, "receipts tell of no time that has not come");
}

#[tokio::test]
async fn a_grace_begins_anew_after_a_time_in_which_nobody_swept() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage { class: "auth", ..Default::default() }).await;
    seed.conn().execute(UNKNOWN).await.unwrap();
    let lead =
        "insert into leader (incarnation, term, lease_until) values (gen_random_uuid(), 1, now() + interval '1 year')";
    seed.conn().execute(lead).await.unwrap();
    // The database was away for the whole grace.
    world.app.clock.advance(TimeDelta::minutes(11));
    assert_eq!(resent(&world).await, 0);
    for _ in 0..9 {
        world.app.clock.advance(TimeDelta::seconds(2));
        assert_eq!(resent(&world).await, 0);
    }
    world.app.clock.advance(TimeDelta::seconds(2));
    assert_eq!(resent(&world).await, 1, "twenty seconds of listening later");
}
