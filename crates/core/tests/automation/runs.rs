//! A run, step by step: it ends, it survives a crash anywhere, and each effect happens once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use postroad_core::automation::{
    Effect, Explained, Facts, Next, Outcome, Place, Program, Run, Turn,
    actions::{SkipReason, StepResult},
    dry_run,
    facts::ContactFacts,
    next,
    run::Stage,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{
    arbitrary::programs,
    scene::{at, body, facts, program, reply},
};

/// Every step until the end; time passes only where the run waits.
fn walk(program: &Program, run: &Run, facts: &Facts) -> Vec<Next> {
    let mut facts = facts.clone();
    let mut steps: Vec<Next> = Vec::new();
    loop {
        let run = steps.last().map_or(run, |step| &step.run);
        steps.push(next(program, run, &facts));
        match &steps.last().unwrap().turn {
            Turn::WaitUntil { at } => facts.now = *at,
            Turn::Done { .. } => return steps,
            Turn::Do { .. } | Turn::GoOn => {}
        }
        assert!(steps.len() <= 1_000, "the run does not end");
    }
}

fn begun(program: &Program, facts: &Facts) -> Run {
    Run::of(program.definition(), facts.now, 0)
}

fn effects(steps: &[Next]) -> Vec<(String, Effect)> {
    let done = steps.iter().filter_map(|step| match &step.turn {
        Turn::Do { place, effect } => Some((place.to_string(), effect.clone())),
        _ => None,
    });
    done.collect()
}

fn outcome(steps: &[Next]) -> &Outcome {
    steps.last().unwrap().run.outcome().unwrap()
}

#[test]
fn steps_are_taken_in_their_order_and_through_one_arm_of_a_branch() {
    let program = program(
        &json!({"keywords": {"any_of": ["refund"]}}),
        &json!([
            {"reply": {"text": "Hello {{contact.first_name}}"}},
            {"branch": {
                "condition": {"tag": {"has": "vip"}},
                "then": [{"status": {"to": "pending"}}, {"wait": {"seconds": 60}}, {"reply": {"text": "Still here"}}],
                "otherwise": [{"reply": {"text": "Wait"}}]
            }},
            {"tag": {"add": ["asked"]}}
        ]),
    );
    let steps = walk(&program, &begun(&program, &facts()), &facts());
    let places: Vec<String> = effects(&steps).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["0", "1.then.0", "1.then.2", "2"]);
    assert_eq!(effects(&steps)[0].1, reply("Hello Ana"));
    assert_eq!(*outcome(&steps), Outcome::Completed);
}

#[test]
fn an_empty_arm_goes_on_behind_the_branch_and_so_does_the_last_step_of_nested_ones() {
    let program = program(
        &json!({"all": []}),
        &json!([
            {"branch": {"condition": {"tag": {"has": "other"}}, "then": [{"reply": {"text": "no"}}]}},
            {"branch": {"condition": {"all": []}, "then": [
                {"branch": {"condition": {"tag": {"has": "vip"}}, "then": [{"tag": {"add": ["a"]}}]}}
            ]}},
            {"tag": {"add": ["b"]}}
        ]),
    );
    let steps = walk(&program, &begun(&program, &facts()), &facts());
    let places: Vec<String> = effects(&steps).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["1.then.0.then.0", "2"]);
}

#[test]
fn a_run_gathers_messages_before_it_judges_them() {
    let program = program(&json!({"keywords": {"any_of": ["human"]}}), &json!([{"assign": {"to": "round_robin"}}]));
    let first = Facts { texts: vec![body("Can I speak")], ..facts() };
    let run = begun(&program, &first);
    assert!(run.is_gathering());
    let early = next(&program, &run, &first);
    assert_eq!((early.turn, &early.run), (Turn::WaitUntil { at: at("2026-03-02T10:00:02Z") }, &run));
    assert_eq!(early.explained, None);

    let both =
        Facts { now: at("2026-03-02T10:00:02Z"), texts: vec![body("Can I speak"), body("to a human?")], ..facts() };
    let judged = next(&program, &run, &both);
    assert_eq!(judged.turn, Turn::GoOn);
    assert!(!judged.run.is_gathering());
    let parts = judged.explained.unwrap().judged.unwrap();
    assert_eq!(parts.words, "message 2 says “human”");
}

