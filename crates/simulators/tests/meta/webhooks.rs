//! Statuses: signed, in their order or not, once or many times, early or late, until they are acknowledged.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::StatusCode;
use postroad_simulators::meta::{Action, MetaConfig, MetaSim, Number, Rule, Stage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::callback::{Callback, Told, statuses_in};
use crate::wire::{ANN, BEN, Caller, WABA, send, simulator, template, text};

/// HMAC-SHA256 by its definition (RFC 2104), so that the simulator's is not checked by itself.
fn signature_by_definition(secret: &str, body: &[u8]) -> String {
    assert!(secret.len() <= 64);
    let mut block = [0_u8; 64];
    block[..secret.len()].copy_from_slice(secret.as_bytes());
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    let hex: String = outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect();
    format!("sha256={hex}")
}

/// Everything at once, all of it read.
pub(crate) fn at_once(config: &mut MetaConfig, callback: &Callback) {
    let stage = Stage { share: 1.0, after_ms: [0, 0] };
    config.webhook_url = Some(callback.url.clone());
    (config.receipts.sent, config.receipts.delivered, config.receipts.read) = (stage, stage, stage);
}

pub(crate) async fn settled(sim: &MetaSim) {
    tokio::time::timeout(Duration::from_secs(20), sim.receipts_settled()).await.expect("settled within 20 s");
}

#[tokio::test]
async fn a_message_is_sent_delivered_and_read_with_our_data_echoed() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| at_once(config, &callback)).await;
    let wamid = send(&sim, &text(ANN, "msg_1.1")).await.answer().wamid();
    let statuses = callback.statuses(3).await;
    let names: Vec<_> = statuses.iter().map(|status| status["status"].as_str().unwrap()).collect();
    assert_eq!(names, ["sent", "delivered", "read"]);
    for status in &statuses {
        assert_eq!(status["id"], wamid.as_str());
        assert_eq!(status["recipient_id"], "15550100007");
        assert_eq!(status["biz_opaque_callback_data"], "msg_1.1");
        assert!(status["timestamp"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    }
    assert_eq!(statuses[0]["pricing"]["category"], "service");
    settled(&sim).await;
    let webhooks = sim.stats().webhooks;
    assert_eq!((webhooks.queued, webhooks.events_acked, webhooks.pending, webhooks.failed), (3, 3, 0, 0));
}

#[tokio::test]
async fn the_body_is_escaped_and_the_signature_is_over_its_bytes() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.app_secret = "a secret".to_owned();
    })
    .await;
    send(&sim, &text(ANN, "grüße/\u{1f44d}.1")).await;
    let told = callback.next().await;
    assert_eq!(told.signature, signature_by_definition("a secret", &told.body));
    let body = String::from_utf8(told.body.to_vec()).unwrap();
    assert!(body.is_ascii());
    assert!(body.contains(r#""biz_opaque_callback_data":"gr\u00fc\u00dfe\/\ud83d\udc4d.1""#), "{body}");
    let written_again = serde_json::to_vec(&told.json()).unwrap();
    assert_ne!(signature_by_definition("a secret", &written_again), told.signature, "re-serialising must not pass");
    assert_eq!(statuses_in(&told.acknowledge())[0]["biz_opaque_callback_data"], "grüße/\u{1f44d}.1");
}

#[tokio::test]
async fn the_envelope_has_metas_form() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| at_once(config, &callback)).await;
    send(&sim, &text(ANN, "msg_1.1")).await;
    let body = callback.next().await.acknowledge();
    assert_eq!(body["object"], "whatsapp_business_account");
    assert_eq!(body["entry"][0]["id"], WABA);
    let change = &body["entry"][0]["changes"][0];
    assert_eq!(change["field"], "messages");
    assert_eq!(change["value"]["messaging_product"], "whatsapp");
    let metadata = json!({ "display_phone_number": "15550100001", "phone_number_id": "100000000000001" });
    assert_eq!(change["value"]["metadata"], metadata);
    let user_id = change["value"]["contacts"][0]["user_id"].as_str().unwrap();
    assert!(user_id.starts_with("US.") && user_id.len() == 23, "{user_id}");
}

