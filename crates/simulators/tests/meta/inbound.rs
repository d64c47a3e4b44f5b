//! Messages from contacts: every type, with and without a phone number.

use postroad_simulators::meta::{Attachment, Content, Inbound, MetaSim, TellError};
use serde_json::{Value, json};

use crate::callback::Callback;
use crate::wire::{ANN, call, simulator};

async fn hear(sim: &MetaSim, callback: &mut Callback, message: Content) -> Value {
    let id = sim.inbound(Inbound { from: Some(ANN.to_owned()), message, ..Inbound::default() }).unwrap();
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!(value["messages"][0]["id"], id.as_str());
    assert_eq!(value["messages"][0]["from"], "15550100007");
    assert_eq!(value["contacts"][0]["wa_id"], "15550100007");
    value["messages"][0].clone()
}

async fn listening() -> (MetaSim, Callback) {
    let callback = Callback::listen().await;
    let sim = simulator(|config| config.webhook_url = Some(callback.url.clone())).await;
    (sim, callback)
}

#[tokio::test]
async fn each_type_has_metas_form() {
    let (sim, mut callback) = listening().await;
    let text = |text: &str| text.to_owned();
    let cases = [
        (Content::Text { body: text("Hi") }, "text", json!({ "text": { "body": "Hi" } })),
        (
            Content::Location { latitude: 1.5, longitude: 2.5, name: Some(text("Here")), address: None },
            "location",
            json!({ "location": { "latitude": 1.5, "longitude": 2.5, "name": "Here" } }),
        ),
        (
            Content::Button { payload: text("STOP"), text: text("Stop") },
            "button",
            json!({ "button": { "payload": "STOP", "text": "Stop" } }),
        ),
        (
            Content::ButtonReply { id: text("yes"), title: text("Yes") },
            "interactive",
            json!({ "interactive": { "type": "button_reply", "button_reply": { "id": "yes", "title": "Yes" } } }),
        ),
        (
            Content::ListReply { id: text("1"), title: text("One"), description: Some(text("First")) },
            "interactive",
            json!({ "interactive": { "type": "list_reply", "list_reply": { "id": "1", "title": "One", "description": "First" } } }),
        ),
        (
            Content::Reaction { message_id: text("wamid.x"), emoji: Some(text("\u{1f44d}")) },
            "reaction",
            json!({ "reaction": { "message_id": "wamid.x", "emoji": "\u{1f44d}" } }),
        ),
        (
            Content::Reaction { message_id: text("wamid.x"), emoji: None },
            "reaction",
            json!({ "reaction": { "message_id": "wamid.x" } }),
        ),
        (
            Content::Edit { original_message_id: text("wamid.x"), body: text("Better") },
            "edit",
            json!({ "edit": { "original_message_id": "wamid.x", "message": { "type": "text", "text": { "body": "Better" } } } }),
        ),
        (
            Content::Revoke { original_message_id: text("wamid.x") },
            "revoke",
            json!({ "revoke": { "original_message_id": "wamid.x" } }),
        ),
    ];
    for (content, kind, expected) in cases {
        let message = hear(&sim, &mut callback, content).await;
        assert_eq!(message["type"], kind);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&message[name], value, "{message}");
        }
    }
    let unsupported = hear(&sim, &mut callback, Content::Unsupported).await;
    assert_eq!((&unsupported["type"], &unsupported["errors"][0]["code"]), (&json!("unsupported"), &json!(131_051)));
}

#[tokio::test]
async fn a_picture_can_be_fetched_by_its_id() {
    let (sim, mut callback) = listening().await;
    let picture =
        Attachment { caption: Some("Look".to_owned()), content: Some("pixels".to_owned()), ..Attachment::default() };
    let message = hear(&sim, &mut callback, Content::Image(picture)).await;
    let image = &message["image"];
    assert_eq!((&image["mime_type"], &image["caption"]), (&json!("image/jpeg"), &json!("Look")));
    let medium = call(&sim, "GET", &format!("/v25.0/{}", image["id"].as_str().unwrap()), &Value::Null).await.json();
    assert_eq!((&medium["sha256"], &medium["file_size"]), (&image["sha256"], &json!(6)));
    let voice = Attachment { voice: Some(true), ..Attachment::default() };
    assert_eq!(hear(&sim, &mut callback, Content::Audio(voice)).await["audio"]["voice"], true);
}

#[tokio::test]
async fn a_contact_who_hides_the_number_has_only_a_user_id() {
    let (sim, mut callback) = listening().await;
    let user_id = Some("US.13491208655302741918".to_owned());
    let username = Some("ann.example".to_owned());
    sim.inbound(Inbound { user_id, username, ..Inbound::default() }).unwrap();
    let value = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"].clone();
    let (contact, message) = (&value["contacts"][0], &value["messages"][0]);
    assert_eq!((contact.get("wa_id"), message.get("from")), (None, None));
    assert_eq!(contact["user_id"], "US.13491208655302741918");
    assert_eq!(message["from_user_id"], "US.13491208655302741918");
    assert_eq!(contact["profile"]["username"], "ann.example");
    assert_eq!(sim.inbound(Inbound::default()), Err(TellError::NoSender));
}

#[tokio::test]
async fn a_reply_names_what_it_answers_and_extra_fields_are_added() {
    let (sim, mut callback) = listening().await;
    let extra = json!({ "referral": { "source_type": "ad", "ctwa_clid": "click" } }).as_object().cloned();
    let reply_to = Some("wamid.ours".to_owned());
    sim.inbound(Inbound { from: Some(ANN.to_owned()), reply_to, extra, ..Inbound::default() }).unwrap();
    let message = callback.next().await.acknowledge()["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    assert_eq!(message["context"], json!({ "from": "15550100001", "id": "wamid.ours" }));
    assert_eq!(message["referral"]["ctwa_clid"], "click");
}

#[tokio::test]
async fn a_given_id_tells_the_same_message_twice() {
    let (sim, mut callback) = listening().await;
    for _ in 0..2 {
        let id = Some("wamid.again".to_owned());
        sim.inbound(Inbound { from: Some(ANN.to_owned()), id, ..Inbound::default() }).unwrap();
        let told = callback.next().await.acknowledge();
        assert_eq!(told["entry"][0]["changes"][0]["value"]["messages"][0]["id"], "wamid.again");
    }
}
