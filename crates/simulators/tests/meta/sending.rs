//! What a well-formed, and a malformed, call of the messages endpoint is answered.

use serde_json::{Value, json};

use crate::wire::{ANN, Caller, NUMBER, call, send, simulator, template, text};

/// A message to Ann with these fields.
fn whatsapp(mut fields: Value) -> Value {
    for (name, value) in [("messaging_product", "whatsapp"), ("recipient_type", "individual"), ("to", ANN)] {
        fields[name] = value.into();
    }
    fields
}

#[tokio::test]
async fn a_text_is_answered_with_its_contact_and_its_id() {
    let sim = simulator(|_| {}).await;
    let answer = send(&sim, &text(ANN, "msg_1.1")).await.answer();
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["messaging_product"], "whatsapp");
    assert_eq!(body["contacts"], json!([{ "input": "+15550100007", "wa_id": "15550100007" }]));
    assert!(answer.wamid().starts_with("wamid.HBgL"), "{}", answer.wamid());
    assert_eq!(body["messages"][0].get("message_status"), None);
}

#[tokio::test]
async fn a_template_is_answered_with_its_message_status() {
    let sim = simulator(|_| {}).await;
    let answer = send(&sim, &template(ANN, "hello_world", "en_US", &[])).await.answer();
    assert_eq!(answer.json()["messages"][0]["message_status"], "accepted");
}

#[tokio::test]
async fn every_message_gets_an_id_of_its_own() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    let mut ids = std::collections::HashSet::new();
    for number in 0..200 {
        let answer = caller.send(&text(ANN, &format!("msg_{number}.1"))).await.answer();
        assert!(ids.insert(answer.wamid()));
    }
    sim.reset();
    let answer = caller.send(&text(ANN, "msg_0.1")).await.answer();
    assert!(ids.insert(answer.wamid()), "ids of an earlier life came back");
}

#[tokio::test]
async fn a_user_without_a_phone_is_addressed_by_user_id() {
    let sim = simulator(|_| {}).await;
    let body =
        json!({ "messaging_product": "whatsapp", "recipient": "US.13491208655302741918", "text": { "body": "Hello" } });
    let answer = send(&sim, &body).await.answer();
    let contact = &answer.json()["contacts"][0];
    assert_eq!(*contact, json!({ "input": "US.13491208655302741918", "user_id": "US.13491208655302741918" }));
    assert_eq!(sim.by_recipient().get("US.13491208655302741918"), Some(&1));
}

#[tokio::test]
async fn a_phone_number_without_a_plus_is_accepted_and_counted() {
    let sim = simulator(|_| {}).await;
    for (to, wa_id) in [("+1 (555) 010-0007", "15550100007"), ("15550100007", "15550100007")] {
        assert_eq!(send(&sim, &text(to, "")).await.answer().json()["contacts"][0]["wa_id"], wa_id);
    }
    assert_eq!((sim.stats().without_plus, sim.by_recipient()["15550100007"]), (1, 2));
}

#[tokio::test]
async fn marking_as_read_is_a_success_and_no_message() {
    let sim = simulator(|_| {}).await;
    let body = json!({
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.HBgLMTU1NTAxMDAwMDcVAgASGBQzQTAwMDAwMDAwMQA=",
        "typing_indicator": { "type": "text" },
    });
    let answer = send(&sim, &body).await.answer();
    assert_eq!((answer.status, answer.json()), (200, json!({ "success": true })));
    let stats = sim.stats();
    assert_eq!((stats.reads, stats.sends, stats.counts.accepted), (1, 0, 0));
}

