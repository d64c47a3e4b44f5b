//! Accounts and templates.

use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::world::World;

const SECRET: &str = "planted-token-91cc";

pub(crate) fn number(external_id: &str) -> Value {
    json!({
        "provider": "whatsapp_cloud",
        "external_id": external_id,
        "display_name": "Shop",
        "credentials": {"access_token": SECRET, "app_secret": "s", "verify_token": "v", "waba_id": "200000000000001"},
    })
}

pub(crate) async fn connected(caller: &SignedCaller, external_id: &str) -> String {
    let answer = caller.post("/v1/accounts", &number(external_id)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_account_is_connected_by_the_form_of_its_provider_and_never_shows_its_secrets() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let providers = caller.get("/v1/providers").await.json();
    let form = providers["providers"].as_array().unwrap().iter().find(|p| p["name"] == "whatsapp_cloud").unwrap();
    let secret =
        |name: &str| form["fields"].as_array().unwrap().iter().any(|f| f["name"] == name && f["secret"] == true);
    assert!(secret("access_token") && !secret("waba_id"));

    let id = connected(&caller, "1001").await;
    let account = caller.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(account.json()["settings"], json!({"waba_id": "200000000000001"}));
    assert_eq!(account.json()["limits"]["per_s"], form["limits"]["per_s"]);
    let listed = caller.get("/v1/accounts").await;
    for answer in [account.text(), listed.text()] {
        assert!(!answer.contains(SECRET), "{answer}");
    }
    let again = caller.post("/v1/accounts", &number("1001")).await;
    assert_eq!((again.status, again.code().as_str()), (409, "already_connected"));
}

#[tokio::test]
async fn a_form_that_is_not_filled_in_right_is_refused_by_name() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let cases = [
        (json!({"provider": "pigeon"}), "unknown_provider"),
        (json!({"credentials": {"access_token": "t"}}), "missing_credential"),
        (
            json!({"credentials": {"access_token": "t", "app_secret": "s", "verify_token": "v", "waba_id": "1", "x": "y"}}),
            "unknown_credential",
        ),
        (json!({"display_name": ""}), "invalid_display_name"),
        (json!({"external_id": ""}), "invalid_external_id"),
        (json!({"time_zone": "Mars/Base"}), "unknown_time_zone"),
        (json!({"quiet_hours": "late"}), "invalid_quiet_hours"),
        (json!({"limits": {"per_s": 0, "burst": 1}}), "out_of_range"),
        (json!({"colour": "red"}), "invalid_body"),
    ];
    for (change, code) in cases {
        let mut body = number("1001");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = caller.post("/v1/accounts", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{change}: {}", answer.text());
        assert!(!answer.text().contains(SECRET));
    }
}

#[tokio::test]
async fn an_account_is_changed_stopped_started_and_removed() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let path = format!("/v1/accounts/{}", connected(&caller, "1001").await);
    let change =
        json!({"limits": {"per_s": 5.5, "burst": 2}, "quiet_hours": "22:00-07:00", "time_zone": "Asia/Kolkata"});
    let changed = caller.patch(&path, &change).await.json();
    assert_eq!(
        (&changed["limits"], &changed["quiet_hours"]),
        (&json!({"per_s": 5.5, "burst": 2}), &json!("22:00-07:00"))
    );
    let cleared = caller.patch(&path, &json!({"quiet_hours": null})).await.json();
    assert_eq!((cleared.get("quiet_hours"), &cleared["time_zone"]), (None, &json!("Asia/Kolkata")));

    let paused = caller.post(&format!("{path}/pause"), &json!({"reason": "complaints"})).await.json();
    assert_eq!((&paused["status"], &paused["status_reason"]), (&json!("paused"), &json!("complaints")));
    let resumed = caller.post(&format!("{path}/resume"), &json!({})).await.json();
    assert_eq!(resumed["status"], "active");
    let partly = caller.post(&format!("{path}/rotate"), &json!({"credentials": {"access_token": "new"}})).await;
    assert_eq!(partly.code(), "missing_credential");
    let whole = json!({"credentials": {"access_token": "new", "app_secret": "s", "verify_token": "v"}});
    assert_eq!(caller.post(&format!("{path}/rotate"), &whole).await.status, 200);

    assert_eq!(caller.delete(&path).await.status, 204);
    let gone = caller.post(&format!("{path}/resume"), &json!({})).await;
    assert_eq!((gone.status, gone.code().as_str()), (409, "account_removed"));
}

pub(crate) fn offer(account: &str) -> Value {
    json!({"account_id": account, "name": "spring_offer", "language": "en", "category": "marketing",
           "body": "Hi {{1}}, {{2}} off until Sunday.", "status": "approved"})
}

#[tokio::test]
async fn a_template_is_registered_and_changed() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let account = connected(&caller, "1001").await;
    let made = caller.post("/v1/templates", &offer(&account)).await;
    assert_eq!((made.status, &made.json()["placeholders"]), (201, &json!(2)), "{}", made.text());
    let path = format!("/v1/templates/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(caller.patch(&path, &json!({"body": "Bye"})).await.code(), "body_is_fixed");
    let paused = caller.patch(&path, &json!({"status": "paused"})).await.json();
    assert_eq!(paused["status"], "paused");
    assert_eq!(caller.get("/v1/templates?status=approved").await.json()["data"], json!([]));
    assert_eq!(caller.get(&format!("/v1/templates?account_id={account}")).await.json()["data"][0]["status"], "paused");
    let again = caller.post("/v1/templates", &offer(&account)).await;
    assert_eq!((again.status, again.code().as_str()), (409, "template_exists"));
}

#[tokio::test]
async fn a_portfolio_is_named_shared_and_forgotten_again() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let mut first = number("1001");
    first["portfolio"] = json!({"id": "300000000000001", "people_max": 250});
    let first = caller.post("/v1/accounts", &first).await;
    assert_eq!(first.json()["portfolio"], json!({"id": "300000000000001", "people_max": 250, "people": 0}));
    let path = format!("/v1/accounts/{}", connected(&caller, "1002").await);
    assert_eq!(caller.get(&path).await.json()["portfolio"], json!({"people": 0}));

    let joined = caller.patch(&path, &json!({"portfolio": {"id": "300000000000001"}})).await.json();
    assert_eq!(joined["portfolio"]["people_max"], 250, "as the portfolio has it");
    caller.patch(&path, &json!({"portfolio": {"people_max": 2_000}})).await;
    let path_of_first = format!("/v1/accounts/{}", first.json()["id"].as_str().unwrap());
    assert_eq!(caller.get(&path_of_first).await.json()["portfolio"]["people_max"], 2_000);

    let alone = caller.patch(&path, &json!({"portfolio": {"id": null, "people_max": null}})).await.json();
    assert_eq!(alone["portfolio"], json!({"people": 0}));
    assert_eq!(caller.get(&path_of_first).await.json()["portfolio"]["people_max"], 2_000);
    for wrong in [json!({"people_max": 0}), json!({"id": ""}), json!({"people_max": 10_000_001})] {
        let answer = caller.patch(&path, &json!({"portfolio": wrong})).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "out_of_range"), "{wrong}");
    }
}
