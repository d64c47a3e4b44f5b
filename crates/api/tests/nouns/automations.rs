//! Automations over HTTP: from a definition to what it did, and why not.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use postroad_app::{
    automations::{self, Driven, Followed},
    clients::Grant,
};
use postroad_core::{ids::ContactId, scope::Scope};
use serde_json::{Value, json};

use crate::{
    conversations::{ADA, BEN, Desk, Say, hear},
    world::{World, all_scopes},
};

/// A desk at which rules act.
pub(crate) struct Office {
    pub(crate) desk: Desk,
}

impl Office {
    pub(crate) async fn new() -> Self {
        Self { desk: Desk::new().await }
    }

    pub(crate) async fn rule(&self, name: &str, definition: &Value) -> String {
        let rule = json!({"name": name, "enabled": true, "definition": definition});
        let made = self.desk.caller.post("/v1/automations", &rule).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn label(&self, name: &str) -> String {
        let made = self.desk.caller.post("/v1/labels", &json!({"name": name, "color": "#000000"})).await;
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Events are looked at, and runs go on, until there is nothing left to do now.
    pub(crate) async fn work(&self) {
        let (app, tenant) = (&self.desk.world.app, self.desk.tenant.id);
        for _ in 0..50 {
            let looked = automations::follow(app, tenant).await.unwrap();
            let mut steps = 0;
            for contact in self.contacts().await {
                while automations::drive(app, tenant, contact).await.unwrap() != Driven::Nothing {
                    steps += 1;
                }
            }
            if looked == Followed::Nothing && steps == 0 {
                return;
            }
        }
        panic!("it goes on for ever");
    }

    async fn contacts(&self) -> Vec<ContactId> {
        let mut admin = self.desk.world.db.admin().await;
        sqlx::query_scalar("select id from contacts order by id").fetch_all(&mut admin).await.unwrap()
    }

    /// There is work, time passes, and there is work again.
    pub(crate) async fn later(&self, seconds: i64) {
        self.work().await;
        self.desk.world.clock.advance(TimeDelta::seconds(seconds));
        self.work().await;
    }

    pub(crate) async fn runs(&self, automation: &str) -> Vec<Value> {
        let page = self.desk.caller.get(&format!("/v1/automations/{automation}/runs")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page.json()["data"].as_array().unwrap().clone()
    }

    pub(crate) async fn run(&self, run: &Value) -> Value {
        let id = run["id"].as_str().unwrap();
        self.desk.caller.get(&format!("/v1/automations/runs/{id}")).await.json()
    }

    /// What was said to people, in its order.
    pub(crate) async fn said(&self) -> Vec<String> {
        let mut admin = self.desk.world.db.admin().await;
        let said = "select content ->> 'body' from messages where direction = 'outbound' and source = 'automation' order by id";
        sqlx::query_scalar(said).fetch_all(&mut admin).await.unwrap()
    }
}

fn reply(text: &str) -> Value {
    json!({"trigger": {"inbound_message": {"debounce_s": 2}}, "actions": [{"reply": {"text": text}}]})
}

fn words(steps: &Value) -> Vec<&str> {
    steps.as_array().unwrap().iter().map(|step| step["explained"]["words"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_greeting_answers_the_first_message_of_a_conversation_and_tells_why() {
    let office = Office::new().await;
    let greeting = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "conditions": {"first": "in_conversation"},
                          "actions": [{"reply": {"text": "Hello {{contact.first_name|there}}!"}}]});
    let id = office.rule("Greeting", &greeting).await;
    office.desk.says(ADA, "hi", "a").await;
    office.work().await;
    office.desk.says(ADA, "are you there?", "b").await;
    office.work().await;
    assert_eq!(office.said().await, ["Hello Name!"]);
    let runs = office.runs(&id).await;
    assert_eq!(
        runs.iter().map(|run| run["outcome"].as_str().unwrap()).collect::<Vec<_>>(),
        ["conditions_did_not_hold", "completed"]
    );
    let told = office.run(&runs[1]).await;
    assert_eq!(words(&told["steps"]), ["the conditions hold", "says a text of 11 characters"]);
    assert!(told["steps"][1]["message_id"].as_str().unwrap().starts_with("msg_"));
    // The person still waits for somebody: a machine is no member.
    let conversation = office.desk.only().await;
    assert!(conversation["waiting_since"].is_string() && conversation["first_response_s"].is_null(), "{conversation}");
    assert_eq!(conversation["outbound"], 1);
    let shown = office.desk.caller.get(&format!("/v1/automations/{id}")).await.json();
    assert!(shown["last_run_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn two_quick_messages_of_one_person_start_one_run_that_looks_at_both() {
    let office = Office::new().await;
    let asked = json!({"trigger": {"inbound_message": {"debounce_s": 2}}, "conditions": {"keywords": {"any_of": ["refund"]}},
                       "actions": [{"reply": {"text": "A colleague will look at it."}}]});
    let id = office.rule("Refund", &asked).await;
    office.desk.says(ADA, "hello, about my order", "a").await;
    office.work().await;
    office.desk.says(ADA, "I want a refund", "b").await;
    office.work().await;
    assert!(office.said().await.is_empty(), "they may have more to say");
    office.later(3).await;
    assert_eq!(office.said().await, ["A colleague will look at it."]);
    let runs = office.runs(&id).await;
    assert_eq!((runs.len(), runs[0]["message_ids"].as_array().unwrap().len()), (1, 2), "{runs:?}");
    // Also when both come in one webhook.
    let now = office.desk.world.clock.now();
    let said = [("c", "refund!"), ("d", "please")].map(|(id, text)| Say { from: BEN, text, id, at: now });
    assert_eq!(hear(&office.desk.world, &office.desk.tenant, &said).await, 2);
    office.later(3).await;
    assert_eq!((office.said().await.len(), office.runs(&id).await.len()), (2, 2));
}

#[tokio::test]
async fn two_automations_that_set_each_other_off_stop_at_the_depth_with_a_reason() {
    let office = Office::new().await;
    let (ping, pong) = (office.label("Ping").await, office.label("Pong").await);
    let on = |label: &str, put: &str| {
        json!({"trigger": {"label": {"was": "added", "any_of": [label]}},
               "actions": [{"label": {"remove": [label]}}, {"label": {"add": [put]}}]})
    };
    let first = office.rule("Ping to pong", &on(&ping, &pong)).await;
    let second = office.rule("Pong to ping", &on(&pong, &ping)).await;
    office.desk.says(ADA, "hi", "a").await;
    let conversation = office.desk.only().await;
    office.desk.do_to(&conversation, "labels", json!({"add": [ping]})).await;
    office.work().await;
    let mut runs = office.runs(&first).await;
    runs.extend(office.runs(&second).await);
    let of = |state: &str| runs.iter().filter(|run| run["state"] == state).count();
    assert_eq!((of("ended"), of("refused")), (3, 1), "{runs:?}");
    let refused = runs.iter().find(|run| run["state"] == "refused").unwrap();
    assert_eq!((&refused["reason"], &refused["causality_depth"]), (&json!("causality_depth"), &json!(3)));
    // A person may do it again.
    office.desk.do_to(&conversation, "labels", json!({"remove": [pong]})).await;
    office.desk.do_to(&conversation, "labels", json!({"add": [pong]})).await;
    office.work().await;
    assert!(office.runs(&second).await.len() > 2);
}

#[tokio::test]
async fn a_definition_is_refused_with_every_fault_and_where_it_stands() {
    let office = Office::new().await;
    let caller = &office.desk.caller;
    let wrong = json!({"name": "Wrong", "definition": {"trigger": {"idle": {"after_s": 1, "waiting_for": "us"}},
        "actions": [{"reply": {"text": ""}}, {"stop": {"reason": "x"}}, {"wait": {"seconds": 5}}]}});
    let answer = caller.post("/v1/automations", &wrong).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_definition"), "{}", answer.text());
    let faults = answer.json()["faults"].clone();
    let paths: BTreeSet<&str> =
        faults.as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    assert_eq!(paths, BTreeSet::from(["/trigger/idle/after_s", "/actions/0/reply/text", "/actions/2"]), "{faults}");
    let absent = "lbl_019f2b00000070008000000000000001";
    let absent = json!({"name": "Absent", "definition": {"trigger": {"inbound_message": {}},
        "actions": [{"branch": {"condition": {"status": ["open"]}, "then": [{"label": {"add": [absent]}}], "otherwise": []}}]}});
    let answer = caller.post("/v1/automations", &absent).await.json();
    assert_eq!(
        (&answer["faults"][0]["code"], &answer["faults"][0]["path"]),
        (&json!("missing"), &json!("/actions/0/branch/then/0/label/add/0")),
        "{answer}"
    );
    office.rule("Greeting", &reply("hi")).await;
    let again = caller.post("/v1/automations", &json!({"name": "GREETING", "definition": reply("hi")})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "name_taken"));
}

#[tokio::test]
async fn a_changed_definition_is_a_new_version_and_a_run_keeps_its_own() {
    let office = Office::new().await;
    let waits = |text: &str| json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"wait": {"seconds": 3600}}, {"reply": {"text": text}}]});
    let id = office.rule("Later", &waits("the old text")).await;
    office.desk.says(ADA, "hi", "a").await;
    office.work().await;
    let changed =
        office.desk.caller.patch(&format!("/v1/automations/{id}"), &json!({"definition": waits("the new text")})).await;
    assert_eq!(changed.json()["version"], 2, "{}", changed.text());
    let same =
        office.desk.caller.patch(&format!("/v1/automations/{id}"), &json!({"definition": waits("the new text")})).await;
    assert_eq!(same.json()["version"], 2);
    office.desk.says(BEN, "hi", "b").await;
    office.work().await;
    assert!(office.said().await.is_empty());
    office.later(3_601).await;
    assert_eq!(
        office.said().await.into_iter().collect::<BTreeSet<_>>(),
        ["the new text", "the old text"].map(str::to_owned).into()
    );
}

#[tokio::test]
async fn switched_off_it_stops_where_it_is_and_switched_on_it_does_not_look_back() {
    let office = Office::new().await;
    let slow = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"wait": {"seconds": 60}}, {"reply": {"text": "so?"}}]});
    let id = office.rule("Slow", &slow).await;
    office.desk.says(ADA, "hi", "a").await;
    office.work().await;
    let switch =
        async |what: &str| office.desk.caller.post(&format!("/v1/automations/{id}/{what}"), &json!({})).await.json();
    assert_eq!(switch("disable").await["enabled"], false);
    office.desk.says(BEN, "anybody?", "b").await;
    office.later(120).await;
    assert_eq!(switch("enable").await["enabled"], true);
    office.later(120).await;
    assert!(office.said().await.is_empty());
    let runs = office.runs(&id).await;
    assert_eq!(
        (runs.len(), &runs[0]["outcome"], &runs[0]["reason"]),
        (1, &json!("stopped"), &json!("the automation was switched off"))
    );
    assert_eq!(office.desk.caller.delete(&format!("/v1/automations/{id}")).await.status, 204);
    assert_eq!(office.desk.caller.get(&format!("/v1/automations/{id}")).await.status, 404);
}