#[tokio::test]
async fn every_type_is_accepted_in_its_documented_form() {
    let sim = simulator(|_| {}).await;
    let link = "https://example.com/file";
    let reply = |id: &str| json!({ "type": "reply", "reply": { "id": id, "title": id } });
    let bodies = [
        json!({ "text": { "body": "type is text when it is not given" } }),
        json!({ "type": "image", "image": { "link": link, "caption": "A file" } }),
        json!({ "type": "video", "video": { "link": link } }),
        json!({ "type": "audio", "audio": { "link": link } }),
        json!({ "type": "document", "document": { "link": link, "filename": "file.pdf" } }),
        json!({ "type": "sticker", "sticker": { "link": link } }),
        json!({ "type": "location", "location": { "latitude": 52.5, "longitude": "13.4", "name": "Berlin" } }),
        json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Ann Example" } }] }),
        json!({ "type": "reaction", "reaction": { "message_id": "wamid.x", "emoji": "" } }),
        json!({ "type": "interactive", "interactive": {
            "type": "button", "body": { "text": "Choose" }, "action": { "buttons": [reply("yes"), reply("no")] } } }),
        json!({ "type": "interactive", "interactive": {
            "type": "list", "body": { "text": "Choose" },
            "action": { "button": "Open", "sections": [{ "title": "All", "rows": [{ "id": "1", "title": "One" }] }] } } }),
        json!({ "type": "interactive", "interactive": {
            "type": "cta_url", "body": { "text": "Look" },
            "action": { "name": "cta_url", "parameters": { "display_text": "Open", "url": link } } } }),
        json!({ "type": "text", "text": { "body": "A reply" }, "context": { "message_id": "wamid.x" } }),
    ];
    for body in bodies {
        let answer = send(&sim, &whatsapp(body.clone())).await.answer();
        assert_eq!(answer.status, 200, "{body} was answered {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_documented_code() {
    let sim = simulator(|_| {}).await;
    let button = |title: &str| json!({ "type": "reply", "reply": { "id": title, "title": title } });
    let buttons = |buttons: Vec<Value>| json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "?" }, "action": { "buttons": buttons } } });
    let cases = [
        (100, json!({ "text": { "body": "x" } })),
        (100, json!({ "messaging_product": "telegram", "to": ANN, "text": { "body": "x" } })),
        (100, whatsapp(json!({ "text": { "body": "x" }, "txt": 1 }))),
        (100, whatsapp(json!({ "text": { "body": "x", "colour": "red" } }))),
        (100, whatsapp(json!({ "text": { "body": "x".repeat(4_097) } }))),
        (100, whatsapp(json!({ "text": "x" }))),
        (100, whatsapp(json!({ "type": "audio", "audio": { "link": "https://example.com/a", "caption": "no" } }))),
        (100, whatsapp(json!({ "text": { "body": "x" }, "biz_opaque_callback_data": "x".repeat(513) }))),
        (131_008, json!({ "messaging_product": "whatsapp", "text": { "body": "x" } })),
        (131_008, whatsapp(json!({ "type": "text" }))),
        (131_008, whatsapp(json!({ "type": "text", "text": {} }))),
        (131_008, whatsapp(json!({ "type": "image", "image": {} }))),
        (131_008, whatsapp(json!({ "type": "reaction", "reaction": { "emoji": "x" } }))),
        (131_008, whatsapp(json!({ "type": "template", "template": { "name": "hello_world" } }))),
        (131_009, json!({ "messaging_product": "whatsapp", "to": "ann", "text": { "body": "x" } })),
        (131_009, json!({ "messaging_product": "whatsapp", "recipient": "ann", "text": { "body": "x" } })),
        (131_009, whatsapp(json!({ "type": "image", "image": { "link": "ftp://example.com/a" } }))),
        (131_009, whatsapp(json!({ "type": "image", "image": { "id": "1", "link": "https://example.com/a" } }))),
        (131_009, whatsapp(json!({ "type": "image", "image": { "id": "99" } }))),
        (131_009, whatsapp(json!({ "type": "location", "location": { "latitude": 91, "longitude": 0 } }))),
        (131_009, whatsapp(buttons(vec![]))),
        (131_009, whatsapp(buttons(vec![button("a"), button("b"), button("c"), button("d")]))),
        (131_009, whatsapp(buttons(vec![button("a"), button("a")]))),
        (100, whatsapp(buttons(vec![button("this title has too many characters")]))),
        (131_009, json!({ "messaging_product": "whatsapp", "status": "delivered", "message_id": "wamid.x" })),
        (131_021, json!({ "messaging_product": "whatsapp", "to": "+15550100001", "text": { "body": "x" } })),
        (131_051, whatsapp(json!({ "type": "hologram", "hologram": {} }))),
    ];
    for (code, body) in cases {
        let answer = send(&sim, &body).await.answer();
        assert_eq!((answer.status, answer.code()), (400, code), "{body} was answered {}", answer.body);
    }
    assert_eq!(sim.stats().counts.accepted, 0);
}

