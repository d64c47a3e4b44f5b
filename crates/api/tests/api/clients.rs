//! Clients manage clients, within what they have themselves.

use postroad_app::clients::Grant;
use postroad_core::scope::Scope;
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::world::{World, all_scopes};

#[tokio::test]
async fn a_client_is_made_gets_a_key_and_calls() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let admin = world.caller(tenant.id).await;
    let new = json!({ "name": "Shop", "live": true, "scopes": ["messages:read"], "cidrs": ["127.0.0.1"], "daily_quota": 100 });
    let made = admin.post("/v1/api-clients", &new).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let client = made.json();
    assert_eq!((client["rate_per_s"].as_f64(), client["rate_burst"].as_i64()), (Some(10.0), Some(20)));
    assert_eq!(client["cidrs"], json!(["127.0.0.1/32"]));
    let path = format!("/v1/api-clients/{}", client["id"].as_str().unwrap());

    let key = admin.post(&format!("{path}/keys"), &json!({})).await;
    assert_eq!(key.status, 201, "{}", key.text());
    let key = key.json();
    let (key_id, secret) = (key["key_id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let shop = world.signed_by(key_id, secret);
    assert_eq!(shop.get("/v1/messages").await.status, 200);
    assert_eq!(world.count("select count(*) from api_keys where secret like 'enc:v1:%'").await, 2);

    let shown = admin.get(&path).await.json();
    assert_eq!(shown["keys"][0]["key_id"], key_id);
    assert!(!shown.to_string().contains(secret), "a secret is shown once");

    world.api.flush().await;
    let calls = admin.get(&format!("{path}/requests")).await.json();
    assert_eq!(
        (calls["data"][0]["path"].as_str(), calls["data"][0]["status"].as_i64()),
        (Some("/v1/messages"), Some(200)),
        "{calls}"
    );

    assert_eq!(admin.delete(&format!("{path}/keys/{key_id}")).await.status, 204);
    assert_eq!(shop.get("/v1/messages").await.status, 401);
}

#[tokio::test]
async fn a_change_holds_from_the_next_request_on() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let admin = world.caller(tenant.id).await;
    let made =
        admin.post("/v1/api-clients", &json!({ "name": "a", "live": true, "scopes": ["messages:read"] })).await.json();
    let path = format!("/v1/api-clients/{}", made["id"].as_str().unwrap());
    let key = admin.post(&format!("{path}/keys"), &json!({})).await.json();
    let shop = world.signed_by(key["key_id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    assert_eq!(shop.get("/v1/messages").await.status, 200);
    let changed = admin.patch(&path, &json!({ "scopes": [], "daily_quota": 5, "name": "b" })).await.json();
    assert_eq!((changed["name"].as_str(), changed["daily_quota"].as_i64()), (Some("b"), Some(5)), "{changed}");
    assert_eq!(shop.get("/v1/messages").await.status, 403);
    assert_eq!(admin.patch(&path, &json!({ "daily_quota": 0 })).await.json().get("daily_quota"), None);
    admin.patch(&path, &json!({ "active": false })).await;
    assert_eq!(shop.get("/v1/messages").await.status, 401);
}

#[tokio::test]
async fn nobody_gives_away_what_he_lacks() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let weak = Grant { scopes: vec![Scope::ClientsWrite, Scope::ClientsRead, Scope::MessagesRead], ..all_scopes() };
    let weak_live = world.caller_with(tenant.id, true, &weak).await;
    let weak_test = world.caller_with(tenant.id, false, &weak).await;
    let new = |live: bool, scope: &str| json!({ "name": "x", "live": live, "scopes": [scope] });
    let status = async |caller: &SignedCaller, body: Value| caller.post("/v1/api-clients", &body).await.status;
    assert_eq!(status(&weak_live, new(true, "messages:read")).await, 201);
    assert_eq!(status(&weak_live, new(true, "messages:send")).await, 403);
    assert_eq!(status(&weak_test, new(true, "messages:read")).await, 403, "a test key makes test clients");
    assert_eq!(status(&weak_test, new(false, "messages:read")).await, 201);

    let strong = world.caller(tenant.id).await;
    let mighty = strong.post("/v1/api-clients", &new(true, "accounts:write")).await.json();
    let path = format!("/v1/api-clients/{}", mighty["id"].as_str().unwrap());
    assert_eq!(weak_live.post(&format!("{path}/keys"), &json!({})).await.status, 403, "a key of a mightier client");
    assert_eq!(weak_live.patch(&path, &json!({ "name": "mine" })).await.status, 403);
}

#[tokio::test]
async fn a_grant_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let admin = world.caller(tenant.id).await;
    let cases = [
        (json!({ "name": "" }), "invalid_name"),
        (json!({ "name": "x".repeat(201) }), "invalid_name"),
        (json!({ "cidrs": ["10.0.0.1/8"] }), "invalid_network"),
        (json!({ "cidrs": ["home"] }), "invalid_network"),
        (json!({ "rate_per_s": 0 }), "out_of_range"),
        (json!({ "rate_per_s": 100_001 }), "out_of_range"),
        (json!({ "rate_burst": 0 }), "out_of_range"),
        (json!({ "daily_quota": 0 }), "out_of_range"),
        (json!({ "time_zone": "Mars/Olympus" }), "invalid_time_zone"),
        (json!({ "scopes": ["everything"] }), "invalid_body"),
    ];
    for (change, code) in cases {
        let mut body = json!({ "name": "x", "live": true, "scopes": [] });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = admin.post("/v1/api-clients", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{change}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_client_has_two_keys_at_most() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let admin = world.caller(tenant.id).await;
    let made = admin.post("/v1/api-clients", &json!({ "name": "a", "live": false, "scopes": [] })).await.json();
    let keys = format!("/v1/api-clients/{}/keys", made["id"].as_str().unwrap());
    let first = admin.post(&keys, &json!({})).await.json();
    assert!(first["key_id"].as_str().unwrap().starts_with("prk_test_"));
    assert_eq!(admin.post(&keys, &json!({})).await.status, 201);
    let third = admin.post(&keys, &json!({})).await;
    assert_eq!((third.status, third.code().as_str()), (409, "too_many_keys"));
    assert_eq!(admin.delete(&format!("{keys}/{}", first["key_id"].as_str().unwrap())).await.status, 204);
    assert_eq!(admin.post(&keys, &json!({})).await.status, 201);
    assert_eq!(admin.post(&keys, &json!({ "retire_former_after_s": 0 })).await.status, 201);
}
