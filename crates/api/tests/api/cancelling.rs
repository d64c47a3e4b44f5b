//! Taking a message back.

use postroad_testkit::SignedCaller;
use serde_json::json;

use crate::world::World;

async fn send(caller: &SignedCaller) -> String {
    let answer = caller.post("/v1/messages", &json!({ "to": "+12025550123", "type": "text", "text": "x" })).await;
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

#[tokio::test]
async fn a_message_that_nobody_started_is_cancelled_once_and_for_all() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for state in [
        "state = 'scheduled'",
        "state = 'queued'",
        "state = 'waiting', gate = 'quiet_hours', reason = 'quiet_hours'",
        "state = 'claimed', busy = true, lane_fence = 1, starts = 1",
    ] {
        let id = send(&caller).await;
        let set = format!("update sends set {state} where id = '{}'", &id[4..]);
        sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut world.db.admin().await).await.unwrap();
        let answer = caller.post(&format!("/v1/messages/{id}/cancel"), &json!({})).await;
        assert_eq!(answer.status, 200, "{state}: {}", answer.text());
        assert_eq!(
            (answer.json()["state"].as_str(), answer.json()["group"].as_str()),
            (Some("cancelled"), Some("failed"))
        );
        assert_eq!(answer.json().get("held_by"), None);
        let again = caller.post(&format!("/v1/messages/{id}/cancel"), &json!({})).await;
        assert_eq!(again.status, 200, "twice is fine");
    }
    assert_eq!(
        world
            .count("select count(*) from sends where state = 'cancelled' and settled_at is not null and not busy")
            .await,
        4
    );
}

#[tokio::test]
async fn a_message_that_may_be_on_its_way_is_never_sent_a_second_time() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for (state, left) in [
        ("state = 'attempting', busy = true, attempt = 1", "attempting"),
        ("state = 'unknown', busy = true, attempt = 1", "unknown"),
        // It was unknown, and waits to be sent again: that is what must not happen.
        (
            "state = 'waiting', busy = true, attempt = 1, resends = 1, gate = 'rate', reason = 'resend_after_unknown'",
            "unknown",
        ),
    ] {
        let id = send(&caller).await;
        let set = format!("update sends set {state} where id = '{}'", &id[4..]);
        sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut world.db.admin().await).await.unwrap();
        let answer = caller.post(&format!("/v1/messages/{id}/cancel"), &json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "already_sending"), "{state}");
        let now = caller.get(&format!("/v1/messages/{id}")).await.json();
        assert_eq!(now["state"], left, "{state}");
    }
    assert_eq!(world.count("select count(*) from sends where no_resend").await, 3);
}

#[tokio::test]
async fn a_message_that_has_ended_stays_as_it_is() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    for state in ["accepted", "sent", "delivered", "read", "failed", "rejected", "refused", "expired", "dead"] {
        let id = send(&caller).await;
        let set = format!("update sends set state = '{state}' where id = '{}'", &id[4..]);
        sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut world.db.admin().await).await.unwrap();
        let answer = caller.post(&format!("/v1/messages/{id}/cancel"), &json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "already_final"), "{state}");
        assert_eq!(answer.json()["state"], state);
    }
    assert_eq!(world.count("select count(*) from sends where no_resend").await, 0);
}
