//! How soon people are to be answered: when it is due, when it was missed, and who is told of that.

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use postroad_app::sweep;
use serde_json::{Value, json};

use crate::conversations::{ADA, Desk, path};

impl Desk {
    async fn targets(&self, targets: Value) -> (u16, Value) {
        let (id, text) = (self.caller.request_id(), targets.to_string());
        let answer = self.caller.call(Method::PUT, "/v1/tenant/targets", &id, text.as_bytes()).await;
        (answer.status, answer.json())
    }

    async fn miss(&self) -> usize {
        sweep::miss_targets(&self.world.app).await.unwrap()
    }

    async fn prioritise(&self, conversation: &Value, priority: &str) -> Value {
        let target = path(conversation, "");
        let changed = self.caller.patch(target.trim_end_matches('/'), &json!({"priority": priority})).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        changed.json()
    }

    async fn told(&self, member: &str) -> Vec<String> {
        let page = self.caller.get(&format!("/v1/notifications?member_id={member}")).await.json();
        page["data"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
    }
}

/// Minutes from now: what people say has whole seconds.
fn minutes(desk: &Desk, instant: &Value) -> Option<i64> {
    let at: DateTime<Utc> = instant.as_str()?.parse().unwrap();
    Some(((at - desk.world.clock.now()).num_seconds() + 30) / 60)
}

fn both(desk: &Desk, one: &Value) -> (Option<i64>, Option<i64>) {
    (minutes(desk, &one["response_due_at"]), minutes(desk, &one["resolution_due_at"]))
}

#[tokio::test]
async fn an_answer_is_due_in_the_time_that_the_tenant_has_set_and_missed_once() {
    let desk = Desk::new().await;
    let wanted = json!({"counted_in": "always", "normal": {"response_minutes": 60, "resolution_minutes": 120},
                        "urgent": {"response_minutes": 10}});
    let (status, kept) = desk.targets(wanted).await;
    assert_eq!((status, &kept["urgent"]["resolution_minutes"]), (200, &Value::Null));
    assert_eq!(desk.caller.get("/v1/tenant/targets").await.json(), kept);
    let ada = desk.member("Ada").await;
    desk.says(ADA, "where is my parcel?", "a").await;
    let one = desk.only().await;
    assert_eq!(both(&desk, &one), (Some(60), Some(120)));
    desk.do_to(&one, "assign", json!({"assignee_id": ada, "member_id": ada})).await;
    assert_eq!(both(&desk, &desk.prioritise(&one, "urgent").await), (Some(10), None));
    assert_eq!(both(&desk, &desk.prioritise(&one, "normal").await), (Some(60), Some(120)));
    assert_eq!((desk.miss().await, desk.list("?target=due").await.len()), (0, 1));
    assert!(desk.list("?target=missed").await.is_empty());

    desk.world.clock.advance(TimeDelta::minutes(61));
    desk.says(ADA, "hello?", "b").await;
    assert_eq!((desk.miss().await, desk.miss().await), (1, 0), "once");
    let late = &desk.list("?target=missed").await[0];
    assert!(late["response_missed_at"].is_string() && late["resolution_missed_at"].is_null());
    assert_eq!(desk.events(&one).await.iter().filter(|kind| *kind == "conversation.target_missed").count(), 1);
    assert!(desk.told(&ada).await.contains(&"target_missed".to_owned()));
    desk.do_to(&one, "messages", json!({"type": "text", "text": "On its way."})).await;
    let answered = desk.only().await;
    assert_eq!(both(&desk, &answered).0, None);
    assert!(answered["response_missed_at"].is_string(), "that it was late is still to be seen");
    desk.world.clock.advance(TimeDelta::seconds(2));
    desk.says(ADA, "thanks, and the other one?", "c").await;
    let anew = desk.only().await;
    assert_eq!((both(&desk, &anew).0, &anew["response_missed_at"]), (Some(60), &Value::Null));
}

#[tokio::test]
async fn time_to_the_end_is_counted_while_a_conversation_is_open_and_anew_when_it_is_opened_again() {
    let desk = Desk::new().await;
    desk.targets(json!({"counted_in": "always", "normal": {"resolution_minutes": 120}})).await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let half_an_hour = || desk.world.clock.advance(TimeDelta::minutes(30));
    let until = |hours| desk.world.clock.now() + TimeDelta::hours(hours);
    half_an_hour();
    let pending = desk.do_to(&one, "status", json!({"state": "pending"})).await;
    assert_eq!(both(&desk, &pending), (None, None));
    desk.world.clock.advance(TimeDelta::hours(5));
    let snoozed = desk.do_to(&one, "status", json!({"state": "snoozed", "snoozed_until": until(1)})).await;
    assert_eq!((both(&desk, &snoozed), desk.miss().await), ((None, None), 0));
    desk.world.clock.advance(TimeDelta::hours(1));
    assert_eq!(sweep::wake_conversations(&desk.world.app).await.unwrap(), 1);
    assert_eq!(both(&desk, &desk.only().await).1, Some(90));
    let resolved = desk.do_to(&one, "status", json!({"state": "resolved"})).await;
    assert_eq!(both(&desk, &resolved), (None, None));
    half_an_hour();
    desk.says(ADA, "one more thing", "b").await;
    assert_eq!(both(&desk, &desk.only().await).1, Some(120));
    desk.world.clock.advance(TimeDelta::hours(3));
    assert_eq!((desk.miss().await, desk.list("?target=missed").await.len()), (1, 1));
    desk.do_to(&one, "status", json!({"state": "resolved"})).await;
    let reopened = desk.do_to(&one, "status", json!({"state": "open"})).await;
    assert_eq!((both(&desk, &reopened).1, &reopened["resolution_missed_at"]), (Some(120), &Value::Null));
}

#[tokio::test]
async fn what_is_nobodys_is_told_in_its_department_and_without_targets_nothing_is_missed() {
    let desk = Desk::new().await;
    let unsound = json!({"counted_in": "always", "low": {"response_minutes": 0}});
    let (status, problem) = desk.targets(unsound).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_target")));
    let hours = json!({"enabled": true, "time_zone": "UTC", "days": {"mon": ["09:00-17:00"]}});
    let (id, text) = (desk.caller.request_id(), hours.to_string());
    let put = desk.caller.call(Method::PUT, "/v1/tenant/business-hours", &id, text.as_bytes()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    desk.targets(json!({"counted_in": "business_hours", "normal": {"response_minutes": 960}})).await;
    let department = desk.caller.post("/v1/departments", &json!({"name": "Sales"})).await.json()["id"].clone();
    let new = json!({"name": "Ben", "role": "agent", "department_id": department});
    let ben = desk.caller.post("/v1/members", &new).await.json()["id"].as_str().unwrap().to_owned();
    let other = desk.member("Cleo").await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let due: DateTime<Utc> = one["response_due_at"].as_str().unwrap().parse().unwrap();
    assert!(minutes(&desk, &one["response_due_at"]).unwrap() > 7 * 24 * 60, "two Mondays: {due}");
    desk.do_to(&one, "assign", json!({"assignee_id": null, "department_id": department})).await;
    desk.world.clock.advance(due - desk.world.clock.now());
    assert_eq!(desk.miss().await, 1);
    assert_eq!((desk.told(&ben).await, desk.told(&other).await), (vec!["target_missed".to_owned()], Vec::new()));

    desk.do_to(&one, "messages", json!({"type": "text", "text": "Hello."})).await;
    desk.world.clock.advance(TimeDelta::seconds(2));
    desk.says(ADA, "and now?", "b").await;
    let none = json!({"counted_in": "business_hours"});
    assert_eq!(desk.targets(none).await.0, 200);
    desk.world.clock.advance(TimeDelta::days(30));
    assert_eq!(desk.miss().await, 0);
    assert!(desk.only().await["response_due_at"].is_null(), "what was due is taken back");
}
