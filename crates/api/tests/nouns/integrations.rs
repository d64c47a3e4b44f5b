//! Platforms without an adapter: connected, believed by their own secret, heard like any other, and never written to.

use std::time::Duration;

use chrono::TimeDelta;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use postroad_app::inbound;
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    automations::Office,
    conversations::{Adapters, Desk, path},
    world::World,
};

/// A bot of a platform, as its bridge knows it.
pub(crate) struct Bridge {
    account: String,
    /// Without scheme and host.
    path: String,
    secret: String,
}

fn bot(platform: &str, external_id: &str) -> Value {
    json!({"provider": "generic", "external_id": external_id, "display_name": "Bot", "credentials": {"platform": platform}})
}

impl Bridge {
    pub(crate) async fn connect(caller: &SignedCaller, platform: &str) -> Self {
        let made = caller.post("/v1/accounts", &bot(platform, platform)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (account, url) = (text(&made["id"]), text(&made["webhook"]["url"]));
        let path = url.strip_prefix("http://127.0.0.1:7800").unwrap().to_owned();
        assert_eq!(path, format!("/integrations/{platform}/webhook/{account}"));
        Self { account, path, secret: text(&made["webhook"]["secret"]) }
    }

    pub(crate) async fn post(&self, world: &World, id: &str, body: &Value) -> Answer {
        self.post_to(world, &self.path, id, body).await
    }

    async fn post_to(&self, world: &World, path: &str, id: &str, body: &Value) -> Answer {
        let (body, at) = (body.to_string(), world.clock.now().timestamp());
        let key = BASE64.decode(self.secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let request = Request::post(format!("{}{path}", world.base))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
            .body(body.into_bytes())
            .unwrap();
        world.http.send(request).await
    }

    /// Posted, taken and read.
    pub(crate) async fn says(&self, desk: &Desk, id: &str, from: &str, text: &str) {
        desk.world.clock.advance(TimeDelta::milliseconds(1));
        let at = desk.world.clock.now();
        let body =
            json!({"type": "message", "id": id, "at": at, "from": {"id": from, "name": "Ada Lovelace"}, "text": text});
        assert_eq!(self.post(&desk.world, &format!("msg_{id}"), &body).await.status, 200);
        read(&desk.world).await;
    }
}

async fn read(world: &World) -> inbound::Read {
    inbound::read_batch(&world.app, &Adapters, false).await.unwrap()
}

pub(crate) fn said(id: &str, from: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "at": "2026-03-02T12:00:00Z", "from": {"id": from, "name": "Ada Lovelace"}, "text": text})
}

/// All of it but the name of the request.
fn told(answer: &Answer) -> Value {
    let mut told = answer.json();
    told.as_object_mut().unwrap().remove("request_id");
    told
}

async fn journalled(world: &World) -> i64 {
    world.count("select count(*) from webhook_journal").await
}

#[tokio::test]
async fn the_secret_is_shown_once_and_the_address_whenever_somebody_asks() {
    let desk = Desk::new().await;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    let shown = desk.caller.get(&format!("/v1/accounts/{}", bridge.account)).await;
    let listed = desk.caller.get("/v1/accounts").await;
    for answer in [&shown, &listed] {
        assert!(!answer.text().contains("whsec_"), "{}", answer.text());
    }
    let shown = shown.json();
    assert!(shown["webhook"]["url"].as_str().unwrap().ends_with(&bridge.path), "{shown}");
    assert_eq!((&shown["channel"], &shown["settings"]), (&json!("generic"), &json!({"platform": "viber"})));
    let refused = [
        (bot("Viber", "x"), "invalid_setting"),
        (bot("", "x"), "missing_credential"),
        (bot("../x", "x"), "invalid_setting"),
        (json!({"credentials": {"platform": "viber", "webhook_secret": "whsec_mine"}}), "unknown_credential"),
    ];
    for (change, code) in refused {
        let mut body = bot("viber", "another");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(desk.caller.post("/v1/accounts", &body).await.code(), code, "{change}");
    }
}

