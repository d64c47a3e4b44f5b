//! What it means that a message is accepted.

use chrono::TimeDelta;
use postroad_testkit::SeedAccount;
use serde_json::{Value, json};

use crate::world::World;

const TO: &str = "+12025550123";

fn text() -> Value {
    json!({ "to": TO, "type": "text", "text": "Your parcel is on its way." })
}

#[tokio::test]
async fn a_signed_text_is_a_message_with_a_send_and_a_wake_up() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let answer = caller.post("/v1/messages", &text()).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("msg_"), "{id}");
    assert_eq!(answer.json()["state"], "queued");
    assert_eq!(world.count("select count(*) from messages where source = 'api' and request_id is not null").await, 1);
    assert_eq!(
        world.count("select count(*) from sends where state = 'queued' and run_at = '2026-03-02T12:00:00Z'").await,
        1
    );
    assert_eq!(world.count("select count(*) from apalis.jobs where job_type = 'lane'").await, 1);
    assert_eq!(world.text("select address from addresses").await, TO);
    assert_eq!(world.count("select count(*) from contacts").await, 1);
}

#[tokio::test]
async fn the_same_person_is_the_same_contact() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for to in [TO, "+1 (202) 555-0123", " +1 202 555 0123 "] {
        let answer = caller.post("/v1/messages", &json!({ "to": to, "type": "text", "text": "hi" })).await;
        assert_eq!(answer.status, 202, "{to}: {}", answer.text());
    }
    assert_eq!(world.count("select count(*) from contacts").await, 1);
    assert_eq!(world.count("select count(*) from messages").await, 3);
}

#[tokio::test]
async fn the_answer_names_the_gate_that_holds_the_message_now() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let stranger = caller.post("/v1/messages", &text()).await.json();
    assert_eq!(stranger["held_by"], json!({ "gate": "consent", "reason": "no_consent" }));

    world.everybody_agrees().await;
    let closed = caller.post("/v1/messages", &text()).await.json();
    assert_eq!(closed["held_by"], json!({ "gate": "session_window", "reason": "window_closed" }));

    world.everybody_writes().await;
    world.execute("update tenants set quiet_starts = '11:00', quiet_ends = '13:30'").await;
    let quiet = caller.post("/v1/messages", &text()).await.json();
    let held = json!({ "gate": "quiet_hours", "reason": "quiet_hours", "until": "2026-03-02T13:30:00Z" });
    assert_eq!(quiet["held_by"], held);

    let exempt = json!({ "to": TO, "type": "text", "text": "123456", "class": "auth" });
    let code = caller.post("/v1/messages", &exempt).await.json();
    assert_eq!(code.get("held_by"), None, "{code}");
}

#[tokio::test]
async fn a_message_for_later_is_scheduled_and_wakes_nobody() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let mut later = text();
    later["send_at"] = json!("2026-03-02T15:00:00Z");
    let answer = caller.post("/v1/messages", &later).await;
    assert_eq!((answer.status, answer.json()["state"].as_str()), (202, Some("scheduled")), "{}", answer.text());
    assert_eq!(
        world.count("select count(*) from sends where state = 'scheduled' and run_at = '2026-03-02T15:00Z'").await,
        1
    );
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 0);

    later["send_at"] = json!("2026-03-02T11:00:00Z");
    assert_eq!(caller.post("/v1/messages", &later).await.json()["state"], "queued", "the past is now");
}

