//! Conversations over HTTP: from what people say to what members do about it.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use postroad_app::{inbound, sweep};
use postroad_core::{
    ids::JournalId,
    provider::{Effect, Event, Fault, Told},
};
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::world::{Tenant, World};

/// The registered adapters, as the worker hands them over.
pub(crate) struct Adapters;

impl inbound::Normalise for Adapters {
    fn events(&self, provider: &str, told: &Told<'_>) -> Result<Vec<Event>, String> {
        postroad_providers::find(provider).unwrap().events(told).map_err(|error| error.to_string())
    }

    fn effect(&self, provider: &str, fault: &Fault) -> Effect {
        postroad_providers::find(provider).unwrap().effect(fault)
    }
}

/// One thing somebody says.
pub(crate) struct Say<'a> {
    pub(crate) from: &'a str,
    pub(crate) text: &'a str,
    pub(crate) id: &'a str,
    pub(crate) at: DateTime<Utc>,
}

/// Puts a webhook with these into the journal, unread.
pub(crate) async fn post(world: &World, tenant: &Tenant, said: &[Say<'_>]) {
    let message = |say: &Say<'_>| {
        json!({"from": say.from, "id": format!("wamid.{}", say.id), "timestamp": say.at.timestamp().to_string(),
               "type": "text", "text": {"body": say.text}})
    };
    let contact = |say: &Say<'_>| json!({"wa_id": say.from, "profile": {"name": format!("Name of {}", say.from)}});
    let number: String = sqlx::query_scalar("select external_id from accounts where id = $1")
        .bind(tenant.account)
        .fetch_one(&mut world.db.admin().await)
        .await
        .unwrap();
    let value = json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": number},
                       "contacts": said.iter().map(contact).collect::<Vec<_>>(),
                       "messages": said.iter().map(message).collect::<Vec<_>>()});
    let body = json!({"object": "whatsapp_business_account",
                      "entry": [{"id": "waba", "changes": [{"field": "messages", "value": value}]}]});
    let now = world.clock.now();
    sqlx::query(
        "insert into webhook_journal (id, provider, headers, url, body, received_at, tenant_id, account_id)
         values ($1, 'whatsapp_cloud', '{}', '', $2, $3, $4, $5)",
    )
    .bind(JournalId::new(now))
    .bind(body.to_string().into_bytes())
    .bind(now)
    .bind(tenant.id)
    .bind(tenant.account)
    .execute(&mut world.db.admin().await)
    .await
    .unwrap();
}

