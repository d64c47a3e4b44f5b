//! Conversations that are given to automations: who answers then, who stays out of the way, and how they come back.

use chrono::TimeDelta;
use futures::future::{join, join_all};
use postroad_app::automations;
use serde_json::{Value, json};

use crate::{
    automations::Office,
    conversations::{ADA, BEN, path},
};

/// A rule that says this to whoever writes.
fn says(text: &str) -> Value {
    with_steps(&json!([{"reply": {"text": text}}]))
}

fn with_steps(steps: &Value) -> Value {
    json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": steps})
}

/// An office to which Ada wrote before there were any rules.
async fn office() -> (Office, Value) {
    let office = Office::new().await;
    office.desk.says(ADA, "hi", "first").await;
    let conversation = office.desk.only().await;
    (office, conversation)
}

impl Office {
    async fn now(&self, conversation: &Value) -> Value {
        self.desk.caller.get(path(conversation, "").trim_end_matches('/')).await.json()
    }

    /// Who has it: a member and an automation.
    async fn holders(&self, conversation: &Value) -> (Value, Value) {
        let now = self.now(conversation).await;
        (now["assignee_id"].clone(), now["automation_id"].clone())
    }

    async fn give(&self, conversation: &Value, automation: &str) {
        let given = self.desk.do_to(conversation, "assign", json!({"automation_id": automation})).await;
        assert_eq!((&given["assignee_id"], &given["automation_id"]), (&Value::Null, &json!(automation)));
    }

    async fn last_event(&self, conversation: &Value) -> Value {
        let page = self.desk.caller.get(&path(conversation, "events")).await.json();
        page["data"].as_array().unwrap().last().unwrap().clone()
    }

    async fn switch(&self, automation: &str, what: &str) {
        let done = self.desk.caller.post(&format!("/v1/automations/{automation}/{what}"), &json!({})).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }

    /// What was said to people, in the order of its letters: the clock stands while several answer.
    async fn sorted(&self) -> Vec<String> {
        let mut said = self.said().await;
        said.sort();
        said
    }

    /// What came of the last event that an automation waited for.
    async fn last(&self, automation: &str) -> (String, Value) {
        let run = self.runs(automation).await.remove(0);
        (run["outcome"].as_str().unwrap().to_owned(), run["reason"].clone())
    }
}

fn nobody() -> (Value, Value) {
    (Value::Null, Value::Null)
}

fn refused() -> (String, Value) {
    ("refused".to_owned(), json!("given_to_another"))
}

#[tokio::test]
async fn a_conversation_is_given_to_an_automation_and_found_with_it() {
    let (office, ada) = office().await;
    office.desk.says(BEN, "hello", "b").await;
    let (mia, bot) = (office.desk.member("Mia").await, office.rule("Answers", &says("one moment")).await);
    office.desk.do_to(&ada, "assign", json!({"automation_id": bot, "member_id": mia})).await;
    assert_eq!(office.holders(&ada).await, (Value::Null, json!(bot)));
    let told = office.last_event(&ada).await;
    assert_eq!((&told["kind"], &told["actor"]), (&json!("conversation.assigned"), &json!(mia)));
    assert_eq!((&told["data"]["was_automation"], &told["data"]["automation"]), (&Value::Null, &json!(bot)));
    for (query, expected) in [
        (format!("?assignee={bot}"), vec![&ada["id"]]),
        ("?assignee=automation".to_owned(), vec![&ada["id"]]),
        (format!("?assignee={mia}"), vec![]),
        ("?assignee=aut_019f2b00000070008000000000000001".to_owned(), vec![]),
    ] {
        let found = office.desk.list(&query).await;
        assert_eq!(found.iter().map(|one| &one["id"]).collect::<Vec<_>>(), expected, "{query}");
    }
    let free = office.desk.list("?assignee=nobody").await;
    assert!(free.len() == 1 && free[0]["id"] != ada["id"], "{free:?}");
    // To a member is from the automation, and the other way round.
    office.desk.do_to(&ada, "assign", json!({"assignee_id": mia})).await;
    assert_eq!(office.holders(&ada).await, (json!(mia), Value::Null));
    let told = office.last_event(&ada).await["data"].clone();
    assert_eq!((&told["was_automation"], &told["automation"], &told["is"]), (&json!(bot), &Value::Null, &json!(mia)));
    office.give(&ada, &bot).await;
    let told = office.last_event(&ada).await["data"].clone();
    assert_eq!((&told["was"], &told["is"], &told["automation"]), (&json!(mia), &Value::Null, &json!(bot)));
    office.desk.do_to(&ada, "assign", json!({"automation_id": null})).await;
    assert_eq!(office.holders(&ada).await, nobody());
    let view = json!({"name": "With automations", "filter": {"assignee": "automation"}});
    let view = office.desk.caller.post("/v1/views", &view).await.json()["id"].as_str().unwrap().to_owned();
    office.give(&ada, &bot).await;
    assert_eq!(office.desk.caller.get(&format!("/v1/views/{view}")).await.json()["count"], 1);
}

