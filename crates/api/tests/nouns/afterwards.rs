//! What is done with messages that were said already: reactions, edits, deletions.

use chrono::TimeDelta;
use serde_json::json;

use crate::{
    conversations::{ADA, Desk, path},
    world::World,
};

impl Desk {
    async fn said(&self) -> String {
        self.says(ADA, "hello", "1").await;
        let thread = self.caller.get(&path(&self.only().await, "messages")).await.json();
        thread["data"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_reaction_is_a_message_of_its_own_shown_with_the_one_that_it_is_about() {
    let desk = Desk::new().await;
    let message = desk.said().await;
    let route = format!("/v1/messages/{message}/reactions");
    assert_eq!(desk.caller.delete(&route).await.code(), "no_reaction");
    for words in ["", "ok", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍"] {
        assert_eq!(desk.caller.post(&route, &json!({"emoji": words})).await.code(), "invalid_emoji", "{words}");
    }
    let member = desk.member("Grace").await;
    desk.world.clock.advance(TimeDelta::milliseconds(1));
    let reacted = desk.caller.post(&route, &json!({"emoji": "👍", "member_id": member})).await;
    assert_eq!(reacted.status, 202, "{}", reacted.text());
    let thread = desk.caller.get(&path(&desk.only().await, "messages")).await.json();
    let [ours, theirs] = [&thread["data"][0], &thread["data"][1]];
    assert_eq!((&ours["content"]["type"], &ours["member_id"]), (&json!("reaction"), &json!(member)));
    assert_eq!(ours["id"], reacted.json()["id"]);
    assert_eq!((&theirs["reactions"][0]["by"], &theirs["reactions"][0]["emoji"]), (&json!("us"), &json!("👍")));
    let conversation = desk.only().await;
    assert!(!conversation["waiting_since"].is_null(), "a reaction is no answer: {conversation}");
    assert_eq!(
        desk.caller
            .post(&format!("/v1/messages/{}/reactions", ours["id"].as_str().unwrap()), &json!({"emoji": "👍"}))
            .await
            .code(),
        "not_theirs"
    );

    assert_eq!(desk.caller.delete(&route).await.status, 202);
    let whole = desk.caller.get(&format!("/v1/messages/{message}")).await.json();
    assert!(whole["reactions"].is_null(), "{whole}");
    desk.do_to(&conversation, "status", json!({"state": "resolved"})).await;
    desk.do_to(&conversation, "status", json!({"state": "closed"})).await;
    assert_eq!(desk.caller.post(&route, &json!({"emoji": "👍"})).await.code(), "wrong_state");
}

#[tokio::test]
async fn what_a_channel_cannot_do_is_said_by_a_code() {
    let desk = Desk::in_world(World::new().await).await;
    let message = desk.said().await;
    let route = format!("/v1/messages/{message}");
    let edited = desk.caller.patch(&route, &json!({"text": "bye"})).await;
    assert_eq!((edited.status, edited.code().as_str()), (409, "channel_cannot_edit"));
    assert_eq!(desk.caller.delete(&route).await.code(), "channel_cannot_delete");
    desk.world.execute("update accounts set provider = 'twilio_sms' where channel = 'whatsapp'").await;
    let reacted = desk.caller.post(&format!("{route}/reactions"), &json!({"emoji": "👍"})).await;
    assert_eq!((reacted.status, reacted.code().as_str()), (409, "channel_cannot_react"));
    let nowhere = "/v1/messages/msg_00000000000000000000000000000000";
    assert_eq!(desk.caller.delete(nowhere).await.status, 404);
}
