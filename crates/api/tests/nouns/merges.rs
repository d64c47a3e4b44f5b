//! Two contacts that are one person, over HTTP.

use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::world::World;

async fn person(caller: &SignedCaller, key: &str, number: &str) -> String {
    let new = json!({"external_key": key, "addresses": [{"channel": "whatsapp", "address": number}], "tags": [key]});
    caller.post("/v1/contacts", &new).await.json()["id"].as_str().unwrap().to_owned()
}

async fn two() -> (World, SignedCaller, String, String) {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    let one = person(&caller, "shop", "+12025550101").await;
    let two = person(&caller, "till", "+12025550102").await;
    (world, caller, one, two)
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_merge_tells_what_moved_and_undoing_it_what_could_not_go_back() {
    let (_world, caller, one, two) = two().await;
    let merged = caller.post(&format!("/v1/contacts/{one}/merge"), &json!({"other": two})).await;
    assert_eq!(merged.status, 200, "{}", merged.text());
    let merged = merged.json();
    assert_eq!((&merged["contact_id"], &merged["other_id"]), (&json!(one), &json!(two)));
    assert_eq!(
        (merged["moved"]["address_ids"].as_array().unwrap().len(), &merged["moved"]["tags"]),
        (1, &json!(["till"]))
    );

    let gone = caller.get(&format!("/v1/contacts/{two}")).await;
    assert_eq!((gone.status, gone.code().as_str()), (409, "contact_merged"));
    assert_eq!(gone.json()["merged_into"], json!(one));
    for path in ["consents", "everything", "merges"] {
        assert_eq!(caller.get(&format!("/v1/contacts/{two}/{path}")).await.code(), "contact_merged", "{path}");
    }
    assert_eq!(caller.delete(&format!("/v1/contacts/{two}")).await.code(), "contact_merged");
    assert_eq!(ids(&caller.get("/v1/contacts?external_key=till").await.json()), [one.as_str()]);

    let undo = json!({"merge": merged["id"]});
    let path = format!("/v1/contacts/{one}/unmerge");
    let undone = caller.post(&path, &undo).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(undone.json()["kept"]["fields"], json!([]));
    assert_eq!(caller.post(&path, &undo).await.code(), "merge_undone");
    assert_eq!(caller.get(&format!("/v1/contacts/{two}")).await.json()["addresses"][0]["address"], "+12025550102");
    let history = caller.get(&format!("/v1/contacts/{one}/merges")).await.json();
    assert_eq!((ids(&history).len(), history["data"][0]["undone_at"].is_string()), (1, true));
}

#[tokio::test]
async fn each_merge_that_cannot_be_has_its_own_code() {
    let (world, caller, one, two) = two().await;
    let three = person(&caller, "app", "+12025550103").await;
    let nobody = "con_00000000000000000000000000000000";
    let merge = async |id: &str, body: Value| caller.post(&format!("/v1/contacts/{id}/merge"), &body).await.code();
    assert_eq!(merge(&one, json!({"other": one})).await, "same_contact");
    assert_eq!(merge(&one, json!({"other": nobody})).await, "unknown_contact");
    assert_eq!(merge(nobody, json!({"other": one})).await, "not_found");
    assert_eq!(merge(&one, json!({"other": "somebody"})).await, "invalid_body");
    assert_eq!(merge(&one, json!({"other": two, "really": true})).await, "invalid_body");
    let theirs = person(&world.caller(world.tenant().await.id).await, "x", "+12025550101").await;
    assert_eq!(merge(&one, json!({"other": theirs})).await, "unknown_contact");
    let unmerge = caller
        .post(&format!("/v1/contacts/{one}/unmerge"), &json!({"merge": "mrg_00000000000000000000000000000000"}))
        .await;
    assert_eq!((unmerge.status, unmerge.code().as_str()), (422, "unknown_merge"));
    merge(&one, json!({"other": two})).await;
    assert_eq!(merge(&two, json!({"other": three})).await, "contact_merged");
    assert_eq!(merge(&three, json!({"other": two})).await, "other_merged");
}