#[tokio::test]
async fn only_an_automation_that_is_on_and_listens_can_have_what_is_not_done() {
    let (office, ada) = office().await;
    let (mia, bot) = (office.desk.member("Mia").await, office.rule("Answers", &says("one moment")).await);
    let opens = json!({"trigger": {"conversation_opened": {}}, "actions": [{"stop": {"reason": "x"}}]});
    let deaf = office.rule("Deaf", &opens).await;
    let off = office.rule("Off", &says("never")).await;
    office.switch(&off, "disable").await;
    let gone = office.rule("Gone", &says("never")).await;
    assert_eq!(office.desk.caller.delete(&format!("/v1/automations/{gone}")).await.status, 204);
    let strange = office.desk.world.tenant().await;
    let strange = office.desk.world.caller(strange.id).await;
    let theirs = json!({"name": "Theirs", "enabled": true, "definition": says("hello")});
    let theirs = strange.post("/v1/automations", &theirs).await.json()["id"].as_str().unwrap().to_owned();
    for (automation, code) in [
        ("aut_019f2b00000070008000000000000001", "unknown_automation"),
        (&gone, "unknown_automation"),
        (&theirs, "unknown_automation"),
        (&off, "automation_off"),
        (&deaf, "automation_does_not_listen"),
    ] {
        let answer = office.desk.caller.post(&path(&ada, "assign"), &json!({"automation_id": automation})).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, code), "{}", answer.text());
    }
    let both = json!({"automation_id": bot, "assignee_id": mia});
    assert_eq!(office.desk.refused(&ada, "assign", both).await, "two_holders");
    assert_eq!(office.holders(&ada).await, nobody());
    office.desk.do_to(&ada, "status", json!({"state": "resolved"})).await;
    assert_eq!(office.desk.refused(&ada, "assign", json!({"automation_id": bot})).await, "wrong_state");
}

#[tokio::test]
async fn only_the_automation_that_has_the_conversation_answers_and_no_member_is_told() {
    let (office, ada) = office().await;
    let bot = office.rule("Has it", &says("I am here")).await;
    let other = office.rule("Has it not", &says("me too")).await;
    let label = office.label("Vip").await;
    let on_label =
        json!({"trigger": {"label": {"was": "added", "any_of": [label]}}, "actions": [{"tag": {"add": ["vip"]}}]});
    let labelled = office.rule("Of labels", &on_label).await;
    let mia = office.desk.member("Mia").await;
    office.desk.do_to(&ada, "assign", json!({"assignee_id": mia, "member_id": mia})).await;
    office.give(&ada, &bot).await;
    office.desk.says(ADA, "are you there?", "a2").await;
    office.work().await;
    assert_eq!(office.said().await, ["I am here"]);
    assert_eq!(office.last(&other).await, refused());
    let told = office.desk.caller.get(&format!("/v1/notifications?member_id={mia}")).await.json();
    assert_eq!(told["data"], json!([]));
    // What does not answer people goes on as it did, and so do mentions.
    office.desk.do_to(&ada, "labels", json!({"add": [label]})).await;
    office.desk.do_to(&ada, "notes", json!({"body": "look", "mentions": [mia]})).await;
    office.work().await;
    assert_eq!(office.last(&labelled).await.0, "completed");
    let told = office.desk.caller.get(&format!("/v1/notifications?member_id={mia}")).await.json();
    assert_eq!(told["data"][0]["kind"], "mention");
    // Elsewhere both answer.
    office.desk.says(BEN, "hello", "b").await;
    office.work().await;
    assert_eq!(office.sorted().await, ["I am here", "I am here", "me too"]);
}

