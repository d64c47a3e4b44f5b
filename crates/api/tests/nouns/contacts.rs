//! People, what they agreed to, and where nobody may write.

use http::{Method, header};
use postroad_app::import;
use postroad_core::{ids::TenantId, jobs::ReadImport};
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

pub(crate) async fn upload(
    caller: &SignedCaller,
    method: Method,
    (target, kind): (&str, &'static str),
    text: &str,
) -> Answer {
    let mut request = caller.signed(&method, target, &caller.request_id(), text.as_bytes());
    request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    caller.http.send(request).await
}

/// What a worker does.
async fn read(world: &World, tenant: TenantId, id: &str) {
    let job = ReadImport { tenant, import: id.parse().unwrap(), at: 0, woken: 0 };
    import::work(&world.app, &job).await.unwrap();
}

fn rows(counts: &Value) -> (&Value, &Value, &Value) {
    (&counts["rows"], &counts["created"], &counts["invalid"])
}

#[tokio::test]
async fn a_file_is_read_and_its_wrong_rows_are_told_by_line() {
    let world = World::new().await;
    let tenant = world.tenant().await.id;
    let caller = world.caller(tenant).await;
    let text = "external_key,phone,consent\na,(202) 555-0101,yes\nb,nonsense,yes\nc,,\nd,+12025550104,maybe\n";
    let target = "/v1/imports?file_name=people.csv&channels=whatsapp,sms&default_region=US";
    let taken = upload(&caller, Method::POST, (target, "text/csv; charset=utf-8"), text).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/imports/{id}");
    assert_eq!((&taken.json()["state"], rows(&taken.json()).0), (&json!("running"), &json!(0)));
    read(&world, tenant, &id).await;
    let report = caller.get(&path).await.json();
    assert_eq!(rows(&report), (&json!(4), &json!(1), &json!(3)));
    assert_eq!(
        (&report["state"], &report["encoding"], &report["delimiter"]),
        (&json!("completed"), &json!("utf-8"), &json!(","))
    );
    assert_eq!(report["errors"], json!({"invalid_phone": 1, "no_address": 1, "not_yes_or_no": 1}));
    assert_eq!(world.count("select count(*) from addresses").await, 2);

    assert_eq!(caller.get("/v1/imports").await.json()["data"][0]["id"], report["id"]);
    let first = caller.get(&format!("{path}/errors?limit=2")).await.json();
    let rest = caller.get(&format!("{path}/errors?limit=2&after={}", first["next"].as_str().unwrap())).await.json();
    let line = |page: &Value, at: usize| page["data"][at]["line"].as_i64();
    assert_eq!((line(&first, 0), line(&first, 1), line(&rest, 0)), (Some(3), Some(4), Some(5)));

    let file = caller.get(&format!("{path}/errors.csv")).await;
    assert!(
        file.header("content-type").starts_with("text/csv")
            && file.header("content-disposition").contains("errors.csv")
    );
    assert!(file.text().contains("\r\n4,no_address,"), "{}", file.text());

    assert_eq!(upload(&caller, Method::POST, (target, "application/json"), text).await.status, 415);
    assert_eq!(upload(&caller, Method::POST, (target, "text/csv"), "name\nAda\n").await.code(), "invalid_header");
    for query in
        ["channels=pigeon", "encoding=klingon", "delimiter=x", "mapping=phone", "duplicates=maybe", "purposes=fun"]
    {
        let target = format!("/v1/imports?{query}");
        assert_eq!(upload(&caller, Method::POST, (&target, "text/csv"), text).await.code(), "invalid_query", "{query}");
    }
}

#[tokio::test]
async fn a_long_file_comes_in_parts_in_their_order() {
    let world = World::new().await;
    let tenant = world.tenant().await.id;
    let caller = world.caller(tenant).await;
    let taken =
        upload(&caller, Method::POST, ("/v1/imports?more=true", "text/csv"), "phone,name\n+1202555").await.json();
    assert_eq!((&taken["state"], &taken["parts"]), (&json!("receiving"), &json!(1)));
    let id = taken["id"].as_str().unwrap();
    let part = |number: i32, query: &str| format!("/v1/imports/{id}/parts/{number}{query}");
    assert_eq!(upload(&caller, Method::PUT, (&part(2, ""), "text/csv"), "x").await.code(), "out_of_order");
    assert_eq!(upload(&caller, Method::PUT, (&part(1, ""), "text/csv"), "").await.code(), "empty_part");
    assert_eq!(upload(&caller, Method::PUT, (&part(0, ""), "text/csv"), "x").await.status, 404);
    let whole = upload(&caller, Method::PUT, (&part(1, "?last=true"), "text/csv"), "0101,Ada\n").await;
    assert_eq!((whole.status, &whole.json()["state"]), (202, &json!("running")), "{}", whole.text());
    read(&world, tenant, id).await;
    assert_eq!(rows(&caller.get(&format!("/v1/imports/{id}")).await.json()), (&json!(1), &json!(1), &json!(0)));
}

#[tokio::test]
async fn a_preview_shows_how_a_file_would_be_read_and_writes_nothing() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let target = "/v1/imports/preview?mapping=%7B%22Kunde%22%3A%22external_key%22%7D";
    let text = "Kunde;Mobile;Tier\nk1;+12025550101;gold\nk2;12;gold\n";
    let shown = upload(&caller, Method::POST, (target, "text/csv"), text).await.json();
    assert_eq!((&shown["encoding"], &shown["delimiter"]), (&json!("utf-8"), &json!(";")));
    let told: Vec<(&Value, &Value)> =
        shown["columns"].as_array().unwrap().iter().map(|column| (&column["becomes"], &column["found"])).collect();
    assert_eq!(
        told,
        [
            (&json!("external_key"), &json!("mapped")),
            (&json!("phone"), &json!("guessed")),
            (&json!("attribute:Tier"), &json!("else"))
        ]
    );
    assert_eq!(shown["lines"][0]["person"]["addresses"][0]["address"], "+12025550101");
    assert_eq!((&shown["lines"][1]["line"], &shown["lines"][1]["code"]), (&json!(3), &json!("invalid_phone")));
    assert_eq!(world.count("select count(*) from contacts").await, 0);
}

