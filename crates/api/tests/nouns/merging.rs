//! Two conversations of one person become one, whatever happens at the same time.

use chrono::TimeDelta;
use futures::future::join_all;
use postroad_app::inbound;
use serde_json::{Value, json};

use crate::{
    automations::Office,
    conversations::{ADA, Adapters, Desk, Say, path, post},
    integrations::{Bridge, said},
};

/// A desk, and a person who reaches it on two ways.
struct Twice {
    desk: Desk,
    bridge: Bridge,
}

impl Twice {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let bridge = Bridge::connect(&desk.caller, "viber").await;
        Self { desk, bridge }
    }

    async fn known(&self, phone: &str, id: &str) -> String {
        let addresses = json!([{"channel": "whatsapp", "address": format!("+{phone}")}, {"channel": "generic", "address": format!("viber:{id}")}]);
        let made = self.desk.caller.post("/v1/contacts", &json!({"addresses": addresses})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// The two conversations of a person who said something on both: WhatsApp's first.
    async fn two(&self, contact: &str) -> (Value, Value) {
        let of = |channel: &str| format!("?contact_id={contact}&channel={channel}");
        let (mut one, mut other) = (self.desk.list(&of("whatsapp")).await, self.desk.list(&of("generic")).await);
        assert_eq!((one.len(), other.len()), (1, 1));
        (one.remove(0), other.remove(0))
    }

    async fn merge(&self, one: &Value, into: &Value) -> (u16, String) {
        let answer = self.desk.caller.post(&path(one, "merge"), &json!({"into": into["id"]})).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
    }

    async fn now(&self, conversation: &Value) -> Value {
        self.desk.caller.get(path(conversation, "").trim_end_matches('/')).await.json()
    }
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn what_was_said_and_noted_moves_and_what_comes_later_goes_to_the_survivor() {
    let twice = Twice::new().await;
    let desk = &twice.desk;
    let contact = twice.known(ADA, "u-1").await;
    desk.says(ADA, "hello", "a").await;
    twice.bridge.says(desk, "m1", "u-1", "it is me again").await;
    twice.bridge.says(desk, "m2", "u-1", "are you there?").await;
    let (survivor, gone) = twice.two(&contact).await;
    let member = desk.member("Mia").await;
    desk.do_to(&gone, "assign", json!({"assignee_id": member})).await;
    desk.do_to(&gone, "notes", json!({"body": "the same person", "member_id": member})).await;
    desk.do_to(&gone, "link", json!({"kind": "order", "external_id": "4711", "title": "Order"})).await;
    let label = desk.caller.post("/v1/labels", &json!({"name": "vip", "color": "#000000"})).await.json()["id"].clone();
    desk.do_to(&gone, "labels", json!({"add": [label]})).await;
    desk.do_to(&survivor, "read", json!({"member_id": member})).await;

    let merged = desk.do_to(&gone, "merge", json!({"into": survivor["id"], "member_id": member})).await;
    assert_eq!((&merged["id"], &merged["inbound"], &merged["unread"]), (&survivor["id"], &json!(3), &json!(2)));
    assert_eq!((&merged["label_ids"], &merged["created_at"]), (&json!([label]), &survivor["created_at"]));
    let thread = desk.caller.get(&path(&survivor, "messages")).await.json();
    assert_eq!(thread["data"].as_array().unwrap().len(), 3);
    for (what, word) in [("notes", "the same person"), ("link", "4711")] {
        let there = desk.caller.get(&path(&survivor, what)).await.text();
        assert!(there.contains(word), "{there}");
        assert!(!desk.caller.get(&path(&gone, what)).await.text().contains(word));
    }
    let before = twice.now(&gone).await;
    assert_eq!((&before["state"], &before["merged_into"]), (&json!("closed"), &survivor["id"]));
    assert_eq!((&before["inbound"], &before["waiting_since"]), (&json!(0), &Value::Null));
    assert_eq!(desk.list("").await.len(), 1);
    assert_eq!(desk.list("?state=closed").await.len(), 1);
    for conversation in [&survivor, &gone] {
        let events = desk.caller.get(&path(conversation, "events")).await.json();
        let last = events["data"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["kind"], &last["actor"]), (&json!("conversation.merged"), &json!(member)));
    }

    let told = desk.events(&survivor).await.len();
    assert_eq!(twice.merge(&gone, &survivor).await, ok(), "again");
    assert_eq!(desk.events(&survivor).await.len(), told);
    assert_eq!(desk.refused(&gone, "status", json!({"state": "open"})).await, "conversation_merged");
    assert_eq!(desk.refused(&gone, "messages", json!({"type": "text", "text": "x"})).await, "conversation_merged");
    twice.bridge.says(desk, "m3", "u-1", "and now?").await;
    desk.says(ADA, "and here?", "b").await;
    assert_eq!(desk.only().await["inbound"], 5);
    desk.do_to(&survivor, "messages", json!({"type": "text", "text": "Here!"})).await;
    let found = desk.caller.get("/v1/messages/search?q=again").await.json();
    assert_eq!(found["data"][0]["conversation_id"], survivor["id"], "{found}");
}

#[tokio::test]
async fn two_people_are_merged_first_and_what_is_done_or_gone_takes_nothing_in() {
    let twice = Twice::new().await;
    let desk = &twice.desk;
    desk.says(ADA, "hello", "a").await;
    twice.bridge.says(desk, "m1", "u-1", "it is me again").await;
    let all = desk.list("").await;
    let (one, other) = (&all[1], &all[0]);
    assert_eq!(twice.merge(one, other).await, refused(409, "different_contacts"));
    let merge = format!("/v1/contacts/{}/merge", one["contact_id"].as_str().unwrap());
    assert!(desk.caller.post(&merge, &json!({"other": other["contact_id"]})).await.status < 300);
    assert_eq!(twice.merge(one, one).await, refused(422, "same_conversation"));
    let nobody = json!({"id": "cnv_00000000000000000000000000000000"});
    assert_eq!(twice.merge(one, &nobody).await, refused(422, "unknown_conversation"));
    assert_eq!(twice.merge(&nobody, one).await, refused(404, "not_found"));
    desk.do_to(one, "status", json!({"state": "closed"})).await;
    assert_eq!(twice.merge(other, one).await, refused(409, "wrong_state"));
    assert_eq!(twice.merge(one, other).await, ok(), "what is done can be a part of what is not");
    assert_eq!(twice.merge(other, one).await, refused(409, "other_merged"));
}

#[tokio::test]
async fn a_chain_leads_to_its_end_and_begins_anew_when_that_is_closed() {
    let twice = Twice::new().await;
    let desk = &twice.desk;
    let line = Bridge::connect(&desk.caller, "line").await;
    let contact = twice.known(ADA, "u-1").await;
    desk.says(ADA, "one", "a").await;
    twice.bridge.says(desk, "m1", "u-1", "two").await;
    let (first, second) = twice.two(&contact).await;
    line.says(desk, "m1", "u-9", "three").await;
    let third = desk.list("").await.remove(0);
    let merge = format!("/v1/contacts/{contact}/merge");
    assert!(desk.caller.post(&merge, &json!({"other": third["contact_id"]})).await.status < 300);

    assert_eq!(twice.merge(&first, &second).await, ok());
    // Somebody waits in what is merged: what was resolved is open again.
    desk.do_to(&third, "status", json!({"state": "resolved"})).await;
    assert_eq!(twice.merge(&second, &third).await, ok());
    assert_eq!(twice.now(&first).await["merged_into"], third["id"]);
    assert_eq!(twice.merge(&first, &second).await, refused(409, "conversation_merged"));
    desk.says(ADA, "four", "b").await;
    let survivor = desk.only().await;
    assert_eq!((&survivor["id"], &survivor["inbound"], &survivor["state"]), (&third["id"], &json!(4), &json!("open")));
    assert!(desk.events(&third).await.contains(&"conversation.reopened".to_owned()));

    desk.do_to(&third, "status", json!({"state": "closed"})).await;
    desk.says(ADA, "five", "c").await;
    let anew = desk.list("?state=open").await;
    assert_eq!((anew.len(), &anew[0]["channel"], &anew[0]["inbound"]), (1, &json!("whatsapp"), &json!(1)));
}

#[tokio::test]
async fn a_rule_that_waits_in_what_is_merged_goes_on_in_the_survivor() {
    let office = Office::new().await;
    let bridge = Bridge::connect(&office.desk.caller, "viber").await;
    let twice = Twice { desk: office.desk, bridge };
    let contact = twice.known(ADA, "u-1").await;
    twice.desk.says(ADA, "hello", "a").await;
    let office = Office { desk: twice.desk };
    office.work().await;
    let wait = json!({"trigger": {"inbound_message": {"debounce_s": 0}},
                      "actions": [{"wait": {"seconds": 60}}, {"note": {"text": "still there"}}]});
    let rule = office.rule("Note", &wait).await;
    twice.bridge.says(&office.desk, "m1", "u-1", "it is me again").await;
    office.work().await;
    twice.bridge.says(&office.desk, "m2", "u-1", "not looked at before the merge").await;
    let twice = Twice { desk: office.desk, bridge: twice.bridge };
    let (survivor, gone) = twice.two(&contact).await;
    assert_eq!(twice.merge(&gone, &survivor).await, ok());
    let office = Office { desk: twice.desk };
    office.work().await;
    office.desk.world.clock.advance(TimeDelta::seconds(61));
    office.work().await;
    // What was said while it waits begins no second one.
    let runs = office.runs(&rule).await;
    assert_eq!(runs.iter().map(|run| run["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["refused", "completed"]);
    let notes = office.desk.caller.get(&path(&survivor, "notes")).await;
    assert!(notes.text().contains("still there"), "{}", notes.text());
}

/// Merges in both directions, one of them twice, while the person says something on both ways: whatever comes first, in the end
/// there is one, and it has everything.
#[tokio::test]
async fn whatever_happens_at_the_same_time_ends_in_one_whole_conversation() {
    let twice = Twice::new().await;
    let (desk, world) = (&twice.desk, &twice.desk.world);
    for round in 0..20 {
        let (phone, id) = (format!("120255501{round:02}"), format!("u-{round}"));
        let contact = twice.known(&phone, &id).await;
        desk.says(&phone, "hello", &format!("a{round}")).await;
        twice.bridge.says(desk, &format!("a{round}"), &id, "it is me again").await;
        let (one, other) = twice.two(&contact).await;
        let later = Say { from: &phone, text: "later", id: &format!("b{round}"), at: world.clock.now() };
        post(world, &desk.tenant, &[later]).await;
        let body = said(&format!("b{round}"), &id, "later");
        assert_eq!(twice.bridge.post(world, &format!("b{round}"), &body).await.status, 200);

        let merges = join_all([(&one, &other), (&other, &one), (&one, &other)].map(|(a, b)| twice.merge(a, b)));
        // One by one, by two readers.
        let reads = join_all((0..2).map(|_| inbound::read_batch(&world.app, &Adapters, true)));
        let (merges, reads) = futures::join!(merges, reads);
        assert_eq!(reads.into_iter().map(|read| read.unwrap().messages).sum::<usize>(), 2);
        for (status, code) in &merges {
            assert!(
                *status == 200 || ["conversation_merged", "other_merged", "wrong_state"].contains(&code.as_str()),
                "{merges:?}"
            );
        }
        assert!(merges.iter().any(|(status, _)| *status == 200));

        let left = desk.list(&format!("?contact_id={contact}")).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!((&left[0]["inbound"], &left[0]["state"]), (&json!(4), &json!("open")), "{left:?}");
        let thread = desk.caller.get(&path(&left[0], "messages")).await.json();
        assert_eq!(thread["data"].as_array().unwrap().len(), 4);
    }
    let lost = "select count(*) from messages m join conversations c on c.id = m.conversation_id where c.merged_into is not null";
    assert_eq!(world.count(lost).await, 0);
}

#[tokio::test]
async fn of_two_conversations_that_become_one_the_survivors_automation_stays_and_the_others_does_not_come_along() {
    let twice = Twice::new().await;
    let contact = twice.known(ADA, "u-1").await;
    twice.desk.says(ADA, "hello", "a").await;
    twice.bridge.says(&twice.desk, "m1", "u-1", "hello again").await;
    let office = Office { desk: twice.desk };
    let rule = |text: &str| {
        json!({"trigger": {"inbound_message": {"debounce_s": 0}},
               "actions": [{"wait": {"seconds": 60}}, {"reply": {"text": text}}]})
    };
    let (first, second) = (office.rule("First", &rule("first")).await, office.rule("Second", &rule("second")).await);
    let twice = Twice { desk: office.desk, bridge: twice.bridge };
    let (survivor, gone) = twice.two(&contact).await;
    twice.desk.do_to(&survivor, "assign", json!({"automation_id": first})).await;
    twice.desk.do_to(&gone, "assign", json!({"automation_id": second})).await;
    twice.bridge.says(&twice.desk, "m2", "u-1", "are you there?").await;
    let office = Office { desk: twice.desk };
    office.work().await;
    let twice = Twice { desk: office.desk, bridge: twice.bridge };
    assert_eq!(twice.merge(&gone, &survivor).await, ok());
    assert_eq!(twice.now(&survivor).await["automation_id"], json!(first));
    assert_eq!(twice.now(&gone).await["automation_id"], Value::Null);
    let office = Office { desk: twice.desk };
    office.later(61).await;
    let run = office.runs(&second).await.remove(0);
    assert_eq!(
        (&run["outcome"], &run["reason"]),
        (&json!("stopped"), &json!("the conversation was taken from the automation"))
    );
}