#[test]
fn a_run_whose_conditions_do_not_hold_says_so_and_does_nothing() {
    let program = program(&json!({"not": {"tag": {"has": "vip"}}}), &json!([{"tag": {"add": ["a"]}}]));
    let steps = walk(&program, &begun(&program, &facts()), &facts());
    assert_eq!(effects(&steps), []);
    assert_eq!(*outcome(&steps), Outcome::ConditionsDidNotHold);
    let told = steps.last().unwrap().explained.as_ref().unwrap();
    assert_eq!((&told.result, told.words.as_str()), (&StepResult::DoesNotHold, "the conditions do not hold"));
    assert_eq!(told.judged.as_ref().unwrap().parts[0].words, "the contact has the tag vip");
}

#[test]
fn a_wait_ends_at_its_instant_and_not_before() {
    let program = program(&json!({"all": []}), &json!([{"wait": {"seconds": 60}}, {"status": {"to": "closed"}}]));
    let now = at("2026-03-02T10:00:02Z");
    let at_wait = next(&program, &begun(&program, &facts()), &Facts { now, ..facts() }).run;
    let waiting = next(&program, &at_wait, &Facts { now, ..facts() });
    let until = now + TimeDelta::seconds(60);
    assert_eq!(waiting.turn, Turn::WaitUntil { at: until });
    assert!(matches!(&waiting.run.stage, Stage::Waiting { place, .. } if place.to_string() == "0"));

    let early = Facts { now: until - TimeDelta::microseconds(1), ..facts() };
    assert_eq!(next(&program, &waiting.run, &early).run, waiting.run);
    let over = next(&program, &waiting.run, &Facts { now: until, ..facts() });
    assert_eq!(over.explained.unwrap().result, StepResult::WaitIsOver);
    assert!(matches!(over.run.stage, Stage::At { place } if place.to_string() == "1"));
}

#[test]
fn a_step_that_stops_ends_the_run_with_its_reason() {
    let stop = json!([{"branch": {"condition": {"all": []}, "then": [{"stop": {"reason": "known already"}}]}}, {"tag": {"add": ["a"]}}]);
    let program = program(&json!({"all": []}), &stop);
    let steps = walk(&program, &begun(&program, &facts()), &facts());
    assert_eq!(*outcome(&steps), Outcome::Stopped { reason: "known already".to_owned() });
    assert_eq!(effects(&steps), []);
    let again = next(&program, &steps.last().unwrap().run, &facts());
    assert_eq!((&again.run, again.explained), (&steps.last().unwrap().run, None), "an ended run stays so");
}

#[test]
fn a_run_of_another_definition_is_lost_and_not_guessed_at() {
    let program = program(&json!({"all": []}), &json!([{"tag": {"add": ["a"]}}]));
    for place in ["1", "0.then.0"] {
        let place: Place = place.parse().unwrap();
        for stage in [Stage::At { place: place.clone() }, Stage::Waiting { place: place.clone(), until: facts().now }] {
            let run = Run { began_at: facts().now, causality_depth: 0, stage };
            assert_eq!(next(&program, &run, &facts()).turn, Turn::Done { outcome: Outcome::Lost });
        }
    }
}

fn skips(actions: &serde_json::Value, facts: &Facts) -> Vec<SkipReason> {
    let told = dry_run(&program(&json!({"all": []}), actions), facts);
    let skip = |step: &Explained| if let StepResult::Skips { reason } = step.result { Some(reason) } else { None };
    told.iter().filter_map(skip).collect()
}