#[tokio::test]
async fn contacts_and_suppressions_go_out_as_files_and_suppressions_come_in_as_one() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    caller.post("/v1/contacts", &ada()).await;
    let file = caller.get("/v1/contacts/export.csv").await;
    assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(file.text().contains("ada,Ada,'+12025550173,"), "{}", file.text());

    let list = "address,channel,reason\n+12025550173,,complaint\n12,sms,\n";
    let read = upload(&caller, Method::POST, ("/v1/suppressions/import", "text/csv"), list).await;
    assert_eq!(read.status, 200, "{}", read.text());
    let read = read.json();
    assert_eq!((&read["rows"], &read["added"], &read["invalid"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!((&read["errors"][0]["line"], &read["errors"][0]["code"]), (&json!(3), &json!("invalid_address")));
    assert!(caller.get("/v1/suppressions/export.csv").await.text().contains("'+12025550173,*,complaint,"));
    let wrong = upload(&caller, Method::POST, ("/v1/suppressions/import", "text/csv"), "phone\n1\n").await;
    assert_eq!(wrong.code(), "invalid_header");
}

#[tokio::test]
async fn a_person_is_told_everything_and_is_forgotten() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let made = caller.post("/v1/contacts", &ada()).await.json();
    let path = format!("/v1/contacts/{}", made["id"].as_str().unwrap());
    let told = caller.get(&format!("{path}/everything")).await.json();
    assert_eq!(told["addresses"][0]["address"], "+12025550173");
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.status, 404);
    assert_eq!(caller.get(&format!("{path}/everything")).await.status, 404);
    let list = caller.get("/v1/suppressions?address=%2B12025550173").await.json();
    assert_eq!(list["data"][0]["reason"], "erased");
}
