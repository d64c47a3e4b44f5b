//! Templates: a send has to fit what was registered, and their owner manages them.

use std::time::Duration;

use postroad_simulators::meta::{AccountEvent, Inbound, Number, Preference, SessionWindow, Template};
use serde_json::{Value, json};

use crate::callback::Callback;
use crate::wire::{ANN, BEN, Caller, Heard, WABA, call, send, simulator, template, text};

fn order_update() -> Template {
    Template { name: "order_update".to_owned(), body_params: 2, ..Template::default() }
}

fn status(name: &str, status: &str) -> AccountEvent {
    let (name, language, status) = (name.to_owned(), "en_US".to_owned(), status.to_owned());
    AccountEvent::TemplateStatus { waba_id: None, name, language, status, reason: None, title: None }
}

#[tokio::test]
async fn a_send_has_to_fit_its_template() {
    let sim = simulator(|_| {}).await;
    sim.register_template(order_update());
    let mut caller = Caller::connect(&sim).await;
    let cases = [
        (template(ANN, "order_update", "en_US", &["Ann", "12"]), 200, 0),
        (template(ANN, "order_update", "en_US", &["Ann"]), 400, 132_000),
        (template(ANN, "order_update", "en_US", &["Ann", "12", "more"]), 400, 132_000),
        (template(ANN, "order_update", "de", &["Ann", "12"]), 404, 132_001),
        (template(ANN, "order_updates", "en_US", &["Ann", "12"]), 404, 132_001),
        (template(ANN, "order_update", "en_US", &["Ann", "two\nlines"]), 400, 132_018),
        (template(ANN, "order_update", "en_US", &["Ann", "C:\\new"]), 200, 0),
    ];
    for (body, status, code) in cases {
        let answer = caller.send(&body).await.answer();
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(status == 200 || answer.code() == code, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_header_has_to_be_what_the_template_has() {
    let sim = simulator(|_| {}).await;
    let components = vec![
        json!({ "type": "HEADER", "format": "IMAGE" }),
        json!({ "type": "BODY", "text": "Hi {{name}}, {{name}}!" }),
    ];
    sim.register_template(Template { name: "picture".to_owned(), components, ..Template::default() });
    let with = |header: Value| {
        let mut body = template(ANN, "picture", "en_US", &["Ann"]);
        body["template"]["components"].as_array_mut().unwrap().push(json!({ "type": "header", "parameters": header }));
        body
    };
    let image = json!([{ "type": "image", "image": { "link": "https://example.com/a.png" } }]);
    assert_eq!(send(&sim, &with(image)).await.answer().status, 200);
    let video = json!([{ "type": "video", "video": { "link": "https://example.com/a.mp4" } }]);
    assert_eq!(send(&sim, &with(video)).await.answer().code(), 132_012);
    assert_eq!(send(&sim, &template(ANN, "picture", "en_US", &["Ann"])).await.answer().code(), 132_012);
}

#[tokio::test]
async fn a_template_that_is_not_approved_is_refused_for_its_reason() {
    let sim = simulator(|_| {}).await;
    sim.register_template(order_update());
    let body = template(ANN, "order_update", "en_US", &["Ann", "12"]);
    for (state, code) in [("PAUSED", 132_015), ("DISABLED", 132_016), ("REJECTED", 132_001), ("PENDING", 132_001)] {
        sim.event(status("order_update", state)).unwrap();
        assert_eq!(send(&sim, &body).await.answer().code(), code, "{state}");
    }
    sim.event(status("order_update", "APPROVED")).unwrap();
    assert_eq!(send(&sim, &body).await.answer().status, 200);
    assert!(sim.event(status("no_such_template", "APPROVED")).is_err());
}

#[tokio::test]
async fn any_template_may_be_allowed() {
    let sim = simulator(|config| config.any_template = true).await;
    let answer = send(&sim, &template(ANN, "whatever", "fr", &["x"])).await.answer();
    assert_eq!(answer.json()["messages"][0]["message_status"], "accepted");
}

#[tokio::test]
async fn a_template_belongs_to_its_waba() {
    let other = Number {
        phone_number_id: "100000000000002".to_owned(),
        waba_id: "200000000000002".to_owned(),
        ..Number::default()
    };
    let sim = simulator(|config| config.numbers.push(other)).await;
    sim.register_template(order_update());
    let body = template(ANN, "order_update", "en_US", &["Ann", "12"]);
    assert_eq!(send(&sim, &body).await.answer().status, 200);
    assert_eq!(call(&sim, "POST", "/v25.0/100000000000002/messages", &body).await.code(), 132_001);
}

#[tokio::test]
async fn a_created_template_is_pending_until_it_is_approved_and_told() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        config.webhook_url = Some(callback.url.clone());
        config.approve_templates_after_ms = Some(50);
    })
    .await;
    let path = format!("/v25.0/{WABA}/message_templates");
    let new = json!({ "name": "welcome", "language": "en_US", "category": "UTILITY", "components": [{ "type": "BODY", "text": "Hi {{1}}" }] });
    let created = call(&sim, "POST", &path, &new).await.json();
    assert_eq!((&created["status"], &created["category"]), (&json!("PENDING"), &json!("UTILITY")));
    assert_eq!(call(&sim, "POST", &path, &new).await.json()["error"]["error_subcode"], 2_388_024);

    let told = callback.next().await.acknowledge();
    let change = &told["entry"][0]["changes"][0];
    assert_eq!(change["field"], "message_template_status_update");
    assert_eq!(change["value"]["event"], "APPROVED");
    assert_eq!(change["value"]["message_template_id"].to_string(), created["id"].as_str().unwrap());
    assert_eq!(change["value"]["reason"], "NONE");
    assert!(told["entry"][0]["time"].is_u64());
    assert_eq!(send(&sim, &template(ANN, "welcome", "en_US", &["Ann"])).await.answer().status, 200);
}