#[tokio::test]
async fn an_error_has_metas_form() {
    let sim = simulator(|_| {}).await;
    let answer = send(&sim, &whatsapp(json!({ "type": "hologram" }))).await.answer();
    let error = &answer.json()["error"];
    assert_eq!(error["message"], "(#131051) Unsupported message type");
    assert_eq!(error["type"], "OAuthException");
    assert_eq!(
        error["error_data"],
        json!({ "messaging_product": "whatsapp", "details": "Unsupported message type hologram" })
    );
    assert!(error["fbtrace_id"].as_str().unwrap().starts_with('A'));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_an_invalid_parameter() {
    let sim = simulator(|_| {}).await;
    let mut caller = Caller::connect(&sim).await;
    for body in ["", "{", "[]", "\"text\"", "\u{0}"] {
        let answer = caller.call("POST", &format!("/v25.0/{NUMBER}/messages"), body).await.answer();
        assert_eq!((answer.status, answer.code()), (400, 100), "{body}");
    }
}

#[tokio::test]
async fn the_wrong_token_and_no_token_are_told_apart() {
    let sim = simulator(|config| config.access_token = Some("another".to_owned())).await;
    let answer = send(&sim, &text(ANN, "msg_1.1")).await.answer();
    assert_eq!((answer.status, answer.code()), (401, 190));
    let url = format!("{}/v25.0/{NUMBER}/messages", sim.base_url());
    crate::control::with_crypto();
    let answer = reqwest::Client::new().post(url).body(text(ANN, "msg_1.1").to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.text().await.unwrap().contains("\"code\":104"));
}

#[tokio::test]
async fn an_unknown_number_does_not_exist_unless_any_number_may() {
    let path = "/v25.0/109999999999999/messages";
    let sim = simulator(|_| {}).await;
    let answer = call(&sim, "POST", path, &text(ANN, "msg_1.1")).await;
    assert_eq!((answer.status, answer.code()), (400, 100));
    assert_eq!(answer.json()["error"]["error_subcode"], 33);
    let sim = simulator(|config| config.any_number = true).await;
    assert_eq!(call(&sim, "POST", path, &text(ANN, "msg_1.1")).await.status, 200);
    assert_eq!(sim.stats().numbers[1].accepted, 1);
}

#[tokio::test]
async fn any_version_is_served_and_a_path_without_one_is_unknown() {
    let sim = simulator(|_| {}).await;
    for version in ["v1.0", "v23.0", "v25.0", "v100.12"] {
        let path = format!("/{version}/{NUMBER}/messages");
        assert_eq!(call(&sim, "POST", &path, &text(ANN, "")).await.status, 200, "{version}");
    }
    for path in [format!("/{NUMBER}/messages"), format!("/v25/{NUMBER}/messages"), "/".to_owned()] {
        assert_eq!(call(&sim, "POST", &path, &text(ANN, "")).await.code(), 2_500, "{path}");
    }
}

#[tokio::test]
async fn a_credential_check_reads_the_number() {
    let sim = simulator(|_| {}).await;
    let usual = call(&sim, "GET", &format!("/v25.0/{NUMBER}"), &Value::Null).await.json();
    assert_eq!(
        usual,
        json!({ "id": NUMBER, "display_phone_number": "+1 555-010-0001", "verified_name": "Simulated Business", "quality_rating": "GREEN" })
    );
    let path = format!("/v25.0/{NUMBER}?fields=throughput,verified_name");
    let chosen = call(&sim, "GET", &path, &Value::Null).await.json();
    assert_eq!(
        chosen,
        json!({ "id": NUMBER, "verified_name": "Simulated Business", "throughput": { "level": "STANDARD" } })
    );
}

#[tokio::test]
async fn media_go_up_and_come_down_with_the_token_alone() {
    crate::control::with_crypto();
    let sim = simulator(|config| config.access_token = Some("token".to_owned())).await;
    let client = reqwest::Client::new();
    let file =
        reqwest::multipart::Part::bytes(&b"not really a picture"[..]).file_name("a.png").mime_str("image/png").unwrap();
    let form = reqwest::multipart::Form::new().text("messaging_product", "whatsapp").part("file", file);
    let url = format!("{}/v25.0/{NUMBER}/media", sim.base_url());
    let uploaded = client.post(url).bearer_auth("token").multipart(form).send().await.unwrap();
    let id = uploaded.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();

    let image = whatsapp(json!({ "type": "image", "image": { "id": id } }));
    assert_eq!(send(&sim, &image).await.answer().status, 200);

    let medium = call(&sim, "GET", &format!("/v25.0/{id}"), &Value::Null).await.json();
    assert_eq!((&medium["mime_type"], &medium["file_size"]), (&json!("image/png"), &json!(20)));
    let address =
        format!("{}{}", sim.base_url(), medium["url"].as_str().unwrap().trim_start_matches("http://simulator"));
    let without = client.get(&address).send().await.unwrap();
    assert_eq!(without.status(), 401);
    let with = client.get(&address).bearer_auth("token").send().await.unwrap();
    assert_eq!(with.headers()["content-type"], "image/png");
    assert_eq!(with.bytes().await.unwrap(), &b"not really a picture"[..]);
    let expired = address.split("ext=").next().unwrap().to_owned() + "ext=1";
    assert_eq!(client.get(expired).bearer_auth("token").send().await.unwrap().status(), 404);

    assert_eq!(call(&sim, "DELETE", &format!("/v25.0/{id}"), &Value::Null).await.json(), json!({ "success": true }));
    assert_eq!(send(&sim, &image).await.answer().code(), 131_009);
}