#[tokio::test]
async fn an_automation_hands_a_conversation_to_another_which_answers_the_same_message() {
    let (office, ada) = office().await;
    let nowhere = json!({"assign": {"to": {"automation": "aut_019f2b00000070008000000000000001"}}});
    let missing = json!({"name": "Nowhere", "definition": with_steps(&json!([nowhere]))});
    let answer = office.desk.caller.post("/v1/automations", &missing).await.json();
    assert_eq!(answer["faults"][0]["path"], "/actions/0/assign/to/automation", "{answer}");
    // The first asks what it is about; those that are younger come after it.
    let first = office.rule("First", &says("unused")).await;
    let mut refunds = says("about your refund");
    refunds["conditions"] = json!({"held_by": ["automation"]});
    office.desk.world.clock.advance(TimeDelta::milliseconds(1));
    let refunds = office.rule("Refunds", &refunds).await;
    office.desk.world.clock.advance(TimeDelta::milliseconds(1));
    let usual = office.rule("Usual", &says("a colleague will answer")).await;
    let mut gives = with_steps(&json!([{"assign": {"to": {"automation": refunds}}}]));
    gives["conditions"] = json!({"keywords": {"any_of": ["refund"]}});
    let changed = office.desk.caller.patch(&format!("/v1/automations/{first}"), &json!({"definition": gives})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());

    office.desk.says(BEN, "hello", "b").await;
    office.work().await;
    assert_eq!(office.said().await, ["a colleague will answer"]);
    assert_eq!(office.last(&refunds).await.0, "conditions_did_not_hold");
    office.desk.says(ADA, "a refund, please", "a2").await;
    office.work().await;
    assert_eq!(office.holders(&ada).await, (Value::Null, json!(refunds)));
    assert_eq!(office.said().await, ["a colleague will answer", "about your refund"]);
    assert_eq!(office.last(&first).await.0, "completed", "it gave away what it never had");
    assert_eq!(office.last(&usual).await, refused(), "it stood aside when its turn came");
    let told = office.desk.caller.get(&path(&ada, "events")).await.json();
    let given = told["data"].as_array().unwrap().iter().find(|event| event["kind"] == "conversation.assigned").unwrap();
    assert!(given["actor"].as_str().unwrap().starts_with("run_"), "{given}");
    office.desk.says(ADA, "another refund", "a3").await;
    office.work().await;
    assert_eq!(office.said().await.len(), 3);
    assert_eq!((office.last(&first).await, office.last(&usual).await), (refused(), refused()));
}

#[tokio::test]
async fn a_member_who_answers_takes_the_conversation_and_the_automation_says_nothing_more() {
    let (office, ada) = office().await;
    let steps =
        json!([{"reply": {"text": "one moment"}}, {"wait": {"seconds": 60}}, {"reply": {"text": "still there?"}}]);
    let bot = office.rule("Answers", &with_steps(&steps)).await;
    let mia = office.desk.member("Mia").await;
    office.give(&ada, &bot).await;
    office.desk.says(ADA, "help", "a2").await;
    office.work().await;
    // A program answers for nobody, so nobody takes it.
    office.desk.do_to(&ada, "messages", json!({"type": "text", "text": "Sent by our shop"})).await;
    assert_eq!(office.holders(&ada).await, (Value::Null, json!(bot)));
    let reply = json!({"type": "text", "text": "I am Mia", "member_id": mia});
    office.desk.do_to(&ada, "messages", reply).await;
    assert_eq!(office.holders(&ada).await, (json!(mia), Value::Null));
    let page = office.desk.caller.get(&path(&ada, "events")).await.json();
    let told: Vec<&Value> = page["data"].as_array().unwrap().iter().rev().take(2).collect();
    assert_eq!((&told[1]["kind"], &told[1]["actor"]), (&json!("conversation.assigned"), &json!(mia)));
    assert_eq!((&told[1]["data"]["was_automation"], &told[1]["data"]["is"]), (&json!(bot), &json!(mia)));
    assert_eq!(told[0]["kind"], "message.queued");
    let told = office.desk.caller.get(&format!("/v1/notifications?member_id={mia}")).await.json();
    assert_eq!(told["data"], json!([]), "whoever takes a conversation knows");
    office.later(61).await;
    assert_eq!(office.said().await, ["one moment"]);
    let (outcome, reason) = office.last(&bot).await;
    assert_eq!((outcome.as_str(), reason), ("stopped", json!("the conversation was taken from the automation")));
    let reply = json!({"type": "text", "text": "Anything else?", "member_id": office.desk.member("Noa").await});
    office.desk.do_to(&ada, "messages", reply).await;
    assert_eq!(office.holders(&ada).await.0, json!(mia), "from a member nobody takes it by answering");
}

