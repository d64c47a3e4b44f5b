//! Templates: submitted, listed at their provider, shown to people, deleted.

use http::Method;
use postroad_app::clients::Grant;
use postroad_core::{ids::TenantId, scope::Scope};
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    accounts::{connected, offer},
    world::{World, all_scopes},
};

struct Stage {
    world: World,
    tenant: TenantId,
    caller: SignedCaller,
    account: String,
}

/// As a draft that can be submitted.
fn draft(account: &str) -> Value {
    let mut draft = offer(account);
    draft["status"] = json!("draft");
    draft["footer"] = json!("Stop any time");
    draft["buttons"] = json!(["Stop"]);
    draft["samples"] = json!(["Ada", "20 %"]);
    draft
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let tenant = world.tenant().await.id;
        let caller = world.caller(tenant).await;
        let account = connected(&caller, "1001").await;
        Self { world, tenant, caller, account }
    }

    /// The path of a new template.
    async fn made(&self, body: &Value) -> String {
        let made = self.caller.post("/v1/templates", body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        format!("/v1/templates/{}", made.json()["id"].as_str().unwrap())
    }

    async fn refused(&self, path: &str, body: &Value) -> (u16, String) {
        let answer = self.caller.post(path, body).await;
        (answer.status, answer.code())
    }

    async fn person(&self, body: &Value) -> Value {
        self.caller.post("/v1/contacts", body).await.json()["id"].clone()
    }
}

#[tokio::test]
async fn a_draft_shows_its_samples_and_is_submitted_once() {
    let stage = Stage::new().await;
    let path = stage.made(&draft(&stage.account)).await;
    let shown = stage.caller.get(&path).await.json();
    assert_eq!((&shown["samples"], &shown["buttons"]), (&json!(["Ada", "20 %"]), &json!(["Stop"])));
    assert_eq!((&shown["footer"], shown.get("header")), (&json!("Stop any time"), None));
    let submitted = stage.caller.post(&format!("{path}/submit"), &json!({})).await;
    assert_eq!((submitted.status, &submitted.json()["status"]), (202, &json!("submitted")));
    let again = stage.caller.post(&format!("{path}/submit"), &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "template_not_submittable"));
    assert_eq!(again.json()["state"], "submitted");
}

#[tokio::test]
async fn every_wrong_part_has_a_code_of_its_own() {
    let stage = Stage::new().await;
    let cases = [
        ("header", json!("x".repeat(61)), "invalid_header"),
        ("header", json!("{{1}}"), "invalid_header"),
        ("footer", json!(""), "invalid_footer"),
        ("buttons", json!(["x".repeat(26)]), "invalid_buttons"),
        ("buttons", json!(vec!["x"; 11]), "invalid_buttons"),
        ("samples", json!(["one"]), "invalid_samples"),
        ("body", json!("{{3}}"), "template_parameters"),
        ("body", json!(""), "invalid_body"),
        ("language", json!("English"), "invalid_language"),
        ("name", json!(""), "invalid_name"),
    ];
    for (field, value, code) in cases {
        let body = with(draft(&stage.account), field, value);
        assert_eq!(stage.refused("/v1/templates", &body).await, (422, code.to_owned()), "{field}");
    }
    let path = stage.made(&with(draft(&stage.account), "samples", json!([]))).await;
    assert_eq!(stage.refused(&format!("{path}/submit"), &json!({})).await, (422, "samples_missing".to_owned()));
}

#[tokio::test]
async fn a_header_is_set_and_taken_away_again() {
    let stage = Stage::new().await;
    let path = stage.made(&draft(&stage.account)).await;
    let set = stage.caller.patch(&path, &json!({"header": "Sale"})).await.json();
    assert_eq!(set["header"], "Sale");
    let cleared = stage.caller.patch(&path, &json!({"header": null, "samples": ["Eve", "5 %"]})).await.json();
    assert_eq!((cleared.get("header"), &cleared["samples"]), (None, &json!(["Eve", "5 %"])));
}

