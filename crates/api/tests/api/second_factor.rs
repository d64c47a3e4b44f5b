//! A second factor: on, asked for, and off.

use chrono::TimeDelta;
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::{
    browser::{Browser, PASSWORD, code, colleague, owner, refused},
    world::World,
};

/// RFC 6238, as an app has it.
pub(crate) fn app_code(secret: &str, world: &World) -> String {
    let step = world.clock.now().timestamp().unsigned_abs() / 30;
    let mut mac = Hmac::<Sha1>::new_from_slice(&BASE32_NOPAD.decode(secret.as_bytes()).unwrap()).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Switches it on; the secret and the codes for the day on which the app is lost.
pub(crate) async fn switch_on(world: &World, browser: &mut Browser<'_>) -> (String, Vec<Value>) {
    let begun = browser.post("/v1/auth/second-factor", json!({"password": PASSWORD})).await;
    assert_eq!(begun.status, 201, "{}", begun.json());
    let secret = begun.json()["secret"].as_str().unwrap().to_owned();
    let confirmed = browser.post("/v1/auth/second-factor/confirm", json!({"code": app_code(&secret, world)})).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.json());
    (secret, confirmed.json()["recovery_codes"].as_array().unwrap().clone())
}

/// The word that stands for the password.
async fn half(browser: &mut Browser<'_>) -> Value {
    let answer = browser.log_in("ada@shop.example", PASSWORD).await;
    assert_eq!((answer.status, answer.headers.contains_key("set-cookie")), (202, false), "{}", answer.json());
    answer.json()["second_factor_token"].clone()
}

async fn finish(browser: &mut Browser<'_>, token: &Value, code: &Value) -> postroad_testkit::Answer {
    browser.post("/v1/auth/login/second-factor", json!({"token": token, "code": code})).await
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_is_confirmed_and_ends_sessions_that_began_without() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let wrong = ada.post("/v1/auth/second-factor", json!({"password": "wrong horse battery staple"})).await;
    assert_eq!(code(&wrong), refused(401, "wrong_credentials"));
    let none = ada.post("/v1/auth/second-factor/confirm", json!({"code": "123456"})).await;
    assert_eq!(code(&none), refused(409, "no_second_factor"));
    ada.post("/v1/auth/second-factor", json!({"password": PASSWORD})).await;
    let mut phone = Browser::new(&world);
    assert_eq!(phone.log_in("ada@shop.example", PASSWORD).await.status, 200, "nothing is confirmed");
    let (secret, codes) = switch_on(&world, &mut ada).await;
    assert_eq!((codes.len(), phone.get("/v1/auth/me").await.status), (10, 401));
    let me = ada.get("/v1/auth/me").await.json();
    assert_eq!(me["user"]["second_factor"], true);
    let stored = world
        .text("select string_agg(f::text || r::text, ' ') from second_factors f join recovery_codes r using (user_id)")
        .await;
    assert!(!stored.contains(&secret) && !stored.contains(codes[0].as_str().unwrap()), "neither lies there as it is");
    let again = ada.post("/v1/auth/second-factor", json!({"password": PASSWORD})).await;
    assert_eq!(code(&again), refused(409, "second_factor_is_on"));
}

#[tokio::test]
async fn a_code_counts_once_and_the_word_between_the_steps_opens_nothing() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let (secret, codes) = switch_on(&world, &mut ada).await;
    let mut phone = Browser::new(&world);
    let token = half(&mut phone).await;
    phone.cookie = Some(format!("postroad={}", token.as_str().unwrap()));
    assert_eq!(code(&phone.get("/v1/auth/me").await), refused(401, "not_signed_in"));
    phone.cookie = None;
    let replayed = finish(&mut phone, &token, &json!(app_code(&secret, &world))).await;
    assert_eq!(code(&replayed), refused(401, "wrong_code"), "it was used to switch it on");
    world.clock.advance(TimeDelta::seconds(30));
    let done = finish(&mut phone, &token, &json!(app_code(&secret, &world))).await;
    assert_eq!((done.status, phone.get("/v1/auth/me").await.status), (200, 200));
    assert_eq!(code(&finish(&mut phone, &token, &codes[0]).await), refused(404, "no_such_word"), "once");
    let token = half(&mut phone).await;
    assert_eq!(finish(&mut phone, &token, &codes[0]).await.status, 200);
    let token = half(&mut phone).await;
    assert_eq!(code(&finish(&mut phone, &token, &codes[0]).await), refused(401, "wrong_code"));
    world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(
        code(&finish(&mut phone, &token, &codes[1]).await),
        refused(404, "no_such_word"),
        "five minutes are over"
    );
}