#[tokio::test]
async fn an_automation_that_gives_its_conversation_away_takes_its_steps_to_the_end() {
    let (office, ada) = office().await;
    let mia = office.desk.member("Mia").await;
    let steps = json!([{"assign": {"to": "round_robin"}}, {"wait": {"seconds": 1}},
                       {"reply": {"text": "Mia will answer"}}, {"status": {"to": "pending"}}]);
    let bot = office.rule("Hands over", &with_steps(&steps)).await;
    office.give(&ada, &bot).await;
    office.desk.says(ADA, "a person, please", "a2").await;
    office.later(2).await;
    assert_eq!((office.holders(&ada).await, office.said().await.len()), ((json!(mia), Value::Null), 1));
    assert_eq!(
        (office.last(&bot).await.0.as_str(), &office.now(&ada).await["state"]),
        ("completed", &json!("pending"))
    );
    let told = office.desk.caller.get(&format!("/v1/notifications?member_id={mia}")).await.json();
    assert_eq!(told["data"][0]["kind"], "conversation_assigned");
    // To a department, or to nobody, takes it from the automation too.
    for to in [json!({"department": department(&office).await}), json!("nobody")] {
        let definition = with_steps(&json!([{"assign": {"to": to}}]));
        let changed = json!({"definition": definition});
        assert_eq!(office.desk.caller.patch(&format!("/v1/automations/{bot}"), &changed).await.status, 200);
        office.give(&ada, &bot).await;
        office.desk.says(ADA, "again", &to.to_string()).await;
        office.work().await;
        assert_eq!(office.holders(&ada).await, nobody(), "{to}");
    }
}

