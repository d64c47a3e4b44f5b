//! Google, Facebook and GitHub say who somebody is: what is believed of it, and what is not.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use http::Request;
use postroad_api::{Registration, Settings};
use postroad_core::sign_in::IdentityProvider;
use postroad_simulators::identity::{Client, Fault, IdentityServer, Person};
use postroad_testkit::Answer;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, owner, refused},
    world::{World, noon},
};

pub(crate) const SECRET: &str = "planted-client-secret-77aa";
const PUBLIC_URL: &str = "http://127.0.0.1:7800";

/// The API, and the three providers.
pub(crate) async fn stage() -> (World, IdentityServer) {
    let providers = ["google", "facebook", "github"];
    let redirect_uris = providers.map(|provider| format!("{PUBLIC_URL}/sign-in/{provider}")).to_vec();
    let client = Client { id: "postroad".to_owned(), secret: SECRET.to_owned(), redirect_uris };
    let sim = IdentityServer::start(client).await.unwrap();
    let registration =
        Registration { client_id: "postroad".to_owned(), client_secret: SECRET.into(), base_url: Some(sim.base_url()) };
    let identities: BTreeMap<_, _> =
        IdentityProvider::ALL.iter().map(|provider| (*provider, registration.clone())).collect();
    let settings = Settings { public_url: PUBLIC_URL.to_owned(), identities, ..Settings::default() };
    (World::at(noon(), settings).await, sim)
}

/// Ada at her providers: an address of hers that they verified, in a mailbox of Google's.
pub(crate) fn ada_there() -> Person {
    Person {
        id: "583231".to_owned(),
        name: "Ada There".to_owned(),
        email: "ada@shop.example".to_owned(),
        verified: true,
        hosted: Some("shop.example".to_owned()),
    }
}

/// Agrees at the provider; what the page is opened with.
pub(crate) async fn travel(world: &World, begun: &Answer) -> Value {
    assert_eq!(begun.status, 201, "{}", begun.json());
    let url = begun.json()["url"].as_str().unwrap().to_owned();
    let agreed = world.http.send(Request::get(url).body(Vec::new()).unwrap()).await;
    assert_eq!(agreed.status, 302, "{}", agreed.text());
    let location: url::Url = agreed.header("location").parse().unwrap();
    let found: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    json!({"state": found["state"], "code": found["code"]})
}

pub(crate) async fn come_back(browser: &mut Browser<'_>, provider: &str, came: &Value) -> Answer {
    browser.post(&format!("/v1/auth/oauth/{provider}/callback"), came.clone()).await
}

/// There and back.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, provider: &str, wish: Value) -> Answer {
    let begun = browser.post(&format!("/v1/auth/oauth/{provider}"), wish).await;
    let came = travel(browser.world, &begun).await;
    come_back(browser, provider, &came).await
}

pub(crate) async fn link(browser: &mut Browser<'_>, provider: &str) -> Answer {
    let begun = browser.post(&format!("/v1/auth/oauth/{provider}/link"), json!({"password": PASSWORD})).await;
    let came = travel(browser.world, &begun).await;
    come_back(browser, provider, &came).await
}

#[tokio::test]
async fn whoever_linked_a_provider_signs_in_by_it() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    for provider in ["google", "facebook", "github"] {
        let stranger = sign_in(&mut Browser::new(&world), provider, json!({})).await;
        assert_eq!(code(&stranger), refused(403, "unknown_identity"), "{provider}");
        let linked = link(&mut ada, provider).await;
        assert_eq!((linked.status, ada.journey.is_none()), (200, true), "{}", linked.json());
        let mut phone = Browser::new(&world);
        let signed_in = sign_in(&mut phone, provider, json!({})).await;
        assert_eq!((signed_in.status, &signed_in.json()["works_for"]["slug"]), (200, &json!("shop")), "{provider}");
        assert_eq!((phone.get("/v1/members").await.status, phone.journey.is_none()), (200, true));
    }
    let me = ada.get("/v1/auth/me").await.json()["user"]["identities"].clone();
    let told: Vec<(&str, &Value)> =
        me.as_array().unwrap().iter().map(|one| (one["provider"].as_str().unwrap(), &one["email"])).collect();
    let email = json!("ada@shop.example");
    assert_eq!(told, [("facebook", &Value::Null), ("github", &email), ("google", &email)]);
    assert_eq!(ada.get("/v1/auth/oauth").await.json(), json!({"providers": ["google", "facebook", "github"]}));
    let cookie = ada.post("/v1/auth/oauth/google", json!({})).await;
    let cookie = cookie.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.split("; ").any(|found| found == part), "{part}: {cookie}");
    }
}

#[tokio::test]
async fn nobody_ends_a_journey_that_another_browser_began_or_ends_one_twice() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    link(&mut ada, "google").await;
    let (mut phone, mut eve) = (Browser::new(&world), Browser::new(&world));
    let begun = phone.post("/v1/auth/oauth/google", json!({})).await;
    let came = travel(&world, &begun).await;
    eve.post("/v1/auth/oauth/google", json!({})).await;
    let nowhere = refused(404, "no_such_journey");
    assert_eq!(code(&come_back(&mut eve, "google", &came).await), nowhere, "another browser's state");
    eve.journey = None;
    assert_eq!(code(&come_back(&mut eve, "google", &came).await), nowhere, "no browser's state");
    let guessed = json!({"state": "A".repeat(43), "code": came["code"]});
    assert_eq!(code(&come_back(&mut phone, "google", &guessed).await), nowhere, "a guessed state");
    assert_eq!(code(&come_back(&mut phone, "github", &came).await), nowhere, "another provider's state");
    let kept = phone.journey.clone();
    assert_eq!(come_back(&mut phone, "google", &came).await.status, 200);
    phone.journey = kept;
    assert_eq!(code(&come_back(&mut phone, "google", &came).await), nowhere, "it counts once");
    let begun = eve.post("/v1/auth/oauth/google", json!({})).await;
    let late = travel(&world, &begun).await;
    world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(code(&come_back(&mut eve, "google", &late).await), nowhere, "ten minutes are over");
    let foreign = eve.call_with(http::Method::POST, "/v1/auth/oauth/google", &json!({}), &[]).await;
    assert_eq!(code(&foreign), refused(403, "foreign_page"));
}