#[tokio::test]
async fn who_guesses_codes_waits_and_the_right_one_comes_through_afterwards() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let (secret, _) = switch_on(&world, &mut ada).await;
    let mut eve = Browser::new(&world);
    let token = half(&mut eve).await;
    for _ in 0..5 {
        assert_eq!(code(&finish(&mut eve, &token, &json!("nonsense")).await), refused(401, "wrong_code"));
    }
    world.clock.advance(TimeDelta::seconds(30));
    finish(&mut eve, &token, &json!("nonsense")).await;
    let waits = finish(&mut eve, &token, &json!(app_code(&secret, &world))).await;
    assert_eq!(code(&waits), refused(429, "too_many_tries"));
    assert!(waits.headers.contains_key("retry-after"));
    world.clock.advance(TimeDelta::seconds(30));
    assert_eq!(finish(&mut eve, &token, &json!(app_code(&secret, &world))).await.status, 200);
}

#[tokio::test]
async fn it_is_switched_off_with_both_and_no_invitation_goes_around_it() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "owner").await;
    let (secret, codes) = switch_on(&world, &mut bo).await;
    let other = world.tenant().await;
    let program = world.caller(other.id).await;
    let invited = program.post("/v1/invitations", &json!({"email": "bo@shop.example", "role": "agent"})).await.json();
    let mut eve = Browser::new(&world);
    let accept = |code: Value| json!({"token": invited["token"], "password": PASSWORD, "code": code});
    let around = eve.post("/v1/auth/accept-invitation", accept(Value::Null)).await;
    assert_eq!(code(&around), refused(401, "code_needed"));
    assert_eq!(
        code(&eve.post("/v1/auth/accept-invitation", accept(json!("000000"))).await),
        refused(401, "wrong_code")
    );
    assert_eq!(eve.post("/v1/auth/accept-invitation", accept(codes[0].clone())).await.status, 200);
    let off = |password: &str, code: Value| json!({"password": password, "code": code});
    for (password, said, expected) in [
        ("wrong horse battery staple", codes[1].clone(), "wrong_credentials"),
        (PASSWORD, json!("000000"), "wrong_code"),
    ] {
        let answer = bo.post("/v1/auth/second-factor/off", off(password, said)).await;
        assert_eq!(code(&answer), refused(401, expected));
    }
    world.clock.advance(TimeDelta::seconds(30));
    let said = json!(app_code(&secret, &world));
    assert_eq!(bo.post("/v1/auth/second-factor/off", off(PASSWORD, said)).await.status, 204);
    assert_eq!(Browser::new(&world).log_in("bo@shop.example", PASSWORD).await.status, 200);
    assert_eq!(world.count("select count(*) from recovery_codes").await, 0);
}

#[tokio::test]
async fn people_name_themselves_and_keep_how_they_like_their_pages() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let me = ada.get("/v1/auth/me").await.json();
    let usual = json!({"theme": "system", "notifications": {"desktop": true, "sound": true, "email": false},
                       "keyboard_shortcuts": true});
    assert_eq!(me["preferences"], usual);
    let wanted = json!({"theme": "dark", "notifications": {"desktop": false, "sound": false, "email": true},
                        "keyboard_shortcuts": false});
    let change = json!({"name": " Ada Obi ", "preferences": wanted});
    let changed = ada.call(Method::PATCH, "/v1/auth/me", &change).await.json();
    assert_eq!((&changed["user"]["name"], &changed["preferences"]), (&json!("Ada Obi"), &wanted));
    assert_eq!(ada.get("/v1/members").await.json()["data"][0]["name"], "Ada Obi");
    for wrong in
        [json!({"preferences": {"theme": "dark"}}), json!({"font": "large"}), json!({"preferences": {"theme": "pink"}})]
    {
        let answer = ada.call(Method::PATCH, "/v1/auth/me", &wrong).await;
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {}", answer.status);
    }
    let nameless = ada.call(Method::PATCH, "/v1/auth/me", &json!({"name": " "})).await;
    assert_eq!(code(&nameless), refused(422, "invalid_name"));
}