#[tokio::test]
async fn what_a_step_asks_for_and_cannot_have_is_told_and_the_run_goes_on() {
    let office = Office::new().await;
    let member = office.desk.member("Mia").await;
    let given = json!({"trigger": {"conversation_opened": {}}, "actions": [
        {"assign": {"to": {"member": member}}}, {"note": {"text": "Look at this", "mentions": [member]}},
        {"tag": {"add": ["asked"]}}, {"status": {"to": "pending"}}]});
    let id = office.rule("Given", &given).await;
    let gone = office.desk.caller.patch(&format!("/v1/members/{member}"), &json!({"active": false})).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    office.desk.says(ADA, "hi", "a").await;
    office.work().await;
    let runs = office.runs(&id).await;
    let told = office.run(&runs[0]).await;
    let failures: Vec<&Value> = told["steps"].as_array().unwrap().iter().map(|step| &step["failure"]).collect();
    let left = json!("there is no such member, or they do not work any more");
    assert_eq!(failures, [&Value::Null, &left, &left, &Value::Null, &Value::Null], "{told}");
    let conversation = office.desk.only().await;
    assert_eq!((&conversation["state"], &told["outcome"]), (&json!("pending"), &json!("completed")));
}

#[tokio::test]
async fn members_get_conversations_by_turns_and_no_more_than_they_have_room_for() {
    let office = Office::new().await;
    let (mia, noa) = (office.desk.member("Mia").await, office.desk.member("Noa").await);
    let turns = json!({"trigger": {"conversation_opened": {}}, "actions": [{"assign": {"to": "round_robin"}}]});
    let id = office.rule("By turns", &turns).await;
    let capacity = office.desk.caller.patch(&format!("/v1/members/{noa}"), &json!({"capacity": 1})).await;
    assert_eq!(capacity.json()["capacity"], 1, "{}", capacity.text());
    for n in 1..=5 {
        office.desk.says(&format!("1202555020{n}"), "hi", &n.to_string()).await;
        office.work().await;
    }
    let of = async |member: &str| office.desk.list(&format!("?assignee={member}")).await.len();
    assert_eq!((of(&mia).await, of(&noa).await), (4, 1));
    let capacity = office.desk.caller.patch(&format!("/v1/members/{mia}"), &json!({"capacity": 1})).await;
    assert_eq!(capacity.status, 200);
    office.desk.says("12025550209", "hi", "9").await;
    office.work().await;
    let told = office.run(&office.runs(&id).await[0]).await;
    assert_eq!(told["steps"][1]["failure"], "no member who works has room for it", "{told}");
}

