//! What members put together for their daily work: macros, bulk actions and views.

use serde_json::{Value, json};

use crate::conversations::{ADA, BEN, Desk};

#[tokio::test]
async fn a_macro_takes_all_its_steps_on_each_conversation_or_none() {
    let desk = Desk::new().await;
    let mia = desk.member("Mia").await;
    let actions =
        json!([{"assign": {"to": {"member": mia}}}, {"tag": {"add": ["refunded"]}}, {"status": {"to": "resolved"}}]);
    let made = desk.caller.post("/v1/macros", &json!({"name": "Refunded", "actions": actions})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    desk.says(ADA, "hi", "a").await;
    desk.says(BEN, "hi", "b").await;
    let ids: Vec<Value> = desk.list("").await.iter().map(|one| one["id"].clone()).collect();
    let nowhere = json!("cnv_019f2b00000070008000000000000001");
    let wanted =
        json!({"conversation_ids": [ids[0], nowhere, ids[1]], "macro_id": made.json()["id"], "member_id": mia});
    let done = desk.caller.post("/v1/conversations/bulk", &wanted).await.json();
    assert_eq!((&done["done"], &done["failed"]), (&json!(2), &json!(1)), "{done}");
    assert_eq!(done["results"][1]["code"], "not_found");
    for one in desk.list("").await {
        assert_eq!((&one["state"], &one["assignee_id"]), (&json!("resolved"), &json!(mia)), "{one}");
        assert_eq!(desk.events(&one).await[2..], ["conversation.assigned", "conversation.state"]);
    }
    // The second step cannot be done, so the first is not either.
    desk.caller.patch(&format!("/v1/members/{mia}"), &json!({"active": false})).await;
    let steps = json!([{"status": {"to": "open"}}, {"assign": {"to": "round_robin"}}]);
    let wanted = json!({"conversation_ids": [ids[0]], "actions": steps});
    let undone = desk.caller.post("/v1/conversations/bulk", &wanted).await.json();
    assert_eq!(undone["results"][0]["code"], "step_undone", "{undone}");
    assert_eq!(desk.list("?state=resolved").await.len(), 2);
    let says = json!({"conversation_ids": ids, "actions": [{"reply": {"text": "hi"}}]});
    let refused = desk.caller.post("/v1/conversations/bulk", &says).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "not_in_macros"));
    let again =
        desk.caller.post("/v1/macros", &json!({"name": "REFUNDED", "actions": [{"status": {"to": "open"}}]})).await;
    assert_eq!(again.code(), "name_taken");
}

#[tokio::test]
async fn a_view_is_a_question_that_is_kept_with_how_many_there_are_now() {
    let desk = Desk::new().await;
    let mia = desk.member("Mia").await;
    let own = json!({"name": "Mine", "member_id": mia, "filter": {"assignee": mia, "waiting": true}});
    let own = desk.caller.post("/v1/views", &own).await.json()["id"].as_str().unwrap().to_owned();
    let shared = desk.caller.post("/v1/views", &json!({"name": "Open", "filter": {"state": "open"}})).await;
    assert_eq!(shared.status, 201, "{}", shared.text());
    let shared = shared.json()["id"].as_str().unwrap().to_owned();
    desk.says(ADA, "hi", "a").await;
    desk.says(BEN, "hi", "b").await;
    let conversation = desk.list("").await.remove(0);
    desk.do_to(&conversation, "assign", json!({"assignee_id": mia})).await;
    let count = async |view: &str| desk.caller.get(&format!("/v1/views/{view}")).await.json()["count"].clone();
    assert_eq!((count(&own).await, count(&shared).await), (json!(1), json!(2)));
    let noa = desk.member("Noa").await;
    let of = async |member: &str| {
        desk.caller.get(&format!("/v1/views?member_id={member}")).await.json()["data"].as_array().unwrap().len()
    };
    assert_eq!((of(&mia).await, of(&noa).await), (2, 1));
    let everybodys = desk.caller.patch(&format!("/v1/views/{own}"), &json!({"member_id": null})).await;
    assert_eq!((everybodys.status, of(&noa).await), (200, 2));
    for wrong in [json!({"colour": "red"}), json!({"limit": 5}), json!({"state": "nowhere"}), json!({"unread": true})] {
        let refused = desk.caller.post("/v1/views", &json!({"name": "Wrong", "filter": wrong})).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
    }
    assert_eq!(desk.caller.delete(&format!("/v1/views/{own}")).await.status, 204);
    assert_eq!(desk.caller.get(&format!("/v1/views/{own}")).await.status, 404);
}
