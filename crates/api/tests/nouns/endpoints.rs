//! Endpoints over HTTP, and what automations tell them.

use chrono::TimeDelta;
use postroad_app::endpoints::{self, Round, Taking, Tried};
use postroad_core::{endpoint::DeliveryState, ids::EndpointId};
use postroad_testkit::SignedCaller;
use serde_json::{Value, json};

use crate::{
    automations::Office,
    conversations::{ADA, BEN},
    world::World,
};

fn crm() -> Value {
    json!({"name": "Our CRM", "url": "https://hooks.example.com/postroad", "events": ["automation"]})
}

async fn made(caller: &SignedCaller, endpoint: &Value) -> Value {
    let made = caller.post("/v1/webhook-endpoints", endpoint).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

fn id(shown: &Value) -> &str {
    shown["id"].as_str().unwrap()
}

#[tokio::test]
async fn an_endpoint_is_made_changed_and_taken_away_and_its_secret_is_shown_once() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let mut shown = made(&caller, &crm()).await;
    let secret = shown.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"), "{secret}");
    let path = format!("/v1/webhook-endpoints/{}", id(&shown));
    assert_eq!(caller.get(&path).await.json(), shown);
    assert_eq!(caller.get("/v1/webhook-endpoints").await.json(), json!({"data": [shown]}));
    assert_eq!(caller.post("/v1/webhook-endpoints", &crm()).await.code(), "name_taken");

    let rotated = caller.post(&format!("{path}/rotate-secret"), &json!({})).await.json();
    assert!(rotated["secret"] != secret && rotated["former_secret_signs_until"].is_string(), "{rotated}");
    // At rest both are sealed: in their rows nobody reads them.
    let stored: (String, String) = sqlx::query_as("select secret, former_secret from webhook_endpoints")
        .fetch_one(&mut world.db.admin().await)
        .await
        .unwrap();
    assert!(stored.0.starts_with("enc:v1:") && stored.1.starts_with("enc:v1:"), "{stored:?}");

    let change = json!({"name": "The other CRM", "url": "https://other.example.com", "enabled": false});
    let changed = caller.patch(&path, &change).await.json();
    assert_eq!(
        (changed["url"].as_str(), changed["enabled"].as_bool()),
        (Some("https://other.example.com/"), Some(false))
    );
    assert_eq!(caller.post(&format!("{path}/test"), &json!({})).await.code(), "endpoint_off");
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.status, 404);
}

#[tokio::test]
async fn an_address_that_would_lead_into_our_house_is_refused_when_it_is_written_down() {
    let world = World::new().await;
    let tenant = world.tenant().await;
    let caller = world.caller(tenant.id).await;
    let kept = made(&caller, &crm()).await;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com:6379/",
        "postroad",
    ] {
        let refused =
            caller.post("/v1/webhook-endpoints", &json!({"name": "x", "url": url, "events": ["automation"]})).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_url"), "{url}");
        let refused = caller.patch(&format!("/v1/webhook-endpoints/{}", id(&kept)), &json!({"url": url})).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "invalid_url"), "{url}");
    }
    let nothing = json!({"name": "x", "url": "https://hooks.example.com/", "events": []});
    assert_eq!(caller.post("/v1/webhook-endpoints", &nothing).await.code(), "invalid_events");
    let unknown = json!({"name": "x", "url": "https://hooks.example.com/", "events": ["everything"]});
    assert_eq!(caller.post("/v1/webhook-endpoints", &unknown).await.code(), "invalid_body");
}

fn telling(endpoint: &str) -> Value {
    json!({"trigger": {"inbound_message": {"debounce_s": 0}},
           "actions": [{"webhook": {"endpoint": endpoint}}, {"tag": {"add": ["told"]}}]})
}

#[tokio::test]
async fn an_automation_cannot_name_an_endpoint_that_is_not_there_or_somebody_elses() {
    let office = Office::new().await;
    let other = office.desk.world.tenant().await;
    let theirs = made(&office.desk.world.caller(other.id).await, &crm()).await;
    for unknown in ["end_00000000000000000000000000000001", id(&theirs)] {
        let rule = json!({"name": "Tells", "definition": telling(unknown)});
        let refused = office.desk.caller.post("/v1/automations", &rule).await;
        assert_eq!(refused.code(), "invalid_definition", "{}", refused.text());
        let fault = &refused.json()["faults"][0];
        assert_eq!(
            (fault["path"].as_str(), fault["code"].as_str()),
            (Some("/actions/0/webhook/endpoint"), Some("missing"))
        );
    }
}