#[tokio::test]
async fn a_link_is_made_by_whoever_asked_for_it_and_nobody_else() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    let wrong = ada.post("/v1/auth/oauth/github/link", json!({"password": "wrong horse battery staple"})).await;
    assert_eq!(code(&wrong), refused(401, "wrong_credentials"));
    assert_eq!(code(&ada.post("/v1/auth/oauth/github/link", json!({})).await), refused(403, "proof_needed"));
    sim.is(ada_there());
    let begun = ada.post("/v1/auth/oauth/github/link", json!({"password": PASSWORD})).await;
    let came = travel(&world, &begun).await;
    let mut gone = Browser { cookie: None, journey: ada.journey.clone(), ..Browser::new(&world) };
    assert_eq!(code(&come_back(&mut gone, "github", &came).await), refused(404, "no_such_journey"), "signed out");
    assert_eq!(link(&mut ada, "github").await.status, 200);
    assert_eq!(code(&link(&mut ada, "github").await), refused(409, "identity_taken"), "once");
    let mut bo = crate::browser::colleague(&world, &mut ada, "bo@shop.example", "owner").await;
    assert_eq!(code(&link(&mut bo, "github").await), refused(409, "identity_taken"), "it is Ada's");
}

#[tokio::test]
async fn an_address_makes_nobody_somebody_unless_both_sides_are_sure_of_it() {
    let (world, sim) = stage().await;
    owner(&world).await;
    let unknown = refused(403, "unknown_identity");
    let hosted = ada_there();
    sim.is(hosted.clone());
    let unproven = sign_in(&mut Browser::new(&world), "google", json!({})).await;
    assert_eq!(code(&unproven), unknown, "whoever made the account may not be who reads the mail");
    world.execute("update users set verified_at = created_at").await;
    let elsewhere = Person { hosted: None, ..hosted.clone() };
    let unverified = Person { verified: false, ..hosted.clone() };
    let others = Person { hosted: Some("other.example".to_owned()), ..hosted.clone() };
    for (provider, person) in [
        ("google", &unverified),
        ("google", &elsewhere),
        ("google", &others),
        ("github", &hosted),
        ("github", &unverified),
        ("facebook", &hosted),
    ] {
        sim.is(person.clone());
        let answer = sign_in(&mut Browser::new(&world), provider, json!({})).await;
        assert_eq!(code(&answer), unknown, "{provider}: {person:?}");
    }
    assert_eq!(world.count("select count(*) from identities").await, 0);
    sim.is(hosted.clone());
    let sure = sign_in(&mut Browser::new(&world), "google", json!({})).await;
    assert_eq!((sure.status, &sure.json()["user"]["identities"][0]["provider"]), (200, &json!("google")));
    let second = Person { id: "999".to_owned(), ..hosted };
    sim.is(second);
    let second = sign_in(&mut Browser::new(&world), "google", json!({})).await;
    assert_eq!(code(&second), unknown, "one of each provider: a second account with the address is somebody else");
}

#[tokio::test]
async fn a_code_counts_once_and_a_provider_that_is_away_leaves_nothing_behind() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    for provider in ["google", "facebook", "github"] {
        link(&mut ada, provider).await;
        let mut phone = Browser::new(&world);
        let begun = phone.post(&format!("/v1/auth/oauth/{provider}"), json!({})).await;
        let first = travel(&world, &begun).await;
        assert_eq!(come_back(&mut phone, provider, &first).await.status, 200);
        let begun = phone.post(&format!("/v1/auth/oauth/{provider}"), json!({})).await;
        let second = travel(&world, &begun).await;
        let used = json!({"state": second["state"], "code": first["code"]});
        assert_eq!(code(&come_back(&mut phone, provider, &used).await), refused(401, "identity_refused"), "{provider}");
        let begun = phone.post(&format!("/v1/auth/oauth/{provider}"), json!({})).await;
        let third = travel(&world, &begun).await;
        let injected = json!({"state": third["state"], "code": second["code"]});
        let answer = come_back(&mut phone, provider, &injected).await;
        assert_eq!(code(&answer), refused(401, "identity_refused"), "{provider}: a code of another journey");
    }
    world.clock.advance(TimeDelta::minutes(5));
    let sessions = world.count("select count(*) from sessions").await;
    for fault in [Fault::Cut, Fault::Unavailable, Fault::NoPeople] {
        let mut phone = Browser::new(&world);
        let begun = phone.post("/v1/auth/oauth/google", json!({})).await;
        let came = travel(&world, &begun).await;
        sim.fails(Some(fault));
        let answer = come_back(&mut phone, "google", &came).await;
        assert_eq!(code(&answer), refused(503, "identity_provider_unavailable"), "{fault:?}");
        assert!(answer.headers.contains_key("retry-after") && phone.cookie.is_none());
        sim.fails(None);
        assert_eq!(code(&come_back(&mut phone, "google", &came).await), refused(404, "no_such_journey"));
    }
    assert_eq!(world.count("select count(*) from sessions").await, sessions);
    sim.stop().await;
    assert_eq!(ada.get("/v1/auth/me").await.status, 200, "whoever is in stays in");
}
