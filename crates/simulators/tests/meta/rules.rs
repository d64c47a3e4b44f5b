//! The script: which rule decides, and that chance repeats.

use postroad_simulators::meta::{Action, Kind, MetaConfig, Outcome, Rule, Search, When};

use crate::wire::{ANN, BEN, Caller, Heard, simulator, template, text};

const NO: Action = Action::Error { code: 131_000, status: None };

async fn refused(caller: &mut Caller, body: &serde_json::Value) -> bool {
    caller.send(body).await.answer().status != 200
}

#[tokio::test]
async fn a_rule_for_the_next_calls_is_spent_after_them() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    sim.add_rules([Rule::next(2, NO)]).unwrap();
    let mut seen = Vec::new();
    for number in 0..4 {
        seen.push(refused(&mut caller, &text(ANN, &format!("msg_{number}.1"))).await);
    }
    assert_eq!(seen, [true, true, false, false]);
    assert_eq!((sim.rules()[0].matched, sim.rules()[0].acted), (2, 2));
}

#[tokio::test]
async fn a_rule_decides_only_about_what_it_names() {
    let cases = [
        (When { recipient: Some(ANN.to_owned()), ..When::default() }, text(ANN, "a.1"), text(BEN, "a.1")),
        (When { recipient: Some("15550100007".to_owned()), ..When::default() }, text(ANN, "a.1"), text(BEN, "a.1")),
        (
            When { callback_prefix: Some("camp_".to_owned()), ..When::default() },
            text(ANN, "camp_1.1"),
            text(ANN, "msg_camp_.1"),
        ),
        (When { callback_regex: Some(r"\.[2-9]$".to_owned()), ..When::default() }, text(ANN, "a.2"), text(ANN, "a.1")),
        (
            When { kind: Some(Kind::Template), ..When::default() },
            template(ANN, "hello_world", "en_US", &[]),
            text(ANN, "a.1"),
        ),
    ];
    for (when, matching, other) in cases {
        let sim = simulator(|_| {}).await;
        let mut caller = Caller::connect(&sim).await;
        sim.add_rules([Rule::always(NO).when(when.clone())]).unwrap();
        assert!(refused(&mut caller, &matching).await, "{when:?}");
        assert!(!refused(&mut caller, &other).await, "{when:?}");
    }
}

#[tokio::test]
async fn a_rule_for_a_number_leaves_the_others_alone() {
    let sim = simulator(|config| config.any_number = true).await;
    let mut caller = Caller::connect(&sim).await;
    let number = Some("100000000000002".to_owned());
    sim.add_rules([Rule::always(NO).when(When { number, ..When::default() })]).unwrap();
    assert!(!refused(&mut caller, &text(ANN, "a.1")).await);
    let answer = caller.call("POST", "/v25.0/100000000000002/messages", &text(ANN, "b.1").to_string()).await.answer();
    assert_eq!(answer.code(), 131_000);
}

#[tokio::test]
async fn the_first_rule_that_applies_decides() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    let ann = When { recipient: Some(ANN.to_owned()), ..When::default() };
    sim.add_rules([Rule::next(1, Action::Accept).when(ann), Rule::always(NO)]).unwrap();
    assert!(!refused(&mut caller, &text(ANN, "a.1")).await, "the first rule accepts one");
    assert!(refused(&mut caller, &text(ANN, "b.1")).await, "it is spent");
    assert!(refused(&mut caller, &text(BEN, "c.1")).await);
    sim.clear_rules();
    assert!(!refused(&mut caller, &text(BEN, "d.1")).await);
}

#[tokio::test]
async fn a_refused_call_spends_no_rule() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    sim.add_rules([Rule::next(1, Action::CutBefore)]).unwrap();
    assert!(refused(&mut caller, &template(ANN, "unknown", "en_US", &[])).await);
    assert_eq!(caller.send(&text(ANN, "a.1")).await, Heard::Reset);
}

#[tokio::test]
async fn an_invalid_expression_is_told_and_adds_nothing() {
    let sim = simulator(|_| {}).await;
    let bad = When { callback_regex: Some("(".to_owned()), ..When::default() };
    let error = sim.add_rules([Rule::always(NO), Rule::always(NO).when(bad)]).unwrap_err();
    assert!(error.to_string().contains("callback_regex ("), "{error}");
    assert!(sim.rules().is_empty());
}

async fn fates(seed: u64, sends: usize) -> Vec<Outcome> {
    let sim = simulator(|config: &mut MetaConfig| config.seed = seed).await;
    let shares = [
        (0.2, Action::Error { code: 131_000, status: None }),
        (0.2, Action::Http5xxAfter { status: 502 }),
        (0.1, Action::Garbage),
    ];
    sim.add_rules([Rule::shares(shares)]).unwrap();
    let mut caller = Caller::connect(&sim).await;
    for number in 0..sends {
        // The content is not the same in both runs: chance does not depend on it.
        caller.send(&text(ANN, &format!("msg_{seed}_{number}.1"))).await.answer();
    }
    let sent = sim.messages(&Search { limit: Some(sends), ..Search::default() });
    sent.iter().map(|sent| sent.outcome).collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_fates() {
    let first = fates(7, 400).await;
    assert_eq!(first, fates(7, 400).await);
    assert_ne!(first, fates(8, 400).await);
    let share = |outcome| first.iter().filter(|&&found| found == outcome).count();
    let (refused, after) = (share(Outcome::Refused), share(Outcome::Http5xxAfter));
    assert!((50..=110).contains(&refused) && (50..=110).contains(&after), "{refused} and {after} of 400, expected 80");
    assert!((15..=65).contains(&share(Outcome::Garbage)));
}

#[tokio::test]
async fn concurrent_calls_meet_the_same_number_of_faults_as_one_after_the_other() {
    let in_order = fates(9, 300).await.iter().filter(|&&outcome| outcome == Outcome::Refused).count();
    let sim = simulator(|config| config.seed = 9).await;
    let shares = [(0.2, NO), (0.2, Action::Http5xxAfter { status: 502 }), (0.1, Action::Garbage)];
    sim.add_rules([Rule::shares(shares)]).unwrap();
    let callers = (0..30).map(|caller| {
        let sim = sim.clone();
        tokio::spawn(async move {
            let mut connection = Caller::connect(&sim).await;
            for number in 0..10 {
                connection.send(&text(ANN, &format!("msg_{caller}_{number}.1"))).await.answer();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(sim.stats().outcomes[&Outcome::Refused], in_order as u64);
}