#[tokio::test]
async fn a_step_tells_its_endpoint_once_with_the_ids_of_what_it_is_about() {
    let office = Office::new().await;
    let endpoint = made(&office.desk.caller, &crm()).await;
    let rule = office.rule("Tells", &telling(id(&endpoint))).await;
    office.desk.says(ADA, "hello", "a").await;
    office.work().await;
    // Whoever comes again finds nothing to do.
    office.work().await;
    let path = format!("/v1/webhook-endpoints/{}/deliveries", id(&endpoint));
    let page = office.desk.caller.get(&path).await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "{page}");
    let told = &page["data"][0];
    assert_eq!((told["state"].as_str(), told["attempt_count"].as_i64()), (Some("waiting"), Some(0)));
    assert_eq!((&told["body"]["id"], told["body"]["type"].as_str()), (&told["id"], Some("automation")));
    let data = &told["body"]["data"];
    let (run, conversation) = (&office.runs(&rule).await[0], office.desk.only().await);
    assert_eq!((data["automation_id"].as_str(), &data["run_id"]), (Some(rule.as_str()), &run["id"]));
    assert_eq!((&data["conversation_id"], &data["contact_id"]), (&conversation["id"], &conversation["contact_id"]));
    assert_eq!(data["message_ids"].as_array().unwrap().len(), 1);
    // No word of what was said leaves.
    assert!(!page.to_string().contains("hello"), "{page}");
}

#[tokio::test]
async fn an_endpoint_that_is_off_or_gone_is_told_in_the_history_and_the_run_goes_on() {
    let office = Office::new().await;
    let endpoint = made(&office.desk.caller, &crm()).await;
    let rule = office.rule("Tells", &telling(id(&endpoint))).await;
    let path = format!("/v1/webhook-endpoints/{}", id(&endpoint));
    office.desk.caller.patch(&path, &json!({"enabled": false})).await;
    office.desk.says(ADA, "hello", "a").await;
    office.work().await;
    assert_eq!(office.desk.caller.delete(&path).await.status, 204);
    office.desk.says(BEN, "hello", "b").await;
    office.work().await;
    for (run, why) in office.runs(&rule).await.iter().zip(["does not exist any more", "is switched off"]) {
        let told = office.run(run).await;
        let failures: Vec<&str> =
            told["steps"].as_array().unwrap().iter().filter_map(|step| step["failure"].as_str()).collect();
        assert_eq!(failures, [format!("{} {why}", id(&endpoint))], "{told}");
        assert_eq!(run["outcome"], "completed");
    }
}

/// An endpoint, and what a worker would do with it.
struct Line {
    office: Office,
    endpoint: EndpointId,
}

impl Line {
    async fn new() -> Self {
        let office = Office::new().await;
        let endpoint = id(&made(&office.desk.caller, &crm()).await).parse().unwrap();
        Self { office, endpoint }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/webhook-endpoints/{}{rest}", self.endpoint)
    }

    async fn test(&self) -> Value {
        let told = self.office.desk.caller.post(&self.path("/test"), &json!({})).await;
        assert_eq!(told.status, 202, "{}", told.text());
        told.json()["delivery_id"].clone()
    }

    async fn take(&self) -> Option<Round> {
        let (app, tenant) = (&self.office.desk.world.app, self.office.desk.tenant.id);
        match endpoints::take(app, tenant, self.endpoint).await.unwrap() {
            Taking::Round(round) => Some(round),
            Taking::Nothing | Taking::Resting { .. } => None,
        }
    }

    async fn settle(&self, round: &Round, status: Option<u16>) -> Vec<DeliveryState> {
        let at = self.office.desk.world.clock.now();
        let failure = status.is_none().then_some("timeout");
        let one = Tried { at, duration_ms: 7, status, failure, answer: None };
        endpoints::settle(&self.office.desk.world.app, round, vec![one; round.deliveries.len()]).await.unwrap()
    }

    fn passes(&self, time: TimeDelta) {
        self.office.desk.world.clock.advance(time);
    }

