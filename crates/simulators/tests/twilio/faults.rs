//! Each scripted fault does on the wire what its name says, and the record says what really happened.

use std::time::{Duration, Instant};

use postroad_simulators::meta::limits::Mode;
use postroad_simulators::twilio::{Action, Outcome, Rule, When};

use crate::town::{ANN, Ear, NUMBER, send, settled, simulator, text};

const CALLBACK: &str = "https://messages.example/status?message=m.1";

#[tokio::test]
async fn faults_are_what_they_say() {
    let sim = simulator(|_| {}).await;
    let cases = [
        (Action::AcceptThenCut, None, Outcome::AcceptedThenCut),
        (Action::CutBefore, None, Outcome::CutBefore),
        (Action::Http5xxBefore { status: 502 }, Some(502), Outcome::Http5xxBefore),
        (Action::Http5xxAfter { status: 503 }, Some(503), Outcome::Http5xxAfter),
        (Action::Garbage, Some(200), Outcome::Garbage),
        (Action::RateLimited { code: 20_429, retry_after_s: Some(3) }, Some(429), Outcome::Refused),
        (Action::Error { code: 30_007, status: None }, Some(400), Outcome::Refused),
        (Action::Accept, Some(201), Outcome::Accepted),
    ];
    for (action, status, outcome) in cases {
        sim.reset();
        sim.add_rules([Rule::next(1, action.clone())]).unwrap();
        let answer = text(&sim, CALLBACK).await;
        assert_eq!(answer.as_ref().map(|answer| answer.status), status, "{action:?}");
        assert_eq!(sim.messages(None)[0].outcome, outcome, "{action:?}");
        assert_eq!(sim.stats().counts.accepted == 1, outcome.accepted(), "{action:?}");
        let retry_after = answer.and_then(|answer| answer.retry_after);
        assert_eq!(retry_after.as_deref() == Some("3"), matches!(action, Action::RateLimited { .. }));
    }
}

#[tokio::test]
async fn the_default_limit_of_a_rule_is_twilios() {
    let sim = simulator(|_| {}).await;
    let rule: Rule = serde_json::from_str(r#"{"times":1,"then":{"do":"rate_limited"}}"#).unwrap();
    sim.add_rules([rule]).unwrap();
    let answer = text(&sim, CALLBACK).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (429, &20_429.into()));
}

#[tokio::test]
async fn accept_then_hang_accepts_at_once_and_answers_late() {
    let sim = simulator(|_| {}).await;
    sim.add_rules([Rule::next(1, Action::AcceptThenHang { ms: 300 })]).unwrap();
    let began = Instant::now();
    let (answer, accepted) = tokio::join!(text(&sim, CALLBACK), async {
        sim.until(Duration::from_secs(10), |stats| stats.counts.accepted == 1).await.unwrap();
        began.elapsed()
    });
    assert_eq!(answer.unwrap().status, 201);
    assert!(accepted < began.elapsed() && began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_message_can_fail_later_or_in_silence() {
    let ear = Ear::open(204).await;
    let sim = simulator(|_| {}).await;
    let to_ann = |action| Rule::next(1, action).when(When { recipient: Some(ANN.to_owned()), ..When::default() });
    sim.add_rules([to_ann(Action::AcceptThenFail { code: 30_003 }), to_ann(Action::AcceptSilently)]).unwrap();
    for _ in 0..2 {
        text(&sim, &format!("{}/status?message=m.1", ear.base_url)).await.unwrap();
    }
    settled(&sim).await;
    let told: Vec<_> = ear
        .got()
        .iter()
        .map(|got| (got.field("MessageStatus").map(str::to_owned), got.field("ErrorCode").map(str::to_owned)))
        .collect();
    let text = |word: &str| Some(word.to_owned());
    assert_eq!(told, [(text("sent"), None), (text("undelivered"), text("30003"))]);
    assert_eq!(sim.messages(None)[0].error_code, Some(30_003));
    assert_eq!(sim.stats().counts.duplicates, 1, "two attempts of one message were accepted");
}

#[tokio::test]
async fn what_exceeds_the_rate_of_a_sender_is_counted_and_refused_only_where_wanted() {
    for (mode, refused) in [(Mode::CountOnly, 0), (Mode::Enforce, 3)] {
        let sim = simulator(|config| {
            config.rate_per_s = 2;
            config.rate = mode;
        })
        .await;
        for _ in 0..5 {
            send(&sim, &[("To", ANN), ("From", NUMBER), ("Body", "hello")]).await.unwrap();
        }
        let stats = sim.stats();
        assert_eq!((stats.over_limit, stats.senders[0].observed.max_in_window), (3, 5));
        assert_eq!(stats.refused.get(&20_429).copied().unwrap_or_default(), refused);
    }
}
