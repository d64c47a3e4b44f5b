//! What people say of conversations: who is asked, once, and that only the person who presses the button answers.

use chrono::TimeDelta;
use http::{Method, Request};
use postroad_app::ratings;
use postroad_testkit::Answer;
use serde_json::{Value, json};

use crate::conversations::{ADA, BEN, Desk, path};

impl Desk {
    pub(crate) async fn ask(&self, settings: Value) -> Answer {
        let (id, text) = (self.caller.request_id(), settings.to_string());
        self.caller.call(Method::PUT, "/v1/tenant/ratings", &id, text.as_bytes()).await
    }

    pub(crate) async fn resolve(&self, conversation: &Value) {
        self.do_to(conversation, "status", json!({"state": "resolved"})).await;
    }

    /// Lets a minute pass; returns how many people were asked.
    pub(crate) async fn asked(&self) -> usize {
        self.world.clock.advance(TimeDelta::minutes(1));
        ratings::ask_all(&self.world.app).await.unwrap()
    }

    /// The path of the page in the last message of a conversation.
    pub(crate) async fn link(&self, conversation: &Value) -> String {
        let thread = self.caller.get(&path(conversation, "messages")).await.json();
        let text = thread["data"][0]["content"]["body"].as_str().unwrap().to_owned();
        let url = text.lines().last().unwrap();
        url.strip_prefix(&*self.world.app.public_url).unwrap().to_owned()
    }

    pub(crate) async fn visit(&self, method: Method, path: &str, form: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.world.base))
            .header("accept-language", "en")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.as_bytes().to_vec())
            .unwrap();
        self.world.http.send(request).await
    }

    async fn ratings(&self, conversation: &Value) -> Vec<Value> {
        self.caller.get(&path(conversation, "ratings")).await.json()["data"].as_array().unwrap().clone()
    }
}

fn settings() -> Value {
    json!({"ask": true, "question": "How was it?"})
}

#[tokio::test]
async fn a_person_is_asked_once_and_what_they_say_on_the_page_is_kept() {
    let desk = Desk::new().await;
    assert_eq!(desk.caller.get("/v1/tenant/ratings").await.json()["ask"], json!(false));
    let kept = desk.ask(settings()).await;
    assert_eq!((kept.status, &kept.json()["every_days"]), (200, &json!(7)));
    assert_eq!(desk.ask(json!({"ask": true, "question": " "})).await.code(), "invalid_question");
    let ada = desk.member("Ada").await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada})).await;
    desk.resolve(&one).await;
    assert_eq!(ratings::ask_all(&desk.world.app).await.unwrap(), 0, "a minute later");
    assert_eq!((desk.asked().await, desk.asked().await), (1, 0));
    let thread = desk.caller.get(&path(&one, "messages")).await.json();
    let question = &thread["data"][0];
    assert!(question["content"]["body"].as_str().unwrap().starts_with("How was it?\n"));
    assert_eq!(question["class"], json!("automation"));

    let link = desk.link(&one).await;
    for _ in 0..2 {
        let page = desk.visit(Method::GET, &link, "").await;
        assert!(page.status == 200 && page.text().contains("How was it?"), "{}", page.text());
    }
    let unread = &desk.ratings(&one).await[0];
    assert_eq!((&unread["score"], &unread["member_id"]), (&Value::Null, &json!(ada)), "looking is not answering");
    for wrong in ["", "score=0", "score=6", "comment=x"] {
        assert_eq!(desk.visit(Method::POST, &link, wrong).await.status, 400, "{wrong}");
    }
    let thanks = desk.visit(Method::POST, &link, "score=5&comment=").await;
    assert!(thanks.status == 200 && thanks.text().contains("Thank you"), "{}", thanks.text());
    desk.visit(Method::POST, &link, "score=4&comment=+slow+%3Cb%3E+").await;
    desk.visit(Method::POST, &link, "score=4&comment=+slow+%3Cb%3E+").await;
    let said = &desk.ratings(&one).await[0];
    assert_eq!((&said["score"], &said["comment"]), (&json!(4), &json!("slow <b>")));
    assert!(!desk.visit(Method::GET, &link, "").await.text().contains("<b>"));
    assert_eq!(desk.only().await["rating"], json!(4));
    let rated = desk.events(&one).await.into_iter().filter(|kind| *kind == "conversation.rated").count();
    assert_eq!(rated, 2, "what is said again changes nothing");
    let all = desk.caller.get(&format!("/v1/ratings?member_id={ada}")).await.json();
    assert_eq!((&all["asked"], &all["rated"], &all["average"]), (&json!(1), &json!(1), &json!(4.0)));
    assert_eq!(all["scores"]["4"], json!(1));
    let before = "/v1/ratings?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z";
    assert_eq!(desk.caller.get(before).await.json()["asked"], json!(0));
    let wide = "/v1/ratings?from=2024-01-01T00:00:00Z&to=2026-02-01T00:00:00Z";
    assert_eq!(desk.caller.get(wide).await.code(), "invalid_query");
    desk.world.clock.advance(TimeDelta::days(15));
    assert_eq!(desk.visit(Method::GET, &link, "").await.status, 410);
    assert_eq!(desk.visit(Method::POST, &link, "score=1").await.status, 410);
    assert_eq!(desk.only().await["rating"], json!(4));
}