async fn nothing_is_stored_of(cases: &[(Value, &str)]) {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for (change, code) in cases {
        let mut body = text();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let answer = caller.post("/v1/messages", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, *code), "{body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(world.count("select count(*) from messages").await, 0);
    assert_eq!(world.count("select count(*) from contacts").await, 0);
    assert_eq!(world.count("select count(*) from idempotency").await, 0);
}

#[tokio::test]
async fn whom_and_when_is_checked_before_anything_is_stored() {
    let nobody = "00000000000000000000000000000000";
    nothing_is_stored_of(&[
        (json!({ "to": "" }), "invalid_address"),
        (json!({ "to": "+999 1" }), "invalid_address"),
        (json!({ "channel": "sms" }), "no_account"),
        (json!({ "channel": "pigeon" }), "invalid_body"),
        (json!({ "account_id": format!("acc_{nobody}") }), "unknown_account"),
        (json!({ "account_id": "7" }), "invalid_body"),
        (json!({ "not_after": "2026-03-02T12:00:00Z" }), "not_after_passed"),
        (json!({ "send_at": "2026-03-02T14:00:00Z", "not_after": "2026-03-02T13:00:00Z" }), "not_after_passed"),
        (json!({ "send_at": "2028-03-02T14:00:00Z" }), "send_at_too_far"),
        (json!({ "send_at": "tomorrow" }), "invalid_body"),
        (json!({ "reply_to": format!("msg_{nobody}") }), "unknown_reply_to"),
        (json!({ "type": "fax" }), "invalid_body"),
        (json!({ "colour": "red" }), "invalid_body"),
    ])
    .await;
}

#[tokio::test]
async fn text_and_buttons_are_checked_before_anything_is_stored() {
    let button = |id: &str| json!({ "id": id, "title": "Yes" });
    let interactive = |buttons: Value| json!({ "type": "interactive", "buttons": buttons });
    nothing_is_stored_of(&[
        (json!({ "text": "" }), "empty"),
        (json!({ "text": "x".repeat(4_097) }), "too_long"),
        (json!({ "text": null }), "content_mismatch"),
        (json!({ "text": 7 }), "invalid_body"),
        (json!({ "buttons": [button("a")] }), "content_mismatch"),
        (interactive(json!([])), "empty"),
        (interactive(json!([button("a"), button("b"), button("c"), button("d")])), "too_many"),
        (interactive(json!([button("a"), button("a")])), "repeated_button"),
        (interactive(json!([{ "id": "a", "title": "x".repeat(21) }])), "too_long"),
        (interactive(json!([{ "id": "", "title": "x" }])), "empty"),
        (json!({ "type": "interactive", "text": "x".repeat(1_025), "buttons": [button("a")] }), "too_long"),
    ])
    .await;
}

#[tokio::test]
async fn files_and_templates_are_checked_before_anything_is_stored() {
    let media = |link: &str| json!({ "type": "media", "text": null, "media": { "kind": "image", "link": link } });
    let template = |language: &str, parameters: Value| {
        json!({ "type": "template", "text": null,
                "template": { "name": "t", "language": language, "parameters": parameters } })
    };
    nothing_is_stored_of(&[
        (media("http://example.com/a.png"), "invalid_link"),
        (media("https:///a.png"), "invalid_link"),
        (media("https://user@example.com/a.png"), "invalid_link"),
        (media("https://example.com/a b"), "invalid_link"),
        (media(&format!("https://example.com/{}", "x".repeat(2_048))), "too_long"),
        (template("en", json!({ "1": "a", "3": "b" })), "template_parameters"),
        (template("en", json!({ "01": "a" })), "template_parameters"),
        (template("en", json!({ "0": "a" })), "template_parameters"),
        (template("en", json!(vec!["x"; 11])), "too_many"),
        (template("en", json!([""])), "empty"),
        (template("en", json!(["x".repeat(1_025)])), "too_long"),
        (template("e", json!([])), "empty"),
    ])
    .await;
}

#[tokio::test]
async fn every_kind_of_content_is_stored_as_the_worker_reads_it() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let cases = [
        (
            json!({ "type": "text", "text": "a", "preview_url": true }),
            json!({ "type": "text", "body": "a", "preview_url": true }),
        ),
        (
            json!({ "type": "template", "template": { "name": "n", "language": "en_US", "parameters": { "2": "b", "1": "a" } } }),
            json!({ "type": "template", "name": "n", "language": "en_US", "parameters": ["a", "b"] }),
        ),
        (
            json!({ "type": "template", "template": { "name": "n", "language": "en_US", "parameters": ["a"], "button_payloads": ["p"],
                    "header": { "kind": "image", "link": "https://example.com/a.png" } } }),
            json!({ "type": "template", "name": "n", "language": "en_US", "parameters": ["a"], "button_payloads": ["p"],
                    "header": { "kind": "image", "link": "https://example.com/a.png" } }),
        ),
        (
            json!({ "type": "media", "media": { "kind": "document", "link": "https://example.com/a.pdf", "caption": "c", "filename": "a.pdf" } }),
            json!({ "type": "media", "kind": "document", "link": "https://example.com/a.pdf", "caption": "c", "filename": "a.pdf" }),
        ),
        (
            json!({ "type": "interactive", "text": "t", "buttons": [{ "id": "y", "title": "Yes" }] }),
            json!({ "type": "interactive", "body": "t", "buttons": [{ "id": "y", "title": "Yes" }] }),
        ),
    ];
    for (mut body, stored) in cases {
        body["to"] = json!(TO);
        let answer = caller.post("/v1/messages", &body).await;
        assert_eq!(answer.status, 202, "{body}: {}", answer.text());
        let shown = caller.get(&format!("/v1/messages/{}", answer.json()["id"].as_str().unwrap())).await;
        assert_eq!(shown.json()["content"], stored, "{}", shown.text());
    }
}