/// Says these and has them read; returns how many messages were new.
pub(crate) async fn hear(world: &World, tenant: &Tenant, said: &[Say<'_>]) -> usize {
    post(world, tenant, said).await;
    let read = inbound::read_batch(&world.app, &Adapters, false).await.unwrap();
    assert_eq!(read.quarantined, 0);
    read.messages
}

pub(crate) const ADA: &str = "12025550101";
pub(crate) const BEN: &str = "12025550102";

pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) tenant: Tenant,
    pub(crate) caller: SignedCaller,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::in_world(World::new().await).await
    }

    pub(crate) async fn in_world(world: World) -> Self {
        let tenant = world.tenant().await;
        let caller = world.caller(tenant.id).await;
        Self { world, tenant, caller }
    }

    /// A moment after whatever was before.
    pub(crate) async fn says(&self, from: &str, text: &str, id: &str) {
        self.world.clock.advance(TimeDelta::milliseconds(1));
        let say = Say { from, text, id, at: self.world.clock.now() };
        assert_eq!(hear(&self.world, &self.tenant, &[say]).await, 1);
    }

    pub(crate) async fn list(&self, query: &str) -> Vec<Value> {
        let page = self.caller.get(&format!("/v1/conversations{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page.json()["data"].as_array().unwrap().clone()
    }

    pub(crate) async fn only(&self) -> Value {
        let mut all = self.list("").await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    pub(crate) async fn do_to(&self, conversation: &Value, what: &str, body: Value) -> Value {
        let answer = self.caller.post(&path(conversation, what), &body).await;
        assert!((200..300).contains(&answer.status), "{what}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn refused(&self, conversation: &Value, what: &str, body: Value) -> String {
        let answer = self.caller.post(&path(conversation, what), &body).await;
        assert!(answer.status >= 400, "{what}: {}", answer.text());
        answer.code()
    }

    pub(crate) async fn member(&self, name: &str) -> String {
        let made = self.caller.post("/v1/members", &json!({"name": name, "role": "agent"})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn events(&self, conversation: &Value) -> Vec<String> {
        let page = self.caller.get(&path(conversation, "events")).await.json();
        page["data"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn path(conversation: &Value, what: &str) -> String {
    format!("/v1/conversations/{}/{what}", conversation["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_somebody_says_opens_one_conversation_and_goes_on_in_it() {
    let desk = Desk::new().await;
    let now = desk.world.clock.now();
    let said = ["hello", "are you there?"];
    let said = [0_usize, 1].map(|n| Say { from: ADA, text: said[n], id: if n == 0 { "a" } else { "b" }, at: now });
    assert_eq!(hear(&desk.world, &desk.tenant, &said).await, 2);
    desk.says(ADA, "hm", "c").await;
    desk.says(BEN, "hi", "d").await;
    let conversations = desk.list("").await;
    assert_eq!(conversations.len(), 2);
    let of_ada = conversations.iter().find(|one| one["inbound"] == json!(3)).unwrap();
    assert_eq!((&of_ada["state"], &of_ada["outbound"]), (&json!("open"), &json!(0)));
    assert!(of_ada["waiting_since"].is_string() && of_ada["window_closes_at"].is_string());
    let events = desk.events(of_ada).await;
    assert_eq!(events, ["conversation.opened", "message.received", "message.received", "message.received"]);
    let thread = desk.caller.get(&path(of_ada, "messages")).await.json();
    let texts: Vec<&str> =
        thread["data"].as_array().unwrap().iter().map(|m| m["content"]["body"].as_str().unwrap()).collect();
    assert_eq!(texts, ["hm", "are you there?", "hello"]);
    let contact = desk.caller.get(&format!("/v1/contacts/{}", of_ada["contact_id"].as_str().unwrap())).await.json();
    assert_eq!(contact["display_name"], json!("Name of 12025550101"));
}

#[tokio::test]
async fn a_webhook_that_comes_again_changes_nothing() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let before = desk.only().await;
    for _ in 0..3 {
        let again = Say { from: ADA, text: "hello", id: "a", at: desk.world.clock.now() };
        assert_eq!(hear(&desk.world, &desk.tenant, &[again]).await, 0);
    }
    assert_eq!(desk.only().await, before);
    assert_eq!(desk.events(&before).await.len(), 2);
}

#[tokio::test]
async fn bursts_that_several_readers_read_at_once_are_one_conversation_each_and_count_right() {
    let desk = Desk::new().await;
    let now = desk.world.clock.now();
    // Forty webhooks of ten people, each with one new message and one that another webhook has too.
    for round in 0..4 {
        for person in 0..10 {
            let from = format!("1202555{:04}", 100 + person);
            let (fresh, shared) = (format!("{person}-{round}"), format!("{person}-shared"));
            let said = [&fresh, &shared].map(|id| Say { from: &from, text: "x", id, at: now });
            post(&desk.world, &desk.tenant, &said).await;
        }
    }
    let readers = (0..6).map(|_| async {
        let mut new = 0;
        loop {
            // One by one, so that the readers meet.
            let read = inbound::read_batch(&desk.world.app, &Adapters, true).await.unwrap();
            new += read.messages;
            if read.webhooks == 0 {
                return new;
            }
        }
    });
    let new: usize = join_all(readers).await.into_iter().sum();
    assert_eq!(new, 10 * 5);
    let conversations = desk.list("").await;
    assert_eq!(conversations.len(), 10);
    assert!(conversations.iter().all(|one| one["inbound"] == json!(5)), "{conversations:?}");
    assert_eq!(desk.world.count("select count(*) from messages where conversation_id is null").await, 0);
    assert_eq!(desk.world.count("select count(*) from contacts").await, 10);
    let gaps = "select max(seq) - count(*) from events";
    assert_eq!(desk.world.count(gaps).await, 0, "every number is there once");
}

#[tokio::test]
async fn an_answer_is_accepted_once_counted_and_ends_the_wait() {
    let desk = Desk::new().await;
    let member = desk.member("Ada Obi").await;
    desk.says(ADA, "where is my parcel?", "a").await;
    desk.world.clock.advance(TimeDelta::seconds(90));
    let conversation = desk.only().await;
    let body = json!({"type": "text", "text": "On its way.", "member_id": member, "undo_s": 10});
    let request = desk.caller.request_id();
    let target = path(&conversation, "messages");
    let send = async || desk.caller.call(http::Method::POST, &target, &request, body.to_string().as_bytes()).await;
    let first = send().await;
    assert_eq!(first.status, 202, "{}", first.text());
    assert_eq!(first.json()["state"], json!("scheduled"));
    assert_eq!(send().await.json()["id"], first.json()["id"]);
    let after = desk.only().await;
    assert_eq!((&after["outbound"], &after["first_response_s"]), (&json!(1), &json!(90)));
    assert!(after["waiting_since"].is_null());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let message = desk.caller.get(&format!("/v1/messages/{id}")).await.json();
    assert_eq!((&message["source"], &message["member_id"]), (&json!("agent"), &json!(member)));
    assert_eq!((&message["class"], &message["conversation_id"]), (&json!("agent_reply"), &conversation["id"]));
    let undone = desk.caller.post(&format!("/v1/messages/{id}/cancel"), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    assert_eq!(desk.caller.get(&format!("/v1/messages/{id}")).await.json()["state"], json!("cancelled"));
    let queued = desk.events(&conversation).await;
    assert_eq!(queued.iter().filter(|kind| *kind == "message.queued").count(), 1);
}

#[tokio::test]
async fn what_is_done_is_opened_by_what_the_person_says_and_what_is_closed_begins_anew() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let first = desk.only().await;
    for state in ["pending", "resolved"] {
        desk.world.clock.advance(TimeDelta::minutes(1));
        let moved = desk.do_to(&first, "status", json!({"state": state})).await;
        assert_eq!((&moved["state"], moved["resolved_at"].is_string()), (&json!(state), state == "resolved"));
        desk.world.clock.advance(TimeDelta::minutes(1));
        desk.says(ADA, "one more thing", state).await;
        assert_eq!(desk.only().await["state"], json!("open"), "{state}");
    }
    assert_eq!(desk.events(&first).await.iter().filter(|kind| *kind == "conversation.reopened").count(), 2);
    desk.do_to(&first, "status", json!({"state": "closed"})).await;
    assert_eq!(desk.refused(&first, "messages", json!({"type": "text", "text": "x"})).await, "wrong_state");
    desk.says(ADA, "hello again", "b").await;
    let both = desk.list("").await;
    assert_eq!(both.len(), 2);
    assert_eq!(desk.refused(&first, "status", json!({"state": "open"})).await, "another_is_live");
    desk.do_to(&first, "status", json!({"state": "archived"})).await;
    assert_eq!(desk.list("").await.len(), 1);
    assert_eq!(desk.list("?state=archived").await.len(), 1);
}

#[tokio::test]
async fn late_news_opens_nothing_that_was_resolved_since() {
    let desk = Desk::new().await;
    let early = desk.world.clock.now();
    desk.says(ADA, "hello", "a").await;
    desk.world.clock.advance(TimeDelta::minutes(5));
    let conversation = desk.only().await;
    desk.do_to(&conversation, "status", json!({"state": "resolved"})).await;
    let late = Say { from: ADA, text: "said before", id: "b", at: early };
    assert_eq!(hear(&desk.world, &desk.tenant, &[late]).await, 1);
    let after = desk.only().await;
    assert_eq!((&after["state"], &after["inbound"]), (&json!("resolved"), &json!(2)));
    assert!(after["waiting_since"].is_null());
}

#[tokio::test]
async fn a_snoozed_conversation_comes_back_at_its_time() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let conversation = desk.only().await;
    let until = desk.world.clock.now() + TimeDelta::hours(1);
    assert_eq!(desk.refused(&conversation, "status", json!({"state": "snoozed"})).await, "invalid_snooze");
    let past = desk.world.clock.now() - TimeDelta::hours(1);
    let body = json!({"state": "snoozed", "snoozed_until": past});
    assert_eq!(desk.refused(&conversation, "status", body).await, "invalid_snooze");
    desk.do_to(&conversation, "status", json!({"state": "snoozed", "snoozed_until": until})).await;
    assert_eq!(sweep::wake_conversations(&desk.world.app).await.unwrap(), 0);
    desk.world.clock.advance(TimeDelta::hours(1));
    assert_eq!(sweep::wake_conversations(&desk.world.app).await.unwrap(), 1);
    assert_eq!(desk.only().await["state"], json!("open"));
}

#[tokio::test]
async fn each_member_has_their_own_unread_count() {
    let desk = Desk::new().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    for id in ["a", "b", "c"] {
        desk.says(ADA, id, id).await;
    }
    let conversation = desk.only().await;
    let unread = async |member: &str| desk.list(&format!("?member_id={member}")).await[0]["unread"].clone();
    assert_eq!((unread(&ada).await, unread(&ben).await), (json!(3), json!(3)));
    desk.do_to(&conversation, "read", json!({"member_id": ada})).await;
    assert_eq!((unread(&ada).await, unread(&ben).await), (json!(0), json!(3)));
    assert!(desk.list(&format!("?member_id={ada}&unread=true")).await.is_empty());
    let thread = desk.caller.get(&path(&conversation, "messages")).await.json();
    let second = thread["data"][1]["id"].clone();
    desk.do_to(&conversation, "read", json!({"member_id": ada, "unread_from": second})).await;
    assert_eq!(unread(&ada).await, json!(2));
}

#[tokio::test]
async fn assignment_labels_notes_links_and_priority_are_told_in_the_history() {
    let desk = Desk::new().await;
    let (ada, ben) = (desk.member("Ada").await, desk.member("Ben").await);
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let label = desk.caller.post("/v1/labels", &json!({"name": "Refund", "color": "#d97706"})).await.json();
    desk.do_to(&one, "assign", json!({"assignee_id": ben, "member_id": ada})).await;
    desk.do_to(&one, "labels", json!({"add": [label["id"]]})).await;
    let note = desk.do_to(&one, "notes", json!({"body": "see order", "mentions": [ben], "member_id": ada})).await;
    let link =
        json!({"kind": "order", "external_id": "4711", "title": "Order 4711", "url": "https://shop.example/4711"});
    desk.do_to(&one, "link", link).await;
    let changed = desk
        .caller
        .patch(
            path(&one, "").replace("//", "/").trim_end_matches('/'),
            &json!({"priority": "urgent", "subject": "Refund", "pinned": true}),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now_on = desk.only().await;
    assert_eq!((&now_on["assignee_id"], &now_on["label_ids"]), (&json!(ben), &json!([label["id"]])));
    assert_eq!((&now_on["priority"], now_on["pinned_at"].is_string()), (&json!("urgent"), true));
    for (query, count) in [
        (format!("?assignee={ben}"), 1),
        ("?assignee=nobody".to_owned(), 0),
        (format!("?label_id={}", label["id"].as_str().unwrap()), 1),
        ("?priority=low".to_owned(), 0),
        ("?pinned=true&waiting=true".to_owned(), 1),
    ] {
        assert_eq!(desk.list(&query).await.len(), count, "{query}");
    }
    let history = desk.caller.get(&path(&one, "events")).await.json();
    let by: Vec<(&str, &str)> = history["data"].as_array().unwrap()[2..]
        .iter()
        .map(|event| (event["kind"].as_str().unwrap(), &event["actor"].as_str().unwrap()[..3]))
        .collect();
    assert_eq!(
        by,
        [
            ("conversation.assigned", "mem"),
            ("conversation.labels", "cli"),
            ("note.added", "mem"),
            ("conversation.linked", "cli"),
            ("conversation.priority", "cli")
        ]
    );
    let edit = path(&one, &format!("notes/{}", note["id"].as_str().unwrap()));
    let theirs = desk.caller.patch(&edit, &json!({"body": "mine now", "member_id": ben})).await;
    assert_eq!(theirs.status, 404, "only its author changes a note");
    let own = desk.caller.patch(&edit, &json!({"body": "see order 4711", "member_id": ada})).await;
    assert_eq!(own.json()["body"], json!("see order 4711"));
}

#[tokio::test]
async fn each_thing_that_cannot_be_has_its_own_code() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    let nobody = "mem_00000000000000000000000000000000";
    let cases = [
        ("assign", json!({"assignee_id": nobody}), "unknown_member"),
        ("assign", json!({"department_id": "dep_00000000000000000000000000000000"}), "unknown_department"),
        ("labels", json!({"add": ["lbl_00000000000000000000000000000000"]}), "unknown_label"),
        ("notes", json!({"body": " "}), "invalid_text"),
        ("notes", json!({"body": "x", "mentions": [nobody]}), "unknown_member"),
        ("link", json!({"kind": "Order", "external_id": "1", "title": "x"}), "invalid_text"),
        ("link", json!({"kind": "order", "external_id": "1", "title": "x", "url": "javascript:1"}), "invalid_text"),
        ("status", json!({"state": "archived"}), "wrong_state"),
        ("messages", json!({"type": "text", "text": "x", "undo_s": 61}), "invalid_undo"),
        ("messages", json!({"type": "text"}), "content_mismatch"),
    ];
    for (what, body, code) in cases {
        assert_eq!(desk.refused(&one, what, body).await, code, "{what}");
    }
    assert_eq!(desk.only().await["inbound"], one["inbound"]);
    assert_eq!(desk.events(&one).await.len(), 2, "nothing was half done");
}

#[tokio::test]
async fn a_conversation_begins_with_somebody_known_and_only_once() {
    let desk = Desk::new().await;
    let new = json!({"external_key": "k", "addresses": [{"channel": "whatsapp", "address": "+12025550101"}]});
    let contact = desk.caller.post("/v1/contacts", &new).await.json();
    let begin = json!({"account_id": desk.tenant.account, "contact_id": contact["id"], "subject": "Your order"});
    let made = desk.caller.post("/v1/conversations", &begin).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(desk.caller.post("/v1/conversations", &begin).await.code(), "another_is_live");
    desk.says(ADA, "thanks", "a").await;
    assert_eq!(desk.only().await["id"], made.json()["id"], "what they say goes on in it");
    let unreached = desk.caller.post("/v1/contacts", &json!({"external_key": "other"})).await.json();
    let begin = json!({"account_id": desk.tenant.account, "contact_id": unreached["id"]});
    assert_eq!(desk.caller.post("/v1/conversations", &begin).await.code(), "invalid_address");
}

#[tokio::test]
async fn erasing_somebody_takes_what_was_written_about_them() {
    let desk = Desk::new().await;
    desk.says(ADA, "hello", "a").await;
    let one = desk.only().await;
    desk.do_to(&one, "notes", json!({"body": "lives in Lagos"})).await;
    desk.do_to(&one, "link", json!({"kind": "order", "external_id": "4711", "title": "Order of Ada"})).await;
    let contact = one["contact_id"].as_str().unwrap();
    let everything = desk.caller.get(&format!("/v1/contacts/{contact}/everything")).await.json();
    assert_eq!(everything["notes"][0]["body"], json!("lives in Lagos"));
    assert_eq!(everything["conversations"].as_array().unwrap().len(), 1);
    assert_eq!(desk.caller.delete(&format!("/v1/contacts/{contact}")).await.status / 100, 2);
    let left = "select (select count(*) from notes) + (select count(*) from conversation_links)";
    assert_eq!(desk.world.count(left).await, 0);
}

#[tokio::test]
async fn whoever_asks_to_stop_is_heard_in_the_same_transaction() {
    let desk = Desk::new().await;
    desk.says(ADA, "STOP", "a").await;
    let revoked =
        "select count(*) from addresses where marketing_action = 'revoked' and transactional_action = 'revoked'";
    assert_eq!(desk.world.count(revoked).await, 1);
}
