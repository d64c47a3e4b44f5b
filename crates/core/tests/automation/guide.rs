//! The examples of the guide are read, sound, and complete: each trigger, condition and action has one.

use std::collections::BTreeSet;

use postroad_core::automation::{
    BusinessHours, FaultCode, RefusalReason,
    actions::{ActionKind, SkipReason},
};
use serde_json::{Value, json};

use crate::scene::{read, sound};

const GUIDE: &str = include_str!("../../../../docs/automations.md");

const TRIGGERS: &[&str] =
    &["campaign_reply", "conversation_opened", "idle", "inbound_message", "label", "schedule", "status"];
const CONDITIONS: &[&str] = &[
    "account",
    "all",
    "any",
    "attribute",
    "business_hours",
    "channel",
    "first",
    "held_by",
    "keywords",
    "label",
    "language",
    "not",
    "regex",
    "status",
    "tag",
    "time",
];

/// Examples of one kind: blocks that begin with "```json kind".
fn examples(kind: &str) -> Vec<Value> {
    let opening = format!("```json {kind}\n");
    let blocks = GUIDE.split(&opening).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
}

/// Examples in the first columns of the tables behind a heading.
fn cells(heading: &str) -> Vec<Value> {
    let section = GUIDE.split(&format!("\n## {heading}\n")).nth(1).expect("the guide has the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `").filter(|cell| cell.starts_with('{'))?.split("` |").next());
    rows.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))).collect()
}

fn words(examples: &[Value]) -> BTreeSet<String> {
    let word = |example: &Value| example.as_object().unwrap().keys().next().unwrap().clone();
    examples.iter().map(word).collect()
}

fn all(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn whole_definitions_are_sound() {
    let examples = examples("definition");
    assert!(examples.len() >= 3);
    for example in &examples {
        sound(read(example));
    }
}

#[test]
fn each_trigger_has_a_sound_example() {
    let examples = cells("Triggers");
    assert_eq!(words(&examples), all(TRIGGERS));
    for trigger in examples {
        sound(read(&json!({"trigger": trigger, "actions": [{"stop": {"reason": "enough"}}]})));
    }
}

#[test]
fn each_condition_has_a_sound_example() {
    let examples = cells("Conditions");
    assert_eq!(words(&examples), all(CONDITIONS));
    for conditions in examples {
        let actions = json!([{"stop": {"reason": "enough"}}]);
        sound(read(&json!({"trigger": {"inbound_message": {}}, "conditions": conditions, "actions": actions})));
    }
}

#[test]
fn each_action_has_a_sound_example() {
    let examples = cells("Actions");
    let kinds: Vec<&str> = ActionKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words(&examples), all(&kinds));
    for action in examples {
        sound(read(&json!({"trigger": {"inbound_message": {}}, "actions": [action]})));
    }
}

#[test]
fn hours_of_the_guide_are_read() {
    let hours = examples("hours");
    assert_eq!(hours.len(), 1);
    let usual: BusinessHours = serde_json::from_value(hours[0].clone()).unwrap();
    assert_eq!(usual, BusinessHours::usual(usual.time_zone), "the guide shows the usual week");
}

#[test]
fn each_reason_and_code_is_explained() {
    let codes = FaultCode::ALL.iter().map(|code| code.as_str());
    let refusals = RefusalReason::ALL.iter().map(|reason| reason.as_str());
    let skips = SkipReason::ALL.iter().map(|reason| reason.as_str());
    for word in codes.chain(refusals).chain(skips) {
        assert!(GUIDE.contains(&format!("| `{word}` |")), "the guide does not explain {word}");
    }
}
