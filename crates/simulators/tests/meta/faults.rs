//! Each scripted fault does on the wire what its name says, and the ledger says what really happened.

use std::time::{Duration, Instant};

use postroad_simulators::meta::{Action, Outcome, Rule, Search};

use crate::wire::{ANN, Caller, Heard, send, simulator, text};

/// Long enough to tell "late" from "at once" on a busy machine.
const LATE: Duration = Duration::from_millis(300);
const LATE_MS: u64 = 300;

#[tokio::test]
async fn accept_then_cut_accepts_and_resets_the_connection() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::AcceptThenCut)]).unwrap();
    assert_eq!(send(&sim, &text(ANN, "msg_1.1")).await, Heard::Reset);
    let stats = sim.stats();
    assert_eq!(stats.counts.accepted, 1);
    assert_eq!(stats.outcomes[&Outcome::AcceptedThenCut], 1);
}

#[tokio::test]
async fn cut_before_resets_the_connection_and_accepts_nothing() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::CutBefore)]).unwrap();
    assert_eq!(send(&sim, &text(ANN, "msg_1.1")).await, Heard::Reset);
    let stats = sim.stats();
    assert_eq!((stats.requests, stats.sends, stats.counts.accepted), (1, 1, 0));
    let cut = sim.messages(&Search { outcome: Some(Outcome::CutBefore), ..Search::default() });
    assert_eq!((cut[0].key.as_deref(), cut[0].key_accepted), (Some("msg_1"), false));
    assert_eq!(cut[0].wamid, None);

    assert_eq!(send(&sim, &text(ANN, "msg_1.2")).await.answer().status, 200);
    let cut = sim.messages(&Search { outcome: Some(Outcome::CutBefore), ..Search::default() });
    assert!(cut[0].key_accepted, "the second attempt was accepted");
    assert_eq!(sim.stats().counts.duplicates, 0, "a cut send is no acceptance");
}

#[tokio::test]
async fn other_connections_outlive_a_cut() {
    let sim = simulator(|_| {}).await;
    let mut other = Caller::connect(&sim).await;
    assert_eq!(other.send(&text(ANN, "msg_0.1")).await.answer().status, 200);
    sim.add_rules([Rule::next(1, Action::CutBefore)]).unwrap();
    assert_eq!(send(&sim, &text(ANN, "msg_1.1")).await, Heard::Reset);
    assert_eq!(other.send(&text(ANN, "msg_2.1")).await.answer().status, 200);
}

#[tokio::test]
async fn accept_then_hang_accepts_at_once_and_answers_late() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::AcceptThenHang { ms: LATE_MS })]).unwrap();
    let mut caller = Caller::connect(&sim).await;
    let began = Instant::now();
    caller.write("POST", "/v25.0/100000000000001/messages", &text(ANN, "msg_1.1").to_string()).await;
    sim.until(Duration::from_secs(10), |stats| stats.counts.accepted == 1).await.unwrap();
    assert!(began.elapsed() < LATE, "accepted only after {:?}", began.elapsed());
    let answer = caller.hear(Duration::from_secs(10)).await.answer();
    assert!(began.elapsed() >= LATE);
    assert_eq!(answer.status, 200);
    assert_eq!(sim.stats().outcomes[&Outcome::AcceptedThenHang], 1);
}

#[tokio::test]
async fn a_caller_who_gives_up_a_hanging_send_finds_it_accepted_once() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::AcceptThenHang { ms: 60_000 })]).unwrap();
    let mut caller = Caller::connect(&sim).await;
    caller.write("POST", "/v25.0/100000000000001/messages", &text(ANN, "msg_1.1").to_string()).await;
    assert_eq!(caller.hear(LATE).await, Heard::Silence);
    drop(caller);
    assert_eq!(send(&sim, &text(ANN, "msg_1.2")).await.answer().status, 200);
    let counts = sim.stats().counts;
    assert_eq!((counts.accepted, counts.accepted_unique, counts.duplicates), (2, 1, 1));
}