async fn department(office: &Office) -> String {
    let made = office.desk.caller.post("/v1/departments", &json!({"name": "Sales"})).await.json();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_an_automation_had_comes_back_when_it_takes_nothing_any_more() {
    let (office, ada) = office().await;
    let bot = office.rule("Answers", &says("I am here")).await;
    let other = office.rule("Other", &says("me too")).await;
    office.give(&ada, &bot).await;
    office.switch(&bot, "disable").await;
    assert_eq!(office.holders(&ada).await, nobody());
    let told = office.last_event(&ada).await;
    assert_eq!((&told["kind"], &told["data"]["was_automation"]), (&json!("conversation.assigned"), &json!(bot)));
    assert!(told["actor"].as_str().unwrap().starts_with("cli_"), "{told}");
    office.desk.says(ADA, "hello", "a2").await;
    office.work().await;
    assert_eq!(office.said().await, ["me too"]);
    // Switched on again, it has nothing.
    office.switch(&bot, "enable").await;
    assert_eq!(office.holders(&ada).await, nobody());
    office.give(&ada, &bot).await;
    let opens = json!({"definition": {"trigger": {"conversation_opened": {}}, "actions": [{"stop": {"reason": "x"}}]}});
    assert_eq!(office.desk.caller.patch(&format!("/v1/automations/{bot}"), &opens).await.status, 200);
    assert_eq!(office.holders(&ada).await, nobody(), "it listens no more");
    office.give(&ada, &other).await;
    let renamed = office.desk.caller.patch(&format!("/v1/automations/{other}"), &json!({"name": "Another"})).await;
    assert_eq!((renamed.status, office.holders(&ada).await.1), (200, json!(other)));
    assert_eq!(office.desk.caller.delete(&format!("/v1/automations/{other}")).await.status, 204);
    assert_eq!(office.holders(&ada).await, nobody());
}

#[tokio::test]
async fn what_somebody_works_in_while_its_automation_is_switched_off_comes_back_with_the_next_sweep() {
    let (office, ada) = office().await;
    let bot = office.rule("Answers", &says("I am here")).await;
    let other = office.rule("Other", &says("me too")).await;
    office.give(&ada, &bot).await;
    let app = &office.desk.world.app;
    assert_eq!(automations::sweep_given(app).await.unwrap(), 0, "it is on");
    let mut admin = office.desk.world.db.admin().await;
    sqlx::query("begin").execute(&mut admin).await.unwrap();
    sqlx::query("select 1 from conversations for update").execute(&mut admin).await.unwrap();
    office.switch(&bot, "disable").await;
    sqlx::query("rollback").execute(&mut admin).await.unwrap();
    assert_eq!(office.holders(&ada).await.1, json!(bot));
    // What is off keeps nobody from answering.
    office.desk.says(ADA, "hello", "a2").await;
    office.work().await;
    assert_eq!(office.said().await, ["me too"]);
    assert_eq!(office.last(&other).await.0, "completed");
    assert_eq!(automations::sweep_given(app).await.unwrap(), 1);
    assert_eq!((office.holders(&ada).await, &office.last_event(&ada).await["actor"]), (nobody(), &json!("system")));
    // After a while nobody looks any more.
    let looked_for = "select count(*) from automation_cursors where gives_back_at is not null";
    let looked_for = sqlx::query_scalar::<_, i64>(looked_for);
    assert_eq!(automations::sweep_given(app).await.unwrap(), 0);
    office.desk.world.clock.advance(TimeDelta::minutes(6));
    assert_eq!(automations::sweep_given(app).await.unwrap(), 0);
    assert_eq!(looked_for.fetch_one(&mut admin).await.unwrap(), 0);
}

#[tokio::test]
async fn whatever_is_given_while_an_automation_is_switched_off_and_at_work_comes_back() {
    let office = Office::new().await;
    let hands_on =
        with_steps(&json!([{"tag": {"add": ["seen"]}}, {"wait": {"seconds": 1}}, {"status": {"to": "pending"}}]));
    let bot = office.rule("Busy", &hands_on).await;
    for n in 0..12 {
        office.desk.says(&format!("1202555030{n}"), "hi", &format!("n{n}")).await;
    }
    let all = office.desk.list("").await;
    for one in &all[..6] {
        office.give(one, &bot).await;
    }
    let giving = join_all(all.iter().map(|one| async {
        let answer = office.desk.caller.post(&path(one, "assign"), &json!({"automation_id": bot})).await;
        assert!(answer.status == 200 || answer.code() == "automation_off", "{}", answer.text());
    }));
    // While its runs begin and take their steps.
    join(join(giving, office.work()), office.switch(&bot, "disable")).await;
    office.work().await;
    automations::sweep_given(&office.desk.world.app).await.unwrap();
    assert_eq!(office.desk.list("?assignee=automation").await.len(), 0);
    assert_eq!(office.desk.list("?assignee=nobody").await.len(), 12);
    assert!(office.runs(&bot).await.iter().all(|run| run["state"] != "running" && run["state"] != "waiting"));
}

#[tokio::test]
async fn an_automation_has_a_conversation_until_it_is_done_and_whoever_comes_back_is_nobodys() {
    let (office, ada) = office().await;
    let bot = office.rule("Answers", &says("I am here")).await;
    office.rule("Other", &says("me too")).await;
    let mia = office.desk.member("Mia").await;
    office.give(&ada, &bot).await;
    office.desk.do_to(&ada, "status", json!({"state": "pending"})).await;
    assert_eq!(office.holders(&ada).await.1, json!(bot));
    office.desk.do_to(&ada, "status", json!({"state": "resolved", "member_id": mia})).await;
    assert_eq!(office.holders(&ada).await, nobody());
    let told = office.last_event(&ada).await;
    assert_eq!((&told["kind"], &told["data"]["was_automation"]), (&json!("conversation.state"), &json!(bot)));
    office.desk.world.clock.advance(TimeDelta::seconds(5));
    office.desk.says(ADA, "one more thing", "a2").await;
    office.work().await;
    assert_eq!((&office.now(&ada).await["state"], office.holders(&ada).await), (&json!("open"), nobody()));
    assert_eq!(office.sorted().await, ["I am here", "me too"]);
}

#[tokio::test]
async fn many_conversations_are_given_at_once_and_what_cannot_be_given_is_said() {
    let (office, ada) = office().await;
    office.desk.says(BEN, "hello", "b").await;
    let bot = office.rule("Answers", &says("I am here")).await;
    let ids: Vec<Value> = office.desk.list("").await.iter().map(|one| one["id"].clone()).collect();
    let give = json!([{"assign": {"to": {"automation": bot}}}, {"tag": {"add": ["with-automation"]}}]);
    let kept = json!({"name": "To the automation", "actions": give});
    let kept = office.desk.caller.post("/v1/macros", &kept).await.json()["id"].clone();
    let wanted = json!({"conversation_ids": ids, "macro_id": kept});
    let done = office.desk.caller.post("/v1/conversations/bulk", &wanted).await.json();
    assert_eq!((&done["done"], &done["failed"]), (&json!(2), &json!(0)), "{done}");
    assert_eq!(office.desk.list(&format!("?assignee={bot}")).await.len(), 2);
    office.switch(&bot, "disable").await;
    let wanted = json!({"conversation_ids": [ada["id"]], "actions": give});
    let undone = office.desk.caller.post("/v1/conversations/bulk", &wanted).await.json();
    assert_eq!(undone["results"][0]["code"], "step_undone", "{undone}");
    assert_eq!(office.holders(&ada).await, nobody());
    let nowhere = json!([{"assign": {"to": {"automation": "aut_019f2b00000070008000000000000001"}}}]);
    let wanted = json!({"conversation_ids": [ada["id"]], "actions": nowhere});
    assert_eq!(office.desk.caller.post("/v1/conversations/bulk", &wanted).await.code(), "invalid_definition");
}
