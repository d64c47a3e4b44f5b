//! What members are told of: by whom, how often, and what they make of it.

use chrono::TimeDelta;
use postroad_app::housekeeping;
use postroad_core::limits::NOTIFICATIONS_KEPT;
use serde_json::{Value, json};

use crate::conversations::{ADA, BEN, Desk};

async fn list(desk: &Desk, member: &str, more: &str) -> Value {
    let page = desk.caller.get(&format!("/v1/notifications?member_id={member}{more}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.json()
}

fn kinds(page: &Value) -> Vec<(String, i64)> {
    let row = |row: &Value| (row["kind"].as_str().unwrap().to_owned(), row["count"].as_i64().unwrap());
    page["data"].as_array().unwrap().iter().map(row).collect()
}

fn kind(kind: &str, count: i64) -> (String, i64) {
    (kind.to_owned(), count)
}

#[tokio::test]
async fn a_member_is_told_of_what_others_did_and_never_of_their_own_doing() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ada})).await;
    assert_eq!(kinds(&list(&desk, &ada, "").await), [], "whoever takes a conversation knows");
    desk.do_to(&one, "assign", json!({"assignee_id": null, "member_id": ben})).await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ben})).await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ben})).await;
    desk.world.clock.advance(TimeDelta::milliseconds(1));
    let note = json!({"body": "see the order", "mentions": [ada, ben], "member_id": ben});
    desk.do_to(&one, "notes", note).await;
    desk.do_to(&one, "status", json!({"state": "resolved", "member_id": ada})).await;
    desk.do_to(&one, "status", json!({"state": "open", "member_id": ada})).await;
    desk.world.clock.advance(TimeDelta::milliseconds(1));
    desk.do_to(&one, "status", json!({"state": "resolved", "member_id": ben})).await;
    let told = list(&desk, &ada, "").await;
    let expected = [kind("conversation_resolved", 1), kind("mention", 1), kind("conversation_assigned", 1)];
    assert_eq!(kinds(&told), expected, "giving it to whoever has it tells nothing");
    assert_eq!(told["unread"], json!(3));
    let first = &told["data"][0];
    assert_eq!((&first["actor"], &first["conversation_id"]), (&json!(ben), &one["id"]));
    assert_eq!(first["action"], json!(format!("/v1/conversations/{}", one["id"].as_str().unwrap())));
    assert!(!told.to_string().contains("see the order"));
    assert_eq!(kinds(&list(&desk, &ben, "").await), []);
}

#[tokio::test]
async fn ten_messages_that_nobody_looked_at_are_one_notification() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let ada = desk.member("Ada").await;
    desk.says(BEN, "of nobody", "b").await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ada})).await;
    let mut stream = desk.caller.follow(&format!("/v1/events?member={ada}&kinds=notification.added"), None).await;
    let mut others = desk.caller.follow("/v1/events?kinds=notification.added,conversation.state", None).await;
    for n in 0..10 {
        desk.says(ADA, "again", &format!("more{n}")).await;
    }
    let told = list(&desk, &ada, "").await;
    assert_eq!(kinds(&told), [kind("new_message", 10)]);
    let added = stream.event("notification.added").await;
    let id = told["data"][0]["id"].clone();
    assert_eq!((&added.data["data"]["id"], &added.data["data"]["count"]), (&id, &json!(1)));
    assert_eq!((&added.data["member_id"], &added.data["conversation_id"]), (&json!(ada), &one["id"]));
    for count in 2..=10 {
        assert_eq!(stream.event("notification.added").await.data["data"]["count"], json!(count));
    }
    let read = desk.caller.patch(&format!("/v1/notifications/{}", id.as_str().unwrap()), &json!({"read": true})).await;
    assert!(read.json()["read_at"].is_string(), "{}", read.text());
    desk.says(ADA, "and again", "last").await;
    assert_eq!(kinds(&list(&desk, &ada, "").await), [kind("new_message", 1), kind("new_message", 10)]);
    assert_eq!(kinds(&list(&desk, &ada, "&unread=true").await), [kind("new_message", 1)]);
    let unread =
        desk.caller.patch(&format!("/v1/notifications/{}", id.as_str().unwrap()), &json!({"read": false})).await;
    assert_eq!((unread.status, unread.code().as_str()), (409, "newer_there"));
    desk.do_to(&one, "status", json!({"state": "pending", "member_id": ada})).await;
    assert_eq!(others.event("conversation.state").await.event, "conversation.state");
}

