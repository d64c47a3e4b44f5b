//! People, what they agreed to, and where nobody may write.

use http::{Method, header};
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};

use crate::world::World;

fn ada() -> Value {
    json!({"external_key": "ada", "display_name": "Ada", "attributes": {"tier": "gold"},
           "addresses": [{"channel": "whatsapp", "address": "+1 202 555 0173"}]})
}

#[tokio::test]
async fn a_contact_is_made_found_changed_and_known_again() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let made = caller.post("/v1/contacts", &ada()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["addresses"][0]["address"], "+12025550173");
    let again = caller.post("/v1/contacts", &json!({"external_key": "ada", "language": "en"})).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &made["id"]));

    let path = format!("/v1/contacts/{}", made["id"].as_str().unwrap());
    let changed =
        caller.patch(&path, &json!({"display_name": null, "attributes": {"tier": null, "city": "Pune"}})).await.json();
    assert_eq!((changed.get("display_name"), &changed["attributes"]), (None, &json!({"city": "Pune"})));
    for query in ["external_key=ada", "address=%2B1%20202%20555%200173", "limit=1"] {
        let found = caller.get(&format!("/v1/contacts?{query}")).await.json();
        assert_eq!(found["data"][0]["id"], made["id"], "{query}: {found}");
    }
    assert_eq!(caller.get("/v1/contacts?external_key=bo").await.json()["data"], json!([]));
    assert_eq!(caller.get("/v1/contacts?colour=red").await.code(), "invalid_query");
}

#[tokio::test]
async fn a_batch_tells_of_each_contact_what_became_of_it() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let local = json!({"addresses": [{"channel": "sms", "address": "(202) 555-0199"}]});
    let batch = json!({"default_region": "US", "contacts": [ada(), {}, {"language": "english", "external_key": "x"}, local, ada()]});
    let results = caller.post("/v1/contacts/batch", &batch).await.json()["results"].clone();
    let told: Vec<Value> =
        results.as_array().unwrap().iter().map(|r| r.get("code").or(r.get("created")).unwrap().clone()).collect();
    assert_eq!(told, [json!(true), json!("no_address"), json!("invalid_language"), json!(true), json!(false)]);
    assert_eq!(caller.post("/v1/contacts/batch", &json!({"contacts": []})).await.code(), "batch_size");
    let many = json!({"contacts": vec![json!({"external_key": "k"}); 1_001]});
    assert_eq!(caller.post("/v1/contacts/batch", &many).await.code(), "batch_size");
}

#[tokio::test]
async fn what_a_person_says_counts_is_kept_and_is_recorded_once() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let word = |action: &str| {
        json!({"channel": "whatsapp", "address": "+12025550173", "purpose": "marketing", "action": action,
                                     "source": "form", "wording": "Yes.", "evidence": {"page": "/offers"}})
    };
    let body = json!({"consents": [word("granted")]}).to_string();
    let id = caller.request_id();
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = caller.call(Method::POST, "/v1/consents", &id, body.as_bytes()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        told.push((answer.json(), answer.header("idempotency-replayed").to_owned()));
    }
    assert_eq!((&told[0].0, told[1].1.as_str()), (&told[1].0, "true"));
    let contact = told[0].0["contact_ids"][0].as_str().unwrap().to_owned();
    world.clock.advance(chrono::TimeDelta::minutes(1));
    caller.post("/v1/consents", &json!({"consents": [word("revoked")]})).await;

    let path = format!("/v1/contacts/{contact}");
    assert_eq!(caller.get(&path).await.json()["addresses"][0]["marketing"]["action"], "revoked");
    let history = caller.get(&format!("{path}/consents")).await.json();
    let actions: Vec<&str> =
        history["data"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["revoked", "granted"]);
    assert_eq!(history["data"][1]["evidence"], json!({"page": "/offers"}));
    for (change, code) in [
        (json!({"source": ""}), "invalid_source"),
        (json!({"address": "12"}), "invalid_phone"),
        (json!({"occurred_at": "2026-03-02T12:30:00Z"}), "in_the_future"),
        (json!({"purpose": "fun"}), "invalid_body"),
    ] {
        let mut bad = word("granted");
        bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(caller.post("/v1/consents", &json!({"consents": [bad]})).await.code(), code, "{change}");
    }
}

#[tokio::test]
async fn an_address_goes_on_the_list_and_off_it() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let made = caller.post("/v1/contacts", &ada()).await.json();
    let entry = json!({"suppressions": [{"address": "+1 202 555 0173", "reason": "complaint", "note": "by mail"}]});
    assert_eq!(caller.post("/v1/suppressions", &entry).await.json(), json!({"added": 1}));
    assert_eq!(caller.post("/v1/suppressions", &entry).await.json(), json!({"added": 0}));
    let path = format!("/v1/contacts/{}", made["id"].as_str().unwrap());
    assert_eq!(caller.get(&path).await.json()["addresses"][0]["suppressed"], true);
    let list = caller.get("/v1/suppressions?address=%2B12025550173").await.json();
    assert_eq!((&list["data"][0]["reason"], list["data"][0].get("channel")), (&json!("complaint"), None));
    let one = format!("/v1/suppressions/{}", list["data"][0]["id"].as_str().unwrap());
    assert_eq!(caller.delete(&one).await.status, 204);
    assert_eq!(caller.delete(&one).await.status, 404);
    assert_eq!(caller.get(&path).await.json()["addresses"][0]["suppressed"], false);
}

async fn upload(caller: &SignedCaller, target: &str, text: &str, kind: &'static str) -> Answer {
    let mut request = caller.signed(&Method::POST, target, &caller.request_id(), text.as_bytes());
    request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    caller.http.send(request).await
}

#[tokio::test]
async fn a_file_is_read_and_its_wrong_rows_are_told_by_line() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let text = "external_key,phone,consent\na,(202) 555-0101,yes\nb,nonsense,yes\nc,,\nd,+12025550104,maybe\n";
    let target = "/v1/contacts/import?file_name=people.csv&channels=whatsapp,sms&default_region=US";
    let report = upload(&caller, target, text, "text/csv; charset=utf-8").await;
    assert_eq!(report.status, 200, "{}", report.text());
    let report = report.json();
    assert_eq!((&report["rows"], &report["created"], &report["invalid"]), (&json!(4), &json!(1), &json!(3)));
    assert_eq!(report["errors"], json!({"invalid_phone": 1, "no_address": 1, "not_yes_or_no": 1}));
    assert_eq!(world.count("select count(*) from addresses").await, 2);

    let path = format!("/v1/contacts/imports/{}", report["id"].as_str().unwrap());
    assert_eq!(caller.get(&path).await.json(), report);
    assert_eq!(caller.get("/v1/contacts/imports").await.json()["data"][0]["id"], report["id"]);
    let first = caller.get(&format!("{path}/errors?limit=2")).await.json();
    let rest = caller.get(&format!("{path}/errors?limit=2&after={}", first["next"].as_str().unwrap())).await.json();
    let line = |page: &Value, at: usize| page["data"][at]["line"].as_i64();
    assert_eq!((line(&first, 0), line(&first, 1), line(&rest, 0)), (Some(3), Some(4), Some(5)));

    assert_eq!(upload(&caller, target, text, "application/json").await.status, 415);
    assert_eq!(upload(&caller, target, "name\nAda\n", "text/csv").await.code(), "invalid_header");
    let unknown = "/v1/contacts/import?channels=pigeon";
    assert_eq!(upload(&caller, unknown, text, "text/csv").await.code(), "invalid_query");
}
