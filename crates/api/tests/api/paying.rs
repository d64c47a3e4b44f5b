//! Quota and credit: taken with the message, given back with it, never taken twice.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use futures::future::join_all;
use postroad_app::{
    clients::Grant,
    credit::{self, CreditError, Said},
    quota::{self, Quota, QuotaError},
};
use postroad_core::{actor::Actor, ids::ClientId};
use postroad_store::TenantTx;
use postroad_testkit::{Answer, SeedAccount};
use serde_json::json;

use crate::world::{World, all_scopes};

/// What fills a wallet.
pub(crate) const PAID: Said<'static> = Said { by: Actor::Operator, note: "Invoice 17" };

fn text(body: &str) -> serde_json::Value {
    json!({ "to": "+12025550123", "type": "text", "text": body })
}

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn a_quota_counts_by_the_clients_local_date() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let grant = Grant { daily_quota: Some(20), time_zone: "Asia/Tokyo".to_owned(), ..all_scopes() };
    let caller = world.caller_with(tenant.id, true, &grant).await;
    for n in 0..20 {
        assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202, "{n}");
    }
    let answer = caller.post("/v1/messages", &text("x")).await;
    assert_eq!(told(&answer), (429, "quota_exceeded".to_owned()));
    // It is 21:00 in Tokyo.
    assert_eq!(answer.header("retry-after"), "10801");
    assert_eq!(world.count("select count(*) from messages").await, 20, "what is refused is not stored");
    world.clock.advance(TimeDelta::hours(3));
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202);
}

#[tokio::test]
async fn a_batch_takes_its_quota_whole_or_not_at_all() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller_with(tenant.id, true, &Grant { daily_quota: Some(20), ..all_scopes() }).await;
    let batch = |count: usize| json!({ "messages": vec![text("x"); count] });
    assert_eq!(told(&caller.post("/v1/messages/batch", &batch(21)).await), (429, "quota_exceeded".to_owned()));
    assert_eq!(caller.post("/v1/messages/batch", &batch(15)).await.status, 202);
    assert_eq!(told(&caller.post("/v1/messages/batch", &batch(6)).await), (429, "quota_exceeded".to_owned()));
    assert_eq!(caller.post("/v1/messages/batch", &batch(5)).await.status, 202);
    assert_eq!(world.count("select count(*) from messages").await, 20);
}

#[tokio::test]
async fn a_quota_that_is_raised_holds_on_the_same_day() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller_with(tenant.id, true, &Grant { daily_quota: Some(1), ..all_scopes() }).await;
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202);
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 429);
    world.execute("update api_clients set daily_quota = 3").await;
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202);
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202);
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 429);
}

#[tokio::test]
async fn a_cancelled_message_gives_quota_and_credit_back_once() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller_with(tenant.id, true, &Grant { daily_quota: Some(1), ..all_scopes() }).await;
    world.execute("update tenants set credit_enforced = true").await;
    credit::top_up(&world.app, tenant.id, 1, PAID).await.unwrap();
    let accepted = caller.post("/v1/messages", &text("x")).await;
    assert_eq!(accepted.json()["price_estimate"], json!({ "credits": 1 }), "{}", accepted.text());
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 429);
    let cancel = format!("/v1/messages/{}/cancel", accepted.json()["id"].as_str().unwrap());
    for _ in 0..3 {
        assert_eq!(caller.post(&cancel, &json!({})).await.status, 200);
    }
    assert_eq!(credit::balance(&world.app, tenant.id).await.unwrap(), 1);
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 202);
    assert_eq!(caller.post("/v1/messages", &text("x")).await.status, 429);
}

#[tokio::test]
async fn without_credit_nothing_is_accepted_and_the_rest_is_told() {
    let world = World::new().await;
    let mut tenant = world.tenant().await;
    tenant.seed.account(&SeedAccount { provider: "sandbox", channel: "sms", ..SeedAccount::default() }).await;
    let caller = world.caller(tenant.id).await;
    world.execute("update tenants set credit_enforced = true").await;
    let sms = |body: String| json!({ "to": "+12025550123", "channel": "sms", "type": "text", "text": body });
    let answer = caller.post("/v1/messages", &sms("x".into())).await;
    assert_eq!((told(&answer), answer.json()["balance"].as_i64()), ((402, "insufficient_credit".to_owned()), Some(0)));
    credit::top_up(&world.app, tenant.id, 3, PAID).await.unwrap();
    let answer = caller.post("/v1/messages", &sms("x".repeat(600))).await;
    assert_eq!((told(&answer), answer.json()["balance"].as_i64()), ((402, "insufficient_credit".to_owned()), Some(3)));
    assert_eq!(caller.post("/v1/messages", &sms("x".repeat(300))).await.json()["price_estimate"]["credits"], 2);
    assert_eq!(caller.post("/v1/messages", &sms("x".into())).await.status, 202);
    assert_eq!(caller.post("/v1/messages", &sms("x".into())).await.status, 402);
    assert_eq!(world.count("select count(*) from messages").await, 2);
    let sandbox = world.caller_with(tenant.id, false, &all_scopes()).await;
    assert_eq!(sandbox.post("/v1/messages", &text("x")).await.status, 202, "the sandbox costs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_draws_at_once_of_credit_for_eighty_are_exactly_eighty() {
    let world = Arc::new(World::new().await);
    let tenant = world.tenant().await.id;
    credit::top_up(&world.app, tenant, 80, PAID).await.unwrap();
    let drawn = Arc::new(AtomicUsize::new(0));
    let draws = (0..200).map(|_| {
        let (world, drawn) = (world.clone(), drawn.clone());
        tokio::spawn(async move {
            let mut tx = TenantTx::begin(&world.app.store, tenant).await.unwrap();
            match credit::draw(&mut tx, 1).await {
                Ok(()) => {
                    tx.commit().await.unwrap();
                    drawn.fetch_add(1, Ordering::Relaxed);
                }
                Err(CreditError::Insufficient { balance, .. }) => assert_eq!(balance, 0),
                Err(error) => panic!("{error}"),
            }
        })
    });
    join_all(draws).await.into_iter().for_each(Result::unwrap);
    assert_eq!(drawn.load(Ordering::Relaxed), 80);
    assert_eq!(credit::balance(&world.app, tenant).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_draws_at_once_of_a_quota_of_eighty_are_exactly_eighty() {
    let world = Arc::new(World::new().await);
    let tenant = world.tenant().await.id;
    let quota = Quota { client: ClientId::new(world.clock.now()), daily: 80, zone: chrono_tz::Tz::UTC };
    let drawn = Arc::new(AtomicUsize::new(0));
    let draws = (0..200).map(|_| {
        let (world, drawn) = (world.clone(), drawn.clone());
        tokio::spawn(async move {
            let mut tx = TenantTx::begin(&world.app.store, tenant).await.unwrap();
            match quota::draw(&mut tx, &quota, 1, world.clock.now()).await {
                Ok(()) => {
                    tx.commit().await.unwrap();
                    drawn.fetch_add(1, Ordering::Relaxed);
                }
                Err(QuotaError::UsedUp { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        })
    });
    join_all(draws).await.into_iter().for_each(Result::unwrap);
    assert_eq!(drawn.load(Ordering::Relaxed), 80);
}