#[tokio::test]
async fn a_review_may_end_in_a_rejection_and_an_edited_template_is_reviewed_again() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        config.webhook_url = Some(callback.url.clone());
        config.approve_templates_after_ms = Some(20);
        config.reject_templates_for = Some("PROMOTIONAL".to_owned());
    })
    .await;
    let path = format!("/v25.0/{WABA}/message_templates");
    let new = json!({ "name": "offer", "language": "en_US", "category": "UTILITY", "components": [{ "type": "BODY", "text": "Buy" }] });
    let created = call(&sim, "POST", &path, &new).await.json();
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!((&value["event"], &value["reason"]), (&json!("REJECTED"), &json!("PROMOTIONAL")));
    let template = format!("/v25.0/{}", created["id"].as_str().unwrap());
    assert_eq!(call(&sim, "GET", &template, &Value::Null).await.json()["rejected_reason"], "PROMOTIONAL");

    sim.configure(|config| config.reject_templates_for = None);
    let edited = json!({ "components": [{ "type": "BODY", "text": "Your order" }] });
    assert_eq!(call(&sim, "POST", &template, &edited).await.json(), json!({ "success": true }));
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!(value["event"], "APPROVED");
    assert_eq!(call(&sim, "GET", &template, &Value::Null).await.json()["rejected_reason"], "NONE");
}

#[tokio::test]
async fn the_answer_to_a_creation_may_be_lost() {
    let sim = simulator(|config| config.cut_template_creations = 1).await;
    let path = format!("/v25.0/{WABA}/message_templates");
    let new = json!({ "name": "lost", "language": "en_US", "category": "UTILITY", "components": [{ "type": "BODY", "text": "Hi" }] });
    let mut caller = Caller::connect(&sim).await;
    assert_eq!(caller.call("POST", &path, &new.to_string()).await, Heard::Reset);
    assert_eq!(call(&sim, "POST", &path, &new).await.json()["error"]["error_subcode"], 2_388_024);
}

#[tokio::test]
async fn templates_are_listed_page_by_page_changed_and_deleted() {
    let sim = simulator(|_| {}).await;
    for number in 0..30 {
        sim.register_template(Template { name: format!("template_{number}"), ..Template::default() });
    }
    let path = format!("/v25.0/{WABA}/message_templates");
    let first = call(&sim, "GET", &path, &Value::Null).await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 25);
    assert_eq!((&first["data"][0]["name"], &first["data"][0]["status"]), (&json!("hello_world"), &json!("APPROVED")));
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let rest = call(&sim, "GET", &format!("{path}?after={after}"), &Value::Null).await.json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 6);
    assert_eq!(rest["paging"].get("next"), None);
    let named = call(&sim, "GET", &format!("{path}?name=template_7"), &Value::Null).await.json();
    let id = named["data"][0]["id"].as_str().unwrap().to_owned();

    let change = json!({ "components": [{ "type": "BODY", "text": "Now with {{1}}" }] });
    assert_eq!(call(&sim, "POST", &format!("/v25.0/{id}"), &change).await.json(), json!({ "success": true }));
    assert_eq!(call(&sim, "GET", &format!("/v25.0/{id}"), &Value::Null).await.json()["status"], "PENDING");
    let deleted = call(&sim, "DELETE", &format!("{path}?name=template_7"), &Value::Null).await.json();
    assert_eq!(deleted, json!({ "success": true }));
    assert_eq!(call(&sim, "DELETE", &format!("{path}?name=template_7"), &Value::Null).await.code(), 100);
    assert_eq!(send(&sim, &template(ANN, "template_7", "en_US", &[])).await.answer().code(), 132_001);
}

