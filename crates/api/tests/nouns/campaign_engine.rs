//! When campaigns leave, how fast, who lets them, and what became of them.

use http::Method;
use postroad_app::campaigns;
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};

use crate::campaigns::Stage;

async fn patch(caller: &SignedCaller, path: &str, body: &Value) -> Answer {
    caller.call(Method::PATCH, path, &caller.request_id(), body.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_campaign_is_scheduled_in_one_of_three_ways() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    let schedule = format!("{path}/schedule");
    let wrong = [
        (json!({"at": "2026-03-03T12:00:00Z", "cron": "0 9 * * 1"}), "invalid_schedule"),
        (json!({"late": "skip"}), "invalid_schedule"),
        (json!({"zone": "UTC"}), "invalid_schedule"),
        (json!({"local_at": "2026-03-03T09:00:00Z"}), "invalid_body"),
        (json!({"local_at": "2026-02-28T09:00:00"}), "in_the_past"),
        (json!({"cron": "0 9 * *"}), "invalid_cron"),
        (json!({"cron": "0 9 * * 1", "zone": "Europe/Atlantis"}), "unknown_time_zone"),
        (json!({"cron": "0 9 30 2 *"}), "never_fires"),
    ];
    for (body, code) in wrong {
        let answer = stage.caller.post(&schedule, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{body}: {}", answer.text());
    }
    let local = stage.caller.post(&schedule, &json!({"local_at": "2026-03-04T09:00:00", "late": "skip"})).await.json();
    assert_eq!(
        (&local["local_at"], &local["scheduled_at"]),
        (&json!("2026-03-04T09:00:00"), &json!("2026-03-03T19:00:00Z"))
    );
    stage.caller.post(&schedule, &json!({})).await;
    let series = stage.caller.post(&schedule, &json!({"cron": "30 13 * * *", "zone": "Europe/Paris"})).await.json();
    assert_eq!(series["repeat"], json!({"cron": "30 13 * * *", "zone": "Europe/Paris"}));
    assert_eq!(series["scheduled_at"], "2026-03-02T12:30:00Z");
    assert_eq!(stage.caller.post(&format!("{path}/start"), &json!({})).await.code(), "is_a_series");

    stage.world.clock.advance(chrono::TimeDelta::minutes(31));
    campaigns::fold_all(&stage.world.app).await.unwrap();
    let id = series["id"].as_str().unwrap();
    let made = stage.caller.get(&format!("/v1/campaigns?series_id={id}")).await.json();
    let first = &made["data"][0];
    assert_eq!((&first["name"], &first["series_id"]), (&json!("Spring, 2026-03-02"), &json!(id)));
    assert_eq!(stage.caller.get(&path).await.json()["scheduled_at"], "2026-03-03T12:30:00Z");
}

#[tokio::test]
async fn a_dry_run_at_local_time_judges_everybody_by_their_own_clock() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    stage.caller.post(&format!("{path}/schedule"), &json!({"local_at": "2026-03-04T09:00:00"})).await;
    let told = stage.act(&path, "dry-run").await;
    // At nine in the morning nobody sleeps, wherever they are.
    assert_eq!((&told["accepted"], &told["waiting"]), (&json!(2), &json!({})));
    let hours: Vec<&Value> = told["forecast"]["curve"].as_array().unwrap().iter().map(|hour| &hour["at"]).collect();
    assert_eq!(hours, ["2026-03-04T00:00:00Z", "2026-03-04T08:00:00Z"], "Tokyo, then Paris");
}

#[tokio::test]
async fn settings_change_while_it_runs_and_the_history_says_who_did_it() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    stage.act(&path, "start").await;
    let changed =
        patch(&stage.caller, &path, &json!({"throttle_per_minute": 600, "pause_at_failures": null})).await.json();
    assert_eq!((&changed["throttle_per_minute"], changed.get("pause_at_failures")), (&json!(600), None));
    let kept = patch(&stage.caller, &path, &json!({"weight": 8})).await.json();
    assert_eq!((&kept["throttle_per_minute"], &kept["weight"]), (&json!(600), &json!(8)));
    assert_eq!(patch(&stage.caller, &path, &json!({"weight": 101})).await.code(), "out_of_range");
    let history = stage.caller.get(&format!("{path}/history")).await.json();
    let events: Vec<&str> = history["data"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["changed", "changed", "started", "created"]);
    assert!(history["data"][0]["actor"].as_str().unwrap().starts_with("cli_"));
    assert_eq!(history["data"][0]["detail"], json!({"weight": {"from": 4, "to": 8}}));
}

#[tokio::test]
async fn a_large_campaign_waits_for_a_second_person() {
    let stage = Stage::new().await;
    let body = json!({"above": 3}).to_string();
    let set = stage.caller.call(Method::PUT, "/v1/tenant/approval", &stage.caller.request_id(), body.as_bytes()).await;
    assert_eq!((set.status, stage.caller.get("/v1/tenant/approval").await.json()), (200, json!({"above": 3})));
    let path = stage.made().await;
    let start = format!("{path}/start");
    let refused = stage.caller.post(&start, &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "approval_required"), "{}", refused.text());
    assert_eq!(stage.caller.post(&format!("{path}/approve"), &json!({})).await.code(), "own_approval");
    let tenant = stage.caller.get("/v1/tenant").await.json()["id"].as_str().unwrap().parse().unwrap();
    let second = stage.world.caller(tenant).await;
    let approved = second.post(&format!("{path}/approve"), &json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text());
    assert_eq!(stage.act(&path, "start").await["state"], "preparing");
}

#[tokio::test]
async fn a_campaign_is_reported_exported_repeated_and_put_away() {
    let stage = Stage::new().await;
    let path = stage.made().await;
    let clear = stage.caller.get(&format!("{path}/preflight")).await.json();
    assert_eq!((&clear["clear"], &clear["recipients"], &clear["findings"]), (&json!(true), &json!(4), &json!([])));
    stage.act(&path, "start").await;
    stage.plan().await;
    stage.world.execute("update sends set state = 'rejected', fault_class = 'transient' where id = (select min(id::text)::uuid from sends)").await;
    let report = stage.caller.get(&format!("{path}/report")).await.json();
    assert_eq!((&report["recipients"], &report["failed"]), (&json!(4), &json!({"transient": 1})));
    let file = stage.caller.get(&format!("{path}/recipients.csv")).await.text();
    assert_eq!((file.lines().count(), file.contains("'+12025550101")), (5, true), "{file}");
    let follow = format!("{path}/follow-up");
    assert_eq!(stage.caller.post(&follow, &json!({"whom": "retryable"})).await.code(), "wrong_state");
    stage.act(&path, "cancel").await;
    let after = stage.caller.post(&follow, &json!({"whom": "retryable"})).await;
    assert_eq!((after.status, &after.json()["people"]), (201, &json!(1)), "{}", after.text());
    assert_eq!(stage.caller.post(&follow, &json!({"whom": "unknown"})).await.code(), "nobody_left");
    let copy = stage.caller.post(&format!("{path}/clone"), &json!({})).await;
    assert_eq!((copy.status, &copy.json()["state"]), (201, &json!("draft")));
    assert!(stage.act(&path, "archive").await["archived_at"].is_string());
    let shown = stage.caller.get("/v1/campaigns").await.json();
    assert_eq!(shown["data"].as_array().unwrap().len(), 2);
    assert_eq!(stage.caller.get("/v1/campaigns?archived=true").await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(stage.act(&path, "restore").await.get("archived_at"), None);
}
