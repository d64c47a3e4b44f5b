//! Automations made up: sound ones, and JSON that only looks like one.

use postroad_core::automation::{Fault, FaultCode, Program, hours::Weekday};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use crate::scene::read;

const LABEL: &str = "lbl_00000000000000000000000000000001";
const TEXTS: &[&str] =
    &["Hello {{contact.first_name|there}}", "Your tier: {{contact.attribute.tier}}", "Grüße 👋", "{x}"];
const STATUSES: &[&str] = &["open", "pending", "resolved", "closed", "archived"];
const RANGES: &[&str] = &["09:00-17:00", "22:00-06:00", "00:00-00:00", "10:00-10:01"];

/// Sound definitions, compiled.
pub(crate) fn programs() -> impl Strategy<Value = Program> {
    definitions().prop_filter_map("it is within the bounds", |definition| compiled(&definition))
}

/// Sound but for how much there is of everything.
pub(crate) fn definitions() -> impl Strategy<Value = Value> {
    (triggers(), conditions(), steps(), 0..100_u32).prop_map(|(trigger, conditions, actions, cooldown_s)| {
        json!({"trigger": trigger, "conditions": conditions, "actions": actions, "cooldown_s": cooldown_s})
    })
}

/// None: a few of those made up are too large.
fn compiled(definition: &Value) -> Option<Program> {
    let is_size = |fault: &Fault| matches!(fault.code, FaultCode::TooManySteps | FaultCode::TooManyConditions);
    match Program::new(read(definition)) {
        Ok(program) => Some(program),
        Err(faults) if faults.iter().all(is_size) => None,
        Err(faults) => panic!("{faults:?} in {definition}"),
    }
}

fn triggers() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..=60_u32).prop_map(|s| json!({"inbound_message": {"debounce_s": s}})),
        Just(json!({"conversation_opened": {}})),
        (60..=2_592_000_u32).prop_map(|s| json!({"idle": {"after_s": s, "waiting_for": "us"}})),
        select(STATUSES).prop_map(|to| json!({"status": {"to": [to]}})),
        Just(json!({"label": {"was": "added", "any_of": [LABEL]}})),
        Just(json!({"campaign_reply": {}})),
        Just(json!({"schedule": {"cron": "0 9 * * mon", "time_zone": "Asia/Jakarta", "statuses": ["open"]}})),
    ]
}

pub(crate) fn conditions() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(2, 8, 3, |inner| {
        let parts = || vec(inner.clone(), 1..4);
        prop_oneof![
            parts().prop_map(|parts| json!({"all": parts})),
            parts().prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|part| json!({"not": part})),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![about_texts(), about_people(), about_time()]
}

fn about_texts() -> impl Strategy<Value = Value> {
    let words = ["refund", "human", "hello", "退订"];
    prop_oneof![
        (vec(select(words.to_vec()), 1..4), select(vec!["words", "contains"]))
            .prop_map(|(any_of, matching)| json!({"keywords": {"any_of": any_of, "matching": matching}})),
        select(vec!["ref.nd", r"\d{4}", "^hello"]).prop_map(|p| json!({"regex": {"pattern": p, "ignore_case": true}})),
        select(vec!["of_contact", "in_conversation"]).prop_map(|first| json!({"first": first})),
    ]
}

fn about_people() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"language": ["pt", "id"]})),
        Just(json!({"channel": ["sms", "whatsapp"]})),
        Just(json!({"tag": {"has": "vip"}})),
        Just(json!({"label": {"has_not": LABEL}})),
        Just(json!({"attribute": {"name": "tier", "is": {"equals": "gold"}}})),
        select(STATUSES).prop_map(|status| json!({"status": [status]})),
        select(vec!["nobody", "member", "automation"]).prop_map(|holder| json!({"held_by": [holder]})),
    ]
}

fn about_time() -> impl Strategy<Value = Value> {
    let days: Vec<&str> = Weekday::ALL.iter().map(|day| day.as_str()).collect();
    prop_oneof![
        select(vec!["inside", "outside"]).prop_map(|is| json!({"business_hours": {"is": is}})),
        (select(RANGES), vec(select(days), 0..3))
            .prop_map(|(range, days)| json!({"time": {"between": range, "weekdays": days}})),
    ]
}

