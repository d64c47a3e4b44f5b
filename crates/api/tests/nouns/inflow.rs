//! What comes in is counted against what becomes of it, and an account whose webhooks do not come says so.

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use postroad_app::{
    inbound,
    journal::{self, Which},
    schedule, silence,
};
use postroad_core::{
    ids::{AccountId, TenantId},
    inbound::Counted,
};
use postroad_store::{SystemTx, inbound_counts::Inflow, pulses};
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{accounts::connected, conversations::Adapters, world::World};

/// That of `crate::accounts::number`.
const SECRET: &str = "s";

async fn post(world: &World, body: &str) -> u16 {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let request = Request::post(format!("{}/webhooks/meta/whatsapp", world.base))
        .header("content-type", "application/json")
        .header("x-hub-signature-256", format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
        .body(body.as_bytes().to_vec())
        .unwrap();
    world.http.send(request).await.status
}

fn envelope(changes: &[Value]) -> String {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "waba-x", "changes": changes}]}).to_string()
}

fn change(number: &str, what: &str, items: &[Value]) -> Value {
    let mut value = json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}});
    value[what] = items.into();
    json!({"field": "messages", "value": value})
}

fn said(id: &str) -> Value {
    json!({"from": "12025550101", "id": format!("wamid.{id}"), "timestamp": "1772452800", "type": "text", "text": {"body": "hello"}})
}

fn delivered(id: &str) -> Value {
    json!({"id": format!("wamid.{id}"), "status": "delivered", "timestamp": "1772452800", "recipient_id": "12025550101"})
}

async fn read(world: &World) {
    inbound::read_batch(&world.app, &Adapters, false).await.unwrap();
}

async fn inflow(world: &World) -> Inflow {
    schedule::census(&world.app).await.unwrap().inflow
}

