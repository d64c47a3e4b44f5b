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

#[tokio::test]
async fn a_business_tells_how_it_is_reached_in_one_spelling_and_the_change_is_in_the_audit() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let with = |business: Value| json!({"name": "Shop", "time_zone": "UTC", "caps": [], "business": business});
    let told =
        json!({"email": "Hello@Shop.example", "phone": "+44 (0) 20 7946 0018", "website": "https://Shop.example"});
    let kept = json!({"email": "hello@shop.example", "phone": "+442079460018", "website": "https://shop.example/"});
    assert_eq!(put(&caller, &with(told)).await.json()["settings"]["business"], kept);
    assert_eq!(caller.get("/v1/tenant").await.json()["settings"]["business"], kept);
    let changed = caller.get("/v1/audit?noun=tenants").await.json()["data"][0].clone();
    assert_eq!(changed["before"]["business_phone"], Value::Null, "{changed}");
    assert_eq!(changed["after"]["business_phone"], "+442079460018");
    for (business, code) in [
        (json!({"email": "nobody"}), "invalid_email"),
        (json!({"phone": "020 7946 0018"}), "invalid_phone"),
        (json!({"phone": "+999 123 456 789"}), "invalid_phone"),
        (json!({"website": "http://shop.example"}), "invalid_website"),
        (json!({"website": "javascript:alert(1)"}), "invalid_website"),
        (json!({"fax": "1"}), "invalid_body"),
    ] {
        assert_eq!(put(&caller, &with(business.clone())).await.code(), code, "{business}");
    }
    let silent = put(&caller, &json!({"name": "Shop", "time_zone": "UTC", "caps": []})).await.json();
    assert_eq!(silent["settings"].get("business"), None, "what is not told again is told no more");
}