#[tokio::test]
async fn a_test_run_shows_every_step_and_does_nothing() {
    let office = Office::new().await;
    let rule = json!({"name": "Greeting", "definition": reply("Hello {{contact.first_name|there}}!")});
    let id = office.desk.caller.post("/v1/automations", &rule).await.json()["id"].as_str().unwrap().to_owned();
    office.desk.says(ADA, "hi", "a").await;
    let conversation = office.desk.only().await;
    let messages = office
        .desk
        .caller
        .get(&format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap()))
        .await
        .json();
    let tried = json!({"conversation_id": conversation["id"], "message_id": messages["data"][0]["id"]});
    let answer = office.desk.caller.post(&format!("/v1/automations/{id}/test"), &tried).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["steps"][1]["result"]["effect"]["text"], "Hello Name!", "{}", answer.text());
    let other = json!({"conversation_id": conversation["id"], "definition": reply("Something else")});
    let answer = office.desk.caller.post(&format!("/v1/automations/{id}/test"), &other).await;
    assert_eq!(answer.json()["steps"][1]["result"]["effect"]["text"], "Something else", "{}", answer.text());
    office.later(10).await;
    assert!(office.said().await.is_empty() && office.runs(&id).await.is_empty());
    let nowhere = json!({"conversation_id": "cnv_019f2b00000070008000000000000001"});
    let refused = office.desk.caller.post(&format!("/v1/automations/{id}/test"), &nowhere).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "unknown_conversation"));
}

