//! A good signature is not enough: the key, the client, the network, the rate and the scope must hold too.

use chrono::TimeDelta;
use postroad_api::Settings;
use postroad_app::clients::{self, Former, Grant};
use postroad_core::scope::Scope;
use postroad_testkit::{Answer, SignedCaller};
use serde_json::json;

use crate::world::{World, all_scopes, noon};

async fn last_code(world: &World) -> String {
    world.api.flush().await;
    world.text("select coalesce(code, 'none') from request_log order by id desc limit 1").await
}

async fn look(caller: &SignedCaller) -> u16 {
    // Ids of one millisecond are in no order: the log's newest line must be this one.
    caller.clock.advance(TimeDelta::milliseconds(2));
    caller.get("/v1/messages").await.status
}

#[tokio::test]
async fn a_key_opens_the_door_from_its_beginning_to_its_end() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    assert_eq!(look(&caller).await, 200);
    let cases = [
        ("update api_keys set not_before = '2026-03-02T13:00Z'", "key_not_valid_yet"),
        ("update api_keys set not_before = '2026-03-02T11:00Z', expires_at = '2026-03-02T12:00Z'", "key_expired"),
        ("update api_keys set expires_at = null, status = 'revoked'", "key_revoked"),
        ("update api_keys set status = 'active'", "none"),
        ("update api_keys set status = 'retiring'", "none"),
        ("update api_clients set status = 'disabled'", "client_disabled"),
        ("update api_clients set status = 'active', cidrs = array['192.0.2.0/24']", "ip_denied"),
        ("update api_clients set cidrs = array['nonsense']", "ip_denied"),
        ("update api_clients set cidrs = array['127.0.0.0/8']", "none"),
    ];
    for (change, code) in cases {
        world.execute(change).await;
        assert_eq!(look(&caller).await, if code == "none" { 200 } else { 401 }, "{change}");
        assert_eq!(last_code(&world).await, code, "{change}");
    }
}

#[tokio::test]
async fn a_network_is_judged_by_the_hop_before_the_trusted_proxies() {
    let behind = Settings { trusted_proxies: vec!["127.0.0.1".to_owned()], ..Settings::default() };
    let world = World::at(noon(), behind).await;
    let tenant = world.tenant().await;
    let grant = Grant { cidrs: vec!["198.51.100.0/24".to_owned()], ..all_scopes() };
    let caller = world.caller_with(tenant.id, true, &grant).await;
    let from = async |forwarded: &str| {
        let mut request = caller.signed(&http::Method::GET, "/v1/messages", &caller.request_id(), b"");
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        world.http.send(request).await.status
    };
    assert_eq!(look(&caller).await, 401, "the proxy itself is not in the network");
    assert_eq!(from("198.51.100.7").await, 200);
    assert_eq!(from("198.51.100.7, 203.0.113.9").await, 401, "the left part anybody can write");
    assert_eq!(from("203.0.113.9, 198.51.100.7").await, 200);

    let in_front = World::new().await;
    let tenant = in_front.tenant().await;
    let caller = in_front.caller_with(tenant.id, true, &grant).await;
    let mut request = caller.signed(&http::Method::GET, "/v1/messages", &caller.request_id(), b"");
    request.headers_mut().insert("x-forwarded-for", "198.51.100.7".parse().unwrap());
    assert_eq!(in_front.http.send(request).await.status, 401, "nobody is trusted by default");
}

#[tokio::test]
async fn a_scope_opens_its_own_routes_and_no_other() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller_with = async |scopes: &[Scope]| {
        world.caller_with(tenant.id, true, &Grant { scopes: scopes.to_vec(), ..all_scopes() }).await
    };
    let reader = caller_with(&[Scope::MessagesRead]).await;
    let sender = caller_with(&[Scope::MessagesSend]).await;
    let nobody = caller_with(&[]).await;
    let message = json!({ "to": "+12025550123", "type": "text", "text": "x" });
    let refused = |answer: &Answer| (answer.status, answer.code());
    let missing = (403, "missing_scope".to_owned());

    assert_eq!(reader.get("/v1/messages").await.status, 200);
    assert_eq!(refused(&reader.post("/v1/messages", &message).await), missing);
    assert_eq!(sender.post("/v1/messages", &message).await.status, 202);
    assert_eq!(refused(&sender.get("/v1/messages").await), missing);
    assert_eq!(
        refused(&nobody.post("/v1/messages", &json!({ "nonsense": true })).await),
        missing,
        "before the body is read"
    );
    assert_eq!(refused(&nobody.get("/v1/api-clients").await), missing);
    let unknown = "/v1/messages/msg_00000000000000000000000000000000";
    assert_eq!(refused(&nobody.get(unknown).await), missing);
}