fn counts(inflow: &Inflow) -> Vec<(&'static str, i64)> {
    Counted::ALL.iter().map(|what| (what.as_str(), inflow.of(*what))).filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn whatever_comes_in_is_accounted_for_before_and_after_it_is_read_and_when_it_is_read_again() {
    let world = World::new().await;
    let caller = world.caller(world.tenant().await.id).await;
    connected(&caller, "1001").await;
    // A message and one of another number; two receipts of which one is repeated; something nobody acts on.
    let first = envelope(&[change("1001", "messages", &[said("A")]), change("9999", "messages", &[said("B")])]);
    let second = envelope(&[change("1001", "statuses", &[delivered("C"), delivered("C")])]);
    let third = envelope(&[change("1001", "messages", &[said("A")]), change("1001", "nothing", &[])]);
    for body in [&first, &second, &third] {
        assert_eq!(post(&world, body).await, 200);
    }
    let arrived = inflow(&world).await;
    assert_eq!((arrived.unread, arrived.webhooks_unaccounted(), arrived.events_unaccounted()), (3, 0, 0));

    read(&world).await;
    assert_eq!(post(&world, "no json").await, 200);
    read(&world).await;
    let known = inflow(&world).await;
    let expected = [
        ("journalled", 4),
        ("applied", 3),
        ("quarantined", 1),
        ("events", 6),
        ("receipt", 1),
        ("message", 1),
        ("duplicate", 2),
        ("ignored", 1),
        ("foreign", 1),
    ];
    assert_eq!(counts(&known), expected);
    assert_eq!((known.unread, known.webhooks_unaccounted(), known.events_unaccounted()), (0, 0, 0));

    let now = world.clock.now();
    let again = journal::replay(&world.app, now - TimeDelta::hours(1), now + TimeDelta::hours(1), Which::All).await;
    assert_eq!(again.unwrap(), 4);
    assert_eq!(inflow(&world).await.webhooks_unaccounted(), 0);
    read(&world).await;
    let twice = inflow(&world).await;
    assert_eq!((twice.of(Counted::Replayed), twice.of(Counted::Applied), twice.of(Counted::Message)), (4, 6, 1));
    assert_eq!((twice.webhooks_unaccounted(), twice.events_unaccounted()), (0, 0));

    world.execute("delete from webhook_journal where state = 'quarantined'").await;
    assert_eq!(post(&world, &first).await, 200);
    world.execute("delete from webhook_journal where state = 'unread'").await;
    assert_eq!(inflow(&world).await.webhooks_unaccounted(), 1, "one was lost");
}

struct Line {
    world: World,
    tenant: TenantId,
    account: AccountId,
    caller: SignedCaller,
}

impl Line {
    async fn new() -> Self {
        let world = World::new().await;
        let tenant = world.tenant().await.id;
        let caller = world.caller(tenant).await;
        let account = connected(&caller, "1001").await.parse().unwrap();
        Self { world, tenant, account, caller }
    }

    /// The provider takes a message, in a call that began at this time.
    async fn accepts(&self, began_at: DateTime<Utc>) {
        let now = self.world.clock.now();
        let mut tx = SystemTx::begin(&self.world.app.store).await.unwrap();
        pulses::note_accepted(&mut tx, &[(self.tenant, self.account, began_at)], now).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn looks(&self) -> Value {
        silence::note(&self.world.app, &["whatsapp_cloud".to_owned()]).await.unwrap();
        let account = self.caller.get(&format!("/v1/accounts/{}", self.account)).await.json();
        let silent = schedule::census(&self.world.app).await.unwrap().silent;
        assert_eq!(silent == 1, account["webhook"]["state"] == "silent");
        account["webhook"].clone()
    }

    async fn hears(&self) {
        let body = envelope(&[change("1001", "statuses", &[delivered("C")])]);
        assert_eq!(post(&self.world, &body).await, 200);
    }
}

#[tokio::test]
async fn an_account_of_which_no_webhook_comes_though_it_sends_is_silent_until_the_next_one() {
    let line = Line::new().await;
    let clock = &line.world.clock;
    assert_eq!(line.looks().await, json!({"state": "unheard"}));
    line.accepts(clock.now()).await;
    clock.advance(TimeDelta::minutes(14));
    assert_eq!(line.looks().await["state"], "unheard", "some take their time");
    clock.advance(TimeDelta::minutes(2));
    let silent = line.looks().await;
    assert_eq!((&silent["state"], &silent["reason"]), (&json!("silent"), &json!("never_heard")));
    assert!(silent["detail"].as_str().unwrap().contains("no webhook of it ever came"), "{silent}");

    line.hears().await;
    let heard = line.looks().await;
    assert_eq!(heard["state"], "heard");
    assert!(heard["reason"].is_null() && heard["silent_since"].is_null(), "{heard}");
    // Nothing is sent, so nothing is owed.
    clock.advance(TimeDelta::days(3));
    assert_eq!(line.looks().await["state"], "heard");

    line.accepts(clock.now()).await;
    clock.advance(TimeDelta::minutes(16));
    assert_eq!(line.looks().await["reason"], "went_silent");
    line.hears().await;
    // Told before the call was answered.
    let began_at = clock.now();
    clock.advance(TimeDelta::seconds(1));
    line.accepts(began_at).await;
    clock.advance(TimeDelta::hours(1));
    assert_eq!(line.looks().await["state"], "heard");
}

#[tokio::test]
async fn an_account_that_does_not_send_or_whose_provider_reports_nothing_is_never_silent() {
    let line = Line::new().await;
    line.accepts(line.world.clock.now()).await;
    line.world.clock.advance(TimeDelta::hours(1));
    silence::note(&line.world.app, &["another".to_owned()]).await.unwrap();
    let path = format!("/v1/accounts/{}", line.account);
    assert_eq!(line.caller.get(&path).await.json()["webhook"]["state"], "unheard");
    line.caller.post(&format!("{path}/pause"), &json!({"reason": "x"})).await;
    assert_eq!(line.looks().await["state"], "unheard");
}
