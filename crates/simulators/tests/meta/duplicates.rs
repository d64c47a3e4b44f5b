//! The counts that decide: what was accepted, and what was accepted twice.

use postroad_simulators::meta::{Action, Outcome, Rule, Search, message_key};
use serde_json::json;

use crate::wire::{ANN, BEN, Caller, simulator, text};

#[test]
fn the_key_is_everything_before_the_last_dot() {
    for (callback, key) in
        [("msg_1.1", "msg_1"), ("a.b.c", "a.b"), ("msg_1", "msg_1"), (".1", ""), ("é.2", "é"), ("a.", "a")]
    {
        assert_eq!(message_key(callback), key, "{callback}");
    }
}

#[tokio::test]
async fn attempts_of_one_message_are_duplicates_and_messages_are_not() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    for callback in ["msg_1.1", "msg_2.1", "msg_1.2", "msg_11.1", "msg_1.3", "msg_2"] {
        caller.send(&text(ANN, callback)).await.answer();
    }
    let counts = sim.stats().counts;
    assert_eq!((counts.accepted, counts.accepted_unique, counts.duplicates), (6, 3, 3));
    let twice = sim.messages(&Search { duplicate: true, ..Search::default() });
    let twice: Vec<_> = twice.iter().map(|sent| sent.callback.as_deref().unwrap()).collect();
    assert_eq!(twice, ["msg_1.2", "msg_1.3", "msg_2"]);
}

#[tokio::test]
async fn a_duplicate_through_another_number_is_still_a_duplicate() {
    let sim = simulator(|config| config.any_number = true).await;
    let mut caller = Caller::connect(&sim).await;
    caller.send(&text(ANN, "msg_1.1")).await.answer();
    caller.call("POST", "/v25.0/100000000000009/messages", &text(BEN, "msg_1.2").to_string()).await.answer();
    assert_eq!(sim.stats().counts.duplicates, 1);
}

#[tokio::test]
async fn sends_without_callback_data_are_counted_apart_by_content() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    let body = |to: &str, words: &str| json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": words } });
    for body in
        [body(ANN, "Hello"), body(ANN, "Hello"), body(BEN, "Hello"), body(ANN, "Bye"), text(ANN, ""), text(ANN, "")]
    {
        caller.send(&body).await.answer();
    }
    let counts = sim.stats().counts;
    assert_eq!((counts.accepted, counts.accepted_without_key, counts.accepted_without_key_repeated), (6, 6, 2));
    assert_eq!((counts.accepted_unique, counts.duplicates), (0, 0));
}

#[tokio::test]
async fn all_counts_add_up_under_every_fault() {
    let sim = simulator(|config| config.seed = 42).await;
    let error = Action::Error { code: 131_000, status: None };
    let actions = [
        Action::AcceptThenCut,
        Action::CutBefore,
        Action::Http5xxBefore { status: 500 },
        Action::Http5xxAfter { status: 500 },
        Action::Garbage,
        Action::AcceptThenHang { ms: 1 },
        Action::Slow { ms: 1 },
        error,
    ];
    sim.add_rules([Rule::shares(actions.map(|action| (0.1, action)))]).unwrap();
    for number in 0..500 {
        // The caller of the reliability chapter's counterexample: it repeats whatever was not answered 200.
        for attempt in 1.. {
            let body = text(ANN, &format!("msg_{number}.{attempt}"));
            if let crate::wire::Heard::Answer(answer) = Caller::connect(&sim).await.send(&body).await
                && answer.status == 200
            {
                break;
            }
        }
    }
    let stats = sim.stats();
    let counts = &stats.counts;
    assert_eq!(counts.accepted, counts.accepted_unique + counts.duplicates + counts.accepted_without_key);
    assert_eq!(stats.outcomes.values().sum::<u64>(), stats.sends);
    let accepted: u64 = stats.outcomes.iter().filter(|(outcome, _)| outcome.accepted()).map(|(_, count)| count).sum();
    assert_eq!(accepted, counts.accepted);
    assert_eq!(counts.accepted_unique, 500);
    assert!(counts.duplicates > 50, "{counts:?}");
    assert_eq!(stats.refused.values().sum::<u64>(), stats.outcomes[&Outcome::Refused]);
    let all = sim.messages(&Search { limit: Some(100_000), ..Search::default() });
    assert_eq!(all.len() as u64, stats.sends);
    let unique: std::collections::HashSet<_> =
        all.iter().filter(|sent| sent.outcome.accepted()).map(|sent| &sent.key).collect();
    assert_eq!(unique.len() as u64, counts.accepted_unique);
}

#[tokio::test]
async fn a_send_is_found_by_whatever_is_known_of_it() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    caller.send(&text(BEN, "other.1")).await.answer();
    let wamid = caller.send(&text(ANN, "msg_1.1")).await.answer().wamid();
    let given = |text: &str| Some(text.to_owned());
    let searches = [
        Search { callback: given("msg_1.1"), ..Search::default() },
        Search { key: given("msg_1"), ..Search::default() },
        Search { recipient: given(ANN), ..Search::default() },
        Search { recipient: given("15550100007"), ..Search::default() },
        Search { wamid: Some(wamid.clone()), ..Search::default() },
        Search { offset: 1, ..Search::default() },
    ];
    for search in searches {
        let found = sim.messages(&search);
        assert_eq!(found.len(), 1, "{search:?}");
        assert_eq!(found[0].wamid.as_ref(), Some(&wamid), "{search:?}");
        assert!(found[0].body.as_ref().unwrap().get().contains("Hello"));
    }
    for nothing in [
        Search { recipient: given("+15550109999"), ..Search::default() },
        Search { wamid: given("wamid.x"), ..Search::default() },
    ] {
        assert!(sim.messages(&nothing).is_empty(), "{nothing:?}");
    }
    assert_eq!(sim.by_recipient()["15550100007"], 1);
}