#[tokio::test]
async fn a_client_gets_its_rate_and_then_is_told_when_to_come_again() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let slow = Grant { rate_per_s: 0.02, rate_burst: 3, ..all_scopes() };
    let caller = world.caller_with(tenant.id, true, &slow).await;
    let neighbour = world.caller(tenant.id).await;
    for _ in 0..3 {
        assert_eq!(caller.get("/v1/messages").await.status, 200);
    }
    let answer = caller.get("/v1/messages").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((40..=51).contains(&wait), "{wait}");
    assert_eq!(neighbour.get("/v1/messages").await.status, 200);
}

#[tokio::test]
async fn a_forger_who_knows_the_key_id_cannot_use_up_the_rate() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let slow = Grant { rate_per_s: 0.02, rate_burst: 1, ..all_scopes() };
    let caller = world.caller_with(tenant.id, true, &slow).await;
    let wrong = postroad_core::signature::Secret::from_bytes([7; 32]);
    let forger = SignedCaller::new(&world.base, &caller.key_id, wrong, world.clock.clone());
    for _ in 0..20 {
        assert_eq!(forger.get("/v1/messages").await.status, 401);
    }
    assert_eq!(caller.get("/v1/messages").await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_the_very_next_request() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let client = clients::create(&world.app, tenant.id, true, &all_scopes()).await.unwrap();
    let first = world.caller_of(tenant.id, client.id).await;
    let second = world.caller_of(tenant.id, client.id).await;
    assert_eq!((look(&first).await, look(&second).await), (200, 200));
    clients::revoke_key(&world.app, tenant.id, client.id, &first.key_id).await.unwrap();
    assert_eq!((look(&first).await, look(&second).await), (401, 200));
}

#[tokio::test]
async fn rotating_lets_the_former_key_run_out() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let client = clients::create(&world.app, tenant.id, true, &all_scopes()).await.unwrap();
    let former = world.caller_of(tenant.id, client.id).await;
    let ends = Former::EndAfter { seconds: 3_600 };
    clients::create_key(&world.app, tenant.id, client.id, ends).await.unwrap();
    assert!(clients::create_key(&world.app, tenant.id, client.id, Former::Stay).await.is_err(), "two at once");
    assert_eq!(look(&former).await, 200);
    world.clock.advance(TimeDelta::seconds(3_600));
    assert_eq!(look(&former).await, 401);
    assert!(clients::create_key(&world.app, tenant.id, client.id, Former::Stay).await.is_ok());
}

#[tokio::test]
async fn every_call_leaves_a_line_without_bodies_and_numbers() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    caller.post("/v1/messages", &json!({ "to": "+12025550123", "type": "text", "text": "canary" })).await;
    caller.get("/v1/messages/+12025550123").await;
    caller.get("/v1/messages?request_id=12025550123-0000000").await;
    world.api.flush().await;
    assert_eq!(world.count("select count(*) from request_log").await, 3);
    assert_eq!(
        world.count("select count(*) from request_log where client_id is not null and body_sha256 is not null").await,
        3
    );
    assert_eq!(
        world
            .count("select count(*) from request_log r where r::text like '%5550123%' or r::text like '%canary%'")
            .await,
        0
    );
    assert_eq!(
        world.count("select count(*) from request_log where status = 202 and code is null and latency_us > 0").await,
        1
    );
    assert_eq!(world.count("select count(*) from api_keys where last_used_at is not null").await, 1);
}
