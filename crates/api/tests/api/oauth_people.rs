//! People who come by Google, Facebook and GitHub are people like all others.

use chrono::TimeDelta;
use postroad_app::sign_in;
use postroad_simulators::identity::Person;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, code, owner, refused},
    oauth::{SECRET, ada_there, link, sign_in as go, stage},
    second_factor::{app_code, switch_on},
};

#[tokio::test]
async fn whoever_was_shut_out_stays_out_and_a_second_factor_is_asked_for() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    link(&mut ada, "github").await;
    let (secret, _) = switch_on(&world, &mut ada).await;
    let mut phone = Browser::new(&world);
    let half = go(&mut phone, "github", json!({})).await;
    assert_eq!((half.status, phone.cookie.is_none()), (202, true), "{}", half.json());
    world.clock.advance(TimeDelta::seconds(30));
    let said = json!({"token": half.json()["second_factor_token"], "code": app_code(&secret, &world)});
    assert_eq!(phone.post("/v1/auth/login/second-factor", said).await.status, 200);
    let user = sign_in::find_user(&world.app, "ada@shop.example").await.unwrap().unwrap();
    sign_in::set_disabled(&world.app, user.id, true).await.unwrap();
    assert_eq!(phone.get("/v1/auth/me").await.status, 401);
    let out = go(&mut phone, "github", json!({})).await;
    assert_eq!(code(&out), refused(403, "unknown_identity"), "the answer that strangers get");
    sign_in::set_disabled(&world.app, user.id, false).await.unwrap();
    assert_eq!(go(&mut phone, "github", json!({})).await.status, 202);
}

#[tokio::test]
async fn an_invitation_is_accepted_by_whoever_has_the_invited_address() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    let word = ada.invite("bo@shop.example", "agent").await.json()["token"].clone();
    let bo = Person { id: "42".to_owned(), name: "Bo".to_owned(), email: "Bo@shop.example".to_owned(), ..ada_there() };
    let wish = json!({"invitation": word});
    let cases = [
        ("facebook", bo.clone()),
        ("google", Person { verified: false, ..bo.clone() }),
        ("github", Person { email: "eve@shop.example".to_owned(), ..bo.clone() }),
    ];
    for (provider, person) in cases {
        sim.is(person);
        let answer = go(&mut Browser::new(&world), provider, wish.clone()).await;
        assert_eq!(code(&answer), refused(403, "unproven_address"), "{provider}");
    }
    let nothing = Browser::new(&world).post("/v1/auth/oauth/github", json!({"invitation": "A".repeat(43)})).await;
    assert_eq!(code(&nothing), refused(404, "no_such_invitation"));
    sim.is(bo);
    let mut browser = Browser::new(&world);
    let accepted = go(&mut browser, "github", wish.clone()).await.json();
    assert_eq!((&accepted["works_for"]["role"], &accepted["user"]["name"]), (&json!("agent"), &json!("Bo")));
    assert_eq!((&accepted["user"]["password"], &accepted["user"]["email_verified"]), (&json!(false), &json!(false)));
    let again = Browser::new(&world).post("/v1/auth/oauth/github", wish).await;
    assert_eq!(code(&again), refused(404, "no_such_invitation"), "once");
    let guessed = browser.log_in("bo@shop.example", PASSWORD).await;
    assert_eq!(code(&guessed), refused(401, "wrong_credentials"), "there is no password to guess");
}