    async fn deliveries(&self) -> Vec<Value> {
        let page = self.office.desk.caller.get(&self.path("/deliveries")).await.json();
        page["data"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_a_dead_worker_was_telling_is_told_again_under_its_id_and_nothing_is_lost() {
    let line = Line::new().await;
    let told = line.test().await;
    let first = line.take().await.unwrap();
    assert!(line.take().await.is_none(), "somebody else has it");
    line.passes(TimeDelta::seconds(41));
    let second = line.take().await.unwrap();
    assert_eq!((second.deliveries[0].id, second.deliveries[0].attempt), (first.deliveries[0].id, 2));
    // The one that was thought dead comes back: its attempt is written down, and decides nothing.
    line.settle(&first, Some(500)).await;
    line.settle(&second, Some(200)).await;
    let shown = line.deliveries().await;
    assert_eq!((shown.len(), &shown[0]["id"], shown[0]["state"].as_str()), (1, &told, Some("delivered")));
    assert_eq!(shown[0]["attempts"].as_array().unwrap().len(), 2);
    assert!(line.take().await.is_none());
}

#[tokio::test]
async fn a_delivery_is_tried_for_three_days_then_fails_and_may_be_sent_again() {
    let line = Line::new().await;
    let told = line.test().await;
    let mut attempts = 0;
    for _ in 0..10_000 {
        if let Some(round) = line.take().await {
            attempts += 1;
            line.settle(&round, None).await;
        }
        let shown = line.deliveries().await.remove(0);
        let Some(due) = shown["due_at"].as_str() else { break };
        let now = line.office.desk.world.clock.now();
        let due: chrono::DateTime<chrono::Utc> = due.parse().unwrap();
        line.passes((due - now).max(TimeDelta::seconds(1)));
    }
    let shown = line.deliveries().await.remove(0);
    assert_eq!(shown["state"], "failed");
    assert!((14..=20).contains(&attempts), "{attempts}");
    let times = (shown["created_at"].as_str().unwrap(), shown["ended_at"].as_str().unwrap());
    let tried: Vec<chrono::DateTime<chrono::Utc>> = [times.0, times.1].map(|at| at.parse().unwrap()).into();
    assert!((TimeDelta::hours(72)..TimeDelta::hours(73)).contains(&(tried[1] - tried[0])), "{times:?}");
    let caller = &line.office.desk.caller;
    assert_eq!(caller.get(&line.path("")).await.json()["failures"], attempts);

    let again = caller.post(&line.path("/replay"), &json!({"failed_since": times.0})).await;
    assert_eq!((again.status, again.json()["count"].as_i64()), (202, Some(1)));
    line.passes(TimeDelta::minutes(2));
    let round = line.take().await.unwrap();
    assert_eq!(Value::from(round.deliveries[0].id.to_string()), told);
    assert_eq!(line.settle(&round, Some(204)).await, [DeliveryState::Delivered]);
    let none =
        caller.post(&line.path("/replay"), &json!({"delivery_id": "dlv_00000000000000000000000000000001"})).await;
    assert_eq!(none.code(), "unknown_delivery");
}

#[tokio::test]
async fn an_endpoint_that_fails_rests_and_is_then_tried_with_one_delivery() {
    let line = Line::new().await;
    for _ in 0..10 {
        line.test().await;
        line.passes(TimeDelta::milliseconds(1));
    }
    let round = line.take().await.unwrap();
    assert_eq!(round.deliveries.len(), 8);
    line.settle(&round, Some(500)).await;
    assert!(line.take().await.is_none(), "it rests");
    line.passes(TimeDelta::seconds(3));
    let round = line.take().await.unwrap();
    assert_eq!(round.deliveries.len(), 1);
    line.settle(&round, Some(200)).await;
    assert_eq!(
        line.take().await.unwrap().deliveries.len(),
        1,
        "the last of the ten is due; the others wait for their time"
    );
}

#[tokio::test]
async fn for_a_day_after_a_rotation_both_secrets_sign() {
    let line = Line::new().await;
    line.office.desk.caller.post(&line.path("/rotate-secret"), &json!({})).await;
    let signatures = async || {
        line.test().await;
        let round = line.take().await.unwrap();
        let request = round.request(&round.deliveries[0], line.office.desk.world.clock.now()).unwrap();
        line.settle(&round, Some(200)).await;
        request.headers()["webhook-signature"].to_str().unwrap().split(' ').count()
    };
    assert_eq!(signatures().await, 2);
    line.passes(TimeDelta::hours(24));
    assert_eq!(signatures().await, 1);
}
