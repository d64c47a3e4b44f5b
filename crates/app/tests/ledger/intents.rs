use chrono::TimeDelta;
use postroad_testkit::{SeedAccount, SeedMessage};
use sqlx::Executor;

use crate::{
    lane::{claim, decide, seed, take, worker},
    world::World,
};

/// Claims one send, changes something, and tells whether it still leaves.
async fn leaves_after(change: &str) -> (bool, String) {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage::default()).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
    seed.conn().execute(sqlx::AssertSqlSafe(change.to_owned())).await.unwrap();
    let step = decide(&world, owner, fence, &claimed).await;
    let state: String = sqlx::query_scalar("select state from sends").fetch_one(seed.conn()).await.unwrap();
    (step.attempts.len() == 1, state)
}

#[tokio::test]
async fn a_send_that_every_gate_lets_pass_is_attempted() {
    assert_eq!(leaves_after("select 1").await, (true, "attempting".into()));
}

#[tokio::test]
async fn every_switch_stops_a_send_that_is_claimed_already() {
    let cases = [
        ("update accounts set status = 'paused'", "waiting"),
        ("update tenants set sending_paused = true", "waiting"),
        ("update installation set sending_paused = true", "waiting"),
        ("update installation set restore_hold = true", "waiting"),
        ("update incarnations set lease_until = '2000-01-01'", "queued"),
        ("update lanes set fence = fence + 1", "queued"),
        ("update sends set not_after = '2000-01-01'", "expired"),
        ("update sends set state = 'cancelled', busy = false", "cancelled"),
        ("insert into suppressions select tenant_id, id, '*', address, 'operator', null, now() from addresses", "refused"),
        (
            "insert into consents select tenant_id, id, id, channel, 'transactional', 'revoked', 'test', null, '{}', now(), now() from addresses;
             update messages set purpose = 'transactional'",
            "refused",
        ),
    ];
    for (change, state) in cases {
        assert_eq!(leaves_after(change).await, (false, state.into()), "{change}");
    }
}

#[tokio::test]
async fn an_opt_out_between_the_facts_and_the_intent_stops_the_attempt() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    let id = seed.message(account, to, &SeedMessage::default()).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    claim(&world, owner, &seed, (account, fence), 10).await;
    let intended =
        postroad_store::intents::Intended { tenant: seed.tenant, id, lane: account, fence, consent_version: 0 };
    seed.conn().execute("update addresses set consent_version = 1").await.unwrap();
    let mut tx = postroad_store::SystemTx::begin_lane(&world.app.store).await.unwrap();
    let intents = postroad_store::intents::intend(&mut tx, owner, &[intended], world.now()).await.unwrap();
    assert!(intents.is_empty());
}

#[tokio::test]
async fn a_pair_that_used_its_burst_waits_for_its_next_token() {
    let world = World::new().await;
    let (mut seed, _) = seed(&world).await;
    let account = seed.account(&SeedAccount { spacing: Some((6, 2)), ..Default::default() }).await;
    let to = seed.contact(1).await;
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let mut left = Vec::new();
    for _ in 0..4 {
        seed.message(account, to, &SeedMessage::default()).await;
        let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
        left.push(decide(&world, owner, fence, &claimed).await.attempts.len());
        seed.conn().execute("update sends set state = 'sent', busy = false where state = 'attempting'").await.unwrap();
    }
    assert_eq!(left, [1, 1, 0, 0]);
    world.app.clock.advance(TimeDelta::seconds(6));
    postroad_app::lanes::renew(&world.app, owner).await.unwrap();
    let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
    assert_eq!(decide(&world, owner, fence, &claimed).await.attempts.len(), 1);
}

#[tokio::test]
async fn a_frequency_cap_holds_across_two_lanes_in_the_same_instant() {
    let world = World::new().await;
    let (mut seed, first) = seed(&world).await;
    let second = seed.account(&SeedAccount::default()).await;
    seed.conn().execute(r#"update tenants set caps = '[{"kind":"rolling","window_s":86400,"max":1}]'"#).await.unwrap();
    let to = seed.contact(1).await;
    let marketing = SeedMessage { purpose: "marketing", ..Default::default() };
    for account in [first, second] {
        seed.message(account, to, &marketing).await;
    }
    seed.conn()
        .execute(
            "insert into consents select tenant_id, id, id, channel, 'marketing', 'granted', 'test', null, '{}', now(), now() from addresses",
        )
        .await
        .unwrap();
    let owner = worker(&world).await;
    let mut left = 0;
    for account in [first, second] {
        let fence = take(&world, owner, &seed, account).await.unwrap();
        let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
        left += decide(&world, owner, fence, &claimed).await.attempts.len();
    }
    let gate: String =
        sqlx::query_scalar("select gate from sends where state = 'waiting'").fetch_one(seed.conn()).await.unwrap();
    assert_eq!((left, gate.as_str()), (1, "frequency_cap"));
}

#[tokio::test]
async fn a_repeated_wait_is_one_verdict_with_a_later_check() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    seed.message(account, to, &SeedMessage::default()).await;
    seed.conn().execute("update accounts set status = 'paused'").await.unwrap();
    for _ in 0..3 {
        let owner = worker(&world).await;
        let fence = take(&world, owner, &seed, account).await.unwrap();
        let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
        assert_eq!(claimed.len(), 1);
        decide(&world, owner, fence, &claimed).await;
        world.app.clock.advance(TimeDelta::minutes(16));
    }
    let (rows, span): (i64, f64) =
        sqlx::query_as("select count(*), extract(epoch from max(checked_at - decided_at))::float8 from gate_verdicts")
            .fetch_one(seed.conn())
            .await
            .unwrap();
    assert_eq!((rows, span), (1, 1_920.0));
}
