//! Stored JSON keeps its shape: definitions, runs and their history outlive the version that wrote them.
//!
//! A failing test here means that rows of a running installation would not be read. Change the code, not the JSON.

use std::fmt::Debug;

use postroad_core::automation::{
    Action, Admission, Definition, Effect, Explained, Facts, Outcome, Run, TriggerFacts, actions::ActionKind,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::scene::facts;

#[track_caller]
fn keeps_its_shape<T: Serialize + DeserializeOwned + PartialEq + Debug>(stored: &Value) -> T {
    let read: T = serde_json::from_value(stored.clone()).expect("what was stored is read");
    assert_eq!(serde_json::to_value(&read).expect("it is written again"), *stored);
    read
}

const LABEL: &str = "lbl_0198c1b2000000000000000000000001";
const TEMPLATE: &str = "tpl_0198c1b2000000000000000000000001";
const MEMBER: &str = "mem_0198c1b2000000000000000000000001";
const DEPARTMENT: &str = "dep_0198c1b2000000000000000000000001";
const AUTOMATION: &str = "aut_0198c1b2000000000000000000000001";
const ENDPOINT: &str = "end_0198c1b2000000000000000000000001";

#[test]
fn each_action_keeps_its_shape() {
    let actions = [
        json!({"reply": {"text": "Hello", "outside_window": {"template": TEMPLATE}, "quiet_hours": "skip"}}),
        json!({"template": {"template": TEMPLATE, "variables": ["a"], "quiet_hours": "hold"}}),
        json!({"assign": {"to": {"member": MEMBER}}}),
        json!({"assign": {"to": {"department": DEPARTMENT}}}),
        json!({"assign": {"to": {"automation": AUTOMATION}}}),
        json!({"assign": {"to": "round_robin"}}),
        json!({"assign": {"to": "nobody"}}),
        json!({"label": {"add": [LABEL], "remove": [LABEL]}}),
        json!({"note": {"text": "Call them", "mentions": [MEMBER]}}),
        json!({"status": {"to": "resolved"}}),
        json!({"snooze": {"for_s": 3600}}),
        json!({"snooze": {"until": "2026-03-02T10:00:00Z"}}),
        json!({"snooze": "until_open"}),
        json!({"webhook": {"endpoint": ENDPOINT}}),
        json!({"tag": {"add": ["vip"], "remove": ["new"]}}),
        json!({"wait": {"seconds": 60}}),
        json!({"branch": {"condition": {"tag": {"has": "vip"}}, "then": [{"wait": {"seconds": 1}}], "otherwise": [{"wait": {"seconds": 2}}]}}),
        json!({"stop": {"reason": "enough"}}),
    ];
    let mut kinds: Vec<ActionKind> = actions.iter().map(|stored| keeps_its_shape::<Action>(stored).kind()).collect();
    kinds.dedup();
    assert_eq!(kinds, ActionKind::ALL);
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let bare = json!({"trigger": {"inbound_message": {}}, "actions": [{"branch": {"condition": {"all": []}}}]});
    let read: Definition = serde_json::from_value(bare).unwrap();
    assert_eq!(
        serde_json::to_value(read).unwrap(),
        json!({
            "trigger": {"inbound_message": {"debounce_s": 2}},
            "cooldown_s": 0,
            "conditions": {"all": []},
            "actions": [{"branch": {"condition": {"all": []}, "then": []}}]
        })
    );
}

#[test]
fn a_run_is_read_at_any_stage() {
    let began = "2026-03-02T10:00:00Z";
    for stored in [
        json!({"began_at": began, "causality_depth": 1, "stage": "gathering", "until": "2026-03-02T10:00:02Z"}),
        json!({"began_at": began, "causality_depth": 1, "stage": "at", "place": "2.otherwise.0"}),
        json!({"began_at": began, "causality_depth": 1, "stage": "waiting", "place": "1", "until": "2026-03-03T10:00:00Z"}),
        json!({"began_at": began, "causality_depth": 1, "stage": "ended", "outcome": {"outcome": "stopped", "reason": "enough"}}),
    ] {
        keeps_its_shape::<Run>(&stored);
    }
    for stored in
        [json!({"outcome": "completed"}), json!({"outcome": "conditions_did_not_hold"}), json!({"outcome": "lost"})]
    {
        keeps_its_shape::<Outcome>(&stored);
    }
}

#[test]
fn each_effect_keeps_its_shape() {
    for stored in [
        json!({"effect": "reply", "text": "Hello", "quiet_hours": null}),
        json!({"effect": "template", "template": TEMPLATE, "variables": ["a"], "quiet_hours": "hold"}),
        json!({"effect": "assign", "to": "nobody"}),
        json!({"effect": "assign", "to": {"automation": AUTOMATION}}),
        json!({"effect": "label", "add": [LABEL], "remove": []}),
        json!({"effect": "note", "text": "Call", "mentions": [MEMBER]}),
        json!({"effect": "status", "to": "closed"}),
        json!({"effect": "snooze", "until": "2026-03-02T10:00:00Z"}),
        json!({"effect": "webhook", "endpoint": ENDPOINT}),
        json!({"effect": "tag", "add": ["vip"], "remove": []}),
    ] {
        keeps_its_shape::<Effect>(&stored);
    }
}

#[test]
fn the_history_of_a_step_keeps_its_shape() {
    keeps_its_shape::<Explained>(&json!({
        "at": "2026-03-02T10:00:02Z",
        "result": {"result": "does_not_hold"},
        "words": "the conditions do not hold",
        "fact": null,
        "judged": {"holds": false, "words": "0 of 1 hold, and all must", "fact": null, "parts": [
            {"holds": false, "words": "the contact has not the tag vip", "fact": {"has": false}}
        ]}
    }));
    keeps_its_shape::<Explained>(&json!({
        "at": "2026-03-02T10:00:02Z",
        "place": "0",
        "action": "reply",
        "result": {"result": "does", "effect": {"effect": "reply", "text": "Hello Ana", "quiet_hours": null}},
        "words": "says a text of 9 characters",
        "fact": {"contact.first_name": "Ana"}
    }));
}

#[test]
fn facts_and_verdicts_are_read_as_they_were_written() {
    keeps_its_shape::<Facts>(&serde_json::to_value(facts()).unwrap());
    keeps_its_shape::<TriggerFacts>(&json!({
        "now": "2026-03-02T10:00:00Z",
        "event": {"event": "inbound", "campaign": null},
        "causality_depth": 1,
        "automated_within_hour": 2,
        "mail": {"auto_submitted": "no", "precedence": null, "auto_response_suppress": null, "return_path": null},
        "from_own_address": false,
        "unfinished": {"gathering": true, "messages": 1},
        "acted_last_at": "2026-03-02T09:00:00Z"
    }));
    keeps_its_shape::<TriggerFacts>(&json!({
        "now": "2026-03-02T10:00:00Z",
        "event": {"event": "inbound", "campaign": null},
        "causality_depth": 0,
        "automated_within_hour": 0,
        "mail": null,
        "from_own_address": false,
        "given_to_another": true,
        "unfinished": null,
        "acted_last_at": null
    }));
    keeps_its_shape::<Admission>(&json!({"admission": "admit"}));
    keeps_its_shape::<Admission>(&json!({"admission": "join"}));
    keeps_its_shape::<Admission>(&json!({"admission": "refuse", "reason": "causality_depth"}));
}
