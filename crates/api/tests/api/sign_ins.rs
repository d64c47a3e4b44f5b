//! How people sign in is told to whoever runs their tenants.

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, colleague, owner},
    oauth::{ada_there, link, sign_in, stage},
    second_factor::{app_code, switch_on},
    world::World,
};

/// What is told of sign-ins, the oldest first: the action, and how.
async fn told(browser: &mut Browser<'_>) -> Vec<(String, Value)> {
    let page = browser.get("/v1/audit?noun=sign_ins&limit=200").await.json();
    let mut entries = page["data"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
    entries.reverse();
    entries.iter().map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["after"].clone())).collect()
}

fn actions(told: &[(String, Value)]) -> Vec<&str> {
    told.iter().map(|(action, _)| action.as_str()).collect()
}

#[tokio::test]
async fn everything_that_somebody_does_about_signing_in_is_told() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    link(&mut ada, "github").await;
    assert_eq!(sign_in(&mut Browser::new(&world), "github", json!({})).await.status, 200);
    let new = "purple monkey dishwasher";
    ada.post("/v1/auth/password", json!({"old": PASSWORD, "new": new})).await;
    ada.log_in("ada@shop.example", new).await;
    ada.post("/v1/auth/oauth/github/unlink", json!({"password": new})).await;
    ada.post("/v1/auth/second-factor", json!({"password": new})).await;
    ada.post("/v1/auth/logout", json!({})).await;
    ada.log_in("ada@shop.example", new).await;
    let told = told(&mut ada).await;
    let expected = [
        ("signed_in", json!({"by": "password"})),
        ("identity_linked", json!({"provider": "github"})),
        ("signed_in", json!({"by": "github"})),
        ("password_changed", json!({})),
        ("signed_in", json!({"by": "password"})),
        ("identity_unlinked", json!({"provider": "github"})),
        ("signed_out", json!({"sessions": 1})),
        ("signed_in", json!({"by": "password"})),
    ];
    let expected: Vec<(String, Value)> = expected.into_iter().map(|(action, how)| (action.to_owned(), how)).collect();
    assert_eq!(told, expected);
    let stored = world.text("select string_agg(a::text, ' ') from audit_entries a").await;
    for secret in [PASSWORD, new, "argon2", crate::oauth::SECRET] {
        assert!(!stored.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_second_factor_that_is_switched_guessed_and_used_is_told() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let (secret, _) = switch_on(&world, &mut ada).await;
    let mut phone = Browser::new(&world);
    let half = phone.log_in("ada@shop.example", PASSWORD).await.json()["second_factor_token"].clone();
    for _ in 0..3 {
        phone.post("/v1/auth/login/second-factor", json!({"token": half, "code": "000000"})).await;
    }
    world.clock.advance(TimeDelta::seconds(30));
    let said = json!({"token": half, "code": app_code(&secret, &world)});
    assert_eq!(phone.post("/v1/auth/login/second-factor", said).await.status, 200);
    world.clock.advance(TimeDelta::seconds(30));
    let off = json!({"password": PASSWORD, "code": app_code(&secret, &world)});
    assert_eq!(phone.post("/v1/auth/second-factor/off", off).await.status, 204);
    let told = told(&mut phone).await;
    let expected = ["signed_in", "second_factor_on", "code_refused", "signed_in", "second_factor_off"];
    assert_eq!(actions(&told), expected, "of three wrong codes one is told");
    assert_eq!(told[3].1, json!({"by": "code"}));
    assert!(!world.text("select string_agg(a::text, ' ') from audit_entries a").await.contains(&secret));
}

#[tokio::test]
async fn whoever_guesses_fills_no_audit_and_strangers_are_in_none() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "agent").await;
    let mut eve = Browser::new(&world);
    for email in ["bo@shop.example", "nobody@shop.example"] {
        for _ in 0..5 {
            assert_eq!(eve.log_in(email, "wrong horse battery staple").await.status, 401);
        }
    }
    let told = told(&mut ada).await;
    assert_eq!(actions(&told), ["signed_in", "signed_in", "password_refused"]);
    let member = bo.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    let of_bo = ada.get(&format!("/v1/audit?noun=sign_ins&noun_id={member}")).await.json();
    assert_eq!(of_bo["data"].as_array().unwrap().len(), 2);
    let refused = &of_bo["data"][0];
    assert_eq!((&refused["action"], &refused["actor"]), (&json!("password_refused"), &json!(member)));
    assert_eq!(refused["ip"], "127.0.0.1");
    world.execute("update audit_entries set at = at - interval '1 hour', id = uuid_of(at - interval '1 hour')").await;
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(eve.log_in("bo@shop.example", "wrong horse battery staple").await.status, 401);
    let later = ada.get(&format!("/v1/audit?noun=sign_ins&noun_id={member}")).await.json();
    assert_eq!(later["data"].as_array().unwrap().len(), 3, "an hour later it is news again");
}

#[tokio::test]
async fn it_is_told_in_every_tenant_that_somebody_works_for_and_in_no_other() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let other = world.tenant().await.id;
    let strange = world.tenant().await.id;
    let (program, stranger) = (world.caller(other).await, world.caller(strange).await);
    let invited = program.post("/v1/invitations", &json!({"email": "Ada@shop.example", "role": "owner"})).await.json();
    let accept = json!({"token": invited["token"], "password": PASSWORD});
    assert_eq!(ada.post("/v1/auth/accept-invitation", accept).await.status, 200);
    let count = |body: Value| body["data"].as_array().unwrap().len();
    let here = count(program.get("/v1/audit?noun=sign_ins").await.json());
    ada.log_in("ada@shop.example", PASSWORD).await;
    assert_eq!(count(program.get("/v1/audit?noun=sign_ins").await.json()), here + 1);
    assert_eq!(count(ada.get("/v1/audit?noun=sign_ins").await.json()), 3, "the sign-up, the invitation, the login");
    assert_eq!(count(stranger.get("/v1/audit?noun=sign_ins").await.json()), 0);
    let members = ada.get("/v1/members").await.json();
    let member = members["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(ada.call(Method::DELETE, "/v1/auth/sessions", &Value::Null).await.status, 204);
    let last = ada.get("/v1/audit?noun=sign_ins&limit=1").await.json()["data"][0].clone();
    assert_eq!((&last["action"], &last["actor"]), (&json!("signed_out"), &json!(member)));
}