#[tokio::test]
async fn somebody_who_is_known_accepts_with_what_they_linked_and_their_code() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    let other = world.tenant().await;
    let program = world.caller(other.id).await;
    let asked = json!({"email": "ada@shop.example", "role": "agent"});
    let wish = json!({"invitation": program.post("/v1/invitations", &asked).await.json()["token"]});
    let unlinked = go(&mut Browser::new(&world), "github", wish.clone()).await;
    assert_eq!(code(&unlinked), refused(403, "unknown_identity"), "an address alone does not open an account");
    link(&mut ada, "github").await;
    let (_, codes) = switch_on(&world, &mut ada).await;
    let mut phone = Browser::new(&world);
    assert_eq!(code(&go(&mut phone, "github", wish.clone()).await), refused(401, "code_needed"));
    let begun = phone.post("/v1/auth/oauth/github", wish).await;
    let mut came = crate::oauth::travel(&world, &begun).await;
    came["second_factor_code"] = codes[0].clone();
    let accepted = crate::oauth::come_back(&mut phone, "github", &came).await.json();
    assert_eq!(accepted["works_for"]["role"], "agent", "{accepted}");
    assert_eq!(accepted["tenants"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_last_way_in_stays_and_whoever_has_no_password_has_just_signed_in() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    let word = ada.invite("bo@shop.example", "agent").await.json()["token"].clone();
    sim.is(Person { id: "42".to_owned(), email: "bo@shop.example".to_owned(), ..ada_there() });
    let mut bo = Browser::new(&world);
    go(&mut bo, "google", json!({"invitation": word})).await;
    assert_eq!(code(&bo.post("/v1/auth/oauth/google/unlink", json!({})).await), refused(409, "last_way_in"));
    world.clock.advance(TimeDelta::minutes(10));
    let new = json!({"new": "purple monkey dishwasher"});
    assert_eq!(code(&bo.post("/v1/auth/password", new.clone()).await), refused(403, "proof_needed"));
    assert_eq!(code(&bo.post("/v1/auth/second-factor", json!({})).await), refused(403, "proof_needed"));
    let mut elsewhere = Browser::new(&world);
    assert_eq!(go(&mut elsewhere, "google", json!({})).await.status, 200);
    assert_eq!(go(&mut bo, "google", json!({})).await.status, 200);
    assert_eq!(bo.post("/v1/auth/password", new).await.status, 200);
    assert_eq!(elsewhere.get("/v1/auth/me").await.status, 401, "a new password ends all other sessions");
    assert_eq!(code(&bo.post("/v1/auth/oauth/google/unlink", json!({})).await), refused(403, "proof_needed"));
    assert_eq!(go(&mut elsewhere, "google", json!({})).await.status, 200);
    let said = json!({"password": "purple monkey dishwasher"});
    let unlinked = bo.post("/v1/auth/oauth/google/unlink", said.clone()).await;
    assert_eq!((unlinked.status, &unlinked.json()["user"]["identities"]), (200, &json!([])));
    assert_eq!(elsewhere.get("/v1/auth/me").await.status, 401, "and so does a way in that is closed");
    assert_eq!(code(&bo.post("/v1/auth/oauth/google/unlink", said).await), refused(404, "not_found"));
    world.execute("update users set verified_at = null").await;
    assert_eq!(code(&go(&mut elsewhere, "google", json!({})).await), refused(403, "unknown_identity"));
}

#[tokio::test]
async fn the_first_person_signs_up_by_a_provider_and_nobody_after_them() {
    let (world, sim) = stage().await;
    sim.is(ada_there());
    let tenant = |slug: &str| json!({"tenant": {"slug": slug, "name": "The Shop"}});
    let slug = Browser::new(&world).post("/v1/auth/oauth/google", tenant("No Slug")).await;
    assert_eq!(code(&slug), refused(422, "invalid_slug"));
    let mut faceless = Browser::new(&world);
    assert_eq!(code(&go(&mut faceless, "facebook", tenant("shop")).await), refused(403, "unproven_address"));
    let mut ada = Browser::new(&world);
    let late = ada.post("/v1/auth/oauth/google", tenant("late")).await;
    let mut first = Browser::new(&world);
    let me = go(&mut first, "google", tenant("shop")).await.json();
    assert_eq!((&me["works_for"]["role"], &me["superadmin"]), (&json!("owner"), &json!(true)), "{me}");
    assert_eq!((&me["user"]["name"], &me["user"]["email_verified"]), (&json!("Ada There"), &json!(true)));
    let came = crate::oauth::travel(&world, &late).await;
    let closed = crate::oauth::come_back(&mut ada, "google", &came).await;
    assert_eq!(code(&closed), refused(403, "sign_up_closed"), "somebody was first meanwhile");
    assert_eq!(code(&ada.post("/v1/auth/oauth/google", tenant("late")).await), refused(403, "sign_up_closed"));
    assert_eq!(world.count("select count(*) from tenants").await, 1);
}

#[tokio::test]
async fn what_opens_a_journey_and_what_a_provider_gave_lie_nowhere() {
    let (world, sim) = stage().await;
    let mut ada = owner(&world).await;
    sim.is(ada_there());
    link(&mut ada, "github").await;
    let begun = ada.post("/v1/auth/oauth/github", json!({})).await;
    let word = ada.journey.clone().unwrap().split_once('=').unwrap().1.to_owned();
    let url = begun.json()["url"].as_str().unwrap().to_owned();
    assert!(!url.contains(&word) && !url.contains(SECRET), "{url}");
    let state = url::Url::parse(&url).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let stored = world
        .text("select string_agg(j::text, ' ') || (select string_agg(i::text, ' ') from identities i) from journeys j")
        .await;
    let tokens = sim.tokens();
    assert_eq!(tokens.len(), 1);
    let planted: Vec<Value> = [word, state, SECRET.to_owned()].into_iter().chain(tokens).map(Value::from).collect();
    for secret in &planted {
        assert!(!stored.contains(secret.as_str().unwrap()), "{secret}: {stored}");
    }
    for (provider, body) in [("github", json!({"state": "x", "code": "y"})), ("myspace", json!({}))] {
        let answer = ada.post(&format!("/v1/auth/oauth/{provider}/callback"), body).await;
        assert!(matches!(answer.status, 404 | 422), "{provider}: {}", answer.json());
    }
}