#[tokio::test]
async fn a_share_fails_with_the_configured_code_and_a_rule_can_choose_another() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        (config.receipts.failed_share, config.receipts.failed_code) = (1.0, 131_049);
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    let statuses = callback.statuses(2).await;
    assert_eq!((&statuses[1]["status"], &statuses[1]["errors"][0]["code"]), (&json!("failed"), &json!(131_049)));
    assert!(statuses[1]["errors"][0]["title"].as_str().unwrap().contains("healthy ecosystem"));
    sim.add_rules([Rule::next(1, Action::AcceptThenFail { code: 131_026 }), Rule::next(1, Action::AcceptSilently)])
        .unwrap();
    send(&sim, &text(ANN, "b.1")).await.answer();
    assert_eq!(callback.statuses(2).await[1]["errors"][0]["code"], 131_026);
    send(&sim, &text(ANN, "c.1")).await.answer();
    settled(&sim).await;
    assert!(callback.is_quiet(), "nothing is told of a silent acceptance");
}

#[tokio::test]
async fn statuses_of_a_template_name_its_category_and_a_reaction_is_only_sent() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| at_once(config, &callback)).await;
    send(&sim, &template(ANN, "hello_world", "en_US", &[])).await.answer();
    assert_eq!(callback.statuses(3).await[0]["pricing"]["category"], "utility");
    let reaction = json!({ "messaging_product": "whatsapp", "to": ANN, "type": "reaction", "reaction": { "message_id": "wamid.x", "emoji": "x" } });
    send(&sim, &reaction).await.answer();
    assert_eq!(callback.statuses(1).await[0]["status"], "sent");
    settled(&sim).await;
    assert_eq!(sim.stats().webhooks.queued, 4);
}

#[tokio::test]
async fn a_webhook_is_repeated_as_often_as_configured_and_some_at_the_same_time() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.receipts.delivered.share = 0.0;
        (config.webhooks.repeat, config.webhooks.repeat_parallel) = (5, 3);
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    // None of the three is answered before all of them are there.
    let together: Vec<Told> = [callback.next().await, callback.next().await, callback.next().await].into();
    assert!(callback.is_quiet(), "the fourth waits for the first three");
    assert_eq!(sim.stats().webhooks.pending, 5);
    let bodies: HashSet<_> = together.iter().map(|told| (told.body.clone(), told.signature.clone())).collect();
    assert_eq!(bodies.len(), 1, "repetitions are the same to the byte");
    for told in together {
        told.acknowledge();
    }
    let fourth = callback.next().await;
    assert!(callback.is_quiet());
    fourth.acknowledge();
    callback.next().await.acknowledge();
    settled(&sim).await;
    assert!(callback.is_quiet());
    let webhooks = sim.stats().webhooks;
    assert_eq!((webhooks.queued, webhooks.sent, webhooks.acked, webhooks.events_acked), (1, 5, 5, 5));
}

/// The order in which the statuses of 40 messages were told.
async fn told_order(seed: u64, shuffle: bool) -> Vec<(String, String)> {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.seed = seed;
        config.receipts.shuffle = shuffle;
        // All in one flush, which waits for the last: so the order is a matter of chance alone.
        (config.webhooks.batch_max, config.webhooks.flush_ms) = (1_000, 3_600_000);
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    for number in 0..40 {
        caller.send(&text(ANN, &format!("msg_{number}.1"))).await.answer();
    }
    sim.configure(|config| config.webhooks.flush_ms = 0);
    let statuses = callback.statuses(120).await;
    let word = |status: &Value, name: &str| status[name].as_str().unwrap().to_owned();
    statuses.iter().map(|status| (word(status, "biz_opaque_callback_data"), word(status, "status"))).collect()
}

#[tokio::test]
async fn shuffled_statuses_change_places_and_the_seed_repeats_them() {
    let (in_order, shuffled) = (told_order(3, false).await, told_order(3, true).await);
    let first_told = |order: &[(String, String)]| {
        let mut first: HashMap<String, String> = HashMap::new();
        for (message, status) in order {
            first.entry(message.clone()).or_insert_with(|| status.clone());
        }
        first.values().filter(|status| *status != "sent").count()
    };
    assert_eq!(first_told(&in_order), 0);
    assert!(first_told(&shuffled) > 10, "of 40 messages only {} began with another status", first_told(&shuffled));
    let mut sorted = (in_order.clone(), shuffled.clone());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "nothing is lost or added");
    assert_eq!(shuffled, told_order(3, true).await);
    assert_ne!(shuffled, told_order(4, true).await);
}

