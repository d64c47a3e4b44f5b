//! A conversation that was given to an automation is its business, and nobody else's that starts on what the person says.

use postroad_core::{
    automation::{
        Facts, Run, Trigger,
        actions::StepResult,
        admission::{Going, Whose, going},
        dry_run,
        run::Stage,
    },
    conversation::HolderKind,
    ids::AutomationId,
};
use serde_json::{Value, json};

use crate::scene::{at, definition, facts, program};

fn trigger(json: Value) -> Trigger {
    serde_json::from_value(json).unwrap()
}

#[test]
fn whose_a_conversation_is_depends_on_who_asks() {
    let [ours, theirs] = ["1", "2"].map(|n| format!("aut_019f2b0000007000800000000000000{n}").parse().unwrap());
    let whose = |holder: Option<AutomationId>| Whose::of(holder, ours);
    assert_eq!(whose(None), Whose::NoAutomations);
    assert_eq!(whose(Some(ours)), Whose::Ours);
    assert_eq!(whose(Some(theirs)), Whose::AnotherAutomations);
}

#[test]
fn a_run_goes_on_unless_another_automation_answers_or_the_conversation_was_taken() {
    let answers = trigger(json!({"inbound_message": {}}));
    let answers_campaigns = trigger(json!({"campaign_reply": {}}));
    let waits = trigger(json!({"idle": {"after_s": 60, "waiting_for": "us"}}));
    let began = Run::of(&definition(&json!({"all": []}), &json!([{"stop": {"reason": "enough"}}])), facts().now, 0);
    let acts = Run { stage: Stage::At { place: "0".parse().unwrap() }, ..began.clone() };
    let (given, not) = (true, false);
    let cases = [
        (&began, &answers, not, Whose::NoAutomations, Going::On),
        (&began, &answers, not, Whose::AnotherAutomations, Going::StandsAside),
        (&began, &answers_campaigns, not, Whose::AnotherAutomations, Going::StandsAside),
        (&began, &waits, not, Whose::AnotherAutomations, Going::On),
        (&acts, &answers, not, Whose::AnotherAutomations, Going::On),
        (&acts, &answers, not, Whose::NoAutomations, Going::On),
        (&acts, &answers, given, Whose::AnotherAutomations, Going::Taken),
        (&acts, &answers, given, Whose::NoAutomations, Going::Taken),
        (&began, &answers, given, Whose::NoAutomations, Going::Taken),
        (&acts, &waits, given, Whose::NoAutomations, Going::Taken),
    ];
    for (run, trigger, given, whose, expected) in cases {
        assert_eq!(going(run, trigger, given, whose), expected, "{run:?} {trigger:?} {given} {whose:?}");
    }
    for run in [&began, &acts] {
        for trigger in [&answers, &answers_campaigns, &waits] {
            for given in [given, not] {
                assert_eq!(going(run, trigger, given, Whose::Ours), Going::On);
            }
        }
    }
}

/// Who has the conversation at the last step, as the branch behind these steps sees it.
fn ends_with(steps: &[Value]) -> HolderKind {
    let mut actions = steps.to_vec();
    for kind in HolderKind::ALL {
        let stop = json!([{"stop": {"reason": kind}}]);
        actions.push(json!({"branch": {"condition": {"held_by": [kind]}, "then": stop}}));
    }
    let program = program(&json!({"held_by": ["nobody"]}), &Value::Array(actions));
    let walked = dry_run(&program, &Facts { now: at("2026-03-02T10:00:00Z"), ..facts() });
    match &walked.last().unwrap().result {
        StepResult::Stops { reason } => reason.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_step_gives_and_takes_counts_for_the_conditions_behind_it() {
    let give = json!({"assign": {"to": {"automation": "aut_019f2b00000070008000000000000001"}}});
    let to = |to: &str| json!({"assign": {"to": to}});
    let status = |to: &str| json!({"status": {"to": to}});
    assert_eq!(ends_with(&[]), HolderKind::Nobody);
    assert_eq!(ends_with(std::slice::from_ref(&give)), HolderKind::Automation);
    assert_eq!(ends_with(&[give.clone(), to("round_robin")]), HolderKind::Member);
    assert_eq!(ends_with(&[give.clone(), to("nobody")]), HolderKind::Nobody);
    assert_eq!(ends_with(&[give.clone(), status("pending")]), HolderKind::Automation);
    assert_eq!(ends_with(&[give, status("resolved")]), HolderKind::Nobody);
    assert_eq!(ends_with(&[to("round_robin"), status("resolved")]), HolderKind::Member);
}