#[test]
fn outside_the_window_a_reply_gives_way_to_its_template_or_is_left_out() {
    let mut outside = facts();
    outside.conversation.channel = postroad_core::account::Channel::Whatsapp;
    let bare = json!([{"reply": {"text": "Hello"}}]);
    assert_eq!(skips(&bare, &outside), [SkipReason::WindowClosed]);
    outside.conversation.window_closes_at = Some(outside.now + TimeDelta::seconds(2));
    assert_eq!(skips(&bare, &outside), [SkipReason::WindowClosed], "it closes while the run gathers");
    outside.conversation.window_closes_at = Some(outside.now + TimeDelta::seconds(3));
    assert_eq!(skips(&bare, &outside), []);

    outside.conversation.window_closes_at = None;
    let with_template = json!([{"reply": {"text": "Hello", "outside_window": {
        "template": "tpl_0198c1b2000000000000000000000001", "variables": ["{{contact.first_name}}"]
    }}}]);
    let program = program(&json!({"all": []}), &with_template);
    let steps = walk(&program, &begun(&program, &outside), &outside);
    let Effect::Template { variables, .. } = &effects(&steps)[0].1 else { panic!("a template is sent") };
    assert_eq!(*variables, [body("Ana")]);
}

#[test]
fn a_conversation_that_had_its_messages_gets_no_more_and_the_rest_is_done() {
    let mut full = facts();
    full.automated.within_hour = full.automated.per_hour_max - 1;
    let actions = json!([{"reply": {"text": "one"}}, {"reply": {"text": "two"}}, {"tag": {"add": ["a"]}}]);
    assert_eq!(skips(&actions, &full), [SkipReason::ThreadCap], "the first of the two takes the last place");
}

#[test]
fn a_snooze_that_would_be_over_is_left_out() {
    assert_eq!(skips(&json!([{"snooze": {"until": "2026-03-02T10:00:00Z"}}]), &facts()), [SkipReason::Past]);
    assert_eq!(skips(&json!([{"snooze": "until_open"}]), &facts()), [SkipReason::Past], "it is open");
    assert_eq!(skips(&json!([{"snooze": {"for_s": 60}}]), &facts()), []);
}

#[test]
fn a_test_run_shows_each_step_as_if_all_before_had_happened() {
    let program = program(
        &json!({"keywords": {"any_of": ["refund"]}}),
        &json!([
            {"tag": {"add": ["asked"], "remove": ["vip"]}},
            {"wait": {"seconds": 86400}},
            {"branch": {"condition": {"all": [{"tag": {"has": "asked"}}, {"tag": {"has_not": "vip"}}]}, "then": [
                {"snooze": {"for_s": 3600}},
                {"branch": {"condition": {"status": ["snoozed"]}, "then": [{"note": {"text": "Call {{contact.name}}"}}]}}
            ]}}
        ]),
    );
    let told: Vec<String> = dry_run(&program, &facts())
        .iter()
        .map(|step| format!("{}: {}", step.place.as_ref().map_or("-".to_owned(), Place::to_string), step.words))
        .collect();
    assert_eq!(
        told,
        [
            "-: the conditions hold",
            "0: adds 1 tags and removes 1",
            "1: waits 86400 seconds",
            "1: the wait is over",
            "2: the condition holds",
            "2.then.0: snoozes the conversation until 2026-03-03 11:00 UTC",
            "2.then.1: the condition holds",
            "2.then.1.then.0: writes a note that mentions 0 members",
        ]
    );
}

/// Places are numbers and arms in turn: they part at an arm.
fn are_in_two_arms(one: &str, other: &str) -> bool {
    one.split('.').zip(other.split('.')).position(|(one, other)| one != other).is_some_and(|at| at % 2 == 1)
}

