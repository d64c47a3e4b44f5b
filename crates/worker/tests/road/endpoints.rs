//! What tenants' endpoints are told, from the row to a real server on this machine.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use postroad_app::endpoints::{self, NewEndpoint};
use postroad_core::{
    egress::Policy,
    endpoint::{DeliveryState, EndpointEvent},
    ids::{DeliveryId, EndpointId},
    signature::standard::{self, EndpointSecret},
    unknown::Graces,
};
use postroad_simulators::meta::MetaConfig;
use postroad_testkit::{Ear, Heard, answer};
use serde_json::json;

use crate::world::World;

struct Stage {
    world: World,
    ear: Ear,
    endpoint: EndpointId,
    secret: EndpointSecret,
}

impl Stage {
    async fn new(ear: Ear) -> Self {
        let mut world = World::new(MetaConfig::default()).await;
        let allowed = format!("http,:{},127.0.0.1", ear.address.port());
        world.app.egress = Arc::new(Policy::parse(&allowed).unwrap());
        let new = NewEndpoint {
            name: "Ear".to_owned(),
            url: ear.url("/hook"),
            events: vec![EndpointEvent::Automation],
            enabled: true,
        };
        let (endpoint, secret) = endpoints::create(&world.app, world.seed.tenant, new).await.unwrap();
        Self { world, ear, endpoint: endpoint.id, secret }
    }

    async fn test(&self) -> DeliveryId {
        endpoints::test(&self.world.app, self.world.seed.tenant, self.endpoint).await.unwrap()
    }

    async fn deliveries(&self) -> Vec<endpoints::Shown> {
        let whose = (self.world.seed.tenant, self.endpoint);
        endpoints::list_deliveries(&self.world.app, whose, (None, None), 100).await.unwrap()
    }

    /// Waits until all stand there, at most a minute.
    async fn all_are(&self, state: DeliveryState) -> Vec<endpoints::Shown> {
        for _ in 0..600 {
            let rows = self.deliveries().await;
            if rows.iter().all(|(row, _)| row.state == state) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("still open after a minute: {:?}", self.deliveries().await);
    }
}

#[tokio::test]
async fn a_server_is_told_and_can_tell_that_it_was_us() {
    let stage = Stage::new(Ear::answering(|_| answer(200, "thanks")).await).await;
    let (stop, running) = stage.world.work(Graces::default());
    let id = stage.test().await;
    let rows = stage.all_are(DeliveryState::Delivered).await;
    let (_, attempts) = &rows[0];
    assert_eq!((attempts[0].n, attempts[0].status, attempts[0].answer.as_deref()), (1, Some(200), Some("thanks")));
    let heard = stage.ear.heard();
    assert_eq!((heard.len(), heard[0].line.as_str()), (1, "POST /hook HTTP/1.1"));
    let header = |name: &str| heard[0].headers[name].clone();
    assert_eq!((header("webhook-id"), header("content-type")), (id.to_string(), "application/json".to_owned()));
    let timestamp: i64 = header("webhook-timestamp").parse().unwrap();
    let expected = standard::sign(&id.to_string(), timestamp, &heard[0].body, std::slice::from_ref(&stage.secret));
    assert_eq!(header("webhook-signature"), expected);
    let body: serde_json::Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!((body["type"].as_str(), body["id"].as_str()), (Some("test"), Some(id.to_string().as_str())));
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

/// What the guide gives to receivers.
fn verifies(secret: &str, heard: &Heard) -> bool {
    let page = include_str!("../../../../docs/webhooks.md");
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (snippet, _) = rest.split_once("```").unwrap();
    let call = "import json, sys\ngiven = json.load(sys.stdin)\n\
                sys.exit(0 if verify(given['secret'], given['headers'], given['body'].encode()) else 7)";
    let mut python =
        Command::new("python3").arg("-c").arg(format!("{snippet}\n{call}")).stdin(Stdio::piped()).spawn().unwrap();
    let given = json!({"secret": secret, "headers": heard.headers, "body": heard.body});
    python.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    match python.wait().unwrap().code() {
        Some(0) => true,
        Some(7) => false,
        other => panic!("the snippet ended with {other:?}"),
    }
}

#[tokio::test]
async fn the_guides_snippet_believes_us_and_nobody_else() {
    let stage = Stage::new(Ear::start().await).await;
    let (stop, running) = stage.world.work(Graces::default());
    stage.test().await;
    stage.all_are(DeliveryState::Delivered).await;
    let (heard, secret) = (stage.ear.heard().remove(0), stage.secret.reveal());
    assert!(verifies(&secret, &heard));
    assert!(!verifies("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &heard), "another secret");
    assert!(!verifies(&secret, &Heard { body: heard.body.replace("test", "tost"), ..heard.clone() }), "another body");
    let mut late = heard.clone();
    late.headers.insert("webhook-timestamp".to_owned(), "1614265330".to_owned());
    assert!(!verifies(&secret, &late), "another time");
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_id_until_it_is_delivered() {
    let ear = Ear::answering(|number| if number < 1 { answer(503, "later") } else { answer(204, "") }).await;
    let stage = Stage::new(ear).await;
    let (stop, running) = stage.world.work(Graces::default());
    let id = stage.test().await;
    let rows = stage.all_are(DeliveryState::Delivered).await;
    let told: Vec<_> = rows[0].1.iter().map(|attempt| (attempt.n, attempt.status)).collect();
    assert_eq!(told, [(2, Some(204)), (1, Some(503))]);
    let ids: BTreeSet<_> = stage.ear.heard().iter().map(|heard| heard.headers["webhook-id"].clone()).collect();
    assert_eq!(ids, BTreeSet::from([id.to_string()]));
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off_and_says_why() {
    let stage = Stage::new(Ear::answering(|_| answer(410, "")).await).await;
    let (stop, running) = stage.world.work(Graces::default());
    stage.test().await;
    stage.all_are(DeliveryState::Gone).await;
    let endpoint = endpoints::get(&stage.world.app, stage.world.seed.tenant, stage.endpoint).await.unwrap();
    assert_eq!((endpoint.enabled, endpoint.off_reason.as_deref()), (false, Some("gone")));
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}