#[tokio::test]
async fn what_somebody_says_there_is_heard_by_the_same_road() {
    let office = Office::new().await;
    let desk = &office.desk;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    let rule = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"note": {"text": "greet"}}]});
    let rule = office.rule("Note", &rule).await;
    bridge.says(desk, "m1", "u-1", "Does it come in blue?").await;
    bridge.says(desk, "m2", "u-1", "hello?").await;
    office.work().await;
    let conversation = desk.only().await;
    assert_eq!((&conversation["channel"], &conversation["account_id"]), (&json!("generic"), &json!(bridge.account)));
    assert_eq!((&conversation["inbound"], &conversation["state"]), (&json!(2), &json!("open")));
    let contact =
        desk.caller.get(&format!("/v1/contacts/{}", conversation["contact_id"].as_str().unwrap())).await.json();
    let address = &contact["addresses"][0];
    assert_eq!((&address["channel"], &address["address"]), (&json!("generic"), &json!("viber:u-1")));
    assert!(contact.to_string().contains("Ada Lovelace"), "{contact}");
    let thread = desk.caller.get(&path(&conversation, "messages")).await.json();
    assert!(thread.to_string().contains("Does it come in blue?"), "{thread}");
    assert_eq!(desk.events(&conversation).await[..2], ["conversation.opened", "message.received"]);
    assert_eq!(office.runs(&rule).await[0]["outcome"], "completed");
    // The same id at another platform is another person.
    let other = Bridge::connect(&desk.caller, "line").await;
    other.says(desk, "m1", "u-1", "hi").await;
    assert_eq!(desk.world.count("select count(*) from contacts c where exists (select from addresses a where a.contact_id = c.id and a.channel = 'generic')").await, 2);
    assert_eq!(desk.list("").await.len(), 2);
}

#[tokio::test]
async fn a_post_counts_once_by_its_id_and_a_message_once_by_its_own() {
    let desk = Desk::new().await;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    let body = said("m1", "u-1", "hello");
    let together = futures::future::join_all((0..8).map(|_| bridge.post(&desk.world, "msg_1", &body))).await;
    assert!(together.iter().all(|answer| answer.status == 200));
    assert_eq!(bridge.post(&desk.world, "msg_1", &body).await.status, 200);
    assert_eq!(journalled(&desk.world).await, 1);
    assert_eq!(read(&desk.world).await.messages, 1);
    assert_eq!(bridge.post(&desk.world, "msg_2", &body).await.status, 200, "told again under another name");
    assert_eq!((journalled(&desk.world).await, read(&desk.world).await.duplicates), (2, 1));
    // Names are each account's own.
    let other = Bridge::connect(&desk.caller, "line").await;
    assert_eq!(other.post(&desk.world, "msg_1", &body).await.status, 200);
    assert_eq!(read(&desk.world).await.messages, 1);
    let inflow = postroad_app::schedule::census(&desk.world.app).await.unwrap().inflow;
    assert_eq!((inflow.webhooks_unaccounted(), inflow.events_unaccounted()), (0, 0));
}

#[tokio::test]
async fn nobody_learns_from_the_answer_which_accounts_there_are() {
    let desk = Desk::new().await;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    let (world, body) = (&desk.world, said("m1", "u-1", "hello"));
    let wrong = Bridge {
        secret: "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=".to_owned(),
        path: bridge.path.clone(),
        account: bridge.account.clone(),
    };
    let forged = told(&wrong.post(world, "msg_1", &body).await);
    assert_eq!((forged["status"].as_u64(), &forged["code"]), (Some(403), &json!("bad_signature")));
    let elsewhere = [
        "/integrations/viber/webhook/acc_00000000000000000000000000000000".to_owned(),
        bridge.path.replace("viber", "line"),
        bridge.path.replace("viber", "VIBER"),
        "/integrations/viber/webhook/nobody".to_owned(),
        format!("/integrations/viber/webhook/{}", desk.tenant.account),
    ];
    for path in elsewhere {
        assert_eq!(told(&bridge.post_to(world, &path, "msg_1", &body).await), forged, "{path}");
    }
    let unsigned = Request::post(format!("{}{}", world.base, bridge.path)).body(b"{}".to_vec()).unwrap();
    assert_eq!(told(&world.http.send(unsigned).await), forged);
    desk.caller.delete(&format!("/v1/accounts/{}", bridge.account)).await;
    // A secret is remembered for some seconds.
    while bridge.post(world, "msg_2", &body).await.status != 403 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.count("select count(*) from messages").await, 0);
}

