//! Lists, single messages, and why they are where they are.

use postroad_testkit::{SeedMessage, SignedCaller};
use serde_json::{Value, json};

use crate::world::World;

async fn list(caller: &SignedCaller, query: &str) -> Vec<String> {
    let answer = caller.get(&format!("/v1/messages{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    ids(&answer.json())
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

async fn send(caller: &SignedCaller, to: &str) -> String {
    let answer = caller.post("/v1/messages", &json!({ "to": to, "type": "text", "text": "x" })).await;
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_while_messages_arrive() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let mut sent = Vec::new();
    for _ in 0..7 {
        world.clock.advance(chrono::TimeDelta::milliseconds(2));
        sent.push(send(&caller, "+12025550123").await);
    }
    sent.reverse();
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = caller.get(&format!("/v1/messages?limit=3{next}")).await.json();
        seen.extend(ids(&page));
        world.clock.advance(chrono::TimeDelta::milliseconds(2));
        send(&caller, "+12025550199").await;
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn filters_find_by_state_group_channel_contact_campaign_and_request() {
    let world = World::new().await;
    let mut tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let queued = send(&caller, "+12025550101").await;
    world.clock.advance(chrono::TimeDelta::milliseconds(2));
    let read = send(&caller, "+12025550102").await;
    world.execute("update sends s set state = 'read' from addresses d where d.id = s.address_id and d.address = '+12025550102'").await;
    let to = tenant.seed.contact(1).await;
    let campaign = postroad_core::ids::CampaignId::new(world.clock.now());
    let message = SeedMessage { campaign: Some(campaign), state: "failed", ..SeedMessage::default() };
    let of_campaign = tenant.seed.message(tenant.account, to, &message).await.to_string();

    let shown = caller.get(&format!("/v1/messages/{read}")).await.json();
    let contact = shown["contact_id"].as_str().unwrap();
    let request = shown["request_id"].as_str().unwrap();
    let cases = [
        ("?state=queued".to_owned(), vec![&queued]),
        ("?state=read".to_owned(), vec![&read]),
        ("?group=queued".to_owned(), vec![&queued]),
        ("?group=failed".to_owned(), vec![&of_campaign]),
        ("?group=failed&state=failed".to_owned(), vec![&of_campaign]),
        ("?channel=sms".to_owned(), vec![]),
        ("?channel=whatsapp&state=read".to_owned(), vec![&read]),
        (format!("?contact_id={contact}"), vec![&read]),
        (format!("?campaign_id={campaign}"), vec![&of_campaign]),
        (format!("?request_id={request}"), vec![&read]),
        (format!("?request_id={request}&state=queued"), vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(list(&caller, &query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=many",
        "after=7",
        "state=lost",
        "group=lost",
        "group=read&state=failed",
        "channel=pigeon",
        "contact_id=cmp_00000000000000000000000000000000",
        "request_id=short",
        "request_id=%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00",
        "colour=red",
    ] {
        let answer = caller.get(&format!("/v1/messages?{query}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_query"), "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_no_message_is_not_found_whatever_it_looks_like() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for id in ["msg_00000000000000000000000000000000", "con_00000000000000000000000000000000", "7", "%00", "msg_"] {
        for path in [format!("/v1/messages/{id}"), format!("/v1/messages/{id}/explain")] {
            let answer = caller.get(&path).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        }
    }
}

#[tokio::test]
async fn an_inbound_message_is_shown_without_a_standing() {
    let world = World::new().await;
    let mut tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let to = tenant.seed.contact(1).await;
    let id = tenant.seed.message(tenant.account, to, &SeedMessage::default()).await;
    world.execute("delete from sends").await;
    world.execute("update messages set direction = 'inbound', source = 'contact', provider_ref = 'wamid.in'").await;
    let shown = caller.get(&format!("/v1/messages/{id}")).await.json();
    assert_eq!((shown["direction"].as_str(), shown.get("state")), (Some("inbound"), None), "{shown}");
    assert_eq!(shown["provider_ref"], "wamid.in");
    assert_eq!(caller.get(&format!("/v1/messages/{id}/explain")).await.status, 200);
}

#[tokio::test]
async fn the_explanation_tells_the_story_and_what_holds_the_message_now() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let id = send(&caller, "+12025550123").await;
    world.everybody_agrees().await;
    world.everybody_writes().await;
    world.execute("update tenants set quiet_starts = '18:00', quiet_ends = '08:00', time_zone = 'Asia/Jakarta'").await;
    let story = caller.get(&format!("/v1/messages/{id}/explain")).await.json();
    let standing = &story["standing"];
    assert_eq!(
        (standing["gate"].as_str(), standing["reason"].as_str()),
        (Some("quiet_hours"), Some("quiet_hours")),
        "{story}"
    );
    assert_eq!(standing["until"], "2026-03-03T01:00:00Z");
    assert_eq!(
        standing["sentence"],
        "quiet hours 18:00-08:00 in Asia/Jakarta (the tenant's zone): it is 19:00 there; \
         leaves at 08:00, which is 2026-03-03T01:00:00Z"
    );
    assert_eq!(
        standing["local"],
        json!({ "time_zone": "Asia/Jakarta", "zone_of": "tenant", "now": "2026-03-02 19:00", "until": "2026-03-03 08:00" })
    );
    assert_eq!(story["timeline"][0]["what"], "created");
    assert_eq!(story["message"]["id"], id);
}

#[tokio::test]
async fn the_explanation_replays_decisions_on_the_facts_of_their_time() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let id = send(&caller, "+12025550123").await;
    record_a_refusal(&world).await;
    world.execute(
        "insert into attempts (tenant_id, message_id, attempt, account_id, started_at, finished_at, result, http_status, code)
         select tenant_id, id, 1, lane_id, '2026-03-02T12:00:05Z', '2026-03-02T12:00:06Z', 'rejected', 400, '131026' from sends",
    )
    .await;
    world.execute(
        "insert into receipts (tenant_id, account_id, event_key, message_id, attempt, kind, provider_ref, provider_at, received_at)
         select tenant_id, lane_id, 'k', id, 1, 'failed', 'wamid.x', '2026-03-02T12:00:07Z', '2026-03-02T12:00:08Z' from sends",
    )
    .await;
    world.everybody_agrees().await;
    let story = caller.get(&format!("/v1/messages/{id}/explain")).await.json();
    let what: Vec<&str> = story["timeline"].as_array().unwrap().iter().map(|m| m["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["created", "decided", "attempted", "reported"], "{story}");
    let decided = &story["timeline"][1];
    assert_eq!(
        decided["sentence"],
        "consent: the person never agreed to transactional messages on this address; it will not be sent"
    );
    assert_eq!(decided["same_rules"], true);
    let verdicts = decided["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 11, "one per gate");
    assert!(verdicts.contains(&json!({ "gate": "consent", "verdict": "refuse", "reason": "no_consent" })), "{decided}");
    assert_eq!(story["timeline"][2]["sentence"], "attempt 1: the provider refused it");
    assert_eq!(story["standing"]["gate"], "session_window", "consent was given since");
}

/// As the worker stores it: the decision with the facts it was made on.
async fn record_a_refusal(world: &World) {
    use postroad_store::{TenantTx, facts};
    let mut admin = world.db.admin().await;
    let row: (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("select tenant_id, id from sends").fetch_one(&mut admin).await.unwrap();
    let tenant = postroad_core::ids::TenantId::from_uuid(row.0);
    let id = postroad_core::ids::MessageId::from_uuid(row.1);
    let mut tx = TenantTx::begin(&world.app.store, tenant).await.unwrap();
    let read = facts::read(&mut tx, &[(tenant, id)], world.app.defaults.quiet_hours, world.clock.now()).await.unwrap();
    sqlx::query(
        "insert into gate_verdicts (tenant_id, message_id, decided_at, checked_at, gate_set, decision, gate, reason, passes, facts)
         values ($1, $2, $3, $3, $4, 'refuse', 'consent', 'no_consent', 0, $5)",
    )
    .bind(row.0)
    .bind(row.1)
    .bind(world.clock.now() + chrono::TimeDelta::seconds(1))
    .bind(postroad_core::gates::GATE_SET)
    .bind(serde_json::to_value(&read.sends[0].facts).unwrap())
    .execute(&mut admin)
    .await
    .unwrap();
}
