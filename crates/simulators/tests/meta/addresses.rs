//! Where webhooks go: verified, changed while some are on the way, and of one WABA alone.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use postroad_simulators::meta::{MetaSim, Number};
use serde_json::{Value, json};

use crate::callback::Callback;
use crate::webhooks::{at_once, settled};
use crate::wire::{ANN, call, send, simulator, text};

#[tokio::test]
async fn retries_go_to_the_address_that_is_configured_then() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.webhook_url = Some("http://127.0.0.1:9/nobody".to_owned());
        config.receipts.delivered.share = 0.0;
        (config.webhooks.retry_first_ms, config.webhooks.retry_max_ms) = (10, 20);
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    sim.until(Duration::from_secs(10), |stats| stats.webhooks.retried >= 2).await.unwrap();
    sim.configure(|config| config.webhook_url = Some(callback.url.clone()));
    assert_eq!(callback.statuses(1).await[0]["status"], "sent");
    settled(&sim).await;
}

#[tokio::test]
async fn a_callback_address_has_to_return_the_challenge() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.verify_token = "verify me".to_owned();
    })
    .await;
    let verify = |sim: &MetaSim| {
        tokio::spawn({
            let sim = sim.clone();
            async move { sim.verify_webhook().await }
        })
    };
    let verified = verify(&sim);
    let told = callback.next().await;
    let url = url::Url::parse(&format!("http://callback{}", told.uri)).unwrap();
    let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((query["hub.mode"].as_str(), query["hub.verify_token"].as_str()), ("subscribe", "verify me"));
    told.answer_with(StatusCode::OK, query["hub.challenge"].clone());
    verified.await.unwrap().unwrap();

    let refused = verify(&sim);
    callback.next().await.answer_with(StatusCode::OK, "something else".to_owned());
    assert!(refused.await.unwrap().unwrap_err().to_string().contains("the challenge was not returned"));
}

#[tokio::test]
async fn a_waba_may_have_a_callback_address_of_its_own() {
    let (mut usual, mut own) = (Callback::listen().await, Callback::listen().await);
    let other = Number {
        phone_number_id: "100000000000002".to_owned(),
        waba_id: "200000000000002".to_owned(),
        ..Number::default()
    };
    let sim = simulator(|config| {
        at_once(config, &usual);
        config.receipts.delivered.share = 0.0;
        config.numbers.push(other);
    })
    .await;
    let subscription = json!({ "override_callback_uri": own.url, "verify_token": "t" });
    let path = "/v25.0/200000000000002/subscribed_apps";
    let subscribed = tokio::spawn({
        let sim = sim.clone();
        async move { call(&sim, "POST", path, &subscription).await }
    });
    let told = own.next().await;
    let challenge = told.uri.query().unwrap().split("hub.challenge=").nth(1).unwrap().to_owned();
    told.answer_with(StatusCode::OK, challenge);
    assert_eq!(subscribed.await.unwrap().json(), json!({ "success": true }));
    send(&sim, &text(ANN, "usual.1")).await.answer();
    call(&sim, "POST", "/v25.0/100000000000002/messages", &text(ANN, "own.1")).await;
    assert_eq!(usual.statuses(1).await[0]["biz_opaque_callback_data"], "usual.1");
    assert_eq!(own.statuses(1).await[0]["biz_opaque_callback_data"], "own.1");
    settled(&sim).await;
    assert!(usual.is_quiet() && own.is_quiet());
    assert_eq!(call(&sim, "GET", path, &Value::Null).await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(call(&sim, "DELETE", path, &Value::Null).await.json(), json!({ "success": true }));
    assert_eq!(call(&sim, "GET", path, &Value::Null).await.json(), json!({ "data": [] }));
}
