//! Pages that people open by a link: what they show, what they change, and that nothing else does.

use data_encoding::BASE64;
use http::{Method, Request};
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;

const CLICK: &str = "List-Unsubscribe=One-Click";

async fn ada(world: &World) -> (SignedCaller, String) {
    let caller = world.caller(world.tenant().await.id).await;
    let new = json!({"display_name": "Ada Lovelace", "addresses": [{"channel": "whatsapp", "address": "+12025550173"},
                     {"channel": "email", "address": "ada@example.com"}]});
    let id = caller.post("/v1/contacts", &new).await.json()["id"].as_str().unwrap().to_owned();
    let word = json!({"channel": "whatsapp", "address": "+12025550173", "purpose": "marketing", "action": "granted", "source": "form"});
    caller.post("/v1/consents", &json!({"consents": [word]})).await;
    world.clock.advance(chrono::TimeDelta::minutes(1));
    (caller, id)
}

/// The paths of the page and of unsubscribing.
pub(crate) async fn link(world: &World, caller: &SignedCaller, id: &str) -> (String, String) {
    let made = caller.post(&format!("/v1/contacts/{id}/preference-link"), &json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = |name: &str| {
        let url = made.json()[name].as_str().unwrap().to_owned();
        url.strip_prefix(&world.api.settings.public_url).unwrap().to_owned()
    };
    (path("url"), path("unsubscribe_url"))
}

async fn visit(world: &World, method: Method, path: &str, (language, form): (&str, &str)) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", world.base))
        .header("accept-language", language)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.as_bytes().to_vec())
        .unwrap();
    world.http.send(request).await
}

async fn get(world: &World, path: &str) -> Answer {
    visit(world, Method::GET, path, ("en", "")).await
}

async fn post(world: &World, path: &str, form: &str) -> Answer {
    visit(world, Method::POST, path, ("en", form)).await
}

async fn words(caller: &SignedCaller, id: &str) -> Vec<Value> {
    let page = caller.get(&format!("/v1/contacts/{id}/consents")).await.json();
    page["data"].as_array().unwrap().clone()
}

/// Every value of the page's fields of this name.
fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("name=\"{name}\" value=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_page_shows_channels_masked_and_is_kept_and_seen_by_nobody_else() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, _) = link(&world, &caller, &id).await;
    let page = get(&world, &path).await;
    let text = page.text();
    assert_eq!(page.status, 200);
    assert!(text.contains("•••73") && text.contains("a•••@example.com") && text.contains("WhatsApp"), "{text}");
    for secret in ["2025550173", "ada@", "Lovelace", &id] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        !text.contains("<script") && !text.contains("http://") && !text.contains("https://") && !text.contains(" on"),
        "{text}"
    );
    assert_eq!(text.matches(" checked").count(), 1);
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
    let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(policy.contains(&BASE64.encode(&Sha256::digest(style))), "the one style is allowed, and no other");
    let told =
        ["content-type", "cache-control", "referrer-policy", "x-content-type-options", "vary", "content-language"];
    assert_eq!(
        told.map(|name| page.header(name)),
        ["text/html; charset=utf-8", "no-store", "no-referrer", "nosniff", "accept-language", "en"]
    );
    assert!(page.header("x-robots-tag").contains("noindex"));
    let german = visit(&world, Method::GET, &path, ("de-AT,de;q=0.9", "")).await;
    assert!(german.text().contains("<html lang=\"de\">") && german.text().contains("Alles abbestellen"));
}

#[tokio::test]
async fn what_a_person_chooses_is_recorded_and_stop_stops_everything() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, _) = link(&world, &caller, &id).await;
    let page = get(&world, &path).await.text();
    let shown = values(&page, "shown");
    assert_eq!(shown.len(), 4);
    let mut form: Vec<String> = shown.iter().map(|value| format!("shown={value}")).collect();
    let orders = shown.iter().find(|value| value.ends_with(".transactional")).unwrap();
    form.push(format!("on={orders}"));
    let saved = visit(&world, Method::POST, &path, ("de", &form.join("&"))).await;
    assert!(saved.status == 200 && saved.text().contains("Ihre Auswahl ist gespeichert."), "{}", saved.text());
    let recorded = words(&caller, &id).await;
    assert_eq!(recorded.len(), 3);
    let granted = recorded.iter().find(|word| word["purpose"] == "transactional").unwrap();
    assert_eq!((&granted["action"], &granted["source"]), (&json!("granted"), &json!("preference_page")));
    assert_eq!(granted["wording"], "Nachrichten zu meinen Bestellungen, Terminen und meinem Konto");

    world.clock.advance(chrono::TimeDelta::minutes(1));
    let stopped = post(&world, &path, "stop=everything").await;
    assert!(stopped.text().contains("Everything is stopped.") && !stopped.text().contains(" checked"));
    let profile = caller.get(&format!("/v1/contacts/{id}")).await.json();
    for address in profile["addresses"].as_array().unwrap() {
        assert_eq!(
            (&address["marketing"]["action"], &address["transactional"]["action"]),
            (&json!("revoked"), &json!("revoked"))
        );
    }
}