/// Somebody else, at another time of the day.
fn other(facts: Facts) -> Facts {
    let tags = if facts.contact.tags.is_empty() { vec!["vip".to_owned()] } else { Vec::new() };
    let contact = ContactFacts { tags, ..facts.contact };
    Facts { now: facts.now + TimeDelta::hours(7), first_of_contact: !facts.first_of_contact, contact, ..facts }
}

/// Steps of a definition, those of all branches together.
fn steps_of(program: &Program) -> usize {
    serde_json::to_string(&program.definition().actions).unwrap().matches("{\"").count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_checked_definition_ends_within_twice_its_steps(program in programs()) {
        let steps = walk(&program, &begun(&program, &facts()), &facts());
        prop_assert!(steps.len() <= 3 + 2 * steps_of(&program));
        let done = effects(&steps);
        let mut places: Vec<Place> = done.iter().map(|(place, _)| place.parse().unwrap()).collect();
        places.dedup();
        prop_assert_eq!(places.len(), done.len(), "no step acts twice");
    }

    #[test]
    fn a_stored_run_goes_on_as_if_nothing_had_happened(program in programs()) {
        let steps = walk(&program, &begun(&program, &facts()), &facts());
        let mut facts = facts();
        for (position, step) in steps.iter().enumerate().take(steps.len() - 1) {
            if let Turn::WaitUntil { at } = step.turn {
                facts.now = at;
            }
            let stored = serde_json::to_string(&step.run).unwrap();
            let read: Run = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(&read, &step.run);
            prop_assert_eq!(&walk(&program, &read, &facts)[..], &steps[position + 1..]);
        }
    }

    #[test]
    fn crashes_before_and_after_any_effect_lose_none_and_repeat_none(
        program in programs(),
        crashes in vec(any::<bool>(), 400),
    ) {
        let expected: BTreeMap<String, Effect> = effects(&walk(&program, &begun(&program, &facts()), &facts())).into_iter().collect();
        let mut crashes = crashes.into_iter();
        let mut done: BTreeMap<String, Effect> = BTreeMap::new();
        let (mut run, mut facts) = (begun(&program, &facts()), facts());
        loop {
            let step = next(&program, &run, &facts);
            if let Turn::Do { place, effect } = &step.turn {
                // As an insert that leaves alone what is there.
                done.entry(place.to_string()).or_insert_with(|| effect.clone());
            }
            if crashes.next().unwrap_or(false) {
                continue;
            }
            run = step.run;
            match step.turn {
                Turn::WaitUntil { at } => facts.now = at,
                Turn::Done { .. } => break,
                _ => {}
            }
        }
        prop_assert_eq!(done, expected);
    }

    #[test]
    fn a_branch_takes_one_arm_although_crashes_come_and_facts_change(
        program in programs(),
        changes in vec((any::<bool>(), any::<bool>()), 400),
    ) {
        let mut acted: Vec<String> = Vec::new();
        let (mut run, mut facts) = (begun(&program, &facts()), facts());
        for (crashes, changes) in changes.into_iter().chain(std::iter::repeat((false, false))) {
            if changes {
                facts = other(facts);
            }
            let step = next(&program, &run, &facts);
            acted.extend(effects(std::slice::from_ref(&step)).into_iter().map(|(place, _)| place));
            match (&step.turn, crashes) {
                (_, true) => continue,
                (Turn::WaitUntil { at }, _) => facts.now = *at,
                (Turn::Done { .. }, _) => break,
                _ => {}
            }
            run = step.run;
        }
        for (one, other) in acted.iter().flat_map(|one| acted.iter().map(move |other| (one, other))) {
            prop_assert!(!are_in_two_arms(one, other), "{one} and {other} in {acted:?}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is(noise in "[0-9.a-z]{0,20}|([0-9]{1,3}\\.(then|otherwise)\\.){0,6}[0-9]{1,3}") {
        if let Ok(place) = noise.parse::<Place>() {
            prop_assert_eq!(place.to_string(), noise);
        }
    }
}
