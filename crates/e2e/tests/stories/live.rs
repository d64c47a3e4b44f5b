use std::time::Duration;

use anyhow::Result;
use postroad_app::App;
use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{ConversationId, TenantId},
};
use postroad_e2e::{Client, EventStream, Installation, Seed, Setup};
use postroad_store::{TenantTx, events};
use serde_json::json;

/// Longer than a stream takes to learn that its server is gone.
const ENDS_MAX: Duration = Duration::from_secs(20);

async fn tell(app: &App, tenant: TenantId, count: usize) -> Result<()> {
    let now = app.clock.now();
    let event = events::Event {
        kind: EventKind::Edited,
        conversation: ConversationId::new(now),
        message: None,
        actor: Actor::System,
        data: json!({}),
    };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    events::tell(&mut tx, &vec![(tenant, event); count], now).await?;
    tx.commit().await?;
    app.live.told([tenant]);
    Ok(())
}

#[tokio::test]
async fn a_stream_whose_server_is_killed_goes_on_at_another_without_a_gap() -> Result<()> {
    let mut installation = Installation::start(Setup { redis: true, ..Setup::default() }).await?;
    let seed = Seed::new(&installation).await?;
    let (app, tenant) = (&seed.app, seed.tenant);
    let mut first = installation.run("serve").await?;
    let second = installation.run("serve").await?;
    let client = Client::new(first.base_url.clone(), seed.key(true).await?);
    let mut stream = EventStream::open(&client, "/v1/events", None).await?;
    tell(app, tenant, 10).await?;
    stream.numbers(0, 10).await?;
    first.process.kill().await?;
    let ended = tokio::time::timeout(ENDS_MAX, async { while stream.next().await.is_some() {} }).await;
    assert!(ended.is_ok(), "the stream outlived its server");
    for _ in 0..50 {
        tell(app, tenant, 100).await?;
    }
    let client = Client::new(second.base_url.clone(), seed.key(true).await?);
    let mut stream = EventStream::open(&client, "/v1/events", Some(10)).await?;
    stream.numbers(10, 5_000).await?;
    tell(app, tenant, 1).await?;
    stream.numbers(5_010, 1).await
}

#[tokio::test]
async fn what_passes_at_one_server_is_seen_at_another_through_redis() -> Result<()> {
    let mut installation = Installation::start(Setup { redis: true, ..Setup::default() }).await?;
    let seed = Seed::new(&installation).await?;
    let here = installation.run("serve").await?;
    let there = installation.run("serve").await?;
    let (here, there) = (
        Client::new(here.base_url.clone(), seed.key(true).await?),
        Client::new(there.base_url.clone(), seed.key(true).await?),
    );
    let member = json!({"name": "Ada", "role": "agent"});
    let made = here.post("/v1/members", &postroad_e2e::fresh_request_id(), &member).await?;
    let ada = made.body["id"].as_str().unwrap_or_default().to_owned();
    let mut stream = EventStream::open(&there, "/v1/events?kinds=presence", None).await?;
    let said = json!({"member_id": ada, "state": "away"});
    // What passes before the other server listens is gone, so it is said until it is heard.
    let heard = async {
        loop {
            let frame = stream.next().await.expect("the stream goes on");
            if frame.event == "presence" {
                return frame;
            }
        }
    };
    let speak = async {
        loop {
            here.post("/v1/presence", &postroad_e2e::fresh_request_id(), &said).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        #[expect(unreachable_code, reason = "says what the block returns")]
        Ok::<(), anyhow::Error>(())
    };
    let frame = tokio::select! {
        frame = heard => frame,
        failed = speak => return failed,
        () = tokio::time::sleep(ENDS_MAX) => panic!("nothing came through"),
    };
    assert_eq!((frame.id, &frame.json()["state"]), (None, &json!("away")));
    let present = there.get("/v1/presence").await?;
    assert_eq!(present.body["data"][0]["member_id"], json!(ada));
    Ok(())
}