fn steps() -> impl Strategy<Value = Value> {
    vec(step(), 1..6).prop_map(Value::Array)
}

fn step() -> impl Strategy<Value = Value> {
    plain().prop_recursive(3, 16, 3, |inner| {
        let arm = || (vec(inner.clone(), 0..3), option::of(Just(json!({"stop": {"reason": "enough"}}))));
        (conditions(), inner.clone(), arm(), arm()).prop_map(
            |(condition, first, (mut then, stop), (mut otherwise, end))| {
                then.insert(0, first);
                then.extend(stop);
                otherwise.extend(end);
                json!({"branch": {"condition": condition, "then": then, "otherwise": otherwise}})
            },
        )
    })
}

fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => select(TEXTS).prop_map(|text| json!({"reply": {"text": text, "quiet_hours": "hold"}})),
        1 => Just(json!({"template": {"template": "tpl_00000000000000000000000000000001", "variables": ["{{contact.name}}"]}})),
        1 => select(vec!["round_robin", "nobody"]).prop_map(|to| json!({"assign": {"to": to}})),
        1 => Just(json!({"assign": {"to": {"automation": "aut_00000000000000000000000000000001"}}})),
        1 => Just(json!({"label": {"add": [LABEL]}})),
        1 => select(TEXTS).prop_map(|text| json!({"note": {"text": text}})),
        1 => select(STATUSES).prop_map(|to| json!({"status": {"to": to}})),
        1 => prop_oneof![Just(json!({"snooze": "until_open"})), (60..9_999_u32).prop_map(|s| json!({"snooze": {"for_s": s}}))],
        1 => Just(json!({"webhook": {"endpoint": "end_00000000000000000000000000000001"}})),
        1 => Just(json!({"tag": {"add": ["asked"], "remove": ["vip"]}})),
        2 => (1..=2_592_000_u32).prop_map(|seconds| json!({"wait": {"seconds": seconds}})),
    ]
}

/// Words of definitions, so that what is made up gets past the first brace.
const WORDS: &[&str] = &[
    "trigger",
    "conditions",
    "actions",
    "cooldown_s",
    "inbound_message",
    "conversation_opened",
    "idle",
    "status",
    "label",
    "campaign_reply",
    "schedule",
    "debounce_s",
    "after_s",
    "waiting_for",
    "cron",
    "time_zone",
    "statuses",
    "all",
    "any",
    "not",
    "keywords",
    "any_of",
    "matching",
    "regex",
    "pattern",
    "held_by",
    "language",
    "channel",
    "account",
    "attribute",
    "name",
    "is",
    "tag",
    "has",
    "business_hours",
    "hours",
    "enabled",
    "days",
    "mon",
    "time",
    "between",
    "weekdays",
    "first",
    "reply",
    "text",
    "outside_window",
    "template",
    "variables",
    "assign",
    "to",
    "note",
    "mentions",
    "snooze",
    "for_s",
    "until",
    "webhook",
    "endpoint",
    "add",
    "remove",
    "wait",
    "seconds",
    "branch",
    "condition",
    "then",
    "otherwise",
    "stop",
    "reason",
    "sms",
    "09:00-17:00",
    "25:00-99:00",
    "Europe/Paris",
    "until_open",
    "{{contact.name",
    "{{contact.first_name|}}",
    "(",
    "\0",
    "lbl_00000000000000000000000000000001",
    "2026-03-02T10:00:00Z",
    "99999-01-01",
];

/// Anything, built of words that definitions use.
pub(crate) fn noise() -> impl Strategy<Value = Value> {
    let word = || prop_oneof![9 => select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    let scalar = prop_oneof![
        word().prop_map(Value::String),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    scalar.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((word(), inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A sound definition in which one value, somewhere, is another.
pub(crate) fn damaged() -> impl Strategy<Value = Value> {
    (definitions(), noise(), any::<prop::sample::Index>()).prop_map(|(mut definition, noise, index)| {
        let mut places = Vec::new();
        pointers(&definition, String::new(), &mut places);
        let place = &places[index.index(places.len())];
        *definition.pointer_mut(place).unwrap() = noise;
        definition
    })
}

fn pointers(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, part)| pointers(part, format!("{place}/{key}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, part)| pointers(part, format!("{place}/{n}"), found));
        }
        _ => {}
    }
    found.push(place);
}