#[tokio::test]
async fn what_is_meant_for_one_member_is_on_no_other_stream() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    let mut of_ben = desk.caller.follow(&format!("/v1/events?member={ben}"), None).await;
    let mut of_nobody = desk.caller.follow("/v1/events", None).await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ben})).await;
    desk.do_to(&one, "status", json!({"state": "pending", "member_id": ada})).await;
    for stream in [&mut of_ben, &mut of_nobody] {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|kind| kind != "conversation.state") {
            seen.push(stream.next().await.unwrap().event);
        }
        assert_eq!(seen, ["hello", "conversation.assigned", "conversation.state"]);
    }
    let history = desk.caller.get(&format!("/v1/conversations/{}/events", one["id"].as_str().unwrap())).await;
    assert!(!history.text().contains("notification"), "nor in the conversation's history");
}

#[tokio::test]
async fn a_member_looks_at_all_up_to_one_takes_one_away_and_wants_less() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    for _ in 0..3 {
        desk.world.clock.advance(TimeDelta::milliseconds(1));
        desk.do_to(&one, "notes", json!({"body": "x", "mentions": [ada], "member_id": ben})).await;
    }
    let page = list(&desk, &ada, "&limit=2").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let rest = list(&desk, &ada, &format!("&after={}", page["next"].as_str().unwrap())).await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    let second = page["data"][1]["id"].as_str().unwrap();
    let up_to = json!({"member_id": ada, "up_to": second});
    assert_eq!(desk.caller.post("/v1/notifications/read-all", &up_to).await.json(), json!({"marked": 2}));
    assert_eq!(desk.caller.post("/v1/notifications/read-all", &up_to).await.json(), json!({"marked": 0}));
    assert_eq!(list(&desk, &ada, "&unread=true").await["data"][0]["id"], page["data"][0]["id"]);
    let mut stream = desk.caller.follow(&format!("/v1/events?member={ada}"), None).await;
    let newest = format!("/v1/notifications/{}", page["data"][0]["id"].as_str().unwrap());
    assert_eq!(desk.caller.delete(&newest).await.status, 204);
    assert_eq!(desk.caller.delete(&newest).await.status, 404);
    let changed = stream.event("notification.changed").await;
    assert_eq!((&changed.data["data"]["deleted"], &changed.data["data"]["unread"]), (&json!(true), &json!(0)));

    let wishes = json!({"member_id": ada, "preferences": [{"kind": "mention", "in_app": false}]});
    let (id, text) = (desk.caller.request_id(), wishes.to_string());
    let put = desk.caller.call(http::Method::PUT, "/v1/notifications/preferences", &id, text.as_bytes());
    let said = put.await.json();
    let wants = |page: &Value, kind: &str| {
        let all = page["preferences"].as_array().unwrap();
        all.iter().find(|one| one["kind"] == kind).unwrap()["in_app"].as_bool().unwrap()
    };
    assert!(!wants(&said, "mention") && wants(&said, "new_message"));
    let kept = desk.caller.get(&format!("/v1/notifications/preferences?member_id={ada}")).await.json();
    assert_eq!(kept, said);
    let before = list(&desk, &ada, "").await;
    desk.do_to(&one, "notes", json!({"body": "x", "mentions": [ada], "member_id": ben})).await;
    assert_eq!(list(&desk, &ada, "").await, before, "what is not wanted is not written");
}

#[tokio::test]
async fn old_notifications_go_and_younger_ones_stay() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let ada = desk.member("Ada").await;
    desk.do_to(&one, "assign", json!({"assignee_id": ada})).await;
    desk.world.clock.advance(NOTIFICATIONS_KEPT);
    desk.do_to(&one, "notes", json!({"body": "x", "mentions": [ada]})).await;
    desk.world.clock.advance(TimeDelta::milliseconds(1));
    housekeeping::prune(&desk.world.app).await.unwrap();
    assert_eq!(kinds(&list(&desk, &ada, "").await), [kind("mention", 1)]);
}
