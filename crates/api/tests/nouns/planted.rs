//! What others write never becomes a part of a page: markup is planted wherever somebody may write, and every page is read.

use std::fmt::Write;

use http::Method;
use postroad_app::system;
use postroad_testkit::Answer;
use serde_json::{Value, json};

use crate::{
    conversations::{ADA, Desk},
    pages,
    strangers::every_operation,
};

/// As an element, and as what ends an attribute of either kind.
const PLANTED: &str = "<script>alert(1)</script>\" onfocus=\"alert(2)\" autofocus='' x='<img src=x onerror=alert(3)>";
/// What of it would be markup.
const MARKUP: &[&str] = &["<script", "<img", "\" onfocus", "\" autofocus"];

/// Wherever a person, a member, a tenant or a superadmin may write what a page shows.
async fn plant(desk: &Desk) {
    let business =
        json!({"email": "\"<script>\"@shop.example", "website": format!("https://shop.example/{PLANTED}#{PLANTED}")});
    let settings =
        json!({"name": PLANTED, "time_zone": "UTC", "quiet_hours": "00:00-00:00", "business": business}).to_string();
    let (id, path) = (desk.caller.request_id(), "/v1/tenant/settings");
    let kept = desk.caller.call(Method::PUT, path, &id, settings.as_bytes()).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    assert_eq!(desk.ask(json!({"ask": true, "question": PLANTED})).await.status, 200);
    let app = &desk.world.app;
    let new_tenants = system::get(app).await.unwrap().new_tenants;
    let support_email = Some("<script>@desk.example".to_owned());
    system::set(app, system::Settings { name: Some(PLANTED.to_owned()), support_email, new_tenants }).await.unwrap();
}

/// A path of each page.
async fn pages_of(desk: &Desk) -> Vec<String> {
    desk.says(ADA, PLANTED, "a").await;
    let one = desk.only().await;
    let contact = one["contact_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/contacts/{contact}");
    assert_eq!(desk.caller.patch(&path, &json!({"display_name": PLANTED})).await.status, 200);
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 1);
    let rating = desk.link(&one).await;
    let said = format!("score=1&comment={}", form(PLANTED));
    assert_eq!(desk.visit(Method::POST, &rating, &said).await.status, 200);

    let profile = desk.caller.get(&path).await.json();
    let address = &profile["addresses"][0];
    let question = json!({"channel": address["channel"], "address": address["address"], "purpose": "marketing",
                          "source": PLANTED, "wording": PLANTED});
    let asked = desk.caller.post(&format!("{path}/opt-ins"), &question).await;
    assert_eq!(asked.status, 201, "{}", asked.text());
    let opt_in =
        asked.json()["url"].as_str().unwrap().strip_prefix(&desk.world.api.settings.public_url).unwrap().to_owned();
    let (preferences, unsubscribe) = pages::link(&desk.world, &desk.caller, &contact).await;
    let link = format!("/l/{}/1", "A".repeat(40));
    vec![preferences, unsubscribe, opt_in, rating, link]
}

fn form(text: &str) -> String {
    text.bytes().fold(String::new(), |mut written, byte| {
        write!(written, "%{byte:02X}").unwrap();
        written
    })
}

fn is_text(answer: &Answer, what: &str) {
    let text = answer.text();
    for markup in MARKUP {
        assert!(!text.contains(markup), "{what}: {markup} in {text}");
    }
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{what}");
}

#[tokio::test]
async fn what_others_write_is_text_on_every_page_and_never_markup() {
    let desk = Desk::new().await;
    plant(&desk).await;
    let paths = pages_of(&desk).await;
    let operations = every_operation();
    let read: Vec<&str> = paths.iter().map(|path| &path[..3]).collect();
    // Files are no pages of ours: what could hold a script is a download, in a sandbox.
    let described = operations.iter().filter(|(_, path, tag)| tag == "pages" && !path.starts_with("/files/"));
    for (_, path, _) in described {
        assert!(read.contains(&&path[..3]), "nobody reads {path} here");
    }
    let mut shown = 0;
    for path in &paths {
        for (method, body) in
            [(Method::GET, ""), (Method::POST, ""), (Method::POST, "score=2"), (Method::POST, "stop=1")]
        {
            let answer = desk.visit(method.clone(), path, body).await;
            is_text(&answer, &format!("{method} {path} {body}"));
            shown += answer.text().matches("&lt;script&gt;alert(1)").count();
        }
        let nowhere = format!("{}{}", &path[..3], form(PLANTED));
        is_text(&desk.visit(Method::GET, &nowhere, "").await, &nowhere);
    }
    assert!(shown > 20, "what was planted is shown: {shown}");
    let told: Value = desk.caller.get("/v1/tenant").await.json();
    assert_eq!(told["settings"]["name"], PLANTED, "as data it is what it was");
}