#[tokio::test]
async fn http_5xx_before_accepts_nothing_and_after_accepts() {
    let sim = simulator(|_| {}).await;
    let (before, after) = (Action::Http5xxBefore { status: 503 }, Action::Http5xxAfter { status: 500 });
    sim.add_rules([Rule::next(1, before), Rule::next(1, after)]).unwrap();
    let answer = send(&sim, &text(ANN, "msg_1.1")).await.answer();
    assert_eq!((answer.status, sim.stats().counts.accepted), (503, 0));
    let answer = send(&sim, &text(ANN, "msg_2.1")).await.answer();
    assert_eq!((answer.status, sim.stats().counts.accepted), (500, 1));
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err(), "nobody may learn what happened");
}

#[tokio::test]
async fn garbage_is_a_200_that_cannot_be_read_after_accepting() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::Garbage)]).unwrap();
    let answer = send(&sim, &text(ANN, "msg_1.1")).await.answer();
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err(), "{}", answer.body);
    assert_eq!(sim.stats().counts.accepted, 1);
}

#[tokio::test]
async fn slow_accepts_late_and_answers() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::Slow { ms: LATE_MS })]).unwrap();
    let mut caller = Caller::connect(&sim).await;
    caller.write("POST", "/v25.0/100000000000001/messages", &text(ANN, "msg_1.1").to_string()).await;
    sim.until(Duration::from_secs(10), |stats| stats.sends == 1).await.unwrap();
    assert_eq!(sim.stats().counts.accepted, 0, "not yet");
    assert_eq!(caller.hear(Duration::from_secs(10)).await.answer().status, 200);
    assert_eq!(sim.stats().counts.accepted, 1);
}

#[tokio::test]
async fn slow_accepts_even_when_the_caller_has_left() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::Slow { ms: LATE_MS })]).unwrap();
    let mut caller = Caller::connect(&sim).await;
    caller.write("POST", "/v25.0/100000000000001/messages", &text(ANN, "msg_1.1").to_string()).await;
    sim.until(Duration::from_secs(10), |stats| stats.sends == 1).await.unwrap();
    drop(caller);
    sim.until(Duration::from_secs(10), |stats| stats.counts.accepted == 1).await.unwrap();
}

#[tokio::test]
async fn a_rate_limit_names_its_code_and_when_to_come_back() {
    let sim = simulator(|_| {}).await;
    let limited = |code| Rule::next(1, Action::RateLimited { code, retry_after_s: Some(90) });
    sim.add_rules([limited(130_429), limited(80_007), limited(4)]).unwrap();
    let answer = send(&sim, &text(ANN, "msg_1.1")).await.answer();
    assert_eq!((answer.status, answer.code(), answer.header("retry-after")), (429, 130_429, Some("90")));
    let answer = send(&sim, &text(ANN, "msg_1.2")).await.answer();
    assert!(answer.header("x-business-use-case-usage").unwrap().contains(r#""estimated_time_to_regain_access":2"#));
    let answer = send(&sim, &text(ANN, "msg_1.3")).await.answer();
    assert_eq!(answer.code(), 4);
    assert!(answer.header("x-app-usage").is_some());
    assert_eq!(sim.stats().counts.accepted, 0);
}

#[tokio::test]
async fn each_error_has_its_documented_http_status() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    let cases = [
        (0, 401),
        (2, 503),
        (4, 400),
        (10, 403),
        (100, 400),
        (190, 401),
        (299, 403),
        (368, 403),
        (80_007, 400),
        (130_429, 429),
        (130_472, 400),
        (130_497, 403),
        (131_000, 500),
        (131_016, 500),
        (131_026, 400),
        (131_031, 403),
        (131_042, 400),
        (131_047, 400),
        (131_048, 400),
        (131_049, 400),
        (131_050, 400),
        (131_056, 400),
        (131_057, 500),
        (132_000, 400),
        (132_001, 404),
        (132_015, 400),
        (132_016, 400),
        (133_004, 503),
        (133_010, 400),
        (135_000, 400),
    ];
    for (code, status) in cases {
        sim.add_rules([Rule::next(1, Action::Error { code, status: None })]).unwrap();
        let answer = caller.send(&text(ANN, "msg_1.1")).await.answer();
        assert_eq!((answer.status, answer.code()), (status, u64::from(code)));
        assert_eq!(sim.stats().refused[&code], 1);
    }
    sim.add_rules([Rule::next(1, Action::Error { code: 131_026, status: Some(404) })]).unwrap();
    assert_eq!(caller.send(&text(ANN, "msg_1.1")).await.answer().status, 404);
    assert_eq!(sim.stats().counts.accepted, 0);
}