#[tokio::test]
async fn nobody_is_asked_twice_in_a_week_after_the_window_or_about_what_was_opened_again() {
    let desk = Desk::new().await;
    desk.ask(settings()).await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    desk.resolve(&one).await;
    desk.do_to(&one, "status", json!({"state": "open"})).await;
    assert_eq!(desk.asked().await, 0, "it was opened again");
    desk.resolve(&one).await;
    desk.world.clock.advance(TimeDelta::seconds(2));
    desk.says(ADA, "one more thing", "b").await;
    assert_eq!(desk.asked().await, 0, "by the person, too");
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 1);
    desk.says(ADA, "thanks", "c").await;
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 0, "this week they were asked");
    desk.world.clock.advance(TimeDelta::days(8));
    desk.do_to(&one, "status", json!({"state": "open"})).await;
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 0, "the window is closed");
    desk.says(ADA, "hello again", "d").await;
    desk.ask(json!({"ask": true, "question": "How was it?", "channels": ["sms"]})).await;
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 0, "not on this channel");
    desk.ask(json!({"ask": false, "question": "How was it?"})).await;
    desk.says(BEN, "hello", "e").await;
    let of_ben = desk.list("?state=open").await.remove(0);
    desk.resolve(&of_ben).await;
    assert_eq!(desk.asked().await, 0, "nobody is asked any more");
}

#[tokio::test]
async fn what_a_person_said_goes_with_them_and_their_link_leads_nowhere() {
    let desk = Desk::new().await;
    desk.ask(settings()).await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    desk.resolve(&one).await;
    assert_eq!(desk.asked().await, 1);
    let link = desk.link(&one).await;
    desk.visit(Method::POST, &link, "score=1&comment=canary").await;
    let contact = one["contact_id"].as_str().unwrap();
    let everything = desk.caller.get(&format!("/v1/contacts/{contact}/everything")).await;
    assert!(everything.text().contains("canary"), "{}", everything.text());
    assert!(!everything.text().contains("token_sha256"));
    assert_eq!(desk.caller.delete(&format!("/v1/contacts/{contact}")).await.status, 204);
    let kept = &desk.ratings(&one).await[0];
    assert_eq!((&kept["score"], &kept["comment"]), (&json!(1), &Value::Null));
    assert_eq!(desk.visit(Method::GET, &link, "").await.status, 404);
    let canaries = "select count(*) from conversation_ratings r where to_jsonb(r)::text like '%canary%'";
    assert_eq!(desk.world.count(canaries).await, 0);
}
