//! Stored JSON keeps its shape: what an older version wrote is read, and what we write is what it wrote.
//!
//! A failing test here means that rows of a running installation would not be read. Change the code, not the JSON; a new
//! field gets a default, and a line of its own.

use std::fmt::Debug;

use postroad_core::{
    gates::{Decision, Facts, Ruling, Verdict, decide},
    jobs::{
        Automate, Deliver, FetchMedia, Job, Maintain, PlanCampaign, ReadImport, ReadJournal, SendMail, TendTemplates,
        WakeLane,
    },
    message::Content,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[track_caller]
fn keeps_its_shape<T: Serialize + DeserializeOwned + PartialEq + Debug>(stored: &Value) -> T {
    let read: T = serde_json::from_value(stored.clone()).expect("what was stored is read");
    assert_eq!(serde_json::to_value(&read).expect("it is written again"), *stored);
    read
}

#[track_caller]
fn is_a_job<J: Job + PartialEq + Debug>(stored: &Value, key: &str) {
    let job: J = keeps_its_shape(stored);
    assert_eq!(job.key(), key);
    // A newer version may have added a field while this one still runs.
    let mut newer = stored.clone();
    newer["added_later"] = json!(1);
    assert_eq!(serde_json::from_value::<J>(newer).expect("unknown fields are left alone"), job);
}

#[test]
fn jobs_of_automations_that_wait_in_a_queue_are_read() {
    is_a_job::<Automate>(
        &json!({"task": "follow", "tenant": "ten_0195550000007000800000000000000a", "seq": 12, "woken": 0}),
        "follow:0195550000007000800000000000000a:12:0",
    );
    is_a_job::<Automate>(
        &json!({"task": "go_on", "tenant": "ten_0195550000007000800000000000000a", "contact": "con_0195550000007000800000000000000b",
                "run": "run_0195550000007000800000000000000c", "at": 1_772_452_800_000_i64, "woken": 0}),
        "run:0195550000007000800000000000000c:1772452800000:0",
    );
    is_a_job::<Automate>(
        &json!({"task": "fire", "tenant": "ten_0195550000007000800000000000000a", "automation": "aut_0195550000007000800000000000000b",
                "at": 1_772_452_800_000_i64, "after": "cnv_0195550000007000800000000000000c"}),
        "fire:0195550000007000800000000000000b:1772452800000:0195550000007000800000000000000c",
    );
}

#[test]
fn jobs_that_wait_in_a_queue_are_read() {
    is_a_job::<WakeLane>(
        &json!({"tenant": "ten_0195550000007000800000000000000a", "account": "acc_0195550000007000800000000000000b", "generation": 7}),
        "lane:0195550000007000800000000000000b:7",
    );
    is_a_job::<ReadJournal>(
        &json!({"first": "jrn_0195550000007000800000000000000c"}),
        "journal:0195550000007000800000000000000c",
    );
    is_a_job::<PlanCampaign>(
        &json!({"tenant": "ten_0195550000007000800000000000000a", "campaign": "cmp_0195550000007000800000000000000d", "page": 3, "generation": 2}),
        "plan:0195550000007000800000000000000d:2:3",
    );
    is_a_job::<ReadImport>(
        &json!({"tenant": "ten_0195550000007000800000000000000a", "import": "imp_0195550000007000800000000000000e", "at": 5000, "woken": 0}),
        "import:0195550000007000800000000000000e:5000:0",
    );
    is_a_job::<Deliver>(
        &json!({"tenant": "ten_0195550000007000800000000000000a", "endpoint": "end_0195550000007000800000000000000b",
                "first": "dlv_0195550000007000800000000000000c", "at": 1_772_452_800_000_i64}),
        "deliver:0195550000007000800000000000000c:1772452800000",
    );
    is_a_job::<SendMail>(
        &json!({"mail": "mai_0195550000007000800000000000000c"}),
        "mail:0195550000007000800000000000000c",
    );
    is_a_job::<FetchMedia>(
        &json!({"first": "att_0198c1b20000700080000000000000a1", "woken": 0}),
        "media:0198c1b20000700080000000000000a1:0",
    );
    let (tenant, account, template) = (
        "ten_0195550000007000800000000000000a",
        "acc_0195550000007000800000000000000b",
        "tpl_0195550000007000800000000000000f",
    );
    is_a_job::<TendTemplates>(
        &json!({"task": "submit", "tenant": tenant, "template": template, "submission": 2, "woken": 0}),
        "submit:0195550000007000800000000000000f:2:0",
    );
    is_a_job::<TendTemplates>(
        &json!({"task": "remove", "tenant": tenant, "template": template, "woken": 7}),
        "remove:0195550000007000800000000000000f:7",
    );
    for after in [json!({}), json!({"after": "MjQZD"})] {
        let mut list = json!({"task": "list", "tenant": tenant, "account": account, "began": 29_000_003, "page": 1});
        list.as_object_mut().expect("it is an object").extend(after.as_object().expect("so is this").clone());
        is_a_job::<TendTemplates>(&list, "list:0195550000007000800000000000000b:29000003:1");
    }
}

#[test]
fn maintenance_that_waits_in_its_queue_is_read() {
    is_a_job::<Maintain>(&json!({"task": "purge_media", "slot": 29_000_003}), "media:29000003");
    is_a_job::<Maintain>(&json!({"task": "ask_ratings", "slot": 29_000_004}), "ratings:29000004");
    is_a_job::<Maintain>(&json!({"task": "prune", "slot": 29_000_000}), "prune:29000000");
    is_a_job::<Maintain>(&json!({"task": "fold_campaigns", "slot": 29_000_001}), "fold:29000001");
    is_a_job::<Maintain>(
        &json!({"task": "dry_run", "tenant": "ten_0195550000007000800000000000000a",
                "campaign": "cmp_0195550000007000800000000000000d", "asked": 1_772_452_800_000_000_i64, "at": 20_000}),
        "dry:0195550000007000800000000000000d:1772452800000000:20000",
    );
    is_a_job::<Maintain>(&json!({"task": "list_templates", "slot": 29_000_002}), "templates:29000002");
    is_a_job::<Maintain>(
        &json!({"task": "learn_quota", "tenant": "ten_0195550000007000800000000000000a",
                "account": "acc_0195550000007000800000000000000b", "asked": 1_772_452_800}),
        "quota:0195550000007000800000000000000b:1772452800",
    );
    is_a_job::<Maintain>(
        &json!({"task": "look_up", "tenant": "ten_0195550000007000800000000000000a",
                "message": "msg_0195550000007000800000000000000e", "attempt": 1, "nth": 2}),
        "look:0195550000007000800000000000000e:1:2",
    );
    is_a_job::<Maintain>(&json!({"task": "note_silence", "slot": 1_772_452_800_i64}), "silence:1772452800");
    is_a_job::<Maintain>(
        &json!({"task": "tell_read", "tenant": "ten_0195550000007000800000000000000a",
                "message": "msg_0195550000007000800000000000000e"}),
        "read:0195550000007000800000000000000e",
    );
    is_a_job::<Maintain>(
        &json!({"task": "merge_same", "tenant": "ten_0195550000007000800000000000000a",
                "contact": "con_0195550000007000800000000000000b", "other": "con_0195550000007000800000000000000c"}),
        "same:0195550000007000800000000000000b:0195550000007000800000000000000c",
    );
}

/// As gate set 1 stored it, with every fact there is.
fn facts() -> Value {
    json!({
        "now": "2026-03-02T15:14:00Z",
        "class": "campaign",
        "source": "campaign",
        "purpose": "marketing",
        "channel": "whatsapp",
        "not_after": "2026-03-04T00:00:00.123456Z",
        "account": {
            "status": "active",
            "sending_paused": false,
            "campaign_paused": false,
            "restore_hold": false,
            "provider_off": false,
        },
        "suppressed": null,
        "consent": {"action": "granted", "at": "2026-01-01T00:00:00Z"},
        "template": {
            "found": {"status": "approved", "category": "marketing", "placeholders": 1},
            "parameters": 1,
        },
        "window": {"content_is_free": true, "closes_at": null},
        "quiet": {
            "hours": {"starts": "21:00:00", "ends": "08:00:00"},
            "zone": "Asia/Jakarta",
            "zone_of": "contact",
            "policy": "hold",
        },
        "caps": {
            "caps": [{"kind": "rolling", "window_s": 86_400, "max": 2}, {"kind": "calendar", "window_s": 604_800, "max": 5}],
            "zone": "Asia/Jakarta",
            "uses": ["2026-03-01T09:00:00Z"],
        },
        "spacing": {"free_at": "2026-03-02T15:14:06Z", "backoff_until": null},
        "credit": {"enforced": true, "covered": true, "quota": {"people_max": 2_000, "counted_until": null, "free_at": null}},
        "rate": {"rests_until": null},
    })
}

#[test]
fn facts_that_were_stored_are_read_and_decided_as_then() {
    let facts: Facts = keeps_its_shape(&facts());
    assert_eq!(
        serde_json::to_value(decide(&facts)).expect("a ruling is written"),
        json!({
            "decision": "wait",
            "gate": "quiet_hours",
            "until": "2026-03-03T01:00:00Z",
            "reason": "quiet_hours",
            "passes": 0b110_1011_1111,
        })
    );
}

#[test]
fn facts_from_before_portfolios_were_counted_are_read() {
    let mut stored = facts();
    stored["credit"] = json!({"enforced": true, "covered": true, "quota_free_at": null});
    let facts: Facts = serde_json::from_value(stored).expect("what is missing is none");
    assert_eq!(facts.credit.quota, None);
}

#[test]
fn facts_without_what_is_optional_are_read() {
    let mut stored = facts();
    for optional in ["not_after", "consent", "template", "window", "quiet", "caps", "spacing"] {
        stored.as_object_mut().expect("facts are an object").remove(optional);
        let facts: Facts = serde_json::from_value(stored.clone()).expect("what is missing is none");
        assert_eq!(serde_json::to_value(&facts).expect("facts are written")[optional], Value::Null);
    }
}

#[test]
fn decisions_and_verdicts_that_were_stored_are_read() {
    keeps_its_shape::<Decision>(&json!({"decision": "send"}));
    keeps_its_shape::<Decision>(
        &json!({"decision": "wait", "gate": "spacing", "until": "2026-03-02T15:14:06Z", "reason": "pair_limit"}),
    );
    keeps_its_shape::<Decision>(&json!({"decision": "refuse", "gate": "consent", "reason": "no_consent"}));
    keeps_its_shape::<Ruling>(&json!({"decision": "send", "passes": 2047}));
    keeps_its_shape::<Verdict>(&json!({"verdict": "pass"}));
    keeps_its_shape::<Verdict>(&json!({"verdict": "wait", "until": "2026-03-02T15:14:06Z", "reason": "rate_limit"}));
    keeps_its_shape::<Verdict>(&json!({"verdict": "refuse", "reason": "suppressed"}));
}

#[test]
fn content_that_was_stored_is_read() {
    let media = json!({"kind": "image", "link": "https://example.org/a.png"});
    let stored = [
        json!({"type": "text", "body": "hi", "preview_url": false}),
        json!({"type": "template", "name": "order", "language": "en_US"}),
        json!({"type": "template", "name": "order", "language": "en_US", "parameters": ["Ana"], "header": media, "button_payloads": ["yes"]}),
        json!({"type": "media", "kind": "document", "link": "https://example.org/a.pdf", "caption": "your order", "filename": "a.pdf"}),
        json!({"type": "interactive", "body": "well?", "buttons": [{"id": "y", "title": "yes"}]}),
        json!({"type": "reaction", "to": "wamid.1", "emoji": "👍"}),
        json!({"type": "other", "kind": "location"}),
        json!({"type": "other", "kind": "order", "summary": "two things"}),
    ];
    for content in stored {
        assert_eq!(keeps_its_shape::<Content>(&content).kind(), content["type"]);
    }
    let bare: Content = serde_json::from_value(json!({"type": "text", "body": "hi"})).expect("a preview is optional");
    assert_eq!(bare.kind(), "text");
}
