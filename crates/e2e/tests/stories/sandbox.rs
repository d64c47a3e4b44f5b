use anyhow::Result;
use postroad_e2e::Client;
use serde_json::json;

use crate::world::{PATIENCE, World};

#[tokio::test]
async fn what_a_test_key_sends_is_delivered_and_never_leaves() -> Result<()> {
    let world = World::start().await?;
    let key = world.operator().key(false).await?;
    let client = Client::new(world.all.base_url.clone(), key);
    let body = json!({ "to": "+15550100009", "type": "text", "text": "Is this thing on?" });
    let answer = client.post("/v1/messages", &postroad_e2e::fresh_request_id(), &body).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let path = format!("/v1/messages/{}", answer.body["id"].as_str().unwrap());
    postroad_e2e::until("it is delivered", PATIENCE, || async {
        let state = client.get(&path).await?.body["state"].clone();
        Ok(state == "delivered" || state == "read")
    })
    .await?;
    let stats = world.sim.stats();
    assert_eq!((stats.sends, stats.refused.len()), (0, 0), "no message reached the provider");
    Ok(())
}