#[tokio::test]
async fn at_the_times_of_a_schedule_every_conversation_that_is_meant_gets_one_run() {
    let office = Office::new().await;
    let daily = json!({"trigger": {"schedule": {"cron": "0 9 * * *", "time_zone": "Asia/Jakarta", "statuses": ["open"]}},
                       "actions": [{"status": {"to": "pending"}}]});
    let id = office.rule("Every morning", &daily).await;
    office.desk.says(ADA, "hi", "a").await;
    office.desk.says(BEN, "hi", "b").await;
    office.work().await;
    fire_all(&office).await;
    assert!(office.runs(&id).await.is_empty(), "it is not nine yet");
    office.desk.world.clock.advance(TimeDelta::hours(24));
    fire_all(&office).await;
    fire_all(&office).await;
    office.work().await;
    assert_eq!(office.runs(&id).await.len(), 2);
    assert_eq!(office.desk.list("?state=pending").await.len(), 2);
}

/// What a sweep and the workers would do about automations whose time has come.
async fn fire_all(office: &Office) {
    let app = &office.desk.world.app;
    postroad_app::sweep::wake_automations(app).await.unwrap();
    let mut admin = office.desk.world.db.admin().await;
    let jobs: Vec<Vec<u8>> = sqlx::query_scalar("delete from apalis.jobs where job_type = 'automation' returning job")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    for job in jobs {
        let job: Value = serde_json::from_slice(&job).unwrap();
        if job["task"] == "fire" {
            let firing = automations::Firing {
                tenant: office.desk.tenant.id,
                automation: job["automation"].as_str().unwrap().parse().unwrap(),
                at: chrono::DateTime::from_timestamp_millis(job["at"].as_i64().unwrap()).unwrap(),
                after: None,
            };
            automations::fire(app, &firing).await.unwrap();
        }
    }
}