#[tokio::test]
async fn one_click_unsubscribes_and_looking_never_does() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (_, path) = link(&world, &caller, &id).await;
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(visit(&world, method, &path, ("en", "")).await.status, 200);
    }
    let asked = post(&world, &path, "").await;
    assert_eq!((asked.status, values(&asked.text(), "List-Unsubscribe")), (422, vec!["One-Click"]));
    assert_eq!(words(&caller, &id).await.len(), 1);
    for _ in 0..2 {
        let done = post(&world, &path, CLICK).await;
        assert!(done.status == 200 && done.text().contains("You are unsubscribed."), "{}", done.text());
    }
    let recorded = words(&caller, &id).await;
    assert_eq!(recorded.len(), 3, "marketing by both channels, once");
    assert!(recorded[..2].iter().all(|word| word["action"] == "revoked"
        && word["purpose"] == "marketing"
        && word["source"] == "unsubscribe_link"));
}

#[tokio::test]
async fn a_link_that_leads_nowhere_says_so_and_nothing_else() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, unsubscribe) = link(&world, &caller, &id).await;
    let nowhere = get(&world, "/p/AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!((nowhere.status, nowhere.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!(caller.delete(&format!("/v1/contacts/{id}")).await.status, 204);
    for path in [&path, &unsubscribe, "/o/AAAAAAAAAAAAAAAAAAAAAA", "/u/%ff", "/p/%3Cscript%3E"] {
        for answer in [get(&world, path).await, post(&world, path, CLICK).await] {
            assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
            assert!(answer.status == 400 || answer.body == nowhere.body, "{path}");
        }
    }
}

#[tokio::test]
async fn whoever_tries_many_links_is_not_listened_to_for_a_while_and_clients_are() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, _) = link(&world, &caller, &id).await;
    for _ in 0..100 {
        assert_eq!(get(&world, "/p/AAAAAAAAAAAAAAAAAAAAAA").await.status, 404);
    }
    let refused = get(&world, &path).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(caller.get(&format!("/v1/contacts/{id}")).await.status, 200);
    world.clock.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(get(&world, &path).await.status, 200);
}

#[tokio::test]
async fn what_stands_in_a_name_is_text_and_never_a_part_of_the_page() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    world.execute("update tenants set name = '<script>alert(1)</script> & \"Sons\"'").await;
    let (path, unsubscribe) = link(&world, &caller, &id).await;
    for path in [&path, &unsubscribe] {
        let text = get(&world, path).await.text();
        assert!(!text.contains("<script") && text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "), "{text}");
    }
}

#[tokio::test]
async fn every_page_of_a_business_says_how_it_is_reached_and_one_of_nobody_whom_to_ask() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, unsubscribe) = link(&world, &caller, &id).await;
    let question = json!({"channel": "email", "address": "ada@example.com", "purpose": "marketing", "source": "f", "wording": "Yes."});
    let asked = caller.post(&format!("/v1/contacts/{id}/opt-ins"), &question).await.json();
    let opt_in = asked["url"].as_str().unwrap().strip_prefix(&world.api.settings.public_url).unwrap().to_owned();
    let settings = json!({"name": "The Shop", "time_zone": "UTC", "business": {
        "email": "hello@shop.example", "phone": "+442079460018", "website": "https://shop.example"}});
    let body = settings.to_string();
    caller.call(Method::PUT, "/v1/tenant/settings", &caller.request_id(), body.as_bytes()).await;
    for (path, form) in [(&path, "stop=everything"), (&unsubscribe, CLICK), (&opt_in, "")] {
        for answer in [get(&world, path).await, post(&world, path, form).await] {
            let text = answer.text();
            assert!(text.contains("How to reach <bdi>The Shop</bdi>:"), "{path}: {text}");
            assert!(text.contains("<a href=\"mailto:hello@shop.example\">hello@shop.example</a>"), "{text}");
            assert!(
                text.contains("<a href=\"tel:+442079460018\">") && text.contains("<a href=\"https://shop.example/\">")
            );
        }
    }
    let german = visit(&world, Method::GET, &path, ("de", "")).await;
    assert!(german.text().contains("So erreichen Sie <bdi>The Shop</bdi>:"));
    assert!(!get(&world, "/p/AAAAAAAAAAAAAAAAAAAAAA").await.text().contains("How to reach"));
    world.execute("update system_settings set name = 'Our Desk', support_email = 'help@desk.example'").await;
    let nowhere = get(&world, "/p/AAAAAAAAAAAAAAAAAAAAAA").await.text();
    assert!(nowhere.contains("Our Desk") && nowhere.contains("mailto:help@desk.example"), "{nowhere}");
    assert!(!get(&world, &path).await.text().contains("help@desk.example"), "people of a business ask the business");
}

