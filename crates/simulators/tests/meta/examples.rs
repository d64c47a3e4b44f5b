//! Every example of Meta's own API description is accepted, and what we tell has the form of recorded webhooks.
//! The descriptions are data of others and are not copied here: `POSTROAD_SPECS` names the folder.

use std::path::PathBuf;

use postroad_simulators::meta::{Attachment, Content, Inbound};
use serde_json::Value;

use crate::callback::Callback;
use crate::wire::{ANN, Caller, simulator};

#[allow(clippy::disallowed_methods, reason = "the one thing a contract test asks its environment")]
fn specs(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("POSTROAD_SPECS") else {
        eprintln!("SKIPPED: POSTROAD_SPECS is not set, so Meta's own description was not compared");
        return None;
    };
    let bytes =
        std::fs::read(PathBuf::from(folder).join(file)).expect("POSTROAD_SPECS names the folder of descriptions");
    Some(serde_json::from_slice(&bytes).expect("a description is JSON"))
}

/// Fills the places that an example leaves to its reader.
fn filled(mut example: Value, media_id: &str) -> Value {
    example["to"] = ANN.into();
    for kind in ["image", "video", "audio", "document", "sticker"] {
        if let Some(medium) = example.get_mut(kind).and_then(Value::as_object_mut) {
            if medium.contains_key("id") {
                medium.insert("id".to_owned(), media_id.into());
            }
            if medium.contains_key("link") {
                medium.insert("link".to_owned(), "https://example.com/file".into());
            }
        }
    }
    // Two examples leave out the type, although it is needed: one is a text, whose type may be left out.
    if example.get("type").is_none() && example.get("interactive").is_some() {
        example["type"] = "interactive".into();
    }
    if example.get("status").is_some() {
        example.as_object_mut().expect("an example is an object").remove("to");
    }
    example
}

#[tokio::test]
async fn every_documented_example_of_a_message_is_accepted() {
    let Some(description) = specs("meta-business-messaging-api_v23.0.patched.json") else {
        return;
    };
    let sim = simulator(|config| config.any_template = true).await;
    let mut caller = Caller::connect(&sim).await;
    sim.inbound(Inbound {
        from: Some(ANN.to_owned()),
        message: Content::Image(Attachment::default()),
        ..Inbound::default()
    })
    .unwrap();
    let post = &description["paths"]["/{Version}/{Phone-Number-ID}/messages"]["post"];
    let examples = post["requestBody"]["content"]["application/json"]["examples"].as_object().expect("examples");
    for (name, example) in examples {
        let answer = caller.send(&filled(example["value"].clone(), "400000000000001")).await.answer();
        assert_eq!(answer.status, 200, "{name} was answered {}", answer.body);
    }
    assert!(examples.len() >= 50, "only {} examples", examples.len());
}

/// Fields in `theirs` that `ours` lacks, as paths. Lists are compared by their first element.
fn lacking(theirs: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                let path = format!("{path}.{name}");
                match ours.get(name) {
                    Some(other) => lacking(value, other, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => match (theirs.first(), ours.first()) {
            (Some(theirs), Some(ours)) => lacking(theirs, ours, path, found),
            (Some(_), None) => found.push(format!("{path}[]")),
            _ => {}
        },
        (theirs, ours) if std::mem::discriminant(theirs) != std::mem::discriminant(ours) => {
            found.push(format!("{path}: {theirs} is {ours}"));
        }
        _ => {}
    }
}

/// What recorded webhooks have and ours need not: no contact here has a parent company, and Graph v24 dropped the
/// conversation.
fn is_optional(path: &str) -> bool {
    ["parent_user_id", "conversation", ".context", ".url"].iter().any(|field| path.contains(field))
}

#[tokio::test]
async fn inbound_messages_have_every_field_of_recorded_ones() {
    let Some(recorded) = specs("meta-webhooks/message.json") else {
        return;
    };
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| config.webhook_url = Some(callback.url.clone())).await;
    let file = |caption: bool, voice: Option<bool>| Attachment {
        caption: caption.then(|| "caption".to_owned()),
        filename: caption.then(|| "file.pdf".to_owned()),
        voice,
        ..Attachment::default()
    };
    let text = |text: &str| text.to_owned();
    let cases = [
        ("text", Content::default()),
        ("image", Content::Image(file(false, None))),
        ("video", Content::Video(file(true, None))),
        ("document", Content::Document(file(true, None))),
        ("voice", Content::Audio(file(false, Some(true)))),
        ("reaction", Content::Reaction { message_id: text("wamid.x"), emoji: Some(text("x")) }),
        ("unreaction_no_emoji", Content::Reaction { message_id: text("wamid.x"), emoji: None }),
        (
            "chosen_location",
            Content::Location { latitude: 1.5, longitude: 2.5, name: Some(text("a")), address: Some(text("b")) },
        ),
        ("unsupported_with_type", Content::Unsupported),
    ];
    for (name, message) in cases {
        sim.inbound(Inbound { from: Some(ANN.to_owned()), message, ..Inbound::default() }).unwrap();
        let mut missing = Vec::new();
        lacking(&recorded[name], &callback.next().await.acknowledge(), "", &mut missing);
        missing.retain(|path| !is_optional(path));
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}

#[tokio::test]
async fn statuses_have_every_field_of_recorded_ones() {
    let Some(recorded) = specs("meta-webhooks/message_status.json") else {
        return;
    };
    let mut callback = Callback::listen().await;
    let sim = simulator(|config| {
        config.webhook_url = Some(callback.url.clone());
        config.webhooks.batch_max = 1;
        config.receipts.read.share = 1.0;
    })
    .await;
    let mut caller = Caller::connect(&sim).await;
    caller.send(&crate::wire::text(ANN, "some data")).await.answer();
    for name in ["with_tracker", "delivered", "read"] {
        let mut missing = Vec::new();
        lacking(&recorded[name], &callback.next().await.acknowledge(), "", &mut missing);
        // Prices are told once or twice, and nobody may depend on them.
        missing.retain(|path| !is_optional(path) && !path.contains("profile") && !path.contains("pricing"));
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
    sim.configure(|config| config.receipts.failed_share = 1.0);
    caller.send(&crate::wire::text(ANN, "some data")).await.answer();
    callback.next().await.acknowledge();
    let mut missing = Vec::new();
    lacking(&recorded["failed"], &callback.next().await.acknowledge(), "", &mut missing);
    missing.retain(|path| !is_optional(path) && !path.contains("profile"));
    assert!(missing.is_empty(), "failed lacks {missing:?}");
}