#[tokio::test]
async fn many_statuses_travel_in_few_posts() {
    let mut callback = Callback::listen().await;
    let other = Number {
        phone_number_id: "100000000000002".to_owned(),
        display_phone_number: "+1 555-010-0002".to_owned(),
        ..Number::default()
    };
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.numbers.push(other);
        (config.webhooks.batch_max, config.webhooks.flush_ms) = (7, 3_600_000);
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    for number in 0..5 {
        caller.send(&text(ANN, &format!("a{number}.1"))).await.answer();
        caller
            .call("POST", "/v25.0/100000000000002/messages", &text(BEN, &format!("b{number}.1")).to_string())
            .await
            .answer();
    }
    sim.configure(|config| config.webhooks.flush_ms = 0);
    let (mut sizes, mut numbers) = (Vec::new(), HashSet::new());
    while sizes.iter().sum::<usize>() < 30 {
        let body = callback.next().await.acknowledge();
        sizes.push(statuses_in(&body).len());
        assert_eq!(body["entry"].as_array().unwrap().len(), 1, "one WABA, one entry");
        for change in body["entry"][0]["changes"].as_array().unwrap() {
            numbers.insert(change["value"]["metadata"]["phone_number_id"].as_str().unwrap().to_owned());
        }
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 7, 7, 7, 7]);
    assert_eq!(numbers.len(), 2);
}

#[tokio::test]
async fn an_early_status_is_told_before_the_send_is_answered() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.receipts.early_share = 1.0;
        config.receipts.delivered.share = 0.0;
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    caller.write("POST", "/v25.0/100000000000001/messages", &text(ANN, "a.1").to_string()).await;
    let told = callback.next().await;
    assert_eq!(statuses_in(&told.json())[0]["status"], "sent");
    assert_eq!(caller.hear(Duration::from_millis(200)).await, crate::wire::Heard::Silence, "the answer waits");
    let told_id = statuses_in(&told.acknowledge())[0]["id"].clone();
    assert_eq!(caller.hear(Duration::from_secs(10)).await.answer().wamid(), told_id.as_str().unwrap());
    settled(&sim).await;
    assert_eq!(sim.stats().webhooks.queued, 1);
}

#[tokio::test]
async fn an_early_status_of_a_cut_send_is_still_told() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.receipts.early_share = 1.0;
    })
    .await;
    sim.add_rules([Rule::next(1, Action::AcceptThenCut)]).unwrap();
    assert_eq!(send(&sim, &text(ANN, "a.1")).await, crate::wire::Heard::Reset);
    let told: HashSet<String> = callback.statuses(3).await.iter().map(|status| status["status"].to_string()).collect();
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn a_webhook_is_made_again_until_it_is_answered_200() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.receipts.delivered.share = 0.0;
        (config.webhooks.retry_first_ms, config.webhooks.timeout_ms) = (20, 300);
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    let first = callback.next().await;
    let body = first.body.clone();
    first.answer(StatusCode::INTERNAL_SERVER_ERROR);
    callback.next().await.answer(StatusCode::ACCEPTED);
    let never_answered = callback.next().await;
    assert_eq!(sim.stats().webhooks.pending, 1);
    let last = callback.next().await;
    assert_eq!(last.body, body, "a retry is the same to the byte");
    last.acknowledge();
    settled(&sim).await;
    drop(never_answered);
    let webhooks = sim.stats().webhooks;
    assert_eq!((webhooks.sent, webhooks.failed, webhooks.retried, webhooks.acked), (4, 3, 3, 1));
    assert_eq!((webhooks.events_acked, webhooks.given_up), (1, 0));
}

#[tokio::test]
async fn a_webhook_nobody_takes_is_given_up_in_the_end() {
    let callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.webhook_url = Some("http://127.0.0.1:9/nobody".to_owned());
        (config.webhooks.retry_first_ms, config.webhooks.retry_for_s) = (1, 0);
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    settled(&sim).await;
    assert_eq!((sim.stats().webhooks.given_up, sim.stats().webhooks.events_acked), (3, 0));
}

#[tokio::test]
async fn a_reset_drops_what_was_still_to_be_told() {
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        at_once(config, &callback);
        config.receipts.read.after_ms = [3_600_000, 3_600_000];
    })
    .await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    assert_eq!(callback.statuses(2).await.len(), 2);
    sim.until(Duration::from_secs(10), |stats| stats.webhooks.pending == 1).await.unwrap();
    sim.reset();
    settled(&sim).await;
    send(&sim, &text(ANN, "b.1")).await.answer();
    let told = callback.statuses(2).await;
    assert!(told.iter().all(|status| status["biz_opaque_callback_data"] == "b.1"));
}

#[tokio::test]
async fn without_a_callback_address_nothing_is_planned() {
    let sim = simulator(|_| {}).await;
    send(&sim, &text(ANN, "a.1")).await.answer();
    assert_eq!(sim.stats().webhooks.queued, 0);
}
