//! A tenant that requires a second factor of its members.

use http::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, colleague, owner, refused},
    second_factor::{app_code, switch_on},
    world::World,
};

const RULES: &str = "/v1/tenant/sign-in";

async fn require(browser: &mut Browser<'_>, required: bool) -> postroad_testkit::Answer {
    browser.call(Method::PUT, RULES, &json!({"second_factor_required": required})).await
}

#[tokio::test]
async fn whoever_has_no_second_factor_reaches_nothing_but_where_they_get_one() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "agent").await;
    assert_eq!(code(&require(&mut ada, true).await), refused(409, "no_second_factor"), "nobody shuts themselves out");
    switch_on(&world, &mut ada).await;
    assert_eq!(require(&mut ada, true).await.json(), json!({"second_factor_required": true}));
    assert_eq!(ada.get("/v1/members").await.status, 200);
    let needed = refused(403, "second_factor_required");
    for path in ["/v1/members", "/v1/conversations", "/v1/events", "/v1/no-such-route"] {
        assert_eq!(code(&bo.get(path).await), needed, "{path}");
    }
    let me = bo.get("/v1/auth/me").await.json();
    assert_eq!((&me["second_factor_needed"], &me["works_for"]["second_factor_required"]), (&json!(true), &json!(true)));
    assert_eq!(ada.get("/v1/auth/me").await.json()["second_factor_needed"], false);
    let (secret, _) = switch_on(&world, &mut bo).await;
    assert_eq!(
        (bo.get("/v1/members").await.status, &bo.get("/v1/auth/me").await.json()["second_factor_needed"]),
        (200, &json!(false))
    );
    world.clock.advance(chrono::TimeDelta::seconds(30));
    let off = json!({"password": PASSWORD, "code": app_code(&secret, &world)});
    assert_eq!(bo.post("/v1/auth/second-factor/off", off).await.status, 204);
    assert_eq!(code(&bo.get("/v1/members").await), needed, "with the next request");
    assert_eq!(require(&mut ada, false).await.status, 200);
    assert_eq!(bo.get("/v1/members").await.status, 200);
}

#[tokio::test]
async fn only_who_runs_the_tenant_requires_it_and_superadmins_are_people_too() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "owner").await;
    let mut manager = colleague(&world, &mut ada, "cy@shop.example", "manager").await;
    switch_on(&world, &mut bo).await;
    assert_eq!(code(&require(&mut manager, true).await), refused(403, "missing_scope"));
    let tenant = ada.get("/v1/tenant").await.json()["id"].as_str().unwrap().parse().unwrap();
    let program = world.caller(tenant).await;
    let asked = program.call(Method::PUT, RULES, &program.request_id(), br#"{"second_factor_required":true}"#).await;
    assert_eq!(code(&asked), refused(403, "only_people"));
    assert_eq!(require(&mut bo, true).await.status, 200);
    assert_eq!(program.get("/v1/members").await.status, 200, "programs sign");
    let needed = refused(403, "second_factor_required");
    assert_eq!(code(&ada.get("/v1/tenants").await), needed, "she runs the installation");
    let other = world.tenant().await.id;
    let switched = ada.post("/v1/auth/switch-tenant", json!({"tenant_id": other})).await;
    assert_eq!((switched.status, ada.get("/v1/tenants").await.status), (200, 200), "elsewhere nothing is required");
    let told = bo.get("/v1/audit?noun=tenants").await.json()["data"][0].clone();
    assert_eq!(
        (&told["before"], &told["after"]),
        (&json!({"requires_second_factor": false}), &json!({"requires_second_factor": true}))
    );
    assert_ne!(told["actor"], Value::Null);
}
