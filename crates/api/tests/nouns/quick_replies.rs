//! Quick replies over HTTP.

use http::Method;
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};

use crate::world::{Tenant, World};

async fn put(caller: &SignedCaller, id: &Value, body: &Value) -> Answer {
    let target = format!("/v1/quick-replies/{}", id.as_str().unwrap());
    caller.call(Method::PUT, &target, &caller.request_id(), body.to_string().as_bytes()).await
}

async fn desk() -> (World, Tenant, SignedCaller) {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    (world, tenant, caller)
}

async fn shortcuts(caller: &SignedCaller, query: &str) -> Vec<String> {
    let page = caller.get(&format!("/v1/quick-replies{query}")).await.json();
    page["data"].as_array().unwrap().iter().map(|one| one["shortcut"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_quick_reply_is_found_by_what_a_member_has_typed_and_reads_as_the_person_would() {
    let (_world, tenant, caller) = desk().await;
    let body = "Hello {{contact.first_name|there}}, {{contact.attribute.plan|your plan}} ends soon.";
    let made = caller.post("/v1/quick-replies", &json!({"shortcut": "renew", "body": body})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    for shortcut in ["refund", "hours"] {
        caller.post("/v1/quick-replies", &json!({"shortcut": shortcut, "body": "x"})).await;
    }
    assert_eq!(shortcuts(&caller, "").await, ["hours", "refund", "renew"]);
    assert_eq!(shortcuts(&caller, "?shortcut=re").await, ["refund", "renew"]);
    assert_eq!(shortcuts(&caller, "?limit=1&after=hours").await, ["refund"]);

    let mut previews = Vec::new();
    for (number, person) in
        [json!({"display_name": "Ada Lovelace", "attributes": {"plan": "Gold"}}), json!({"attributes": {}})]
            .into_iter()
            .enumerate()
    {
        let mut person = person;
        person["addresses"] = json!([{"channel": "whatsapp", "address": format!("+1202555017{number}")}]);
        let contact = caller.post("/v1/contacts", &person).await.json()["id"].clone();
        let begin = json!({"account_id": tenant.account.to_string(), "contact_id": contact});
        let conversation = caller.post("/v1/conversations", &begin).await.json()["id"].as_str().unwrap().to_owned();
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let filled = caller.get(&format!("/v1/quick-replies/{id}/preview?conversation={conversation}")).await;
        assert_eq!(filled.status, 200, "{}", filled.text());
        previews.push(filled.json()["text"].as_str().unwrap().to_owned());
    }
    assert_eq!(previews, ["Hello Ada, Gold ends soon.", "Hello there, your plan ends soon."]);
}

#[tokio::test]
async fn a_quick_reply_belongs_to_a_department_or_to_everybody() {
    let (_world, _tenant, caller) = desk().await;
    let mut departments = Vec::new();
    for name in ["Sales", "Support"] {
        let made = caller.post("/v1/departments", &json!({"name": name})).await.json();
        departments.push(made["id"].as_str().unwrap().to_owned());
    }
    for (shortcut, department) in [("all", None), ("of-sales", Some(0)), ("of-support", Some(1))] {
        let department: Option<&String> = department.map(|place: usize| &departments[place]);
        let body = json!({"shortcut": shortcut, "body": "x", "department_id": department});
        assert_eq!(caller.post("/v1/quick-replies", &body).await.status, 201);
    }
    assert_eq!(shortcuts(&caller, &format!("?department_id={}", departments[0])).await, ["all", "of-sales"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_quick_reply_is_told() {
    let (_world, _tenant, caller) = desk().await;
    let good = json!({"shortcut": "hi", "body": "Hello"});
    let made = caller.post("/v1/quick-replies", &good).await.json();
    let nobody = "dep_00000000000000000000000000000000";
    for (body, code) in [
        (good.clone(), "shortcut_taken"),
        (json!({"shortcut": "Hi there", "body": "x"}), "invalid_shortcut"),
        (json!({"shortcut": "a", "body": " "}), "invalid_text"),
        (json!({"shortcut": "a", "body": "Hello {{first_name}}"}), "invalid_placeholder"),
        (json!({"shortcut": "a", "body": "Hello {{contact.name"}), "invalid_placeholder"),
        (json!({"shortcut": "a", "body": "x", "department_id": nobody}), "unknown_department"),
        (
            json!({"shortcut": "a", "body": "x", "attachment_id": "att_00000000000000000000000000000000"}),
            "unknown_attachment",
        ),
    ] {
        let answer = caller.post("/v1/quick-replies", &body).await;
        assert_eq!(answer.code(), code, "{body}: {}", answer.text());
    }
    let changed = put(&caller, &made["id"], &json!({"shortcut": "hi", "body": "Good day"})).await;
    assert_eq!((changed.status, &changed.json()["body"]), (200, &json!("Good day")));
    let target = format!("/v1/quick-replies/{}", made["id"].as_str().unwrap());
    assert_eq!(caller.delete(&target).await.status, 204);
    assert_eq!(caller.get(&target).await.code(), "not_found");
    assert_eq!(put(&caller, &made["id"], &good).await.code(), "not_found");
}

#[tokio::test]
async fn a_character_that_no_text_can_hold_is_refused_wherever_it_stands_in_an_address() {
    let (_world, _tenant, caller) = desk().await;
    let program = json!({"name": "x", "live": true, "scopes": ["messages:read"]});
    let program = caller.post("/v1/api-clients", &program).await.json()["id"].as_str().unwrap().to_owned();
    let key = format!("/v1/api-clients/{program}/keys/a%00b");
    let targets = [
        (Method::GET, "/v1/quick-replies?shortcut=a%00b"),
        (Method::GET, "/v1/contacts?external_key=%00"),
        (Method::DELETE, &key),
    ];
    for (method, target) in targets {
        let answer = caller.call(method, target, &caller.request_id(), b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "nul_character"), "{target}: {}", answer.text());
    }
}