#[tokio::test]
async fn a_body_that_is_not_described_is_kept_and_set_aside() {
    let desk = Desk::new().await;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    for (nth, body) in [json!(null), json!([1]), json!({"type": "message", "colour": "red"})].iter().enumerate() {
        assert_eq!(bridge.post(&desk.world, &format!("msg_{nth}"), body).await.status, 200);
    }
    assert_eq!(bridge.post(&desk.world, "msg_good", &said("m1", "u-1", "hello")).await.status, 200);
    let read = read(&desk.world).await;
    assert_eq!((read.webhooks, read.quarantined, read.messages), (4, 3, 1));
    let receipt = json!({"type": "receipt", "message_id": "x", "state": "delivered", "at": desk.world.clock.now()});
    assert_eq!(bridge.post(&desk.world, "msg_receipt", &receipt).await.status, 200);
    assert_eq!(self::read(&desk.world).await.receipts, 1);
}

#[tokio::test]
async fn two_secrets_hold_while_one_is_changed_for_the_other() {
    let desk = Desk::new().await;
    let first = Bridge::connect(&desk.caller, "viber").await;
    let path = format!("/v1/accounts/{}/webhook-secret", first.account);
    let made = desk.caller.post(&path, &json!({"former_for_s": 60})).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let made = made.json();
    assert_eq!(made["former_until"], json!(desk.world.clock.now() + TimeDelta::seconds(60)));
    let second = Bridge {
        account: first.account.clone(),
        path: first.path.clone(),
        secret: made["secret"].as_str().unwrap().to_owned(),
    };
    assert_ne!(first.secret, second.secret);
    assert_eq!(first.post(&desk.world, "msg_1", &said("m1", "u-1", "hello")).await.status, 200);
    // A new one is known within a moment.
    while second.post(&desk.world, "msg_2", &said("m2", "u-1", "hello")).await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(first.post(&desk.world, "msg_3", &said("m3", "u-1", "hello")).await.status, 200);
    let again = desk.caller.post(&path, &json!({"former_for_s": 60})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "former_secret_holds"));
    desk.world.clock.advance(TimeDelta::seconds(61));
    assert_eq!(first.post(&desk.world, "msg_late", &said("m3", "u-1", "hello")).await.status, 403);
    assert_eq!(second.post(&desk.world, "msg_4", &said("m4", "u-1", "hello")).await.status, 200);
    let at_once = desk.caller.post(&path, &json!({"former_for_s": 0})).await.json();
    assert!(at_once["former_until"].is_null(), "{at_once}");
    assert_eq!(desk.caller.post(&path, &json!({"former_for_s": 604_801})).await.code(), "out_of_range");
    let by_form =
        desk.caller.post(&format!("/v1/accounts/{}/rotate", first.account), &json!({"credentials": {}})).await;
    assert_eq!((by_form.status, by_form.code().as_str()), (409, "own_secret"));
    let of_meta = crate::accounts::connected(&desk.caller, "1001").await;
    let refused = desk.caller.post(&format!("/v1/accounts/{of_meta}/webhook-secret"), &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "no_own_secret"));
}

#[tokio::test]
async fn nothing_is_sent_there_and_no_message_is_left_hanging() {
    let office = Office::new().await;
    let desk = &office.desk;
    let bridge = Bridge::connect(&desk.caller, "viber").await;
    let rule = json!({"trigger": {"inbound_message": {"debounce_s": 0}}, "actions": [{"reply": {"text": "Hello!"}}]});
    let rule = office.rule("Greeting", &rule).await;
    bridge.says(desk, "m1", "u-1", "hi").await;
    office.work().await;
    let conversation = desk.only().await;
    let reply = json!({"type": "text", "text": "Hello!"});
    assert_eq!(desk.refused(&conversation, "messages", reply.clone()).await, "account_inbound_only");
    let to = |change: Value| {
        let mut body = json!({"to": "viber:u-1", "type": "text", "text": "Hello!"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for change in [json!({"channel": "generic"}), json!({"account_id": bridge.account})] {
        let answer = desk.caller.post("/v1/messages", &to(change.clone())).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "account_inbound_only"),
            "{change}: {}",
            answer.text()
        );
    }
    let template = desk.caller.post("/v1/templates", &crate::accounts::offer(&bridge.account)).await;
    assert_eq!(template.code(), "account_inbound_only");
    let run = office.run(&office.runs(&rule).await[0]).await;
    assert!(run.to_string().contains("inbound only"), "{run}");
    assert_eq!(desk.world.count("select count(*) from messages where direction = 'outbound'").await, 0);
    assert_eq!(desk.world.count("select count(*) from sends").await, 0);
    // Whoever names no account does not get this one.
    let sent = desk.caller.post("/v1/messages", &json!({"to": "+12025550101", "type": "text", "text": "x"})).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
}