#[tokio::test]
async fn a_changed_category_is_told_and_remembered() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| config.webhook_url = Some(callback.url.clone())).await;
    let (name, language, category) = ("hello_world".to_owned(), "en_US".to_owned(), "MARKETING".to_owned());
    sim.event(AccountEvent::TemplateCategory { waba_id: None, name, language, category }).unwrap();
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!((&value["previous_category"], &value["new_category"]), (&json!("UTILITY"), &json!("MARKETING")));
    let path = format!("/v25.0/{WABA}/message_templates");
    assert_eq!(call(&sim, "GET", &path, &Value::Null).await.json()["data"][0]["category"], "MARKETING");
}

#[tokio::test]
async fn who_stopped_marketing_gets_none_until_they_resume() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| config.webhook_url = Some(callback.url.clone())).await;
    sim.register_template(Template {
        category: "MARKETING".to_owned(),
        name: "sale".to_owned(),
        ..Template::default()
    });
    let prefer = |value| AccountEvent::UserPreference { number: None, recipient: ANN.to_owned(), value };
    sim.event(prefer(Preference::Stop)).unwrap();
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!(value["user_preferences"][0]["value"], "stop");
    assert_eq!(value["user_preferences"][0]["category"], "marketing_messages");
    assert_eq!(value["contacts"][0]["wa_id"], "15550100007");
    assert_eq!(send(&sim, &template(ANN, "sale", "en_US", &[])).await.answer().code(), 131_050);
    assert_eq!(send(&sim, &template(BEN, "sale", "en_US", &[])).await.answer().status, 200);
    assert_eq!(send(&sim, &template(ANN, "hello_world", "en_US", &[])).await.answer().status, 200);
    sim.event(prefer(Preference::Resume)).unwrap();
    assert_eq!(send(&sim, &template(ANN, "sale", "en_US", &[])).await.answer().status, 200);
}

#[tokio::test]
async fn a_closed_session_takes_templates_only() {
    let sim = simulator(|config| config.session_window = SessionWindow::Refuse).await;
    assert_eq!(send(&sim, &text(ANN, "a.1")).await.answer().code(), 131_047);
    assert_eq!(send(&sim, &template(ANN, "hello_world", "en_US", &[])).await.answer().status, 200);
    sim.inbound(Inbound { from: Some(ANN.to_owned()), ..Inbound::default() }).unwrap();
    assert_eq!(send(&sim, &text(ANN, "a.2")).await.answer().status, 200);
    assert_eq!(send(&sim, &text(BEN, "b.1")).await.answer().code(), 131_047);
    let hidden =
        json!({ "messaging_product": "whatsapp", "recipient": "US.13491208655302741918", "text": { "body": "x" } });
    assert_eq!(send(&sim, &hidden).await.answer().code(), 131_047);
    let user_id = Some("US.13491208655302741918".to_owned());
    sim.inbound(Inbound { from: Some(BEN.to_owned()), user_id, ..Inbound::default() }).unwrap();
    assert_eq!(send(&sim, &text(BEN, "b.2")).await.answer().status, 200);
    assert_eq!(send(&sim, &hidden).await.answer().status, 200, "by either name the contact may be answered");
}

#[tokio::test]
async fn a_closed_session_may_also_be_told_later() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        config.session_window = SessionWindow::FailLater;
        config.webhook_url = Some(callback.url.clone());
    })
    .await;
    assert_eq!(send(&sim, &text(ANN, "a.1")).await.answer().status, 200);
    let statuses = callback.statuses(2).await;
    assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&json!("sent"), &json!("failed")));
    assert_eq!(statuses[1]["errors"][0]["code"], 131_047);
    tokio::time::timeout(Duration::from_secs(10), sim.receipts_settled()).await.unwrap();
}
