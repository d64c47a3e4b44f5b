//! Two tenants never see each other.

use postroad_app::clients;
use postroad_core::ids::ImportId;
use postroad_testkit::{SeedAccount, SignedCaller};
use serde_json::{Value, json};

use crate::world::{World, all_scopes};

/// Stands in every text of the other tenant.
const CANARY: &str = "canary";
const THEIRS: &str = "+12025550166";

async fn send(caller: &SignedCaller, to: &str, text: &str) -> Value {
    caller.post("/v1/messages", &json!({ "to": to, "type": "text", "text": text })).await.json()
}

#[tokio::test]
async fn another_tenants_ids_are_as_unknown_as_random_ones() {
    let world = World::new().await;
    let (mine, theirs) = (world.tenant().await, world.tenant().await);
    let me = world.caller(mine.id).await;
    let they = world.caller(theirs.id).await;
    let message = send(&they, THEIRS, CANARY).await["id"].as_str().unwrap().to_owned();
    let client = world
        .text(
            "select 'cli_' || replace(client_id::text, '-', '') from api_keys order by created_at desc, key_id limit 1",
        )
        .await;
    let client =
        clients::create(&world.app, theirs.id, true, &all_scopes()).await.map_or(client, |row| row.id.to_string());
    let key = they.key_id.clone();
    let random = ImportId::new(world.clock.now()).uuid().simple().to_string();
    let routes: [(&str, String, String); 8] = [
        ("GET", format!("/v1/messages/{message}"), format!("/v1/messages/msg_{random}")),
        ("GET", format!("/v1/messages/{message}/explain"), format!("/v1/messages/msg_{random}/explain")),
        ("POST", format!("/v1/messages/{message}/cancel"), format!("/v1/messages/msg_{random}/cancel")),
        ("GET", format!("/v1/api-clients/{client}"), format!("/v1/api-clients/cli_{random}")),
        ("PATCH", format!("/v1/api-clients/{client}"), format!("/v1/api-clients/cli_{random}")),
        ("POST", format!("/v1/api-clients/{client}/keys"), format!("/v1/api-clients/cli_{random}/keys")),
        ("DELETE", format!("/v1/api-clients/{client}/keys/{key}"), format!("/v1/api-clients/cli_{random}/keys/{key}")),
        ("GET", format!("/v1/api-clients/{client}/requests"), format!("/v1/api-clients/cli_{random}/requests")),
    ];
    for (method, theirs, random) in routes {
        let method: http::Method = method.parse().unwrap();
        let seen = me.call(method.clone(), &theirs, &me.request_id(), b"{}").await;
        let unseen = me.call(method, &random, &me.request_id(), b"{}").await;
        assert_eq!((seen.status, unseen.status), (404, 404), "{theirs}");
        assert_eq!(without_id(seen.json()), without_id(unseen.json()), "{theirs}");
    }
    assert_eq!(world.count("select count(*) from sends where state = 'queued'").await, 1);
}

fn without_id(mut problem: Value) -> Value {
    problem.as_object_mut().map(|object| object.remove("request_id"));
    problem
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_any_answer() {
    let world = World::new().await;
    let (mine, mut theirs) = (world.tenant().await, world.tenant().await);
    let other = theirs.seed.account(&SeedAccount::default()).await;
    sqlx::query("update accounts set is_primary = true where id = $1")
        .bind(other.uuid())
        .execute(theirs.seed.conn())
        .await
        .unwrap();
    let me = world.caller(mine.id).await;
    let they = world.caller(theirs.id).await;
    let message = send(&they, THEIRS, CANARY).await["id"].as_str().unwrap().to_owned();
    let contact = they.get(&format!("/v1/messages/{message}")).await.json()["contact_id"].as_str().unwrap().to_owned();

    let mut said = String::new();
    for path in [
        "/v1/messages".to_owned(),
        "/v1/messages?group=queued".to_owned(),
        format!("/v1/messages?contact_id={contact}"),
        format!("/v1/messages?after={message}"),
        format!("/v1/messages/{message}"),
        "/v1/api-clients".to_owned(),
    ] {
        said += &me.get(&path).await.text();
    }
    let through_theirs = json!({ "to": "+12025550123", "type": "text", "text": "x", "account_id": other.to_string() });
    let answer = me.post("/v1/messages", &through_theirs).await;
    assert_eq!(answer.code(), "unknown_account");
    said += &answer.text();
    let answering_theirs = json!({ "to": THEIRS, "type": "text", "text": "x", "reply_to": message });
    let answer = me.post("/v1/messages", &answering_theirs).await;
    assert_eq!(answer.code(), "unknown_reply_to");
    said += &answer.text();
    for secret in [CANARY, THEIRS, &contact, &other.to_string(), &they.key_id] {
        assert!(!said.contains(secret), "{secret} leaked");
    }
}

#[tokio::test]
async fn the_same_number_is_another_person_to_another_tenant() {
    let world = World::new().await;
    let (mine, theirs) = (world.tenant().await, world.tenant().await);
    send(&world.caller(mine.id).await, THEIRS, "a").await;
    send(&world.caller(theirs.id).await, THEIRS, "b").await;
    assert_eq!(world.count("select count(distinct contact_id) from addresses where address = '+12025550166'").await, 2);
    assert_eq!(
        world.count("select count(*) from messages m join accounts a on a.id = m.account_id where a.tenant_id <> m.tenant_id").await,
        0
    );
}