#[tokio::test]
async fn where_nobody_says_anything_for_a_while_one_run_begins() {
    let office = Office::new().await;
    let still = json!({"trigger": {"idle": {"after_s": 600, "waiting_for": "us"}}, "actions": [{"note": {"text": "Somebody waits"}}]});
    let id = office.rule("Still", &still).await;
    office.desk.says(ADA, "hi", "a").await;
    office.desk.world.clock.advance(TimeDelta::seconds(300));
    fire_all(&office).await;
    assert!(office.runs(&id).await.is_empty());
    for _ in 0..3 {
        office.desk.world.clock.advance(TimeDelta::seconds(301));
        fire_all(&office).await;
        office.work().await;
    }
    assert_eq!(office.runs(&id).await.len(), 1);
    office.desk.says(ADA, "hello?", "b").await;
    for _ in 0..3 {
        office.desk.world.clock.advance(TimeDelta::seconds(301));
        fire_all(&office).await;
        office.work().await;
    }
    assert_eq!(office.runs(&id).await.len(), 2);
}

#[tokio::test]
async fn an_hour_has_ten_automated_messages_of_a_conversation_and_no_more() {
    let office = Office::new().await;
    let chatty = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"reply": {"text": "yes?"}}]});
    let id = office.rule("Chatty", &chatty).await;
    for n in 0..13 {
        office.desk.says(ADA, "yes?", &n.to_string()).await;
        office.work().await;
    }
    assert_eq!(office.said().await.len(), 10);
    let refused = office.desk.caller.get(&format!("/v1/automations/{id}/runs?state=refused")).await.json();
    let reasons: Vec<&str> =
        refused["data"].as_array().unwrap().iter().map(|run| run["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["thread_cap"; 3]);
}

#[tokio::test]
async fn somebody_who_is_forgotten_is_forgotten_in_histories_too() {
    let office = Office::new().await;
    let id = office.rule("Greeting", &reply("Hello {{contact.first_name}}, canary-7d1f!")).await;
    let waits = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"wait": {"seconds": 60}}, {"reply": {"text": "so?"}}]});
    let slow = office.rule("Slow", &waits).await;
    office.desk.says(ADA, "hi", "a").await;
    office.later(5).await;
    let contact = office.desk.only().await["contact_id"].as_str().unwrap().to_owned();
    let erased = office.desk.caller.delete(&format!("/v1/contacts/{contact}")).await;
    assert!((200..300).contains(&erased.status), "{}", erased.text());
    let told = office.run(&office.runs(&id).await[0]).await;
    assert!(!told.to_string().contains("canary-7d1f") && told["steps"][1]["explained"]["words"] == "erased", "{told}");
    office.later(120).await;
    assert_eq!(office.runs(&slow).await[0]["reason"], "the contact was erased");
}

