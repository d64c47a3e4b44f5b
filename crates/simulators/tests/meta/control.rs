//! The control API says and does over HTTP what the methods do in the same process.

use postroad_simulators::meta::{MetaConfig, Stats};
use serde_json::{Value, json};

use crate::callback::Callback;
use crate::wire::{ANN, Caller, Heard, call, send, simulator, template, text};

/// reqwest wants a crypto provider even where nothing is encrypted.
pub(crate) fn with_crypto() {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn a_script_in_json_is_followed() {
    let sim = simulator(|_| {}).await;
    let script = json!([
        { "when": { "recipient": "+15550100007" }, "times": 1, "then": { "do": "error", "code": 131_026 } },
        { "times": 1, "then": { "do": "rate_limited", "retry_after_s": 3 } },
        { "times": 1, "then": [{ "share": 1.0, "do": "cut_before" }] },
        { "times": 1, "then": { "do": "http5xx_after" } },
    ]);
    let rules = call(&sim, "POST", "/_sim/rules", &script).await.json();
    assert_eq!(rules.as_array().unwrap().len(), 4);
    assert_eq!(rules[0]["rule"]["then"], json!({ "do": "error", "code": 131_026, "status": null }));
    assert_eq!(send(&sim, &text(ANN, "a.1")).await.answer().code(), 131_026);
    assert_eq!(send(&sim, &text(ANN, "a.2")).await.answer().code(), 130_429);
    assert_eq!(send(&sim, &text(ANN, "a.3")).await, Heard::Reset);
    assert_eq!(send(&sim, &text(ANN, "a.4")).await.answer().status, 502);
    assert_eq!(call(&sim, "GET", "/_sim/rules", &Value::Null).await.json()[3]["acted"], 1);
    let one = json!({ "then": { "do": "garbage" } });
    assert_eq!(call(&sim, "POST", "/_sim/rules?replace=true", &one).await.json().as_array().unwrap().len(), 1);
    call(&sim, "DELETE", "/_sim/rules", &Value::Null).await;
    assert_eq!(call(&sim, "GET", "/_sim/rules", &Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn a_script_with_a_mistake_is_refused_as_a_whole() {
    let sim = simulator(|_| {}).await;
    let mistakes = [
        json!([{ "then": { "do": "garbage" } }, { "then": { "do": "explode" } }]),
        json!({ "when": { "recipent": "+15550100007" }, "then": { "do": "garbage" } }),
        json!({ "when": { "callback_regex": "(" }, "then": { "do": "garbage" } }),
        json!({ "action": { "do": "garbage" } }),
    ];
    for mistake in mistakes {
        let answer = call(&sim, "POST", "/_sim/rules", &mistake).await;
        assert_eq!(answer.status, 400, "{mistake}");
        assert!(answer.json()["error"].is_string());
    }
    assert!(sim.rules().is_empty());
}

#[tokio::test]
async fn statistics_are_the_same_over_http() {
    let sim = simulator(|_| {}).await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    send(&sim, &template(ANN, "unknown", "en_US", &[])).await.answer();
    let mut over_http: Stats =
        serde_json::from_value(call(&sim, "GET", "/_sim/stats", &Value::Null).await.json()).unwrap();
    let in_process = sim.stats();
    over_http.now_ms = in_process.now_ms;
    assert_eq!(over_http, in_process);
    assert_eq!((in_process.counts.accepted, in_process.refused[&132_001]), (1, 1));
    let by_recipient = call(&sim, "GET", "/_sim/stats?by=recipient", &Value::Null).await.json();
    assert_eq!((&by_recipient["by_recipient"], &by_recipient["accepted"]), (&json!({ "15550100007": 1 }), &json!(1)));
}

#[tokio::test]
async fn messages_keys_and_arrivals_can_be_asked_for() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    caller.send(&text(ANN, "a.1")).await.answer();
    call(&sim, "POST", "/_sim/rules", &json!({ "times": 1, "then": { "do": "cut_before" } })).await;
    assert_eq!(caller.send(&text(ANN, "b.1")).await, Heard::Reset);
    let found = call(&sim, "GET", "/_sim/messages?callback=a.1", &Value::Null).await.json();
    assert_eq!((&found[0]["outcome"], &found[0]["body"]["text"]["body"]), (&json!("accepted"), &json!("Hello")));
    let found = call(&sim, "GET", "/_sim/messages?recipient=%2B15550100007&accepted=false", &Value::Null).await.json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    let keys = call(&sim, "GET", "/_sim/keys?outcome=cut_before", &Value::Null).await.json();
    assert_eq!(keys, json!([{ "key": "b", "callback": "b.1", "key_accepted": false, "recipient": "15550100007" }]));
    assert_eq!(call(&sim, "GET", "/_sim/keys?outcome=nothing", &Value::Null).await.status, 400);
    let arrivals = |query: &str| format!("/_sim/arrivals?{query}");
    assert_eq!(call(&sim, "GET", &arrivals(""), &Value::Null).await.json(), json!({ "arrivals": 2 }));
    assert_eq!(call(&sim, "GET", &arrivals("number=1"), &Value::Null).await.json(), json!({ "arrivals": 0 }));
    let late = sim.stats().now_ms + 1;
    assert_eq!(
        call(&sim, "GET", &arrivals(&format!("from_ms={late}")), &Value::Null).await.json(),
        json!({ "arrivals": 0 })
    );
}

#[tokio::test]
async fn a_configuration_changes_only_what_it_names() {
    let sim = simulator(|config| config.seed = 5).await;
    let patch = json!({ "limits": { "pair": "enforce" }, "receipts": { "failed_share": 0.5 }, "app_rate_per_s": 10 });
    let config: MetaConfig = serde_json::from_value(call(&sim, "POST", "/_sim/config", &patch).await.json()).unwrap();
    assert_eq!((config.seed, config.app_rate_per_s, config.numbers.len()), (5, Some(10), 1));
    assert!((config.receipts.failed_share - 0.5).abs() < f64::EPSILON);
    assert_eq!(config.limits.pair_limit.burst, 45);
    let mistake = call(&sim, "POST", "/_sim/config", &json!({ "limits": { "pairs": "enforce" } })).await;
    assert_eq!(mistake.status, 400);
    call(&sim, "POST", "/_sim/config", &json!({ "app_rate_per_s": null })).await;
    assert_eq!(sim.config().app_rate_per_s, None);
}

#[tokio::test]
async fn everything_can_be_commanded_over_http() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|_| {}).await;
    assert_eq!(call(&sim, "GET", "/_sim/health", &Value::Null).await.json(), json!({ "status": "ok" }));
    call(&sim, "POST", "/_sim/config", &json!({ "webhook_url": callback.url })).await;
    let templates =
        json!([{ "name": "one", "body_params": 1 }, { "name": "two", "language": "de", "category": "MARKETING" }]);
    assert_eq!(call(&sim, "POST", "/_sim/templates", &templates).await.json()["ids"].as_array().unwrap().len(), 2);
    assert_eq!(send(&sim, &template(ANN, "one", "en_US", &["x"])).await.answer().status, 200);
    callback.statuses(2).await;

    call(&sim, "POST", "/_sim/reset", &json!({})).await;
    let inbound = json!([{ "from": ANN, "message": { "type": "text", "body": "One" } }, { "from": ANN, "message": { "type": "revoke", "original_message_id": "wamid.x" } }]);
    let ids = call(&sim, "POST", "/_sim/inbound", &inbound).await.json()["wamids"].clone();
    let mut told = Vec::new();
    while told.len() < 2 {
        for entry in callback.next().await.acknowledge()["entry"].as_array().unwrap() {
            told.push(entry["changes"][0]["value"]["messages"][0]["id"].clone());
        }
    }
    assert_eq!(Value::Array(told), ids);
    let event = json!({ "event": "template_status", "name": "two", "language": "de", "status": "PAUSED", "title": "FIRST_PAUSE" });
    assert_eq!(call(&sim, "POST", "/_sim/events", &event).await.json(), json!({ "success": true }));
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!((&value["event"], &value["other_info"]["title"]), (&json!("PAUSED"), &json!("FIRST_PAUSE")));
    let unknown = json!({ "event": "template_status", "name": "three", "status": "PAUSED" });
    assert_eq!(call(&sim, "POST", "/_sim/events", &unknown).await.status, 400);
    assert_eq!(call(&sim, "GET", "/_sim/nothing", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_reset_forgets_what_happened_and_keeps_what_was_set_up() {
    let sim = simulator(|_| {}).await;
    call(&sim, "POST", "/_sim/templates", &json!({ "name": "kept" })).await;
    call(&sim, "POST", "/_sim/rules", &json!({ "then": { "do": "garbage" } })).await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    call(&sim, "POST", "/_sim/reset", &Value::Null).await;
    let stats = sim.stats();
    assert_eq!((stats.requests, stats.sends, stats.counts.accepted, stats.max_in_window.number), (0, 0, 0, 0));
    assert!(sim.rules().is_empty());
    assert_eq!(send(&sim, &template(ANN, "kept", "en_US", &[])).await.answer().status, 200);
    send(&sim, &text(ANN, "a.1")).await.answer();
    assert_eq!(sim.stats().counts.duplicates, 0, "keys of an earlier life do not count");
}
