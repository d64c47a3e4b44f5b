//! Many messages in one request.

use serde_json::{Value, json};

use crate::world::World;

fn message(number: usize) -> Value {
    json!({ "to": format!("+1202555{number:04}"), "type": "text", "text": format!("Hello {number}") })
}

#[tokio::test]
async fn a_thousand_messages_are_accepted_together_in_their_order() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let messages: Vec<Value> = (0..1_000).map(message).collect();
    let answer = caller.post("/v1/messages/batch", &json!({ "messages": messages })).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let results = answer.json()["results"].as_array().unwrap().clone();
    assert_eq!((answer.json()["accepted"].as_u64(), results.len()), (Some(1_000), 1_000));
    let ids: Vec<&str> = results.iter().map(|result| result["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "ids rise with the place");
    let first = caller.get(&format!("/v1/messages/{}", ids[0])).await.json();
    assert_eq!(first["content"]["body"], "Hello 0");
    assert_eq!(world.count("select count(*) from sends").await, 1_000);
    assert_eq!(world.count("select count(*) from contacts").await, 1_000);
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 1, "one wake-up per lane");
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_by_its_place() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let messages = [
        message(1),
        json!({ "to": "nobody", "type": "text", "text": "x" }),
        message(2),
        json!({ "to": "+12025550003", "type": "text", "text": "" }),
    ];
    let answer = caller.post("/v1/messages/batch", &json!({ "messages": messages })).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["accepted"], 2);
    assert_eq!(body["results"][1]["error"]["code"], "invalid_address");
    assert_eq!(
        (body["results"][3]["error"]["code"].as_str(), body["results"][3]["error"]["index"].as_u64()),
        (Some("empty"), Some(3))
    );
    assert!(body["results"][0]["id"].is_string() && body["results"][2]["id"].is_string());
    assert_eq!(world.count("select count(*) from messages").await, 2);
}

#[tokio::test]
async fn a_batch_of_which_nothing_can_be_sent_is_not_stored() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let nobody = json!({ "to": "nobody", "type": "text", "text": "x" });
    let answer = caller.post("/v1/messages/batch", &json!({ "messages": [nobody, nobody] })).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "batch_refused"), "{}", answer.text());
    assert_eq!(
        answer.json()["errors"][1],
        json!({ "index": 1, "code": "invalid_address", "detail": "the address cannot be reached on whatsapp" })
    );
    assert_eq!(world.count("select count(*) from idempotency").await, 0);
    for (messages, code) in [(Vec::new(), "batch_size"), (vec![message(1); 1_001], "batch_size")] {
        let answer = caller.post("/v1/messages/batch", &json!({ "messages": messages })).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code));
    }
}

#[tokio::test]
async fn two_messages_of_a_batch_to_one_person_keep_their_order() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let same: Vec<Value> =
        (0..20).map(|n| json!({ "to": "+12025550123", "type": "text", "text": n.to_string() })).collect();
    caller.post("/v1/messages/batch", &json!({ "messages": same })).await;
    let order = world
        .text("select string_agg(m.content ->> 'body', ' ' order by s.run_at, s.id) from sends s join messages m on m.id = s.id")
        .await;
    assert_eq!(order, (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
    assert_eq!(world.count("select count(*) from contacts").await, 1);
}