#[tokio::test]
async fn the_languages_of_a_template_are_listed_by_its_name() {
    let stage = Stage::new().await;
    for language in ["en", "de", "pt_BR"] {
        stage.made(&with(draft(&stage.account), "language", json!(language))).await;
    }
    stage.made(&with(draft(&stage.account), "name", json!("other"))).await;
    let listed = stage.caller.get("/v1/templates?name=spring_offer").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(stage.caller.get("/v1/templates?name=spring").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_template_of_an_open_campaign_stays_and_any_other_goes() {
    let stage = Stage::new().await;
    let path = stage.made(&offer(&stage.account)).await;
    let id = path.trim_start_matches("/v1/templates/").to_owned();
    let campaign = json!({"name": "Spring", "account_id": stage.account, "template_id": id, "audience": {"all": true},
                          "variables": [{"value": "a"}, {"value": "b"}]});
    let made = stage.caller.post("/v1/campaigns", &campaign).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let campaign = format!("/v1/campaigns/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(stage.caller.post(&format!("{campaign}/start"), &json!({})).await.status, 200);
    let refused = stage.caller.delete(&path).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "template_in_use"));
    assert_eq!(stage.caller.post(&format!("{campaign}/cancel"), &json!({})).await.status, 200);
    assert_eq!(stage.caller.delete(&path).await.status, 204);
    // The provider may have it: it is shown until that is done.
    assert_eq!(stage.caller.get(&path).await.json()["status"], "deleted");
    assert_eq!(
        stage.refused("/v1/templates", &offer(&stage.account)).await,
        (409, "template_being_deleted".to_owned())
    );
    assert_eq!(stage.caller.patch(&path, &json!({"body": "Bye"})).await.code(), "template_being_deleted");

    let draft = stage.made(&with(draft(&stage.account), "name", json!("never_sent"))).await;
    assert_eq!(stage.caller.delete(&draft).await.status, 204);
    assert_eq!(stage.caller.get(&draft).await.status, 404);
}

#[tokio::test]
async fn a_listing_is_asked_for_where_there_is_one() {
    let stage = Stage::new().await;
    let asked = stage.caller.post(&format!("/v1/accounts/{}/templates/sync", stage.account), &json!({})).await;
    assert_eq!((asked.status, &asked.json()["account_id"]), (202, &json!(stage.account)), "{}", asked.text());
    assert_eq!(asked.json()["began_at"], "2026-03-02T12:00:00Z");
    let sandbox = json!({"provider": "sandbox", "external_id": "test", "display_name": "Test", "credentials": {}});
    let sandbox = stage.caller.post("/v1/accounts", &sandbox).await.json()["id"].as_str().unwrap().to_owned();
    let refused = stage.refused(&format!("/v1/accounts/{sandbox}/templates/sync"), &json!({})).await;
    assert_eq!(refused, (409, "no_approval_needed".to_owned()));
    let plain = stage.made(&draft(&sandbox)).await;
    assert_eq!(stage.caller.get(&plain).await.json()["status"], "approved");
    let refused = stage.refused(&format!("{plain}/submit"), &json!({})).await;
    assert_eq!(refused, (409, "no_approval_needed".to_owned()));
}

#[tokio::test]
async fn a_preview_fills_in_what_is_known_of_each_person() {
    let stage = Stage::new().await;
    let path = format!("{}/preview", stage.made(&draft(&stage.account)).await);
    let samples = stage.caller.post(&path, &json!({})).await.json();
    assert_eq!(samples["previews"][0]["text"], "Hi Ada, 20 % off until Sunday.");
    assert_eq!((&samples["footer"], &samples["previews"][0]["length"]), (&json!("Stop any time"), &json!(30)));
    let eve = stage.person(&json!({"external_key": "1", "attributes": {"first_name": "Eve"}})).await;
    let nobody = stage.person(&json!({"external_key": "2"})).await;
    let wanted = json!({"variables": [{"attribute": "first_name"}, {"value": "5 %"}], "contact_ids": [eve, nobody]});
    let shown = stage.caller.post(&path, &wanted).await.json();
    let expected = json!([
        {"contact_id": eve, "text": "Hi Eve, 5 % off until Sunday.", "missing": [], "length": 29},
        {"contact_id": nobody, "text": "Hi {{1}}, 5 % off until Sunday.", "missing": [1], "length": 31},
    ]);
    assert_eq!(shown["previews"], expected);
}

#[tokio::test]
async fn a_preview_that_cannot_be_says_why() {
    let stage = Stage::new().await;
    let path = format!("{}/preview", stage.made(&draft(&stage.account)).await);
    let two = json!([{"value": "a"}, {"value": "b"}]);
    let stranger = "con_00000000000000000000000000000000";
    let cases = [
        (json!({"variables": [{"value": "a"}]}), "template_parameters"),
        (json!({"contact_ids": [stranger]}), "template_parameters"),
        (json!({"variables": two, "contact_ids": [stranger]}), "unknown_contact"),
        (json!({"variables": two, "contact_ids": vec![stranger; 21]}), "too_many_contacts"),
        (json!({"variables": [{"value": "a", "attribute": "b"}, {"value": "b"}]}), "invalid_variable"),
        (json!({"variables": [{"value": ""}, {"value": "b"}]}), "invalid_variable"),
    ];
    for (wanted, code) in cases {
        assert_eq!(stage.refused(&path, &wanted).await, (422, code.to_owned()), "{wanted}");
    }
}

#[tokio::test]
async fn who_may_not_see_people_sees_none_in_a_preview() {
    let stage = Stage::new().await;
    let path = format!("{}/preview", stage.made(&draft(&stage.account)).await);
    let eve = stage.person(&json!({"external_key": "1", "display_name": "canary-7d1f"})).await;
    let grant = Grant { scopes: vec![Scope::TemplatesRead], ..all_scopes() };
    let narrow = stage.world.caller_with(stage.tenant, true, &grant).await;
    assert_eq!(narrow.post(&path, &json!({})).await.status, 200);
    let wanted = json!({"variables": [{"attribute": "display_name"}, {"value": "x"}], "contact_ids": [eve]});
    let refused = narrow.post(&path, &wanted).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "missing_scope"));
    assert!(!refused.text().contains("canary-7d1f"));
}

