//! The tenant's own settings and switch.

use http::Method;
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};

use crate::world::World;

async fn put(caller: &SignedCaller, settings: &Value) -> Answer {
    let body = settings.to_string();
    caller.call(Method::PUT, "/v1/tenant/settings", &caller.request_id(), body.as_bytes()).await
}

#[tokio::test]
async fn a_tenant_decides_about_its_zone_its_nights_and_its_caps() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let settings = json!({"name": "Shop", "time_zone": "Europe/Paris", "quiet_hours": "22:00-07:30",
                          "caps": [{"kind": "calendar", "window_s": 86400, "max": 1}]});
    assert_eq!(put(&caller, &settings).await.json()["settings"], settings);
    assert_eq!(caller.get("/v1/tenant").await.json()["settings"], settings);
    let cases = [
        (json!({"name": ""}), "invalid_name"),
        (json!({"time_zone": "Paris"}), "unknown_time_zone"),
        (json!({"quiet_hours": "22-7"}), "invalid_quiet_hours"),
        (json!({"caps": [{"kind": "calendar", "window_s": 3600, "max": 1}]}), "invalid_cap"),
        (json!({"colour": "red"}), "invalid_body"),
    ];
    for (change, code) in cases {
        let mut body = settings.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(put(&caller, &body).await.code(), code, "{change}");
    }
}

#[tokio::test]
async fn one_call_stops_everything_and_one_starts_it_again() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let paused = caller.post("/v1/tenant/pause", &json!({"reason": "audit"})).await.json();
    assert_eq!((&paused["sending_paused"], &paused["paused_reason"]), (&json!(true), &json!("audit")));
    assert_eq!(caller.post("/v1/tenant/pause", &json!({"reason": ""})).await.code(), "invalid_reason");
    let resumed = caller.post("/v1/tenant/resume", &json!({})).await.json();
    assert_eq!((&resumed["sending_paused"], resumed.get("paused_reason")), (&json!(false), None));
}