#[tokio::test]
async fn what_somebody_elses_automations_did_is_not_there() {
    let office = Office::new().await;
    let id = office.rule("Greeting", &reply("hi")).await;
    office.desk.says(ADA, "hi", "a").await;
    office.later(5).await;
    let run = office.runs(&id).await[0]["id"].as_str().unwrap().to_owned();
    let other = office.desk.world.tenant().await;
    let stranger = office.desk.world.caller(other.id).await;
    for path in [format!("/v1/automations/runs/{run}"), format!("/v1/automations/{id}/runs")] {
        let answer = stranger.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn an_automation_gives_nobody_a_right_that_they_lack() {
    let office = Office::new().await;
    let id = office.rule("Greeting", &reply("Hello {{contact.name}}")).await;
    office.desk.says(ADA, "hi", "a").await;
    office.later(5).await;
    let run = office.runs(&id).await[0]["id"].as_str().unwrap().to_owned();
    let scopes = vec![Scope::AutomationsRead, Scope::AutomationsWrite];
    let grant = Grant { scopes, ..all_scopes() };
    let clerk = office.desk.world.caller_with(office.desk.tenant.id, true, &grant).await;
    let conversation = office.desk.only().await["id"].clone();
    let tried = clerk.post(&format!("/v1/automations/{id}/test"), &json!({"conversation_id": conversation})).await;
    let told = clerk.get(&format!("/v1/automations/runs/{run}")).await;
    let made = clerk.post("/v1/automations", &json!({"name": "Speaks", "definition": reply("hi")})).await;
    let changed = clerk.patch(&format!("/v1/automations/{id}"), &json!({"definition": reply("hi")})).await;
    for answer in [tried, told, made, changed] {
        assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"), "{}", answer.text());
    }
    let silent = json!({"name": "Silent", "definition": {"trigger": {"conversation_opened": {}}, "actions": [{"note": {"text": "new"}}]}});
    assert_eq!(clerk.post("/v1/automations", &silent).await.status, 201);
}

#[tokio::test]
async fn a_business_says_when_it_is_open() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let usual = caller.get("/v1/tenant/business-hours").await.json();
    assert_eq!((&usual["enabled"], &usual["days"]["sat"]), (&json!(true), &json!(["09:00-13:00"])), "{usual}");
    let wanted = json!({"enabled": true, "time_zone": "Asia/Jakarta", "days": {"mon": ["10:00-18:00", "20:00-22:00"]}});
    let put = async |body: &Value| {
        let text = body.to_string();
        caller.call(http::Method::PUT, "/v1/tenant/business-hours", &caller.request_id(), text.as_bytes()).await
    };
    let kept = put(&wanted).await;
    assert_eq!(kept.json()["days"]["mon"], json!(["10:00-18:00", "20:00-22:00"]), "{}", kept.text());
    assert_eq!(caller.get("/v1/tenant/business-hours").await.json(), kept.json());
    for wrong in [
        json!({"enabled": true, "time_zone": "UTC", "days": {}}),
        json!({"enabled": true, "time_zone": "Mars/Olympus", "days": {"mon": ["10:00-18:00"]}}),
        json!({"enabled": true, "time_zone": "UTC", "days": {"mon": ["10-18"]}}),
    ] {
        let refused = put(&wrong).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_hours"), "{wrong}");
    }
}