/// (action, what differs afterwards) of one thing, the first first.
async fn told_of(stage: &Stage, noun: &str, path: &str) -> Vec<(String, Vec<String>)> {
    let id = path.rsplit('/').next().unwrap();
    let told = stage.caller.get(&format!("/v1/audit?noun={noun}&noun_id={id}")).await.json();
    let entries = told["data"].as_array().unwrap().iter().rev();
    let of = |entry: &Value| {
        let after = entry["after"].as_object().unwrap().keys().cloned().collect();
        (entry["action"].as_str().unwrap().to_owned(), after)
    };
    entries.map(of).collect()
}

#[tokio::test]
async fn whatever_is_done_to_a_template_and_a_quick_reply_is_in_the_audit() {
    let stage = Stage::new().await;
    let path = stage.made(&draft(&stage.account)).await;
    assert_eq!(stage.caller.patch(&path, &json!({"header": "Sale"})).await.status, 200);
    assert_eq!(stage.caller.post(&format!("{path}/submit"), &json!({})).await.status, 202);
    assert_eq!(stage.caller.delete(&path).await.status, 204);
    let told = told_of(&stage, "templates", &path).await;
    let actions: Vec<&str> = told.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["created", "changed", "changed", "changed"], "made, edited, submitted, deleted");
    for (place, column) in [(0, "body"), (1, "header"), (2, "status"), (3, "status")] {
        assert!(told[place].1.iter().any(|known| known == column), "{column}: {told:?}");
    }
    let made = stage.caller.post("/v1/quick-replies", &json!({"shortcut": "hi", "body": "Hello"})).await.json();
    let reply = format!("/v1/quick-replies/{}", made["id"].as_str().unwrap());
    let other = json!({"shortcut": "hi", "body": "Good day"}).to_string();
    let id = stage.caller.request_id();
    assert_eq!(stage.caller.call(Method::PUT, &reply, &id, other.as_bytes()).await.status, 200);
    assert_eq!(stage.caller.delete(&reply).await.status, 204);
    let actions: Vec<String> =
        told_of(&stage, "quick_replies", &reply).await.into_iter().map(|(said, _)| said).collect();
    assert_eq!(actions, ["created", "changed", "deleted"]);
}