#[tokio::test]
async fn the_account_is_the_named_one_or_the_primary_one_or_the_only_one() {
    let world = World::new().await;
    let mut tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let first = tenant.account;
    let second = tenant.seed.account(&SeedAccount::default()).await;
    let sms = tenant.seed.account(&SeedAccount { provider: "sandbox", channel: "sms", ..SeedAccount::default() }).await;

    assert_eq!(caller.post("/v1/messages", &text()).await.code(), "ambiguous_account");
    let on = |channel: &str| json!({ "to": TO, "type": "text", "text": "x", "channel": channel });
    assert_eq!(caller.post("/v1/messages", &on("whatsapp")).await.code(), "ambiguous_account");
    assert_eq!(account_of(&caller.post("/v1/messages", &on("sms")).await.json(), &caller).await, sms.to_string());

    let named = json!({ "to": TO, "type": "text", "text": "x", "account_id": second.to_string() });
    assert_eq!(account_of(&caller.post("/v1/messages", &named).await.json(), &caller).await, second.to_string());
    let wrong = json!({ "to": TO, "type": "text", "text": "x", "account_id": second.to_string(), "channel": "sms" });
    assert_eq!(caller.post("/v1/messages", &wrong).await.code(), "wrong_channel");

    sqlx::query("update accounts set is_primary = true where id = $1")
        .bind(first.uuid())
        .execute(tenant.seed.conn())
        .await
        .unwrap();
    assert_eq!(
        account_of(&caller.post("/v1/messages", &on("whatsapp")).await.json(), &caller).await,
        first.to_string()
    );
    assert_eq!(account_of(&caller.post("/v1/messages", &text()).await.json(), &caller).await, first.to_string());
}

async fn account_of(accepted: &Value, caller: &postroad_testkit::SignedCaller) -> String {
    let id = accepted["id"].as_str().unwrap_or_else(|| panic!("{accepted}"));
    caller.get(&format!("/v1/messages/{id}")).await.json()["account_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_sms_tells_how_many_parts_it_takes() {
    let world = World::new().await;
    let mut tenant = world.tenant().await;
    tenant.seed.account(&SeedAccount { provider: "sandbox", channel: "sms", ..SeedAccount::default() }).await;
    let caller = world.caller(tenant.id).await;
    for (body, segments) in [("x".repeat(160), 1), ("x".repeat(161), 2), ("👋".repeat(36), 2)] {
        let answer =
            caller.post("/v1/messages", &json!({ "to": TO, "type": "text", "text": body, "channel": "sms" })).await;
        assert_eq!(answer.json()["segments"], segments, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_test_key_reaches_the_sandbox_and_sees_nothing_else() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let live = world.caller(tenant.id).await;
    let test = world.caller_with(tenant.id, false, &crate::world::all_scopes()).await;
    let seen_by_live = live.post("/v1/messages", &text()).await.json();
    let sandboxed =
        test.post("/v1/messages", &json!({ "to": TO, "type": "text", "text": "x", "channel": "sms" })).await;
    assert_eq!(sandboxed.status, 202, "{}", sandboxed.text());
    assert_eq!(
        world.count("select count(*) from accounts where provider = 'sandbox' and channel = 'sandbox'").await,
        1
    );
    assert_eq!(world.count("select count(*) from lanes").await, 2);
    assert_eq!(world.count("select count(*) from messages where channel = 'sandbox'").await, 1);

    let live_id = seen_by_live["id"].as_str().unwrap();
    assert_eq!(test.get(&format!("/v1/messages/{live_id}")).await.status, 404);
    assert_eq!(test.get(&format!("/v1/messages/{live_id}/explain")).await.status, 404);
    assert_eq!(test.post(&format!("/v1/messages/{live_id}/cancel"), &json!({})).await.status, 404);
    let list = test.get("/v1/messages").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    let account =
        world.text("select 'acc_' || replace(id::text, '-', '') from accounts where provider = 'sandbox'").await;
    let named = json!({ "to": TO, "type": "text", "text": "x", "account_id": account });
    assert_eq!(live.post("/v1/messages", &named).await.code(), "unknown_account");
}

#[tokio::test]
async fn a_reply_carries_the_providers_id_of_what_it_answers() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let first = caller.post("/v1/messages", &text()).await.json()["id"].as_str().unwrap().to_owned();
    world.execute("update sends set state = 'accepted', provider_ref = 'wamid.first'").await;
    let mut reply = text();
    reply["reply_to"] = json!(first);
    let answer = caller.post("/v1/messages", &reply).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(world.count("select count(*) from messages where reply_to = 'wamid.first'").await, 1);
    reply["to"] = json!("+12025550199");
    assert_eq!(caller.post("/v1/messages", &reply).await.code(), "unknown_reply_to");
}

#[tokio::test]
async fn a_message_is_wanted_until_its_time_has_passed() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let mut code = text();
    code["not_after"] = json!(world.clock.now() + TimeDelta::minutes(10));
    assert_eq!(caller.post("/v1/messages", &code).await.status, 202);
    assert_eq!(world.count("select count(*) from sends where not_after = '2026-03-02T12:10Z'").await, 1);
}
