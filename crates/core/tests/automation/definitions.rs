//! Definitions as data: what is read, what is refused and where, and what survives being written down.

use postroad_core::{
    automation::{self, Definition, Event, Fault, FaultCode, Program, Trigger, check, dry_run},
    limits::{AUTOMATION_FAULTS_MAX, AUTOMATION_STEPS_MAX},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    arbitrary::{damaged, definitions, noise},
    scene::{definition, facts, read},
};

fn faults(definition: &Definition) -> Vec<(String, FaultCode)> {
    let faults = check(definition).err().unwrap_or_default();
    faults.into_iter().map(|Fault { path, code, .. }| (path, code)).collect()
}

#[test]
fn only_the_words_of_a_definition_are_read() {
    let reply = json!([{"reply": {"text": "Hello"}}]);
    let trigger = json!({"inbound_message": {}});
    let wrong = [
        json!({}),
        json!({"trigger": trigger}),
        json!({"trigger": trigger, "actions": reply, "condition": {"all": []}}),
        json!({"trigger": {"inbound": {}}, "actions": reply}),
        json!({"trigger": {"inbound_message": {"debounce": 2}}, "actions": reply}),
        json!({"trigger": trigger, "actions": [{"reply": {"text": "Hello"}, "tag": {"add": ["a"]}}]}),
        json!({"trigger": trigger, "actions": [{"reply": {"txt": "Hello"}}]}),
        json!({"trigger": trigger, "actions": [{"answer": {"text": "Hello"}}]}),
        json!({"trigger": trigger, "actions": reply, "conditions": {"channel": ["fax"]}}),
        json!({"trigger": trigger, "actions": reply, "conditions": {"time": {"between": "9-17"}}}),
        json!({"trigger": trigger, "actions": reply, "conditions": {"time": {"between": "09:00-17:00", "time_zone": "Mars"}}}),
        json!({"trigger": trigger, "actions": reply, "conditions": {"label": {"has": "vip"}}}),
    ];
    for wrong in wrong {
        assert!(serde_json::from_value::<Definition>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_part() {
    let reply = json!({"reply": {"text": "Hello"}});
    let cases = [
        (json!([]), vec![""]),
        (json!({"trigger": {"inbound_message": {}}}), vec![""]),
        (json!({"trigger": {"inbound_message": {}}, "actions": [reply], "name": "x"}), vec![""]),
        (
            json!({"trigger": {"inbound": {}}, "conditions": {"channel": ["fax"]}, "actions": [reply, {"answer": {}}, reply]}),
            vec!["/trigger", "/conditions", "/actions/1"],
        ),
    ];
    for (json, expected) in cases {
        let faults = automation::read(&json).unwrap_err();
        assert!(faults.iter().all(|fault| fault.code == FaultCode::Unreadable && !fault.fix.is_empty()));
        assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), expected, "{json}");
    }
}

#[test]
fn a_schedule_may_fire_every_five_minutes() {
    for cron in ["*/5 * * * *", "0,30 * * * *", "0 9 * * mon", "@hourly", "0 0 29 2 *"] {
        let trigger = schedule(cron, &["open"]);
        assert_eq!(faults(&read(&json!({"trigger": trigger, "actions": [{"tag": {"add": ["a"]}}]}))), [], "{cron}");
    }
}

#[test]
fn a_fault_of_a_trigger_is_named_by_its_place() {
    let many: Vec<String> = (0..51).map(|n| format!("lbl_{n:032}")).collect();
    let cases = [
        (json!({"inbound_message": {"debounce_s": 61}}), "/trigger/inbound_message/debounce_s", FaultCode::Number),
        (json!({"campaign_reply": {"debounce_s": 61}}), "/trigger/campaign_reply/debounce_s", FaultCode::Number),
        (json!({"idle": {"after_s": 59, "waiting_for": "us"}}), "/trigger/idle/after_s", FaultCode::Number),
        (json!({"idle": {"after_s": 2_592_001, "waiting_for": "us"}}), "/trigger/idle/after_s", FaultCode::Number),
        (json!({"status": {"to": []}}), "/trigger/status/to", FaultCode::Empty),
        (json!({"label": {"was": "added", "any_of": many}}), "/trigger/label/any_of", FaultCode::TooMany),
        (schedule("61 * * * *", &["open"]), "/trigger/schedule/cron", FaultCode::Cron),
        (schedule("* * * * * *", &["open"]), "/trigger/schedule/cron", FaultCode::CronSeconds),
        (schedule("*/4 * * * *", &["open"]), "/trigger/schedule/cron", FaultCode::CronTooOften),
        (schedule("2,58 * * * *", &["open"]), "/trigger/schedule/cron", FaultCode::CronTooOften),
        (schedule("@daily", &[]), "/trigger/schedule/statuses", FaultCode::Empty),
    ];
    for (trigger, path, code) in cases {
        let definition = read(&json!({"trigger": trigger, "actions": [{"tag": {"add": ["a"]}}]}));
        assert_eq!(faults(&definition), [(path.to_owned(), code)], "{trigger}");
    }
}

fn schedule(cron: &str, statuses: &[&str]) -> Value {
    json!({"schedule": {"cron": cron, "time_zone": "UTC", "statuses": statuses}})
}

#[test]
fn a_fault_of_a_condition_is_named_by_its_place() {
    let deep = (0..6).fold(json!({"first": "of_contact"}), |inner, _| json!({"not": inner}));
    let closed = json!({"enabled": true, "time_zone": "UTC", "days": {}});
    let seven = ["01:00-02:00"; 7];
    let busy = json!({"enabled": false, "time_zone": "UTC", "days": {"mon": seven}});
    let cases = [
        (json!({"any": []}), "/any", FaultCode::Empty),
        (json!({"not": {"all": []}}), "/not/all", FaultCode::Empty),
        (deep, "/not/not/not/not/not/not", FaultCode::TooDeep),
        (json!({"keywords": {"any_of": []}}), "/keywords/any_of", FaultCode::Empty),
        (json!({"keywords": {"any_of": ["a", " "]}}), "/keywords/any_of/1", FaultCode::Keyword),
        (json!({"keywords": {"any_of": ["👍"]}}), "/keywords/any_of/0", FaultCode::Keyword),
        (json!({"keywords": {"any_of": ["a".repeat(101)]}}), "/keywords/any_of/0", FaultCode::Keyword),
        (json!({"keywords": {"any_of": vec!["a"; 101]}}), "/keywords/any_of", FaultCode::TooMany),
        (json!({"regex": {"pattern": "("}}), "/regex", FaultCode::Pattern),
        (json!({"all": [{"language": ["en", "english"]}]}), "/all/0/language/1", FaultCode::Language),
        (json!({"channel": []}), "/channel", FaultCode::Empty),
        (json!({"account": []}), "/account", FaultCode::Empty),
        (json!({"status": []}), "/status", FaultCode::Empty),
        (json!({"held_by": []}), "/held_by", FaultCode::Empty),
        (json!({"tag": {"has": "VIP"}}), "/tag", FaultCode::Tag),
        (json!({"attribute": {"name": "n", "is": {"one_of": [""]}}}), "/attribute/is/one_of/0", FaultCode::Attribute),
        (json!({"business_hours": {"is": "inside", "hours": closed}}), "/business_hours/hours/days", FaultCode::Hours),
        (
            json!({"business_hours": {"is": "inside", "hours": busy}}),
            "/business_hours/hours/days/mon",
            FaultCode::TooMany,
        ),
        (json!({"time": {"between": "09:00-10:00", "weekdays": vec!["mon"; 8]}}), "/time/weekdays", FaultCode::TooMany),
    ];
    for (condition, path, code) in cases {
        let whole = definition(&condition, &json!([{"tag": {"add": ["a"]}}]));
        assert_eq!(faults(&whole), [(format!("/conditions{path}"), code)], "{condition}");
        let within = json!([{"branch": {"condition": condition, "then": [{"tag": {"add": ["a"]}}]}}]);
        let within = definition(&json!({"all": []}), &within);
        assert_eq!(faults(&within), [(format!("/actions/0/branch/condition{path}"), code)], "{condition}");
    }
}

#[test]
fn a_fault_of_an_action_is_named_by_its_place() {
    let template = "tpl_0198c1b2000000000000000000000001";
    let label = "lbl_0198c1b2000000000000000000000001";
    let member = "mem_0198c1b2000000000000000000000001";
    let cases = [
        (json!({"reply": {"text": " "}}), "/reply/text", FaultCode::Text),
        (json!({"reply": {"text": "é".repeat(4_097)}}), "/reply/text", FaultCode::Text),
        (json!({"reply": {"text": "a\0"}}), "/reply/text", FaultCode::Text),
        (json!({"reply": {"text": "{{1}}"}}), "/reply/text", FaultCode::Placeholder),
        (json!({"reply": {"text": "{{contact.name"}}), "/reply/text", FaultCode::Placeholder),
        (json!({"reply": {"text": "{{contact.name}}".repeat(21)}}), "/reply/text", FaultCode::Placeholder),
        (json!({"reply": {"text": "a", "quiet_hours": "exempt"}}), "/reply/quiet_hours", FaultCode::QuietHours),
        (
            json!({"reply": {"text": "a", "outside_window": {"template": template, "variables": [""]}}}),
            "/reply/outside_window/variables/0",
            FaultCode::Text,
        ),
        (
            json!({"template": {"template": template, "variables": vec!["a"; 11]}}),
            "/template/variables",
            FaultCode::TooMany,
        ),
        (json!({"label": {}}), "/label", FaultCode::Empty),
        (json!({"label": {"add": [label], "remove": [label]}}), "/label", FaultCode::Contradiction),
        (json!({"tag": {"add": ["a", "A"]}}), "/tag/add/1", FaultCode::Tag),
        (json!({"note": {"text": ""}}), "/note/text", FaultCode::Text),
        (json!({"note": {"text": "a", "mentions": vec![member; 21]}}), "/note/mentions", FaultCode::TooMany),
        (json!({"status": {"to": "snoozed"}}), "/status/to", FaultCode::Status),
        (json!({"snooze": {"for_s": 59}}), "/snooze/for_s", FaultCode::Number),
        (json!({"wait": {"seconds": 0}}), "/wait/seconds", FaultCode::Number),
        (json!({"wait": {"seconds": 2_592_001}}), "/wait/seconds", FaultCode::Number),
        (json!({"branch": {"condition": {"all": []}}}), "/branch", FaultCode::Empty),
        (json!({"stop": {"reason": ""}}), "/stop/reason", FaultCode::Text),
    ];
    for (action, path, code) in cases {
        let whole = definition(&json!({"all": []}), &json!([{"tag": {"add": ["a"]}}, action]));
        assert_eq!(faults(&whole), [(format!("/actions/1{path}"), code)], "{action}");
    }
}

#[test]
fn a_definition_that_would_do_nothing_or_too_much_is_refused() {
    let always = json!({"all": []});
    let tag = json!({"tag": {"add": ["a"]}});
    assert_eq!(faults(&definition(&always, &json!([]))), [("/actions".to_owned(), FaultCode::Empty)]);
    let many = |count: usize| json!(vec![tag.clone(); count]);
    assert_eq!(faults(&definition(&always, &many(AUTOMATION_STEPS_MAX))), []);
    let over = definition(&always, &many(AUTOMATION_STEPS_MAX + 5));
    assert_eq!(faults(&over), [("/actions".to_owned(), FaultCode::TooManySteps)]);

    let nested = |depth: usize| {
        (0..depth).fold(tag.clone(), |inner, _| json!({"branch": {"condition": always, "then": [inner]}}))
    };
    assert_eq!(faults(&definition(&always, &json!([nested(5)]))), []);
    assert_eq!(faults(&definition(&always, &json!([nested(6)])))[0].1, FaultCode::TooDeep);

    let stop = json!([{"stop": {"reason": "enough"}}, tag]);
    assert_eq!(faults(&definition(&always, &stop)), [("/actions/1".to_owned(), FaultCode::Unreachable)]);
}

#[test]
fn conditions_and_patterns_are_counted_over_all_branches() {
    let tag = json!({"tag": {"add": ["a"]}});
    let forty = json!({"any": vec![json!({"first": "of_contact"}); 40]});
    let branch = json!({"branch": {"condition": forty, "then": [tag]}});
    let over = definition(&forty, &json!([branch, branch]));
    assert_eq!(faults(&over), [("/actions/1/branch/condition/any/20".to_owned(), FaultCode::TooManyConditions)]);

    let patterns = |count: u32| json!({"any": (0..count).map(|n| json!({"regex": {"pattern": n.to_string()}})).collect::<Vec<_>>()});
    assert_eq!(faults(&definition(&patterns(10), &json!([tag]))), []);
    let over = definition(&patterns(11), &json!([tag]));
    assert_eq!(faults(&over), [("/conditions/any/10/regex".to_owned(), FaultCode::TooManyPatterns)]);
}

#[test]
fn all_faults_are_told_together_up_to_a_number() {
    let wrong = definition(&json!({"any": []}), &json!(vec![json!({"label": {}}); 3]));
    assert_eq!(faults(&wrong).len(), 4);
    let worse = definition(&json!({"all": []}), &json!(vec![json!({"label": {}}); 90]));
    assert_eq!(faults(&worse).len(), AUTOMATION_FAULTS_MAX);
    let told = check(&wrong).unwrap_err();
    assert_eq!(told[0].to_string(), "/conditions/any: name at least one condition");
}

#[test]
fn a_trigger_fires_at_what_it_waits_for() {
    let trigger = |json: Value| serde_json::from_value::<Trigger>(json).unwrap();
    let campaign = "cmp_0198c1b2000000000000000000000001";
    let answer = Event::Inbound { campaign: Some(campaign.parse().unwrap()) };
    let message = Event::Inbound { campaign: None };
    let idle = |for_s| Event::Idle { for_s, waiting_for: "us".parse().unwrap() };
    let status = |to: &str| Event::Status { to: to.parse().unwrap() };
    let cases = [
        (json!({"inbound_message": {}}), &message, true),
        (json!({"inbound_message": {}}), &answer, true),
        (json!({"inbound_message": {}}), &Event::ConversationOpened, false),
        (json!({"conversation_opened": {}}), &Event::ConversationOpened, true),
        (json!({"campaign_reply": {}}), &answer, true),
        (json!({"campaign_reply": {}}), &message, false),
        (json!({"campaign_reply": {"campaign": campaign}}), &answer, true),
        (json!({"campaign_reply": {"campaign": "cmp_0198c1b2000000000000000000000002"}}), &answer, false),
        (json!({"idle": {"after_s": 60, "waiting_for": "us"}}), &idle(60), true),
        (json!({"idle": {"after_s": 60, "waiting_for": "us"}}), &idle(59), false),
        (json!({"idle": {"after_s": 60, "waiting_for": "contact"}}), &idle(60), false),
        (json!({"status": {"to": ["open", "closed"]}}), &status("closed"), true),
        (json!({"status": {"to": ["open", "closed"]}}), &status("pending"), false),
        (schedule("@daily", &["open"]), &Event::Schedule, true),
        (schedule("@daily", &["open"]), &message, false),
    ];
    for (json, event, expected) in cases {
        assert_eq!(trigger(json.clone()).fires(event), expected, "{json} {event:?}");
    }
}

/// Reads, checks, and if it is sound runs.
fn survives(value: &Value) {
    if let Ok(definition) = automation::read(value) {
        match Program::new(definition) {
            Ok(program) => assert!(!dry_run(&program, &facts()).is_empty()),
            Err(faults) => assert!(faults.iter().all(|fault| fault.path.starts_with('/') && !fault.fix.is_empty())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_json_makes_the_reader_the_check_or_a_test_run_panic(value in noise()) {
        survives(&value);
        survives(&json!({"trigger": {"inbound_message": {}}, "conditions": value, "actions": [{"stop": {"reason": "x"}}]}));
        survives(&json!({"trigger": {"inbound_message": {}}, "actions": [value]}));
    }

    #[test]
    fn nor_does_a_definition_with_one_wrong_value(value in damaged()) {
        survives(&value);
    }

    #[test]
    fn a_fault_points_to_a_place_that_the_definition_has(value in damaged()) {
        if let Ok(definition) = serde_json::from_value::<Definition>(value) {
            let written = serde_json::to_value(&definition).unwrap();
            for fault in check(&definition).err().unwrap_or_default() {
                // An empty list may be left out where it is written.
                let parent = fault.path.rsplit_once('/').map_or("", |(parent, _)| parent);
                prop_assert!(written.pointer(parent).is_some(), "{} in {written}", fault.path);
            }
        }
    }

    #[test]
    fn a_definition_is_read_as_it_was_written(value in definitions()) {
        let definition = read(&value);
        let text = serde_json::to_string(&definition).unwrap();
        prop_assert_eq!(serde_json::from_str::<Definition>(&text).unwrap(), definition);
    }
}