#[tokio::test]
async fn a_form_that_is_none_of_the_page_changes_nothing() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let (path, _) = link(&world, &caller, &id).await;
    for form in ["on=x", "colour=red", "on=adr_00000000000000000000000000000000.fun", "shown=%ff"] {
        assert_eq!(post(&world, &path, form).await.status, 400, "{form}");
    }
    let long = format!("on={}", "x".repeat(200_000));
    assert_eq!(post(&world, &path, &long).await.status, 400);
    assert_eq!(words(&caller, &id).await.len(), 1);
    world.db.store.close().await;
    let away = get(&world, &path).await;
    assert_eq!((away.status, away.header("content-type")), (503, "text/html; charset=utf-8"));
}

#[tokio::test]
async fn a_second_yes_is_asked_for_shown_and_given_once() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let path = format!("/v1/contacts/{id}/opt-ins");
    let question = json!({"channel": "email", "address": "Ada@Example.com", "purpose": "marketing", "source": "web form",
                          "wording": "Yes, <b>send</b> me offers."});
    let asked = caller.post(&path, &question).await;
    assert_eq!(asked.status, 201, "{}", asked.text());
    let asked = asked.json();
    let page = asked["url"].as_str().unwrap().strip_prefix(&world.api.settings.public_url).unwrap().to_owned();
    assert_eq!((&asked["state"], &asked["expires_at"]), (&json!("pending"), &json!("2026-03-09T12:01:00Z")));
    for _ in 0..2 {
        let text = get(&world, &page).await.text();
        assert!(text.contains("Yes, &lt;b&gt;send&lt;/b&gt; me offers.") && text.contains("Yes, I agree"), "{text}");
    }
    assert_eq!(words(&caller, &id).await.len(), 1, "looking is not agreeing");
    for _ in 0..2 {
        let done = post(&world, &page, "").await;
        assert!(done.status == 200 && done.text().contains("You have agreed."), "{}", done.text());
    }
    assert_eq!(words(&caller, &id).await.len(), 2);
    let list = caller.get(&path).await.json();
    assert_eq!((&list["data"][0]["state"], list["data"][0].get("url")), (&json!("confirmed"), None));
}

#[tokio::test]
async fn an_opt_in_that_came_too_late_says_so_and_grants_nothing() {
    let world = World::new().await;
    let (caller, id) = ada(&world).await;
    let question = |channel: &str, address: &str| json!({"channel": channel, "address": address, "purpose": "marketing", "source": "f", "wording": "Yes."});
    let path = format!("/v1/contacts/{id}/opt-ins");
    let page = async |question: Value| {
        let asked = caller.post(&path, &question).await.json();
        asked["url"].as_str().unwrap().strip_prefix(&world.api.settings.public_url).unwrap().to_owned()
    };
    let (late, taken_back) =
        (page(question("email", "ada@example.com")).await, page(question("whatsapp", "+12025550173")).await);
    let (preferences, _) = link(&world, &caller, &id).await;
    post(&world, &preferences, "stop=everything").await;
    for path in [&taken_back, &late] {
        let answer = post(&world, path, "").await;
        assert!(answer.status == 410 && answer.text().contains("You said stop"), "{}", answer.text());
    }
    world.clock.advance(chrono::TimeDelta::minutes(1));
    let last = page(question("email", "ada@example.com")).await;
    world.clock.advance(chrono::TimeDelta::days(8));
    let answer = visit(&world, Method::POST, &last, ("de", "")).await;
    assert!(answer.status == 410 && answer.text().contains("abgelaufen"), "{}", answer.text());
    let states: Vec<Value> =
        caller.get(&path).await.json()["data"].as_array().unwrap().iter().map(|o| o["state"].clone()).collect();
    assert_eq!(states, [json!("expired"), json!("withdrawn"), json!("withdrawn")]);
    for (body, code) in [
        (question("email", "bo@example.com"), "unknown_address"),
        (question("email", "nonsense"), "invalid_email"),
        (
            json!({"channel": "email", "address": "ada@example.com", "purpose": "conversational", "source": "f", "wording": "Y"}),
            "invalid_purpose",
        ),
        (
            json!({"channel": "email", "address": "ada@example.com", "purpose": "marketing", "source": "", "wording": "Y"}),
            "invalid_source",
        ),
        (
            json!({"channel": "email", "address": "ada@example.com", "purpose": "marketing", "source": "f", "wording": ""}),
            "invalid_wording",
        ),
    ] {
        assert_eq!(caller.post(&path, &body).await.code(), code, "{body}");
    }
    let unknown = json!({"message_id": "msg_00000000000000000000000000000000"});
    let refused = caller.post(&format!("/v1/contacts/{id}/preference-link"), &unknown).await;
    assert_eq!(refused.code(), "unknown_message");
}
