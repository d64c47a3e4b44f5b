//! The same request twice is one message.

use std::sync::Arc;

use futures::future::join_all;
use http::Method;
use postroad_testkit::Answer;
use serde_json::json;

use crate::world::World;

const ID: &str = "order-4711-confirmation";

fn body(text: &str) -> Vec<u8> {
    json!({ "to": "+12025550123", "type": "text", "text": text }).to_string().into_bytes()
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer_and_changes_nothing() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let first = caller.call(Method::POST, "/v1/messages", ID, &body("a")).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, ""), "{}", first.text());
    world.clock.advance(chrono::TimeDelta::minutes(4));
    let second = caller.call(Method::POST, "/v1/messages", ID, &body("a")).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (202, "true"));
    assert_eq!(second.body, first.body);
    assert_eq!(world.count("select count(*) from messages").await, 1);
}

#[tokio::test]
async fn a_request_id_stands_for_one_body_on_one_route_of_one_client() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    caller.call(Method::POST, "/v1/messages", ID, &body("a")).await;
    let other_body = caller.call(Method::POST, "/v1/messages", ID, &body("b")).await;
    assert_eq!((other_body.status, other_body.code().as_str()), (409, "request_id_reused"));
    let other_route = caller.call(Method::POST, "/v1/messages/batch", ID, br#"{"messages":[]}"#).await;
    assert_eq!(other_route.status, 422, "an empty batch is refused before its id counts");
    let batch = json!({ "messages": [{ "to": "+12025550123", "type": "text", "text": "a" }] }).to_string();
    let other_route = caller.call(Method::POST, "/v1/messages/batch", ID, batch.as_bytes()).await;
    assert_eq!((other_route.status, other_route.code().as_str()), (409, "request_id_reused"));

    let neighbour = world.caller(tenant.id).await;
    assert_eq!(neighbour.call(Method::POST, "/v1/messages", ID, &body("b")).await.status, 202);
    assert_eq!(world.count("select count(*) from messages").await, 2);
}

#[tokio::test]
async fn a_refused_request_can_be_corrected_under_its_id() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    assert_eq!(caller.call(Method::POST, "/v1/messages", ID, &body("")).await.code(), "empty");
    assert_eq!(caller.call(Method::POST, "/v1/messages", ID, &body("a")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_identical_posts_at_once_are_one_message() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = Arc::new(world.caller(tenant.id).await);
    let posts = (0..50).map(|_| {
        let caller = caller.clone();
        tokio::spawn(async move { caller.call(Method::POST, "/v1/messages", ID, &body("a")).await })
    });
    let answers: Vec<Answer> = join_all(posts).await.into_iter().map(Result::unwrap).collect();
    let accepted: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 202).collect();
    assert_eq!(accepted.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count(), 1);
    assert!(accepted.iter().all(|answer| answer.body == accepted[0].body));
    for other in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!((other.status, other.code().as_str(), other.header("retry-after")), (409, "in_progress", "1"));
    }
    assert_eq!(world.count("select count(*) from messages").await, 1);
    assert_eq!(world.count("select count(*) from sends").await, 1);
}

#[tokio::test]
async fn a_repetition_does_not_wait_long_for_a_request_that_hangs() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let client = world.text("select client_id::text from api_keys").await;
    let mut hanging = world.db.admin().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "begin; insert into idempotency (tenant_id, client_id, request_id, body_sha256, route, status, answer, created_at)
         values ('{}', '{client}', '{ID}', 'x', 'POST /v1/messages', 0, 'null', now())",
        tenant.id.uuid()
    )))
    .execute(&mut hanging)
    .await
    .unwrap();
    let answer = caller.call(Method::POST, "/v1/messages", ID, &body("a")).await;
    assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (409, "in_progress", "1"));
    sqlx::raw_sql("rollback").execute(&mut hanging).await.unwrap();
    assert_eq!(caller.call(Method::POST, "/v1/messages", ID, &body("a")).await.status, 202);
}
